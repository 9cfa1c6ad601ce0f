// Programs that do unusual things, with the agent in them and a switch in between: none fails, and none is left in two modes.

import assert from 'node:assert/strict';
import { startProgram } from './program';

const small = 'net = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))\n';

describe('a program with an agent', () => {
  it('may replace itself by another', async () => {
    const program = await startProgram(`
import os
${small}
if "AGAIN" in os.environ:
    after = net
    del net
    wait()
    print("done"); sys.exit(0)
wait()
os.environ["AGAIN"] = "1"
os.execv(sys.executable, [sys.executable, __file__])
`);
    await program.model('net');
    program.goOn();
    const after = await program.model('after');
    assert.equal(program.processes[0]!.ended, true);
    await after.setTraining('', false, { recursive: true });
    await program.until('a second wait', () => program.output.split('waiting\n').length === 3);
    program.goOn();
    assert.equal(await program.ends(), 0, program.errors);
    assert.match(program.output, /done/);
    assert.deepEqual(
      program.processes.map(({ id }) => id),
      [program.child.pid, program.child.pid],
    );
  });

  it('may fork in a thread', async () => {
    const program = await startProgram(`
import os, threading
${small}
def fork():
    child = os.fork()
    if child == 0:
        net.eval(); net.train(); net(torch.randn(3, 4)); print("child", net.training, flush=True); os._exit(0)
    print("status", os.waitpid(child, 0)[1], flush=True)
wait()
for _ in range(3):
    thread = threading.Thread(target=fork); thread.start(); thread.join()
wait()
print(net.training)
`);
    const net = await program.model('net');
    program.goOn();
    await program.until('two waits', () => program.output.split('waiting\n').length === 3);
    assert.equal(program.output.split('child True\n').length, 4);
    assert.equal(program.output.split('status 0\n').length, 4);
    await net.setTraining('', false, { recursive: true });
    program.goOn();
    assert.equal(await program.ends(), 0, program.errors);
    assert.match(program.output, /False\n$/);
  });

  it('may train a model in several threads, and each forward has one mode', async () => {
    const program = await startProgram(`
import threading, time
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.bn = nn.BatchNorm1d(4); self.drop = nn.Dropout(0.5)
    def forward(self, x):
        before = [module.training for module in self.modules()]
        x = self.drop(self.bn(x))
        time.sleep(0.001)
        if before != [module.training for module in self.modules()]: print("mixed", flush=True)
        return x
net = Net()
stop = threading.Event()
def work():
    while not stop.is_set():
        net(torch.randn(8, 4)).sum().backward()
        time.sleep(0.004)
threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads: thread.start()
wait()
stop.set()
for thread in threads: thread.join()
`);
    const net = await program.model('net');
    for (let i = 0; i < 20; i++) {
      const training = i % 2 === 1;
      await net.setTraining('', training, { recursive: true });
      await program.until('the switch', () => net.modules.every((module) => module.training === training));
    }
    program.goOn();
    assert.equal(await program.ends(), 0, program.errors);
    assert.equal(program.output, 'waiting\n');
  });

  it('may override train() oddly', async () => {
    const program = await startProgram(`
class Endless(nn.Module):
    def train(self, mode=True): return self.train(mode)
class Child(nn.Module):
    def train(self, mode=True):
        self.training = mode
        if self.parent().training != mode: self.parent().train(mode)
        return self
class Parent(nn.Module):
    def __init__(self):
        super().__init__()
        self.child = Child(); self.child.parent = lambda: self
class Nothing(nn.Module):
    def train(self, mode=True, *, twice=True):
        super().train(not mode); super().train(mode)
class Contrary(nn.Module):
    def train(self, mode=True): return super().train(not mode)
    def eval(self): raise RuntimeError("never")
class Leaving(nn.Module):
    def train(self, mode=True): raise SystemExit(3)
endless, parent, nothing, contrary, leaving = Endless(), Parent(), Nothing(), Contrary(), Leaving()
instance = nn.Dropout(); instance.train = lambda mode=True: setattr(instance, "training", mode)
wait()
print("alive")
`);
    const flags = async (name: string): Promise<unknown> => {
      const session = await program.model(name);
      await session.setTraining('', false, { recursive: true });
      return session.modules.map(({ training }) => training);
    };
    assert.deepEqual(await flags('parent'), [false, false]);
    assert.deepEqual(await flags('nothing'), [false]);
    assert.deepEqual(await flags('contrary'), [true]);
    assert.deepEqual(await flags('instance'), [false]);
    await assert.rejects(flags('endless'), { code: 'refused', message: /RecursionError/ });
    await assert.rejects(flags('leaving'), { code: 'refused', message: /SystemExit/ });
    assert.deepEqual(await flags('instance'), [false]);
    program.goOn();
    assert.equal(await program.ends(), 0, program.errors);
    assert.match(program.output, /alive/);
  });

  it('may make models and let them go: nothing keeps them or their tensors', async () => {
    const program = await startProgram(`
import gc, time, weakref
alive = []
def once(step):
    made = nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64), nn.Dropout(0.5))
    if step % 2: made.eval(); made.train()
    out = made(torch.randn(8, 64))
    out.sum().backward()
    for each in (*made.modules(), *made.parameters(), *made.buffers(), out): alive.append(weakref.ref(each))
    time.sleep(0.01)
for step in range(150): once(step)
last = nn.Dropout()
wait()
gc.collect()
print("alive", sum(each() is not None for each in alive), "of", len(alive))
`);
    await program.model('last');
    await program.until('the end of the others', () => program.sessions.length === 1);
    program.goOn();
    assert.equal(await program.ends(), 0, program.errors);
    assert.match(program.output, /alive 0 of 1800\n/);
  });

  it('may have a hundred thousand modules', async () => {
    const program = await startProgram(`
net = nn.Sequential(*[nn.Sequential(*[nn.Identity() for _ in range(99)]) for _ in range(1000)])
wait()
print(sum(module.training for module in net.modules()))
`);
    const net = await program.model('net');
    assert.equal(net.modules.length, 100_001);
    await net.setTraining('7', false, { recursive: true });
    assert.equal(net.module('7.98')?.training, false);
    program.goOn();
    assert.equal(await program.ends(), 0, program.errors);
    assert.match(program.output, /99901\n/);
  });

  for (const reentrant of ['False', 'True']) {
    it(`may run parts of a forward again in the backward (use_reentrant=${reentrant})`, async () => {
      const program = await startProgram(`
import select, time
from torch.utils.checkpoint import checkpoint
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 4); self.block = nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 4))
        self.modes = []
    def forward(self, x):
        self.modes = []
        return checkpoint(self.run, self.first(x), use_reentrant=${reentrant})
    def run(self, x):
        self.modes.append(self.block[1].training)
        return self.block(x)
net = Net()
print("waiting", flush=True)
while not select.select([sys.stdin], [], [], 0)[0]:
    loss = net(torch.randn(8, 4)).sum()
    ${reentrant === 'False' ? 'time.sleep(0.003)' : ''}
    loss.backward()
    if len(set(net.modes)) != 1 or len(net.modes) != 2: print("mixed", net.modes, flush=True)
    del loss
`);
      const net = await program.model('net');
      for (let i = 0; i < 30; i++) {
        const training = i % 2 === 1;
        await net.setTraining('block', training, { recursive: true });
        await program.until('the switch', () => net.module('block.1')?.training === training);
      }
      program.goOn();
      assert.equal(await program.ends(), 0, program.errors);
      // The older kind leaves no sign between a forward and its backward: a switch there is seen by the repetition, as README says.
      assert.match(program.output, reentrant === 'False' ? /^waiting\n$/ : /^waiting\n(mixed .*\n)*$/);
    });
  }

  it('may compile a model, or wrap it, and the next forward obeys a switch', async () => {
    const program = await startProgram(`
${small}
inner = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5))
compiled, wrapped = torch.compile(net, backend="eager"), nn.DataParallel(inner)
x = torch.randn(8, 4)
del net, inner
for _ in range(3):
    wait()
    print(compiled(x).eq(0).any().item(), wrapped(x).eq(0).any().item(), flush=True)
`);
    const [compiled, wrapped] = [await program.model('compiled'), await program.model('wrapped')];
    for (const training of [true, false, true]) {
      await program.waits();
      await compiled.setTraining('', training, { recursive: true });
      await wrapped.setTraining('module.1', training, { recursive: true });
      program.goOn();
    }
    assert.equal(await program.ends(), 0, program.errors);
    assert.deepEqual(program.output.match(/(?:True|False) (?:True|False)/g), ['True True', 'False False', 'True True']);
  });
});
