// The statistics panel's page in a plain browser, with a host made of data: for what a real model can't show at will.

import fs from 'node:fs';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { openBrowser } from '../../scripts/lib/browser';
import { root, screenshots } from '../../scripts/lib/paths';
import type { FromStatisticsPanel, PanelLayer, ToStatisticsPanel } from '../../src/protocol/statisticsPanel';
import type { NormStatistics } from '../../src/model/statistics';
import { quartilesOf, summarise } from '../../src/model/statistics';

export type PanelUpdate = Extract<ToStatisticsPanel, { kind: 'figures' }>;

/** The variables of VS Code's own themes that the page reads, dark modern. */
const variables: Readonly<Record<string, string>> = {
  foreground: '#cccccc',
  'font-family': 'sans-serif',
  'font-size': '13px',
  'editor-background': '#1f1f1f',
  'editor-foreground': '#cccccc',
  descriptionForeground: '#9d9d9d',
  'editorWidget-border': '#454545',
  'charts-green': '#89d185',
  'charts-purple': '#b180d7',
  'charts-yellow': '#cca700',
  'charts-blue': '#3794ff',
  'charts-red': '#f14c4c',
  'editorWarning-foreground': '#cca700',
  focusBorder: '#0078d4',
  'button-secondaryBackground': '#313131',
  'button-secondaryForeground': '#cccccc',
  'editorHoverWidget-background': '#202020',
  'editorHoverWidget-foreground': '#cccccc',
};

/** Opens the page. What it posts is in {@link PanelPage.posted}. */
export async function openPanelPage(): Promise<PanelPage> {
  const { browser, context } = await openBrowser();
  const page = await context.newPage();
  const style = Object.entries(variables)
    .map(([name, value]) => `--vscode-${name}: ${value};`)
    .join('');
  const html = `<!DOCTYPE html><html lang="en" style="${style}"><head><meta charset="UTF-8"><title>Statistics</title><link rel="stylesheet" href="statisticsPanel.css"></head>
<body class="vscode-dark" style="background: var(--vscode-editor-background)"><main id="page"></main><script src="statisticsPanel.js"></script></body></html>`;
  await page.route('**/*', async (route) => {
    const name = path.basename(new URL(route.request().url()).pathname);
    const file = path.join(root, 'dist', 'media', name);
    if (name === 'page') await route.fulfill({ contentType: 'text/html', body: html });
    else if (fs.existsSync(file)) await route.fulfill({ path: file });
    else await route.fulfill({ status: 404 });
  });
  // As text: what tsx makes of a function refers to helpers that the page has not.
  await page.addInitScript(`
    window.posted = [];
    window.acquireVsCodeApi = () => ({ postMessage: (message) => window.posted.push(message), setState: () => {} });
  `);
  await page.goto('http://panel.test/page');
  return new PanelPage(page, browser);
}

export class PanelPage {
  readonly errors: string[] = [];

  constructor(
    readonly page: Page,
    private readonly browser: Browser,
  ) {
    page.on('pageerror', (error) => this.errors.push(error.message));
  }

  async send(...messages: readonly ToStatisticsPanel[]): Promise<void> {
    await this.page.evaluate((list) => {
      for (const message of list) window.dispatchEvent(new MessageEvent('message', { data: message }));
    }, messages);
  }

  posted(): Promise<FromStatisticsPanel[]> {
    return this.page.evaluate(() => (window as unknown as { posted: FromStatisticsPanel[] }).posted);
  }

  async screenshot(name: string): Promise<string> {
    const file = path.join(screenshots, `${name}.png`);
    await this.page.screenshot({ path: file, fullPage: true });
    return file;
  }

  async close(): Promise<void> {
    await this.browser.close();
  }
}

/** A layer of a made-up network of stages. */
export function panelLayer(index: number, count: number): PanelLayer {
  const stage = Math.floor((index * 4) / count);
  return {
    path: `layer${String(stage + 1)}.${String(index)}.bn`,
    type: 'BatchNorm2d',
    features: 64 << stage,
    tracks: true,
    options: [
      ['momentum', '0.1'],
      ['eps', '1e-5'],
      ['affine', 'true'],
    ],
    mode: { training: index % 7 !== 3, behaviour: index % 7 !== 3 ? 'train' : 'eval' },
  };
}

/** Values that wander with `step`, the same at every run. */
export function panelFigures(
  index: number,
  step: number,
  channels = 64,
): NormStatistics & { values: readonly [number[], number[]] } {
  let seed = index * 7919 + 17;
  const random = (): number => (seed = (seed * 48271) % 2147483647) / 2147483647;
  const bell = (): number => random() + random() + random() + random() - 2;
  const mean = Array.from(
    { length: channels },
    () => bell() * (0.4 + 0.2 * Math.sin(index / 9)) + 0.1 * Math.sin(step / 5 + index),
  );
  const variance = Array.from({ length: channels }, () =>
    Math.exp(bell() * 1.2 - index / 400 + 0.2 * Math.cos(step / 4)),
  );
  const summary = (values: number[]): NormStatistics['runningMean'] => {
    const quartiles = quartilesOf(values);
    return { ...summarise(values), ...(quartiles === undefined ? {} : { quartiles }) };
  };
  return {
    numBatchesTracked: step,
    runningMean: summary(mean),
    runningVar: summary(variance),
    values: [mean, variance],
  };
}

/** An update of all these layers, as often as a live model reports. */
export function panelUpdate(layers: readonly PanelLayer[], step: number): PanelUpdate {
  const changed = layers.map((_, index) => {
    const { values: _values, ...figures } = panelFigures(index, step, 16);
    return { index, figures };
  });
  return { kind: 'figures', changed, marks: [], read: layers.length };
}
