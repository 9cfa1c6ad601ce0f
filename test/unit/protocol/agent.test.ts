// What agents send, as it is checked and unpacked.

import assert from 'node:assert/strict';
import { parseNotification } from '../../../src/protocol/agent';

describe('an agent’s message', () => {
  it('unpacks rows of statistics', () => {
    const figures = packed([-1, 2, 0.5, 0, 0, 3, 1, 4, 7], [NaN, NaN, NaN, 8, NaN, NaN, NaN, NaN, NaN]);
    assert.deepEqual(parseNotification('statistics', { model: 1, paths: ['bn', 'empty'], figures })?.params, {
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
    const figures = packed([-1, 2, 0.5, 0, NaN, NaN, NaN, 4, 7, -0.5, 0, 1, NaN, NaN, NaN]);
    assert.deepEqual(parseNotification('statistics', { model: 1, paths: ['bn'], figures })?.params, {
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

  it('may tell of no layer', () => {
    assert.deepEqual(parseNotification('statistics', { model: 1, paths: [], figures: '' })?.params, {
      model: 1,
      changed: [],
    });
  });

  it('is refused where rows are no rows', () => {
    const row = [0, 0, 0, 0, 0, 0, 0, 0, 0];
    for (const [paths, figures] of [
      [['bn'], ''],
      [[], packed(row)],
      [['bn'], packed([...row, 0])],
      [['bn', 'other'], packed(row)],
      [['bn'], packed(row).slice(0, -4)],
      [['bn'], packed(row).replace('A', '?')],
      [['bn'], row],
      [[1], packed(row)],
      ['bn', packed(row)],
    ])
      assert.equal(parseNotification('statistics', { model: 1, paths, figures }), undefined, JSON.stringify(paths));
  });

  it('is refused where its name is that of something every object has', () => {
    for (const name of ['__proto__', 'constructor', 'toString', ''])
      assert.equal(parseNotification(name, {}), undefined);
  });
});

/** Rows of doubles as the agent sends them. */
function packed(...rows: readonly (readonly number[])[]): string {
  const bytes = Buffer.alloc(rows.flat().length * 8);
  rows.flat().forEach((figure, i) => bytes.writeDoubleLE(figure, i * 8));
  return bytes.toString('base64');
}
