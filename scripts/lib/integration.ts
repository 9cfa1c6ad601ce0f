// Runs code in the extension host of a real VS Code (test/integration, mostly): the desktop program, or its stand-in.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { runTests } from '@vscode/test-electron';
import * as esbuild from 'esbuild';
import { findChromium } from './browser';
import { findDesktop } from './desktop';
import { editorFolder, packageFile, root, samples } from './paths';

/** Resolves to the program's exit status; the results are in `report`. `python` has torch, debugpy and ipykernel. */
export async function runIntegrationTests(report: string, python: string): Promise<number> {
  const tests = await bundleTests();
  const debuggerFolder = path.join(root, 'test', 'integration', 'debugger');
  return runInEditor([root, debuggerFolder, path.join(tests, 'jupyter')], path.join(tests, 'index.js'), {
    MODE_INSPECTOR_PYTHON: python,
    MODE_INSPECTOR_REPORT: report,
    MODE_INSPECTOR_REPORTER: path.join(root, 'scripts', 'mochaReporter.cjs'),
  });
}

/**
 * Starts VS Code with these extensions on a copy of samples/, and calls `run` of the file `tests` in its extension host.
 * Resolves to the program's exit status.
 */
export async function runInEditor(
  extensions: readonly string[],
  tests: string,
  env: Readonly<Record<string, string>>,
): Promise<number> {
  const desktop = findDesktop();
  console.log(desktop === undefined ? "In VS Code's server, with a headless Chromium." : `In ${desktop}.`);
  if (desktop === undefined) findChromium();
  const temporary = fs.mkdtempSync(path.join(os.tmpdir(), 'mode-inspector-integration-'));
  const folder = path.join(temporary, 'workspace');
  fs.cpSync(samples, folder, { recursive: true });
  try {
    return await runTests({
      vscodeExecutablePath: desktop ?? writeStandIn(),
      extensionDevelopmentPath: [...extensions],
      extensionTestsPath: tests,
      // A short path of its own: the program's socket lies in it, and its name must not be long.
      launchArgs: [folder, `--user-data-dir=${path.join(temporary, 'user')}`, '--disable-extensions'],
      extensionTestsEnv: env,
    });
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return 1;
  } finally {
    fs.rmSync(temporary, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** Each test file becomes a file of its own, which index.js finds by its name; beside them the stand-in for Jupyter. */
export async function bundleTests(): Promise<string> {
  const outdir = path.join(editorFolder, 'integration');
  fs.rmSync(outdir, { recursive: true, force: true });
  await esbuild.build({
    entryPoints: [
      'test/integration/index.ts',
      'test/integration/jupyter/extension.ts',
      'test/integration/**/*.test.ts',
    ],
    outbase: 'test/integration',
    absWorkingDir: root,
    outdir,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    external: ['vscode', 'mocha'],
    sourcemap: 'inline',
    logLevel: 'warning',
  });
  for (const name of ['package.json', 'bridge.py']) {
    fs.copyFileSync(path.join(root, 'test', 'integration', 'jupyter', name), path.join(outdir, 'jupyter', name));
  }
  return outdir;
}

/** @vscode/test-electron starts one executable file. */
function writeStandIn(): string {
  fs.mkdirSync(editorFolder, { recursive: true });
  const file = path.join(editorFolder, 'headless-code');
  const loader = packageFile('tsx', 'dist', 'loader.mjs');
  const script = path.join(root, 'scripts', 'headlessCode.ts');
  fs.writeFileSync(file, `#!/bin/sh\nexec "${process.execPath}" --import "${loader}" "${script}" "$@"\n`, {
    mode: 0o755,
  });
  return file;
}
