// Mocha's usual output, and the result as a JSON file (MODE_INSPECTOR_REPORT) for the script that adds up the stages.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const Mocha = require('mocha');

const { EVENT_TEST_PASS, EVENT_TEST_FAIL, EVENT_TEST_PENDING, EVENT_RUN_END } = Mocha.Runner.constants;

class ReportingSpec extends Mocha.reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const tests = [];
    const note = (state) => (test, error) => {
      const details = error === undefined ? undefined : (error.stack ?? String(error));
      tests.push({ title: test.fullTitle(), state, milliseconds: test.duration ?? 0, error: details });
    };
    runner.on(EVENT_TEST_PASS, note('passed'));
    runner.on(EVENT_TEST_FAIL, note('failed'));
    runner.on(EVENT_TEST_PENDING, note('skipped'));
    // Written only at the end: a run that is cut short leaves no report, which counts as a failure.
    runner.on(EVENT_RUN_END, () => {
      const file = process.env['MODE_INSPECTOR_REPORT'];
      if (!file) return;
      fs.mkdirSync(path.dirname(file), { recursive: true });
      fs.writeFileSync(file, JSON.stringify({ tests }, undefined, 1));
    });
  }
}

module.exports = ReportingSpec;
