// Reads what scripts/mochaReporter.cjs wrote.

import fs from 'node:fs';
import path from 'node:path';
import { cacheFolder } from './paths';

export interface TestResult {
  readonly title: string;
  readonly state: 'passed' | 'failed' | 'skipped';
  readonly milliseconds: number;
  readonly error?: string;
}

export interface Counts {
  readonly passed: number;
  readonly failed: number;
}

/** The report file of a stage; an earlier run's is removed, so that it can't pass for this one's. */
export function freshReport(stage: string): string {
  const file = path.join(cacheFolder, 'reports', `${stage}.json`);
  fs.rmSync(file, { force: true });
  fs.mkdirSync(path.dirname(file), { recursive: true });
  return file;
}

/** The tests of a finished run; undefined if it never came to its end. */
export function readReport(file: string): readonly TestResult[] | undefined {
  if (!fs.existsSync(file)) return undefined;
  return (JSON.parse(fs.readFileSync(file, 'utf8')) as { tests: readonly TestResult[] }).tests;
}

/**
 * What a run proves. Its exit status alone proves nothing: an extension host that is killed reports success.
 * A run without a report, without a test, or with a status that its tests don't explain, has failed; so has a skipped test.
 */
export function count(tests: readonly TestResult[] | undefined, status: number | null): Counts {
  const passed = (tests ?? []).filter(({ state }) => state === 'passed').length;
  const failed = (tests ?? []).length - passed;
  const unexplained = tests === undefined || tests.length === 0 || (failed === 0 && status !== 0);
  return { passed, failed: failed + (unexplained ? 1 : 0) };
}
