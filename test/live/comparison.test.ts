// Train and eval of a running program's model compared at its next forward: torch's distances, and not a trace afterwards.

import assert from 'node:assert/strict';

import type { ModeComparison } from '../../src/model/comparison';
import type { LiveSession } from '../../src/sessions/liveSession';
import { lookAtEverything, startProgram } from './program';

/** Says what a comparison must not change, after each step. */
const net = `
import hashlib, random
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.bn = nn.BatchNorm2d(8)
        self.drop = nn.Dropout(0.4)
        self.head = nn.Linear(8, 5)
        self.calls = 0
        self.seen = torch.zeros(3)
    def forward(self, x, *, scale=1.0):
        self.calls += 1
        self.seen.add_(x.mean((0, 2, 3)).detach())
        x = self.drop(torch.relu(self.bn(self.conv(x)))).mean((2, 3))
        return {"logits": self.head(x) * scale * (1 + random.random() * 1e-9)}
torch.manual_seed(0); random.seed(0)
net = Net()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
def step():
    optimizer.zero_grad()
    net(torch.randn(6, 3, 9, 9) * 2 + 1, scale=2.0)["logits"].square().mean().backward()
    optimizer.step()
def digest():
    state = hashlib.sha256()
    tensors = [*net.state_dict().values(), net.seen, torch.get_rng_state()]
    for tensor in tensors:
        state.update(bytes(tensor.detach().flatten().contiguous().view(torch.uint8).tolist()))
    flags = [module.training for module in net.modules()]
    hooks = [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in net.modules()]
    versions = [buffer._version for buffer in net.buffers()]
    return f"{state.hexdigest()} {flags} {hooks} {versions} {net.calls} {random.getstate()[1][-1]}"
`;

const steps = `
net.bn.eval()
wait()
for _ in range(3):
    step()
print("digest", digest(), flush=True)
wait()
`;

const hooksLeft = `
from torch.nn.modules import module as holder
print("hooks", len(holder._global_forward_pre_hooks) + len(holder._global_forward_hooks), flush=True)`;

/** Requests are answered in their order, so that the next forward will be the one. */
async function startComparing(session: LiveSession): Promise<{ comparing: Promise<ModeComparison> }> {
  const comparing = session.compareModes({ inputs: [] });
  // It may be refused before somebody waits for it.
  comparing.catch(() => undefined);
  await session.process.look(lookAtEverything);
  return { comparing };
}

describe('comparing train and eval of a running program', () => {
  it('tells where they part, with what the program gives its model', async () => {
    const program = await startProgram(net + steps);
    const session = await program.model('net');
    await program.waits();
    const { comparing } = await startComparing(session);
    program.goOn();
    const { layers, start, inputs, problems } = await comparing;
    assert.deepEqual(inputs, [{ shape: [6, 3, 9, 9], dtype: 'float32' }]);
    assert.deepEqual(problems, []);
    assert.equal(start, 'bn');
    assert.deepEqual(
      layers.map(({ path, relativeL2 }) => [path, (relativeL2 ?? 1) > 1e-5]),
      [
        ['conv', false],
        ['bn', true],
        ['drop', true],
        ['head', true],
        ['', true],
      ],
    );
    const shift = layers[1]?.batchShift;
    assert.ok(
      shift?.meanShift !== undefined && shift.meanShift !== null && shift.meanShift > 0.1,
      JSON.stringify(shift),
    );
  });

  it('leaves every bit as it was: flags, statistics, attributes, random numbers, and the training that goes on', async () => {
    const digests: string[] = [];
    for (const compares of [true, false]) {
      const program = await startProgram(net + steps);
      const session = await program.model('net');
      await program.waits();
      const { comparing } = compares ? await startComparing(session) : {};
      program.goOn();
      await comparing;
      await program.waits();
      digests.push(/^digest .*$/m.exec(program.output)?.[0] ?? 'none');
      await program.until('the flag', () => session.module('bn')?.training === false);
      program.goOn();
      assert.equal(await program.ends(), 0);
      assert.equal(program.errors, '');
    }
    assert.match(digests[0] ?? '', /^digest [0-9a-f]{64} \[True, True, False/);
    assert.equal(digests[0], digests[1]);
  });

  it('fails in a sentence where the forward fails in one of the modes, and the program does not notice', async () => {
    const program = await startProgram(`
net = nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(0.5)).eval()
wait()
print("out", net(torch.zeros(1, 4)).shape[0], net.training, flush=True)
wait()
`);
    const session = await program.model('net');
    await program.waits();
    const { comparing } = await startComparing(session);
    program.goOn();
    await assert.rejects(comparing, { code: 'refused', message: /Expected more than 1 value per channel/ });
    await program.waits();
    assert.match(program.output, /^out 1 False$/m);
    assert.equal(program.errors, '');
  });

  it('waits for a forward only as long as somebody wants to know', async () => {
    const program = await startProgram(`net = nn.Sequential(nn.BatchNorm1d(4))\nwait()\n${hooksLeft}\nwait()\n`);
    const session = await program.model('net');
    await program.waits();
    const abort = new AbortController();
    const comparing = session.compareModes({ inputs: [] }, abort.signal);
    await assert.rejects(session.compareModes({ inputs: [] }), { code: 'usage' });
    abort.abort();
    await assert.rejects(comparing, { code: 'cancelled' });
    await program.until('the agent to let go', () => session.state.kind === 'ready');
    // Nobody looks, so that forwards are not sampled either.
    await session.process.look({ watching: false });
    program.goOn();
    await program.waits();
    assert.match(program.output, /^hooks 0$/m);
  });

  it('refuses what would wait for other processes or can’t be put back', async () => {
    const program = await startProgram('net = torch.jit.script(nn.Sequential(nn.BatchNorm1d(4)))\nwait()\n');
    const session = await program.model('net');
    await assert.rejects(session.compareModes({ inputs: [] }), { code: 'refused', message: /scripted model/ });
  });

  it('takes a compiled model as it was written', async () => {
    const program = await startProgram(`
net = torch.compile(nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5)), backend="eager")
net(torch.randn(8, 4))
wait()
net(torch.randn(8, 4))
wait()
`);
    const session = await program.model('net');
    await program.waits();
    const { comparing } = await startComparing(session);
    program.goOn();
    const { start, layers } = await comparing;
    assert.equal(start, '_orig_mod.1');
    assert.equal(layers.at(-1)?.path, '_orig_mod');
  });
});
