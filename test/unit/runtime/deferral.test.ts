// Calls that wait and run together: the numbers are those of calls that run at once, whatever the program does in between.

import assert from 'node:assert/strict';

import { RunContext } from '../../../src/runtime/context';
import { Dict, Tensor, Tuple } from '../../../src/runtime/program';
import type { Value, ScriptObject } from '../../../src/runtime/program';
import { Generator } from '../../../src/runtime/random';
import type { AppError } from '../../../src/util/errors';
import { CountingKernels, eagerContext, module, scripted, tensor } from '../support/scripted';

/** A network with two convolutions [4, 4, 1, 1], a linear layer [3, 4] and a batch norm, whose forward has this body. */
function network(body: string): { code: string; root: () => ScriptObject } {
  const lines = body.trim().split('\n');
  const code = `class Net(Module):
  __parameters__ = ["w", "v", "m", ]
  __buffers__ = ["mean", "var", ]
  w : Tensor
  v : Tensor
  m : Tensor
  mean : Tensor
  var : Tensor
  training : bool
  stored : Tensor
  items : List[Tensor]
  def forward(self: __torch__.Net,
    x: Tensor):
${lines.map((line) => `    ${line}`).join('\n')}
  def conv(self: __torch__.Net,
    x: Tensor) -> Tensor:
    return torch.conv2d(x, self.w, None, [1, 1], [0, 0], [1, 1])
  def conv2(self: __torch__.Net,
    x: Tensor) -> Tensor:
    return torch.conv2d(x, self.v, None, [1, 1], [0, 0], [1, 1])
  def norm(self: __torch__.Net,
    x: Tensor) -> Tensor:
    training = self.training
    return torch.batch_norm(x, None, None, self.mean, self.var, training, 0.5, 1.0000000000000001e-05, True)
`;
  const root = (): ScriptObject =>
    module('Net', {
      w: tensor([4, 4, 1, 1], true),
      v: tensor([4, 4, 1, 1], true),
      m: tensor([3, 4], true),
      mean: tensor([4]),
      var: Tensor.of('float32', [4], Float32Array.of(1, 2, 3, 4)),
      stored: Tensor.zeros('float32', [1]),
      items: [],
    });
  return { code, root };
}

/** Every tensor in a value, as shape and numbers. */
function numbers(value: Value): unknown {
  if (value instanceof Tensor) return [value.shape, Array.from(value.toNumbers())];
  if (value instanceof Tuple) return value.items.map(numbers);
  if (value instanceof Dict) return [...value.entries].map(([key, item]) => [key, numbers(item)]);
  return Array.isArray(value) ? value.map(numbers) : value;
}

interface Outcome {
  readonly output: unknown;
  readonly kernels: CountingKernels;
}

/** Runs the body at once and deferred, compares all that can be seen afterwards, and gives the outcome of the deferred run. */
async function agree(body: string, input = (): Tensor => tensor([2, 4, 3, 3])): Promise<Outcome> {
  const { code, root } = network(body);
  const seen: unknown[] = [];
  const kernels = [new CountingKernels(), new CountingKernels()] as const;
  for (const [i, { executor }] of kernels.entries()) {
    const [object, x] = [root(), input()];
    const program = await scripted(code, object);
    const context = i === 0 ? eagerContext(executor) : new RunContext(executor, new Generator(0));
    const output = numbers(await program.forward([x], context));
    seen.push([output, numbers(x), [...object.attributes.values()].map(numbers)]);
  }
  assert.deepEqual(seen[1], seen[0]);
  return { output: (seen[1] as unknown[])[0], kernels: kernels[1] };
}

