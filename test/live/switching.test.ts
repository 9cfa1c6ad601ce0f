// Modes of a running process: switched at once or at a safe point, pinned, restored, and who switched them.

import assert from 'node:assert/strict';
import { startProgram } from './program';

const loop = `
import time
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.bn = nn.BatchNorm1d(4); self.drop = nn.Dropout(0.5)
    def forward(self, x):
        return self.drop(self.bn(x))
net = Net()
def step():
    net(torch.randn(8, 4))
while True:
    net.train()
    step()
    time.sleep(0.005)
`;

describe('modes of a running process', () => {
  it('are switched while a loop runs, and the next forward obeys', async () => {
    const program = await startProgram(loop.replace('    net.train()\n', ''));
    const net = await program.model('net');
    await net.setTraining('bn', false, { recursive: true });
    // On a busy machine the loop may be inside of a forward whenever somebody looks.
    await program.until('the switch', () => net.module('bn')?.training === false);
    assert.equal(net.module('')?.behaviour, 'mixed');
    const [first, second] = [
      await net.statistics('bn', { values: true }),
      await net.statistics('bn', { values: true }),
    ];
    assert.deepEqual(first?.numBatchesTracked, second?.numBatchesTracked);
    await net.restore(net.initialModes);
    await program.until(
      'batches',
      () => (net.latestStatistics('bn')?.numBatchesTracked ?? 0) > (first?.numBatchesTracked ?? 0),
    );
  });

  it('are set by the module’s own train(), or the flag alone', async () => {
    const program = await startProgram(`
class Frozen(nn.Module):
    def __init__(self):
        super().__init__()
        self.bn = nn.BatchNorm1d(4); self.drop = nn.Dropout(0.5)
    def train(self, mode=True):
        super().train(mode)
        self.bn.eval()
        return self
net = Frozen()
wait()
`);
    const net = await program.model('net');
    await net.setTraining('', true, { recursive: true });
    assert.deepEqual(
      net.modules.map(({ training }) => training),
      [true, false, true],
    );
    await net.setTraining('', false, { recursive: false });
    assert.deepEqual(
      net.modules.map(({ training }) => training),
      [false, false, true],
    );
    await assert.rejects(net.setTraining('nothing', true, { recursive: true }), { code: 'no-such-module' });
  });

  it('fail in a sentence where the module’s own train() fails', async () => {
    const program = await startProgram(`
class Stubborn(nn.Module):
    def train(self, mode=True):
        raise RuntimeError("I stay as I am")
net = Stubborn()
wait()
`);
    const net = await program.model('net');
    await assert.rejects(net.setTraining('', false, { recursive: true }), {
      code: 'refused',
      message: /I stay as I am/,
    });
    program.goOn();
    assert.equal(await program.ends(), 0);
  });

  it('wait for the end of a forward', async () => {
    const program = await startProgram(`
import time
class Slow(nn.Module):
    def __init__(self):
        super().__init__()
        self.drop = nn.Dropout(0.5)
    def forward(self, x):
        before = self.drop.training
        wait()
        return before == self.drop.training
net = Slow()
print("same", net(1), flush=True)
print("next", net.drop.training, flush=True)
net(1)
print("obeys", net.drop.training, flush=True)
wait()
`);
    await program.waits();
    const net = await program.model('net');
    await net.setTraining('', false, { recursive: true });
    assert.equal(net.state.kind, 'waiting');
    program.goOn();
    await program.waits();
    assert.match(program.output, /same True/);
    program.goOn();
    await program.waits();
    assert.match(program.output, /obeys False/);
    await program.until('the switch told', () => net.state.kind === 'ready' && net.module('drop')?.training === false);
  });

  it('are held by pins, whoever calls train(), and let go', async () => {
    const program = await startProgram(loop);
    const net = await program.model('net');
    await net.pin('bn', false);
    await program.until('the pin', () => net.module('bn')?.training === false);
    const stuck = async (): Promise<number> => (await net.statistics('bn', { values: true }))?.numBatchesTracked ?? -1;
    const before = await stuck();
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.equal(await stuck(), before);
    assert.equal(net.pinned('bn'), 'eval');
    await net.pin('bn', null);
    await program.until('batches', () => (net.latestStatistics('bn')?.numBatchesTracked ?? 0) > before + 2);
  });

  it('tell who switched them, when, and on which line', async () => {
    const program = await startProgram(`
class Frozen(nn.Module):
    def __init__(self):
        super().__init__()
        self.bn = nn.BatchNorm1d(4)
    def train(self, mode=True):
        super().train(mode)
        self.bn.eval()
        return self
net = nn.Sequential(Frozen(), nn.Dropout())
def prepare():
    net.train()
prepare()
net.eval()
wait()
`);
    const net = await program.model('net');
    await program.until('the switches', () => net.switches.length >= 3);
    const lines = net.switches.map(({ path, training, function: name, file }) => [
      path,
      training,
      name,
      file === program.file,
    ]);
    assert.deepEqual(lines, [
      ['', true, 'prepare', true],
      ['0.bn', false, 'train', true],
      ['', false, '<module>', true],
    ]);
    const [first] = net.switches;
    assert.ok(first!.time > 1.7e9 && first!.line! > 0);
  });
});
