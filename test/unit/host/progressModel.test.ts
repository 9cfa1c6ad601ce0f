// The bar of a long task: increments that add up to the whole, words with the step's own share.

import assert from 'node:assert/strict';
import { ProgressBar } from '../../../src/host/progressModel';

describe('progress bar', () => {
  it('fills up over the steps of opening and names them', () => {
    const bar = new ProgressBar();
    const told = [
      bar.advance({ step: 'reading', done: 500, total: 1000 }),
      bar.advance({ step: 'listing', done: 400, total: 8001 }),
      bar.advance({ step: 'listing', done: 8001, total: 8001 }),
    ];
    assert.deepEqual(
      told.map(({ message }) => message),
      ['reading objects, 50 %', 'listing modules, 4 %', 'listing modules, 100 %'],
    );
    assert.equal(Math.round(told.reduce((sum, { increment }) => sum + increment, 0)), 100);
  });

  it('never goes back, and does not divide by nothing', () => {
    const bar = new ProgressBar();
    bar.advance({ step: 'copying', done: 3, total: 4 });
    assert.equal(bar.advance({ step: 'copying', done: 1, total: 4 }).increment, 0);
    assert.deepEqual(bar.advance({ step: 'copying', done: 0, total: 0 }), { message: 'copying, 100 %', increment: 25 });
  });
});
