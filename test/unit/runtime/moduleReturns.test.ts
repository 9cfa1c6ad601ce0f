// Which values leave which modules of a graph.

import assert from 'node:assert/strict';

import { moduleReturns, type PlacedNode } from '../../../src/runtime/moduleReturns';

const node = (paths: string, reads: string, writes: string): PlacedNode => ({
  paths: paths === '' ? [] : paths.split(' ').map((path) => (path === '.' ? '' : path)),
  reads: reads.split(' '),
  writes: writes.split(' '),
});

function returns(nodes: readonly PlacedNode[], outputs: readonly string[]): string[] {
  return [...moduleReturns(nodes, outputs)].map(
    ([index, list]) => `${index}: ${list.map(({ path, name }) => `${path}→${name}`).join(' ')}`,
  );
}

describe('what modules return in a graph', () => {
  it('is what is read outside, inner modules first', () => {
    const nodes = [node('. a a.0', 'x', 'y'), node('. a a.1', 'y', 'z'), node('. b', 'z', 'w')];
    assert.deepEqual(returns(nodes, ['w']), ['0: a.0→y', '1: a.1→z a→z', '2: b→w →w']);
  });

  it('tells a value that several read once', () => {
    const nodes = [node('. a', 'x', 'y'), node('. b', 'y', 'z'), node('. c', 'y z', 'w')];
    assert.deepEqual(returns(nodes, ['w', 'w']), ['0: a→y', '1: b→z', '2: c→w →w']);
  });

  it('leaves out what nobody reads, and inputs of the graph', () => {
    assert.deepEqual(returns([node('. a', 'x', 'y unread')], ['y', 'x']), ['0: a→y →y']);
  });

  it('takes a node of no module for an outside reader', () => {
    assert.deepEqual(returns([node('. a', 'x', 'y'), node('', 'y', 'z')], ['z']), ['0: a→y →y']);
  });
});
