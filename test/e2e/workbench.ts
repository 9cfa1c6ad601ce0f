// A real VS Code in a real browser, with the packaged extension: what a person clicks and reads, as functions.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Browser, FrameLocator, Locator, Page } from 'playwright-core';
import { openBrowser, workbenchUrl } from '../../scripts/lib/browser';
import { packageExtension } from '../../scripts/lib/package';
import { samples, screenshots } from '../../scripts/lib/paths';
import { startServer } from '../../scripts/lib/server';
import type { Server } from '../../scripts/lib/server';

/** Their names, and the class by which VS Code marks its window and its webviews (there after `vscode-`). */
const themes = {
  dark: { name: 'Default Dark Modern', window: 'vs-dark', webview: 'dark' },
  light: { name: 'Default Light Modern', window: 'vs', webview: 'light' },
  contrast: { name: 'Default High Contrast', window: 'hc-black', webview: 'high-contrast' },
  contrastLight: { name: 'Default High Contrast Light', window: 'hc-light', webview: 'high-contrast-light' },
} as const;
type Theme = keyof typeof themes;

export interface LaunchOptions {
  /** User settings on top of those that keep the editor quiet. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Folders of other extensions that are installed beside ours. */
  readonly beside?: readonly string[];
  /** Opens the folder in Restricted Mode. */
  readonly restricted?: boolean;
  /** Called with the workspace folder, a copy of samples/, before the editor opens it. */
  readonly prepare?: (folder: string) => void;
}

let packaged: Promise<string> | undefined;
const open = new Set<Workbench>();

// For every test of the files that import this one: a failure leaves a picture of what was on the screen.
afterEach(async function () {
  if (this.currentTest?.state !== 'failed') return;
  const name = this.currentTest.fullTitle().replace(/\W+/g, '-');
  for (const workbench of open) console.log(`      screen: ${await workbench.screenshot(`failed-${name}`)}`);
});

/** An interpreter with torch. */
export function torchPython(): string {
  const python = process.env['MODE_INSPECTOR_PYTHON'];
  assert.ok(python, 'Run this with `npm test -- e2e`, or name a Python with torch in MODE_INSPECTOR_PYTHON.');
  return python;
}

const themeSetting = 'workbench.colorTheme';

/** Starts VS Code on a copy of samples/. The caller must {@link Workbench.close} it. */
export async function launchWorkbench(options: LaunchOptions = {}): Promise<Workbench> {
  packaged ??= packageExtension();
  const temporary = fs.mkdtempSync(path.join(os.tmpdir(), 'mode-inspector-e2e-'));
  const folder = path.join(temporary, 'workspace');
  fs.cpSync(samples, folder, { recursive: true });
  options.prepare?.(folder);
  const settings = { [themeSetting]: themes.dark.name, ...options.settings };
  const packages = [await packaged];
  for (const extension of options.beside ?? []) packages.push(await packageExtension(extension));
  const { restricted = false } = options;
  const server = await startServer({ data: path.join(temporary, 'data'), packages, settings, restricted });
  const { browser, context } = await openBrowser();
  const page = await context.newPage();
  // Long for a click, short for a whole run that has gone wrong.
  page.setDefaultTimeout(15_000);
  await page.goto(workbenchUrl(server, { folder }));
  const workbench = new Workbench(page, browser, server, temporary, folder);
  open.add(workbench);
  await workbench
    .explorerRow(/./)
    .first()
    .or(page.locator('.explorer-folders-view'))
    .first()
    .waitFor({ timeout: 60_000 });
  return workbench;
}

export class Workbench {
  constructor(
    readonly page: Page,
    private readonly browser: Browser,
    private readonly server: Server,
    private readonly temporary: string,
    /** The workspace folder on disk. */
    readonly folder: string,
  ) {}

  /** Ends the editor and removes its files. */
  async close(): Promise<void> {
    open.delete(this);
    await this.browser.close();
    await this.server.stop();
    fs.rmSync(this.temporary, { recursive: true, force: true, maxRetries: 3 });
  }

