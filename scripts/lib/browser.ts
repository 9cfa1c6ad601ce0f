// Finds a Chromium and opens the workbench of a VS Code server in it.

import fs from 'node:fs';
import { chromium } from 'playwright-core';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { findOnPath } from './desktop';
import { SetupError } from './shell';
import type { Server } from './server';

const names = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome', 'chrome', 'microsoft-edge'];
const macOs = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];

/** The program named by MODE_INSPECTOR_CHROMIUM or CHROME_PATH, else a usual one. Throws, saying how to get one. */
export function findChromium(): string {
  for (const variable of ['MODE_INSPECTOR_CHROMIUM', 'CHROME_PATH']) {
    const named = process.env[variable];
    if (!named) continue;
    if (fs.existsSync(named)) return named;
    throw new SetupError(`${variable} names ${named}, which does not exist: correct it or unset it.`);
  }
  for (const name of names) {
    const found = findOnPath(name);
    if (found !== undefined) return found;
  }
  const found = macOs.find((file) => fs.existsSync(file));
  if (found !== undefined) return found;
  throw new SetupError(
    'No Chromium was found. Install one (Debian: apt-get install chromium; else Google Chrome), or name its program in MODE_INSPECTOR_CHROMIUM.',
  );
}

/** A headless Chromium with one window. */
export async function openBrowser(): Promise<{ browser: Browser; context: BrowserContext }> {
  const browser = await chromium.launch({
    executablePath: findChromium(),
    // No sandbox: CI runs as root, and the only page is our own server's.
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--disable-background-networking',
      '--disable-component-update',
    ],
  });
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    locale: 'en-US',
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  return { browser, context };
}

/** The address of the workbench, with a folder and files opened in it. */
export function workbenchUrl(
  server: Server,
  options: { folder?: string; open?: readonly string[]; token?: string },
): string {
  const url = new URL('/', server.url);
  if (options.token !== undefined) url.searchParams.set('tkn', options.token);
  if (options.folder === undefined) url.searchParams.set('ew', 'true');
  else url.searchParams.set('folder', options.folder);
  const files = (options.open ?? []).map((file) => ['openFile', `vscode-remote://${server.authority}${file}`]);
  url.searchParams.set('payload', JSON.stringify([['skipWelcome', 'true'], ['skipReleaseNotes', 'true'], ...files]));
  return url.toString();
}

/**
 * Loads extensions from their folders, and tests, as `--extensionDevelopmentPath` does on a desktop. A built VS Code
 * ignores these in the address; so they are put into the configuration that the served page carries.
 */
export async function injectDevelopment(
  page: Page,
  server: Server,
  extensions: readonly string[],
  tests: string,
): Promise<void> {
  const uri = (file: string) => ({ $mid: 1, scheme: 'vscode-remote', authority: server.authority, path: file });
  await page.addInitScript(
    (development) => {
      if (window.top !== window) return;
      // eslint-disable-next-line @typescript-eslint/unbound-method -- It is called with its own `this` below.
      const getAttribute = Element.prototype.getAttribute;
      Element.prototype.getAttribute = function (name) {
        const value = getAttribute.call(this, name);
        if (name !== 'data-settings' || this.id !== 'vscode-workbench-web-configuration' || value === null)
          return value;
        const configuration = JSON.parse(value) as object;
        return JSON.stringify({ ...configuration, developmentOptions: development });
      };
    },
    { extensions: extensions.map(uri), extensionTestsPath: uri(tests) },
  );
}
