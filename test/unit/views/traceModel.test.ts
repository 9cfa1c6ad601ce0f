// Rows of a traced forward.

import assert from 'node:assert/strict';
import { callRow, callsOf, traceSentence, type TracedCall } from '../../../src/views/traceModel';
import { tracedDropout } from '../support/liveModels';

const words = (changes: Partial<TracedCall>): string => {
  const { label, description } = callRow({ ...tracedDropout, ...changes });
  return `${label} ${description ?? ''}`;
};

describe('rows of a traced forward', () => {
  it('say what each call did, and where it stands', () => {
    assert.equal(words({}), 'F.dropout p=0.5, drops, in eval · model.py:31');
    assert.equal(words({ flag: true }), 'F.dropout p=0.5, drops · model.py:31');
    assert.equal(words({ training: false, random: false }), 'F.dropout p=0.5, lets everything through · model.py:31');
    const attention = { function: 'scaled_dot_product_attention', training: null, file: null };
    assert.equal(words({ ...attention, p: 0, random: false }), 'F.scaled_dot_product_attention p=0, no dropout');
    const norm = { function: 'batch_norm', p: null, random: false } as const;
    assert.match(words({ ...norm, statistics: 'batch', moves: true }), /by batch statistics, moves the running ones/);
    assert.match(words({ ...norm, training: false, statistics: 'running' }), /by running statistics ·/);
    assert.match(words({ function: 'rrelu', p: null, flag: true }), /random slopes/);
  });

  it('warn of dropout in eval, and lead to its line', () => {
    assert.equal(callRow(tracedDropout).icon?.id, 'warning');
    assert.equal(callRow({ ...tracedDropout, flag: true }).icon?.id, 'symbol-method');
    assert.equal(callRow(tracedDropout).context, 'call hasLine');
    assert.equal(callRow({ ...tracedDropout, file: null }).context, 'call');
  });

  it('stand below the module whose code called, once for each line', () => {
    const elsewhere = { ...tracedDropout, path: 'body' };
    const trace = {
      path: '',
      calls: [tracedDropout, tracedDropout, elsewhere],
      opaque: [],
      failure: null,
      singleValue: null,
    };
    assert.deepEqual(callsOf(trace, ''), [tracedDropout]);
    assert.deepEqual(callsOf(trace, 'body'), [elsewhere]);
    assert.deepEqual(callsOf(undefined, ''), []);
  });

  it('come with a sentence that says what was not seen', () => {
    const trace = {
      path: 'body',
      calls: [tracedDropout],
      opaque: ['head'],
      failure: 'ValueError: no',
      singleValue: null,
    };
    assert.equal(
      traceSentence('net', trace),
      'A forward of net.body made 1 call that depends on a mode, 1 of them random. Scripted modules (head) were not looked into. It ended with ValueError: no',
    );
  });
});
