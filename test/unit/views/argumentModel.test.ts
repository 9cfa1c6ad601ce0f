// A constructor's arguments as a person writes them.

import assert from 'node:assert/strict';
import { prefilledArguments, validateArguments } from '../../../src/views/argumentModel';

describe('arguments of a constructor', () => {
  it('begin with the names that are needed', () => {
    const needed = [
      { name: 'width', positional: true },
      { name: 'classes', positional: false },
    ];
    assert.equal(prefilledArguments(needed), 'width, classes=');
    assert.equal(validateArguments(prefilledArguments(needed)), 'classes has no value yet.');
  });

  for (const text of [
    '',
    '10',
    'a=1, b=[1, (2, 3)]',
    "name=\"a, (b\", other='it\\'s'",
    'f=dict(x=1), *rest',
    'a == b',
  ]) {
    it(`may be ${text === '' ? 'none' : text}`, () => {
      assert.equal(validateArguments(text), undefined);
    });
  }

  for (const [text, message] of [
    ['a=, b=1', /^a has no value/],
    ['a=[1, 2', /“]” is missing/],
    ['a=(1]', /“]” closes nothing/],
    ['a=1)', /“\)” closes nothing/],
    ['a="x', /string has no end/],
  ] as const) {
    it(`may not be ${text}`, () => {
      assert.match(validateArguments(text) ?? '', message);
    });
  }
});
