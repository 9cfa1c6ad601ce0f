// Stands in for the desktop program where there is none: takes the arguments that @vscode/test-electron gives to
// `vscodeExecutablePath`, runs the tests in VS Code's server with a headless Chromium, and exits as the program would.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import util from 'node:util';
import type { Page } from 'playwright-core';
import { injectDevelopment, openBrowser, workbenchUrl } from './lib/browser';
import { SetupError, endOnSignals } from './lib/shell';
import { startServer } from './lib/server';

const timeLimitMinutes = 10;

interface Arguments {
  readonly extensions: readonly string[];
  readonly tests: string;
  readonly folder: string | undefined;
}

async function main(): Promise<number> {
  endOnSignals();
  const { extensions, tests, folder } = parse(process.argv.slice(2));
  const data = fs.mkdtempSync(path.join(os.tmpdir(), 'mode-inspector-code-'));
  try {
    const mark = path.join(data, 'finished');
    const server = await startServer({ data });
    const { browser, context } = await openBrowser();
    const page = await context.newPage();
    const exit = await listen(page);
    await injectDevelopment(page, server, extensions, writeWrapper(data, tests, mark));
    await page.goto(workbenchUrl(server, folder === undefined ? {} : { folder }));
    const status = await exit.status;
    if (status === timedOut)
      console.error(`The tests did not end within ${timeLimitMinutes} minutes.\n${server.output()}`);
    await browser.close();
    await server.stop();
    if (status !== 0 || fs.existsSync(mark)) return status;
    console.error('The extension host ended before the tests had finished.');
    return 3;
  } finally {
    fs.rmSync(data, { recursive: true, force: true, maxRetries: 3 });
  }
}

function parse(args: readonly string[]): Arguments {
  const option = (name: string): string[] => {
    const found = args.filter((argument) => argument.startsWith(`--${name}=`));
    if (found.length === 0) throw new SetupError(`--${name}=… is missing: this program only runs extension tests.`);
    return found.map((argument) => path.resolve(argument.slice(name.length + 3)));
  };
  const folder = args.find((argument) => !argument.startsWith('-'));
  return {
    extensions: option('extensionDevelopmentPath'),
    tests: option('extensionTestsPath')[0] ?? '',
    folder: folder === undefined ? undefined : path.resolve(folder),
  };
}

/** When the extension host is killed the workbench reports 0: the tests' own run() leaves a mark when it has succeeded. */
function writeWrapper(folder: string, tests: string, mark: string): string {
  const file = path.join(folder, 'tests.cjs');
  const [testsText, markText] = [JSON.stringify(tests), JSON.stringify(mark)];
  const source = `exports.run = async () => { await require(${testsText}).run(); require('fs').writeFileSync(${markText}, ''); };\n`;
  fs.writeFileSync(file, source);
  return file;
}

const timedOut = 124;

/** The workbench calls two functions of its window, where they exist, to print and to end. */
async function listen(page: Page): Promise<{ readonly status: Promise<number> }> {
  let end: (status: number) => void = () => undefined;
  const status = new Promise<number>((resolve) => {
    end = resolve;
  });
  const timer = setTimeout(() => {
    end(timedOut);
  }, timeLimitMinutes * 60_000);
  page.on('crash', () => {
    end(125);
  });
  await page.exposeFunction('codeAutomationLog', keep);
  await page.exposeFunction('codeAutomationExit', (code: number) => {
    clearTimeout(timer);
    end(code);
  });
  // In an object: a promise that is returned as such would be awaited with this function.
  return { status };
}

const errors: string[] = [];

/** Kept for the case of a failure: a workbench that is closed reports dozens of cancelled requests as errors. */
function keep(type: string, args: readonly unknown[]): void {
  if (type !== 'error') return;
  const [first, ...rest] = args;
  const values = rest.filter((value) => typeof value !== 'string' || !value.startsWith('color:'));
  errors.push(util.format(String(first).replaceAll('%c', ''), ...values));
}

main().then(
  (status) => process.exit(status),
  (error: unknown) => {
    console.error(error instanceof SetupError ? error.message : error);
    process.exit(126);
  },
);
