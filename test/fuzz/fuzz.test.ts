// Each format's mutants of the first seeds: every one gives a model or one AppError, soon, in bounded memory, without side effects.

import assert from 'node:assert/strict';

import { fuzzFormats } from './formats';
import { describeFailure, Fuzzer } from './fuzzer';

const COUNT = 2000;

describe('mutants', () => {
  const fuzzer = new Fuzzer();

  after(() => {
    fuzzer.close();
  });

  for (const format of fuzzFormats.keys()) {
    it(`of ${format} give a model or an AppError`, async () => {
      const { mutants, outcomes, failures } = await fuzzer.run({ format, from: 1, count: COUNT });
      assert.equal(failures.map(describeFailure).join('\n'), '');
      assert.equal(mutants, COUNT);
      const opened = outcomes.get('opened') ?? 0;
      // Mutations that all break the file, or none, look at little of the code.
      assert.ok(opened > COUNT / 20 && opened < COUNT * 0.9, `${opened} of ${COUNT} mutants opened`);
    });
  }
});
