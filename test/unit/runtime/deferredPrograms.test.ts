// Random programs on aliased tensors: deferred calls give the same bits as calls that run at once, and their errors are loud.

import assert from 'node:assert/strict';

import fc from 'fast-check';

import { RunContext } from '../../../src/runtime/context';
import type { ProgramState } from '../../../src/runtime/deferral';
import { Snapshot } from '../../../src/runtime/kernels/deferred';
import { operatorTable } from '../../../src/runtime/operators';
import { Generator } from '../../../src/runtime/random';
import { NotComputed } from '../../../src/runtime/storage';
import { Tensor } from '../../../src/runtime/tensor';
import type { Value } from '../../../src/runtime/values';
import { CountingKernels, eagerContext, tensor } from '../support/scripted';

const shape = [2, 4, 3, 3];
const noKeywords: ReadonlyMap<string, Value> = new Map();

/** What a program has: tensors of one shape, most of them aliases of each other, and weights. */
interface Memory {
  readonly tensors: Tensor[];
  readonly weights: readonly Tensor[];
  readonly mean: Tensor;
  readonly variance: Tensor;
}

function memory(): Memory {
  return {
    tensors: [tensor(shape), tensor([...shape, 1]).view(shape, [36, 9, 3, 1])],
    weights: [tensor([4, 4, 1, 1], true), tensor([4, 4, 1, 1], true)],
    mean: tensor([4]),
    variance: Tensor.of('float32', [4], Float32Array.of(1, 2, 3, 4)),
  };
}

/** One step: an operator on the tensors at places `a` and `b`; `n` means something else to each. */
interface Step {
  readonly kind: keyof typeof kinds;
  readonly a: number;
  readonly b: number;
  readonly n: number;
}

type Call = (name: string, ...args: Value[]) => Promise<Tensor>;

/** Each gives a tensor of the one shape; undefined where it only writes. */
const kinds = {
  convolve: (call: Call, { weights }: Memory, a: Tensor, _: Tensor, n: number) =>
    call('conv2d', a, weights[n % 2] as Tensor, null, [1n, 1n], [0n, 0n], [1n, 1n]),
  normalise: (call: Call, { mean, variance }: Memory, a: Tensor, _: Tensor, n: number) =>
    call('batch_norm', a, null, null, mean, variance, n % 3 === 0, 0.5, 1e-5, true),
  add: (call: Call, _: Memory, a: Tensor, b: Tensor) => call('add', a, b),
  softmax: (call: Call, _: Memory, a: Tensor, __: Tensor, n: number) => call('softmax', a, BigInt(n % 4)),
  pool: (call: Call, _: Memory, a: Tensor) => call('max_pool2d', a, [3n, 3n], [1n, 1n], [1n, 1n], [1n, 1n], false),
  turn: (call: Call, _: Memory, a: Tensor) => call('transpose', a, 2n, 3n),
  reshape: async (call: Call, _: Memory, a: Tensor) =>
    call('reshape', await call('relu', await call('reshape', a, [2n, -1n])), shape.map(BigInt)),
  flip: (call: Call, _: Memory, a: Tensor) => call('flip', a, [1n]),
  clone: (call: Call, _: Memory, a: Tensor) => call('clone', a),
  relu_: (call: Call, _: Memory, a: Tensor) => call('relu_', a),
  add_: (call: Call, _: Memory, a: Tensor, b: Tensor) => call('add_', a, b),
  fill_: async (call: Call, _: Memory, a: Tensor, __: Tensor, n: number) => {
    await call('fill_', await call('select', a, 1n, BigInt(n % 4)), 0.5);
    return a;
  },
  scale_: async (call: Call, _: Memory, a: Tensor, __: Tensor, n: number) => {
    await call('mul_', await call('select', a, 2n, BigInt(n % 3)), 0.5);
    return a;
  },
  moveStatistics: async (call: Call, { mean }: Memory, a: Tensor) => {
    await call('add_', mean, 0.25);
    return a;
  },
  forget: (_: Call, __: Memory, a: Tensor) => Promise.resolve(a),
} as const;

const programs = fc.array(
  fc.record<Step>({
    kind: fc.constantFrom(...(Object.keys(kinds) as (keyof typeof kinds)[])),
    a: fc.nat(7),
    b: fc.nat(7),
    n: fc.nat(11),
  }),
  { minLength: 4, maxLength: 24 },
);

