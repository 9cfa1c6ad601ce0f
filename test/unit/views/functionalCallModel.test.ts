// Rows of calls in a file that no layer stands for.

import assert from 'node:assert/strict';
import type { FunctionalCall } from '../../../src/model/module';
import { functionalCallRows } from '../../../src/views/functionalCallModel';
import { moduleSpec } from '../support/models';

const call: FunctionalCall = {
  function: 'torch.nn.functional.dropout',
  family: 'dropout',
  p: 0.5,
  training: 'flag',
  fixed: false,
  source: { file: '/home/me/net.py', line: 12 },
};

const rowsOf = (training: boolean | null, ...functionalCalls: FunctionalCall[]) =>
  functionalCallRows(moduleSpec('head', 'Head', { training, functionalCalls }));

describe('rows of calls that no layer stands for', () => {
  it('say what the call does now, and lead to its line', () => {
    const [only, ...others] = rowsOf(true, call);
    assert.equal(others.length, 0);
    assert.equal(only?.row.label, 'F.dropout(p=0.5)');
    assert.equal(only.row.description, 'train · drops · net.py:12');
    assert.equal(only.row.spoken, 'F.dropout(p=0.5), train, drops, net.py:12');
    assert.equal(only.row.icon?.id, 'circle-filled');
    assert.deepEqual(only.source, call.source);
    assert.deepEqual(only.row.tooltip, [
      'Call: torch.nn.functional.dropout',
      'Behaviour: train · drops',
      'Switch: it obeys the training flag of its module',
      'Line: /home/me/net.py:12',
    ]);
    assert.equal(rowsOf(false, call)[0]?.row.icon?.id, 'circle-outline');
    assert.equal(rowsOf(null, { ...call, training: null })[0]?.row.description, 'mode not stored · net.py:12');
  });

  it('offer a line where one is known, and no switch', () => {
    const { source: _, ...unplaced } = call;
    assert.equal(rowsOf(true, call)[0]?.row.context, 'call hasLine');
    assert.equal(rowsOf(true, unplaced)[0]?.row.context, 'call');
  });

  it('warn where it drops in eval', () => {
    const [row] = rowsOf(false, { ...call, training: true, fixed: true });
    assert.equal(row?.row.icon?.id, 'warning');
    assert.equal(row.row.description, 'drops in both modes · net.py:12');
  });

  it('stand once for calls that nothing tells apart', () => {
    const rows = rowsOf(true, call, { ...call, p: 0.1 }, call);
    assert.deepEqual(
      rows.map(({ row }) => row.description),
      ['train · drops · 2 calls · net.py:12', 'train · drops · net.py:12'],
    );
  });
});