describe('kernel calls that wait', () => {
  it('run as one graph along a straight line', async () => {
    const { kernels } = await agree(`
y = torch.relu_(self.norm(self.conv(x)))
z = torch.relu(torch.add_(self.norm(self.conv2(y)), x))
p = torch.adaptive_avg_pool2d(torch.max_pool2d(z, [2, 2], [1, 1], [0, 0], [1, 1], False), [1, 1])
return torch.softmax(torch.linear(torch.flatten(p, 1), self.m, None), 1)`);
    assert.deepEqual([kernels.runs, kernels.sessions, kernels.outputs], [1, 1, 1]);
  });

  it('give a value that is used twice, and several outputs, of which some are views', async () => {
    const { kernels } = await agree(`
y = self.conv(x)
z = torch.add(y, torch.mul(y, y))
return (y, [z, torch.select(z, 1, 2)], {"t": torch.permute(torch.sigmoid(y), [2, 0, 3, 1])})`);
    assert.equal(kernels.runs, 1);
  });

  it('look at results in other shapes and orders within the graph', async () => {
    const { kernels } = await agree(`
y = torch.flatten(torch.permute(self.conv(x), [0, 2, 3, 1]).relu(), 1, 2)
z = torch.transpose(torch.linear(y, self.m, None), 1, 2)
return torch.view(torch.tanh(torch.unsqueeze(z, 1)), [2, -1])`);
    assert.equal(kernels.runs, 1);
  });

  it('are computed where a view shows a part of a result, or repeats it', async () => {
    await agree(`
y = self.conv(x)
return torch.add(torch.relu(torch.slice(y, 1, 1, 3)), torch.expand(torch.sum(torch.select(y, 1, 0)), [2, 2, 3, 3]))`);
  });

  it('read what an operand held when they were called', async () => {
    await agree(`
y = self.conv(x)
_0 = torch.add_(x, 1.0)
return (y, self.conv2(x))`);
    await agree(`
y = self.conv(x)
z = torch.mul(y, 2.0)
_0 = torch.add_(y, 1.0)
_1 = torch.relu_(y)
return (z, y)`);
    await agree(`
y = self.norm(self.conv(x))
_0 = torch.mul_(self.mean, 3.0)
return (y, self.norm(x))`);
    await agree(`
y = self.norm(self.conv(x))
z = torch.batch_norm(x, None, None, self.mean, self.var, True, 0.5, 1.0000000000000001e-05, True)
return (y, z)`);
  });

  it('show what is written in place through every alias', async () => {
    const { kernels } = await agree(`
y = self.conv(x)
flat = torch.view(y, [-1])
_0 = torch.relu_(y)
z = torch.add(flat, 1.0)
return (flat, z, y)`);
    assert.equal(kernels.runs, 1);
    await agree(`
y = self.conv(x)
part = torch.select(y, 1, 0)
_0 = torch.add_(part, 5.0)
_1 = torch.zero_(torch.select(y, 2, 1))
return (torch.relu(y), part)`);
    await agree(`
y = self.conv(x)
_0 = torch.add_(x, y)
_1 = torch.add_(y, x)
return (y, torch.sub_(torch.view(y, [-1]), torch.view(x, [-1])))`);
  });

  it('leave in-place results of another shape to torch’s own refusal', async () => {
    const { code, root } = network(`
y = self.conv(x)
return torch.add_(torch.select(y, 0, 0), y)`);
    const program = await scripted(code, root());
    const context = new RunContext(new CountingKernels().executor, new Generator(0));
    await assert.rejects(program.forward([tensor([2, 4, 3, 3])], context), /doesn't match the broadcast shape/);
  });

  it('are computed for numbers, conditions, lists and attributes', async () => {
    await agree(`
y = torch.sum(self.conv(x))
z = self.conv(x)
if bool(torch.gt(y, 0.0)):
  z = torch.relu(z)
else:
  z = torch.neg(z)
self.stored = torch.mul(z, 2.0)
kept = [z]
_0 = torch.append(kept, self.conv2(z))
total = torch.item(torch.sum(kept[1]))
_1 = torch.append(kept, torch.mul(kept[1], total))
return (torch.stack(kept), total, self.stored)`);
    await agree(`
y = torch.linear(torch.mean(x, [2, 3]), self.m, None)
z = torch.select(torch.select(torch.relu(y), 0, 0), 0, 0)
n = 0
while bool(torch.lt(z, 5.0)):
  z = torch.add(z, 1.0)
  n = torch.add(n, 1)
return (z, n, float(z), not bool(z))`);
  });

  it('compute once what is needed more than once, and take out no more than that', async () => {
    // The first graph gives a, which the end needs, and b; its other results are used up.
    const { kernels } = await agree(`
a = self.conv(x)
r = torch.relu(a)
b = torch.tanh(torch.neg(r))
c = torch.flip(b, [1])
d = torch.relu(self.conv2(c))
e = torch.flip(d, [2])
return torch.cat([a, e], 1)`);
    assert.deepEqual([kernels.runs, kernels.convolutions, kernels.outputs], [2, 2, 3]);
  });

  it('hold what an unfinished expression or a list has', async () => {
    const { kernels } = await agree(`
return torch.add(torch.cat([self.conv(x), torch.flip(self.conv2(x), [1])], 1), 1.0)`);
    // The second run is the addition, of what `cat` has copied together.
    assert.deepEqual([kernels.runs, kernels.outputs], [2, 3]);
    const { kernels: ofList } = await agree(`
kept = annotate(List[Tensor], [])
_0 = torch.append(kept, self.conv(x))
y = torch.flip(self.conv2(x), [1])
return torch.cat([kept[0], y], 1)`);
    assert.deepEqual([ofList.runs, ofList.outputs], [1, 2]);
    await agree(`
_0 = torch.append(self.items, self.conv(x))
return torch.flip(self.conv2(x), [1])`);
  });

  it('draw the same masks', async () => {
    await agree(`
y = torch.dropout(self.conv(x), 0.5, True)
z = torch.dropout_(self.conv2(y), 0.5, True)
return (y, z, torch.rand([3]))`);
  });
});

describe('loops over waiting calls', () => {
  const sessionsFor = async (body: string, counts: readonly number[]): Promise<number[]> => {
    const kernels = new CountingKernels();
    const sessions: number[] = [];
    // The same weights for every number of rounds.
    const object = network(body).root();
    for (const count of counts) {
      const { code } = network(body.replace('COUNT', String(count)));
      const program = await scripted(code, object);
      await program.forward([tensor([1, 4, 2, 2])], new RunContext(kernels.executor, new Generator(0)));
      sessions.push(kernels.sessions);
    }
    return sessions;
  };

  it('run one graph a round where the weights come again', async () => {
    const body = `
y = x
for i in range(COUNT):
  y = torch.tanh(self.conv2(torch.relu(self.conv(y))))
return y`;
    const [first = 0, ...more] = await sessionsFor(body, [3, 4, 9, 30]);
    assert.deepEqual(more, [first, first, first]);
    await agree(body.replace('COUNT', '5'));
  });

  it('do not make a graph for each number of rounds without end', async () => {
    const body = `
y = self.conv(x)
for i in range(COUNT):
  y = torch.mul(y, 1.01)
return y`;
    const [first = 0, ...more] = await sessionsFor(body, [40, 41, 70, 400]);
    assert.deepEqual(more, [first, first, first]);
    await agree(body.replace('COUNT', '70'));
  });
});

describe('sessions of joined graphs', () => {
  it('bind no weight that the program computes', async () => {
    const { code, root } = network(`
k = torch.tanh(self.conv(x))
y = torch.conv2d(torch.conv2d(x, k, None, [1, 1]), k, None, [1, 1])
return torch.flip(torch.conv2d(torch.flip(y, [0]), k, None, [1, 1]), [0])`);
    const kernels = new CountingKernels();
    const program = await scripted(code, root());
    const sessions: number[] = [];
    for (let i = 0; i < 4; i++) {
      await program.forward([tensor([4, 4, 1, 1])], new RunContext(kernels.executor, new Generator(0)));
      sessions.push(kernels.sessions);
    }
    assert.deepEqual(sessions, new Array(4).fill(sessions[0]));
  });

  it('serve other sizes, and running statistics that moved', async () => {
    const { code, root } = network(`
y = self.norm(self.conv(x))
return torch.linear(torch.flatten(torch.adaptive_avg_pool2d(torch.relu(y), [1, 1]), 1), self.m, None)`);
    const kernels = new CountingKernels();
    const object = root();
    const program = await scripted(code, object);
    const forward = (shape: readonly number[]): Promise<Value> =>
      program.forward([tensor(shape)], new RunContext(kernels.executor, new Generator(0)));
    const before = numbers(await forward([1, 4, 3, 3]));
    const { sessions } = kernels;
    await forward([3, 4, 5, 2]);
    assert.equal(kernels.sessions, sessions);

    program.setTraining('', true, true);
    await forward([3, 4, 5, 2]);
    program.setTraining('', false, true);
    const { sessions: withTrain } = kernels;
    assert.notDeepEqual(numbers(await forward([1, 4, 3, 3])), before);
    assert.equal(kernels.sessions, withTrain);
  });
});

describe('failures of waiting calls', () => {
  const code = `class Part(Module):
  __parameters__ = ["w", ]
  __buffers__ = []
  w : Tensor
  training : bool
  def forward(self: __torch__.Part,
    x: Tensor) -> Tensor:
    y = torch.conv2d(x, self.w, None, [1, 1], [0, 0], [1, 1])
    return torch.softmax(y, 1)
class Net(Module):
  __parameters__ = []
  __buffers__ = ["mean", "var", ]
  first : __torch__.Part
  second : __torch__.Part
  mean : Tensor
  var : Tensor
  training : bool
  def forward(self: __torch__.Net,
    x: Tensor) -> Tensor:
    y = (self.first).forward(x)
    z = torch.batch_norm(y, None, None, self.mean, self.var, self.training, 0.5, 1.0000000000000001e-05, True)
    u = (self.second).forward(torch.relu(z))
    return torch.tanh(torch.relu(u))
`;
  const part = (channels: number): ScriptObject => module('Part', { w: tensor([4, channels, 1, 1], true) });
  const net = (channels: number): ScriptObject =>
    module('Net', {
      first: part(4),
      second: part(channels),
      mean: tensor([4]),
      var: Tensor.of('float32', [4], Float32Array.of(1, 2, 3, 4)),
    });
  const run = async (root: ScriptObject, kernels: CountingKernels, isCancelled?: () => boolean): Promise<Value> => {
    const program = await scripted(code, root);
    return program.forward([tensor([2, 4, 3, 3])], new RunContext(kernels.executor, new Generator(0), isCancelled));
  };

  it('come where torch refuses, and leave the statistics as they were by then', async () => {
    for (const training of [true, false]) {
      const root = net(5);
      root.attributes.set('training', training);
      await assert.rejects(run(root, new CountingKernels()), (error: AppError) => {
        assert.equal(error.code, 'bad-input');
        assert.match(error.message, /to have 5 channels, but got 4 channels instead \(in second at net\.py:8\)$/);
        return true;
      });
      const mean = root.attributes.get('mean') as Tensor;
      assert.equal(mean.storage.version, training ? 1 : 0);
    }
  });

  it('name the one operator that the memory does not suffice for, and its place', async () => {
    const kernels = new CountingKernels();
    kernels.refuse = (model) => {
      if (model.includes('Softmax')) throw new Error('std::bad_alloc');
    };
    await assert.rejects(run(net(4), kernels), (error: AppError) => {
      assert.equal(error.code, 'out-of-memory');
      assert.equal(
        error.message,
        'Softmax needs more memory than the runtime has, for inputs of shapes [2, 4, 3, 3] (in first at net.py:9)',
      );
      return true;
    });
  });

  it('are made good by single operators where only the whole graph fails', async () => {
    const [whole, split] = [new CountingKernels(), new CountingKernels()];
    split.refuse = (model) => {
      if (model.includes('Conv') && model.includes('Softmax')) throw new Error('std::bad_alloc');
    };
    assert.deepEqual(numbers(await run(net(4), split)), numbers(await run(net(4), whole)));
    assert.equal(whole.runs, 1);
    assert.ok(split.runs > 5);
  });

  it('do not come from a cancelled forward, which runs no further graph', async () => {
    const kernels = new CountingKernels();
    const root = net(4);
    root.attributes.set('training', true);
    const cancelled = run(root, kernels, () => kernels.runs > 1);
    await assert.rejects(cancelled, (error: AppError) => error.code === 'cancelled');
    assert.equal(kernels.runs, 2);
  });
});
