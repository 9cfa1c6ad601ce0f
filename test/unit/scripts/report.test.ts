// A test run is believed only with evidence: a report, at least one test, and a status that the tests explain.

import assert from 'node:assert/strict';
import { count } from '../../../scripts/lib/report';
import type { TestResult } from '../../../scripts/lib/report';

const passed: TestResult = { title: 'a', state: 'passed', milliseconds: 1 };

describe('counting a test run', () => {
  it('counts tests', () => {
    assert.deepEqual(count([passed, passed], 0), { passed: 2, failed: 0 });
    assert.deepEqual(count([passed, { ...passed, state: 'failed' }], 1), { passed: 1, failed: 1 });
  });

  it('takes a skipped test for a failed one', () => {
    assert.deepEqual(count([passed, { ...passed, state: 'skipped' }], 0), { passed: 1, failed: 1 });
  });

  it('does not believe status 0 without a report or without tests', () => {
    assert.equal(count(undefined, 0).failed, 1);
    assert.equal(count([], 0).failed, 1);
  });

  it('does not believe passed tests whose program failed', () => {
    assert.equal(count([passed], 1).failed, 1);
    assert.equal(count([passed], null).failed, 1);
  });
});
