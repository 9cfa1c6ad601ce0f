// Names that tell two compared models apart.

import assert from 'node:assert/strict';
import { distinctNames } from '../../../src/commands/compareModelsModel';

const named = (title: string, place: string): { title: string; place: string } => ({ title, place });

describe('names of compared models', () => {
  it('are titles where these differ', () => {
    assert.deepEqual(distinctNames(named('a.pt', '/x/a.pt'), named('b.pt', '/x/b.pt')), ['a.pt', 'b.pt']);
  });

  it('take in as much of the folders as they need', () => {
    assert.deepEqual(distinctNames(named('m.pt', '/run/one/m.pt'), named('m.pt', '/run/two/m.pt')), [
      'one/m.pt',
      'two/m.pt',
    ]);
    assert.deepEqual(distinctNames(named('m.pt', 'C:\\one\\last\\m.pt'), named('m.pt', 'C:\\two\\last\\m.pt')), [
      'one/last/m.pt',
      'two/last/m.pt',
    ]);
  });

  it('say which of several models of a file is meant', () => {
    const ema = { ...named('a.pt', '/x/a.pt'), part: 'ema' };
    assert.deepEqual(distinctNames(ema, named('b.pt', '/x/b.pt')), ['ema of a.pt', 'b.pt']);
    assert.deepEqual(distinctNames(ema, { ...ema, part: 'net' }), ['ema', 'net']);
    assert.deepEqual(distinctNames(ema, { ...ema, place: '/y/a.pt' }), ['ema of x/a.pt', 'ema of y/a.pt']);
    assert.deepEqual(distinctNames({ ...ema, part: '' }, named('b.pt', '/x/b.pt')), ['a.pt', 'b.pt']);
  });

  it('name the programs of live models', () => {
    assert.deepEqual(distinctNames(named('net', 'train.py, rank 0'), named('net', 'train.py, rank 1')), [
      'net (train.py, rank 0)',
      'net (train.py, rank 1)',
    ]);
    assert.deepEqual(distinctNames(named('net', 'a.py'), named('net', 'a.py')), ['net', 'the other net']);
  });
});
