// The generator: repeatable, and distributed as it says.

import assert from 'node:assert/strict';

import { Generator } from '../../../src/runtime/random';

const draw = (count: number, next: () => number): number[] => Array.from({ length: count }, next);

describe('Generator', () => {
  it('repeats under a seed and differs under another', () => {
    const [a, b, c] = [new Generator(7), new Generator(7), new Generator(8)];
    const first = draw(10, () => a.next());
    assert.deepEqual(
      draw(10, () => b.next()),
      first,
    );
    assert.notDeepEqual(
      draw(10, () => c.next()),
      first,
    );
    a.normal();
    a.seed(7);
    assert.deepEqual(
      draw(10, () => a.next()),
      first,
    );
  });

  it('tells seeds beyond 32 bits apart', () => {
    assert.notEqual(new Generator(1).next(), new Generator(1 + 2 ** 32).next());
  });

  it('draws uniform and normal numbers with the right moments', () => {
    const generator = new Generator(1);
    const moments = (values: number[]): [number, number] => {
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      return [mean, values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length];
    };
    const near = (value: number, expected: number): void => {
      assert.ok(Math.abs(value - expected) < 0.02, `${value} is far from ${expected}`);
    };
    const uniform = draw(50_000, () => generator.uniform());
    assert.ok(uniform.every((value) => value >= 0 && value < 1));
    near(moments(uniform)[0], 1 / 2);
    near(moments(uniform)[1], 1 / 12);
    const normal = draw(50_000, () => generator.normal());
    near(moments(normal)[0], 0);
    near(moments(normal)[1], 1);
  });
});