  /** Keeps what is on the screen as .cache/screenshots/NAME.png; returns the path. */
  async screenshot(name: string): Promise<string> {
    const file = path.join(screenshots, `${name}.png`);
    // What fades in is shown as it will be.
    await this.page.screenshot({ path: file, animations: 'disabled' });
    return file;
  }

  /** Keeps what is on the screen as NAME-THEME.png in each of these themes, and leaves the editor in the dark one. */
  async screenshots(name: string, others: readonly Theme[] = ['light']): Promise<void> {
    await this.screenshot(`${name}-dark`);
    for (const theme of others) {
      await this.setTheme(theme);
      await this.screenshot(`${name}-${theme}`);
    }
    await this.setTheme('dark');
  }

  /** In the workspace's settings, which VS Code watches. */
  private async setTheme(theme: Theme): Promise<void> {
    const file = path.join(this.folder, '.vscode', 'settings.json');
    const settings = fs.existsSync(file) ? (JSON.parse(fs.readFileSync(file, 'utf8')) as object) : {};
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, JSON.stringify({ ...settings, [themeSetting]: themes[theme].name }));
    await this.page.locator(`.monaco-workbench.${themes[theme].window}`).waitFor();
    const webviews = this.page.locator('iframe.webview.ready');
    if ((await webviews.count()) > 0) await this.webview.locator(`body.vscode-${themes[theme].webview}`).waitFor();
    // Colours fade, and charts are drawn anew a frame later.
    await this.page.waitForTimeout(500);
  }

  /** Runs a command by its full title in the palette, such as `Mode Inspector: Run Forward`. */
  async command(title: string): Promise<void> {
    // The palette closes when something else takes the focus, such as a row that is revealed just then; a person calls it again.
    for (let attempt = 0; ; attempt++) {
      await this.page.keyboard.press('F1');
      try {
        await this.quickInput.fill(`>${title}`, { timeout: 4000 });
        await this.entry(title).click({ timeout: 4000 });
        return;
      } catch (error) {
        if (attempt === 3) throw error;
        await this.page.keyboard.press('Escape');
      }
    }
  }

  /** The text field of the palette, or of a question that a command asks. */
  get quickInput(): Locator {
    return this.page.locator('.quick-input-widget input[type="text"], .quick-input-widget input.input').first();
  }

  /** Clicks an entry of the open pick list. (Enter straight after typing races with the list.) */
  async pick(text: string | RegExp): Promise<void> {
    await this.entry(text).click();
  }

  private entry(text: string | RegExp): Locator {
    return this.page.locator('.quick-input-list .monaco-list-row').filter({ hasText: text }).first();
  }

  /** Answers a question: types the text and confirms. */
  async answer(text: string): Promise<void> {
    await this.quickInput.fill(text);
    await this.page.keyboard.press('Enter');
  }

  /** The icon in the activity bar that opens a view container. */
  activity(title: string): Locator {
    return this.page.locator(`.activitybar a.action-label[aria-label^="${title}"]`);
  }

  /** Shows the Mode Inspector's views, if another container is in front. */
  async showModeInspector(): Promise<void> {
    const heading = this.sideBar.locator('.composite.title').filter({ hasText: /mode inspector/i });
    // A badge may lie over the icon itself.
    const item = this.page.locator('.activitybar .action-item:has(a.action-label[aria-label^="Mode Inspector"])');
    if (!(await heading.isVisible())) await item.click();
    await heading.waitFor();
  }

  get sideBar(): Locator {
    return this.page.locator('.part.sidebar');
  }

  /** A file or folder in the explorer. */
  explorerRow(name: string | RegExp): Locator {
    return this.page.locator('.explorer-folders-view').getByRole('treeitem', { name });
  }

  /** Double-clicks a file in the explorer, which opens it for good. */
  async openFile(name: string): Promise<void> {
    // A click on the icon of what is in front would hide it.
    if (!(await this.page.locator('.explorer-folders-view').isVisible())) await this.activity('Explorer').click();
    await this.untilOurs(() => this.explorerRow(name).dblclick());
  }

  /**
   * Opens a model file by `press`. In the first moment after its start VS Code may not have registered the extension's editor
   * and shows its own notice about binary files; a person closes that and clicks again.
   */
  async untilOurs(press: () => Promise<void>): Promise<void> {
    const notice = this.page.locator('.monaco-editor-pane-placeholder');
    for (let attempt = 0; attempt < 4; attempt++) {
      await press();
      await notice.or(this.page.locator('iframe.webview')).first().waitFor();
      if (!(await notice.isVisible())) return;
      await this.command('View: Close Editor');
    }
  }

  /** Rows of the trees in the side bar, by their accessible name: label, description and mode in words. */
  row(name: string | RegExp): Locator {
    return this.sideBar.getByRole('treeitem', { name });
  }

  /** The text of every row that is on the screen, in order. */
  async rowTexts(): Promise<string[]> {
    const rows = await this.sideBar.getByRole('treeitem').all();
    return Promise.all(rows.map(async (row) => (await row.innerText()).replace(/\s+/g, ' ').trim()));
  }

  /** Unfolds a row, if it is folded. */
  async expand(name: string | RegExp): Promise<void> {
    const row = this.row(name).first();
    const unfolded = row.and(this.page.locator('[aria-expanded="true"]'));
    // A refresh that redraws the row between press and release swallows the click; a person clicks again.
    for (let attempt = 0; attempt < 4; attempt++) {
      // While a row is redrawn it says neither folded nor unfolded.
      await this.page.waitForTimeout(500);
      if (await unfolded.isVisible()) return;
      await row.locator('.monaco-tl-twistie').click();
      await unfolded.waitFor({ timeout: 4000 }).catch(() => undefined);
    }
    await unfolded.waitFor();
  }

  /** Presses the icon of that title which appears on a row under the mouse. */
  async inlineAction(name: string | RegExp, title: string): Promise<void> {
    const row = this.row(name).first();
    await row.hover();
    await row.locator(`.actions .action-label[aria-label^="${title}"]`).click();
  }

  /**
   * Does something to a row of a live model until it shows. Such rows are drawn anew several times a second, and a click that falls
   * into that moment does nothing but say so.
   */
  async insist(action: () => Promise<void>, result: Locator): Promise<void> {
    for (let attempt = 0; attempt < 3; attempt++) {
      await action();
      const shown = await result.waitFor({ timeout: 3000 }).then(
        () => true,
        () => false,
      );
      if (shown) return;
    }
    await result.waitFor();
  }

  /** Picks an entry of a row's context menu. */
  async contextAction(row: Locator, title: string): Promise<void> {
    const menu = this.page.locator('.monaco-menu');
    const item = menu.locator('.action-item').filter({ hasText: title }).first();
    const happens = (step: Promise<void>): Promise<boolean> =>
      step.then(
        () => true,
        () => false,
      );
    // A menu that has just opened ignores the mouse for a tenth of a second, so that the click that opened it picks nothing; and one
    // over a row that is drawn anew, or over a view that gets the focus, goes away by itself.
    for (let attempt = 0; attempt < 5; attempt++) {
      if (!(await menu.isVisible())) await row.click({ button: 'right' });
      const picked = await happens(item.click({ timeout: 3000 }));
      if (picked && (await happens(menu.waitFor({ state: 'hidden', timeout: 1000 })))) return;
    }
    throw new Error(`The context menu stays open on “${title}”.`);
  }

  /** The extension's own items of the status bar, by their text; passing messages stand elsewhere. */
  statusBarItem(text: string | RegExp): Locator {
    return this.page.locator('.part.statusbar .statusbar-item[id^="mode-inspector."]').filter({ hasText: text });
  }

  /** A message in the corner, by its text. */
  notification(text: string | RegExp): Locator {
    return this.page.locator('.notification-toast').filter({ hasText: text });
  }

  /** The content of the webview that is in front. Click the workbench before using the keyboard afterwards. */
  get webview(): FrameLocator {
    return this.page.frameLocator('iframe.webview.ready').frameLocator('iframe#active-frame');
  }
}
