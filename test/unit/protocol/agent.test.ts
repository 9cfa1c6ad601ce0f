// What agents send, as it is checked and unpacked.

import assert from 'node:assert/strict';
import { parseNotification } from '../../../src/protocol/agent';

describe('an agent’s message', () => {
  it('unpacks rows of statistics', () => {
    const changed = [
      ['bn', -1, 2, 0.5, 0, 0, 3, 1, 4, 7],
      ['empty', null, null, null, 8, null, null, null, null, null],
    ];
    assert.deepEqual(parseNotification('statistics', { model: 1, changed })?.params, {
      model: 1,
      changed: [
        {
          path: 'bn',
          runningMean: { min: -1, max: 2, mean: 0.5, nonFinite: 0 },
          runningVar: { min: 0, max: 3, mean: 1, nonFinite: 4 },
          numBatchesTracked: 7,
        },
        {
          path: 'empty',
          runningMean: { min: null, max: null, mean: null, nonFinite: 8 },
          runningVar: null,
          numBatchesTracked: null,
        },
      ],
    });
  });

  it('unpacks the quartiles behind a row, where they were asked for', () => {
    const changed = [['bn', -1, 2, 0.5, 0, null, null, null, 4, 7, [-0.5, 0, 1], null]];
    assert.deepEqual(parseNotification('statistics', { model: 1, changed })?.params, {
      model: 1,
      changed: [
        {
          path: 'bn',
          runningMean: { min: -1, max: 2, mean: 0.5, nonFinite: 0, quartiles: [-0.5, 0, 1] },
          runningVar: { min: null, max: null, mean: null, nonFinite: 4 },
          numBatchesTracked: 7,
        },
      ],
    });
  });

  it('is refused where a row is no row', () => {
    for (const row of [
      [],
      ['bn'],
      [1, 0, 0, 0, 0, 0, 0, 0, 0, 0],
      ['bn', 0, 0, 0, -1, 0, 0, 0, 0, 0],
      ['bn', 0, 0, 0, 0, 0, 0, '0', 0, 0],
      ['bn', 0, 0, 0, 0, 0, 0, 0, 0, 0, [1, 2]],
      { path: 'bn' },
    ])
      assert.equal(parseNotification('statistics', { model: 1, changed: [row] }), undefined, JSON.stringify(row));
  });

  it('is refused where its name is that of something every object has', () => {
    for (const name of ['__proto__', 'constructor', 'toString', ''])
      assert.equal(parseNotification(name, {}), undefined);
  });
});