/** Runs the program and gives the bits of all that is left. `stateOf` says what is told to those who defer. */
async function run(program: readonly Step[], context: RunContext, state?: (memory: Memory) => ProgramState) {
  const all = memory();
  const { tensors } = all;
  if (state !== undefined) context.deferral.program = state(all);
  const call: Call = async (name, ...args) => (await operatorTable.call(name, args, noKeywords, context)) as Tensor;
  for (const { kind, a, b, n } of program) {
    const [first, second] = [tensors[a % tensors.length] as Tensor, tensors[b % tensors.length] as Tensor];
    if (kind === 'forget' && tensors.length > 2) tensors.splice(a % tensors.length, 1);
    const result = await kinds[kind](call, all, first, second, n);
    // The oldest goes when there are many; what is still needed lies under other places too.
    if (kind !== 'forget') tensors.push(result);
    if (tensors.length > 8) tensors.shift();
  }
  await context.deferral.settleAll(tensors);
  const left = [...tensors, all.mean, all.variance];
  const places = left.map(({ storage }) => left.findIndex((other) => other.storage === storage));
  return { places, strides: left.map(({ strides }) => strides), bits: left.map((each) => [...each.toBytes()]) };
}

function quiet(live: (memory: Memory) => Iterable<Value>): (memory: Memory) => ProgramState {
  return (all) => ({ live: () => live(all), place: () => undefined, blame: () => undefined });
}

describe('random programs', () => {
  const eager = new CountingKernels();
  const deferred = new CountingKernels();

  it('give the same bits whether calls wait or not', async () => {
    await fc.assert(
      fc.asyncProperty(programs, async (program) => {
        const expected = await run(program, eagerContext(eager.executor));
        const context = new RunContext(deferred.executor, new Generator(0));
        assert.deepEqual(
          await run(
            program,
            context,
            quiet(({ tensors }) => tensors),
          ),
          expected,
        );
      }),
      { numRuns: 150 },
    );
    assert.ok(deferred.runs < eager.runs, 'nothing was joined');
  });

  it('give the same bits or fail loudly where the program forgets what it still needs', async () => {
    let same = 0;
    await fc.assert(
      fc.asyncProperty(programs, async (program) => {
        const expected = await run(program, eagerContext(eager.executor));
        const context = new RunContext(deferred.executor, new Generator(0));
        try {
          assert.deepEqual(
            await run(
              program,
              context,
              quiet(() => []),
            ),
            expected,
          );
          same++;
        } catch (error) {
          assert.match(
            error instanceof Error ? error.message : '',
            /^an operand was overwritten before its kernel ran/,
          );
        }
      }),
      { numRuns: 100 },
    );
    assert.ok(same > 30, `only ${same} programs ran`);
  });
});

describe('an operand of a call that waits', () => {
  it('is what it was when it was taken, or refuses', () => {
    const x = tensor([2, 3]);
    const snapshot = new Snapshot(x);
    [x.shape, x.strides] = [[6], [1]];
    assert.deepEqual(snapshot.tensor.shape, [2, 3]);
    x.write(new Float32Array(6));
    assert.throws(() => snapshot.tensor, /overwritten/);
  });
});

describe('a tensor that is yet to be computed', () => {
  it('can be looked at, and its elements not be had', async () => {
    const context = new RunContext(new CountingKernels().executor, new Generator(0));
    const [x, w] = [tensor([1, 4, 2, 2]), tensor([4, 4, 1, 1], true)];
    context.deferral.program = quiet(() => [])({} as Memory);
    const args = [x, w, null, [1n, 1n], [0n, 0n], [1n, 1n]];
    const y = (await operatorTable.call('conv2d', args, noKeywords, context)) as Tensor;
    assert.deepEqual([y.shape, y.dtype, y.isPromised, y.storage.isLoaded], [[1, 4, 2, 2], 'float32', true, false]);
    const view = y.view([16], [1]);
    for (const read of [() => y.toNumbers(), () => view.clone(), () => y.storage.elements])
      assert.throws(read, NotComputed);
    await assert.rejects(y.storage.load(), NotComputed);
    await assert.rejects(y.storage.readRange(0, 1), NotComputed);
    await context.deferral.settle([[y]]);
    assert.equal(view.isPromised, false);
    assert.equal(view.toNumbers().length, 16);
  });
});
