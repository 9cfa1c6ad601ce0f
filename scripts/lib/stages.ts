// The stages of `npm test`, in their order.

import fs from 'node:fs';
import path from 'node:path';
import { findChromium } from './browser';
import { installCodeServer } from './codeServer';
import { runIntegrationTests } from './integration';
import { build } from './package';
import { cacheFolder, packageFile, root } from './paths';
import { findTorchPython } from './python';
import { count, freshReport, readReport } from './report';
import type { Counts, TestResult } from './report';
import { SetupError, cleanEnvironment, run, runOrFail } from './shell';

export interface Stage {
  readonly name: string;
  /** What it checks, and what it needs beyond Node and the packages. */
  readonly about: string;
  /** Stages without which this one says nothing. */
  readonly after?: readonly string[];
  /** Throws, or reports failed tests. */
  readonly run: () => Promise<Counts>;
}

export const stages: readonly Stage[] = [
  check('types', 'TypeScript, strictest', packageFile('typescript', 'bin', 'tsc'), '--build', 'tsconfig.json'),
  check('lint', 'ESLint with types', packageFile('eslint', 'bin', 'eslint.js'), '.'),
  check(
    'imports',
    'who may import whom',
    packageFile('dependency-cruiser', 'bin', 'dependency-cruise.mjs'),
    ...['--config', '.dependency-cruiser.cjs', 'src', 'media'],
  ),
  check('dead', 'unused files, exports and packages', packageFile('knip', 'bin', 'knip.js')),
  check('format', 'Prettier', packageFile('prettier', 'bin', 'prettier.cjs'), '--check', '--log-level=warn', '.'),
  check('python', 'the agent in Python 3.9: syntax and types', packageFile('pyright', 'index.js'), '--warnings'),
  { name: 'build', about: 'dist/', run: () => build().then(() => nothing) },
  { name: 'unit', about: 'mocha over test/unit', run: () => mocha('unit', ['--config', 'test/unit/.mocharc.json']) },
  {
    name: 'fuzz',
    about: 'mutants of every file format',
    run: () => mocha('fuzz', ['--config', 'test/fuzz/.mocharc.json']),
  },
  {
    name: 'parity',
    about: 'numbers against PyTorch; needs Python with torch',
    after: ['build'],
    run: () => againstTorch('parity', path.join('test', 'parity', 'generate.py')),
  },
  {
    name: 'insight',
    about: 'findings in healthy models and in reported hazards; needs Python with torch',
    run: () => againstTorch('insight', path.join('test', 'insight', 'models.py')),
  },
  {
    name: 'corpus',
    about: 'published models out of PyPI packages; needs Python with torch, and PyPI',
    after: ['build'],
    run: () => mocha('corpus', ['--config', 'test/corpus/.mocharc.json']),
  },
  {
    name: 'live',
    about: 'the agent in real Python programs; needs Python with torch',
    after: ['build'],
    run: async () =>
      mocha('live', ['--config', 'test/live/.mocharc.json'], { MODE_INSPECTOR_PYTHON: await findTorchPython() }),
  },
  {
    name: 'integration',
    about:
      'in the extension host of a real VS Code; needs a desktop VS Code, or Chromium and the npm registry, and Python with torch',
    after: ['build'],
    run: integration,
  },
  {
    name: 'e2e',
    about: 'clicks in a real VS Code in a real browser; needs Chromium, the npm registry, and Python with torch',
    after: ['build'],
    run: async () => {
      findChromium();
      // Here, since it takes longer than a test may.
      await installCodeServer();
      fs.rmSync(path.join(cacheFolder, 'screenshots'), { recursive: true, force: true });
      return mocha('e2e', ['--config', 'test/e2e/.mocharc.json'], { MODE_INSPECTOR_PYTHON: await findTorchPython() });
    },
  },
];

const nothing: Counts = { passed: 0, failed: 0 };

/** A tool that is right or wrong as a whole, and so has no tests to count. */
function check(name: string, about: string, tool: string, ...args: readonly string[]): Stage {
  const run = (): Promise<Counts> =>
    runOrFail(name, process.execPath, [tool, ...args], { cwd: root, output: 'show' }).then(() => nothing);
  return { name, about, run };
}

async function mocha(name: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Counts> {
  const report = freshReport(name);
  const command = [packageFile('mocha', 'bin', 'mocha.js'), '--reporter', 'scripts/mochaReporter.cjs', ...args];
  const { status } = await run(process.execPath, command, {
    cwd: root,
    env: cleanEnvironment({ ...env, MODE_INSPECTOR_REPORT: report }),
    output: 'show',
  });
  return judge(readReport(report), status);
}

/** Files that a script writes with PyTorch into .cache/NAME, then the tests that read them. */
async function againstTorch(name: string, script: string): Promise<Counts> {
  const python = await findTorchPython();
  const out = path.join(cacheFolder, name);
  console.log(`Writing the files of PyTorch to ${path.relative(root, out)} with ${python}.`);
  await runOrFail('The generator', python, [script, '--out', out], { cwd: root, output: 'show' });
  return mocha(name, ['--config', `test/${name}/.mocharc.json`], { MODE_INSPECTOR_PYTHON: python });
}

async function integration(): Promise<Counts> {
  const report = freshReport('integration');
  const status = await runIntegrationTests(report, await findTorchPython());
  const tests = readReport(report);
  // The extension host's own output does not reach this terminal.
  for (const { title, state, error } of tests ?? []) {
    console.log(`  ${state === 'passed' ? '✔' : '✘'} ${title}${error === undefined ? '' : `\n${error}`}`);
  }
  return judge(tests, status);
}

/** Adds the reason where a failure is not one of the tests. */
function judge(tests: readonly TestResult[] | undefined, status: number | null): Counts {
  const counts = count(tests, status);
  if (tests === undefined) throw new SetupError(`The tests did not come to their end (status ${status ?? 'none'}).`);
  if (tests.length === 0) throw new SetupError('No test was found.');
  for (const { title, state } of tests)
    if (state === 'skipped') console.log(`Skipped, which counts as failed: ${title}`);
  if (status !== 0 && tests.every(({ state }) => state === 'passed')) {
    console.log(`All tests passed, but the program ended with status ${status ?? 'none'}, which counts as a failure.`);
  }
  return counts;
}
