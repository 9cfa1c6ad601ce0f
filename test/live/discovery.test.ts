// Which models of a process are found, under which names, and how modules of every kind look.

import assert from 'node:assert/strict';
import { startProgram } from './program';

describe('models of a running process', () => {
  it('are found in the main module, in functions, in objects, lists and dictionaries', async () => {
    const program = await startProgram(`
net = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.2))
pair = [nn.Linear(1, 1), nn.Linear(2, 1)]
gan = {"g": nn.Linear(3, 1), "d": nn.Linear(4, 1)}
_private = nn.Linear(5, 1)
class Trainer:
    def __init__(self):
        self.model = nn.Sequential(nn.Linear(6, 1))
    def fit(self):
        local = nn.Bilinear(1, 1, 1)
        layer = net[0]
        wait()
Trainer().fit()
`);
    await program.waits();
    await program.model('local');
    const names = program.sessions.map(({ title }) => title).sort();
    assert.deepEqual(names, ["gan['d']", "gan['g']", 'local', 'net', 'pair[0]', 'pair[1]', 'self.model']);
    program.goOn();
    assert.equal(await program.ends(), 0);
  });

  it('are found when train() or eval() is called on them, though no name leads to them', async () => {
    const program = await startProgram(`
class Deep: pass
deep = Deep(); deep.a = Deep(); deep.a.b = Deep(); deep.a.b.model = nn.Linear(2, 2)
deep.a.b.model.eval()
wait()
`);
    const session = await program.model('Linear');
    assert.equal(session.module('')?.training, false);
  });

  it('are found everywhere when somebody asks', async () => {
    const program = await startProgram(`
class Deep: pass
deep = Deep(); deep.a = Deep(); deep.a.b = Deep(); deep.a.b.model = nn.Conv1d(2, 2, 1)
other = nn.Linear(1, 1)
wait()
`);
    await program.model('other');
    assert.equal(program.sessions.length, 1);
    await program.processes[0]!.findEverywhere();
    await program.model('Conv1d');
  });

  it('come, grow, are wrapped and go', async () => {
    const program = await startProgram(`
net = nn.Sequential(nn.LazyLinear(3))
wait()
net(torch.ones(1, 7)); net.append(nn.BatchNorm1d(3))
wait()
wrapped = nn.DataParallel(net)
wait()
del net, wrapped
import gc; gc.collect()
other = nn.Linear(1, 1)
wait()
`);
    await program.waits();
    const net = await program.model('net');
    assert.deepEqual(
      net.module('0')?.parameters.map(({ shape }) => shape),
      [[], []],
    );
    program.goOn();
    await program.waits();
    await program.until('the new layer', () => net.module('1')?.type === 'BatchNorm1d');
    assert.deepEqual(
      net.module('0')?.parameters.map(({ shape }) => shape),
      [[3, 7], [3]],
    );
    program.goOn();
    await program.waits();
    const wrapped = await program.model('wrapped');
    await program.until('the wrapped model gone', () => program.sessions.length === 1);
    assert.equal(wrapped.module('module.1')?.type, 'BatchNorm1d');
    program.goOn();
    await program.waits();
    await program.model('other');
    await program.until('the deleted model gone', () => program.sessions.length === 1);
  });

  it('tell which modules they hold where torch does not know them, and look into plain collections alone', async () => {
    const program = await startProgram(`
class Odd(list):
    def __getitem__(self, index): raise RuntimeError("no item for you")
    def __iter__(self): raise RuntimeError("nor any other")
    def __len__(self): raise RuntimeError("nor how many")
class Key:
    def __repr__(self): raise RuntimeError("no name either")
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(1, 1)
        self.known = [self.fc, nn.Sequential(self.fc), nn.ReLU(), nn.MSELoss()]
        self.odd = Odd([nn.Linear(1, 1)])
        self.heads = [nn.Linear(1, 1), (nn.Dropout(0.5),), {"x": nn.BatchNorm1d(1).eval(), 3: 4}]
        self.by_key = {Key(): nn.Linear(1, 1)}
        self.many = list(range(1_000_000))
    @property
    def lazy(self): raise RuntimeError("no property")
net = nn.Sequential(Net())
wait()
net[0].heads[0] = None; net[0].by_key = {}
wait()
`);
    await program.waits();
    const net = await program.model('net');
    const held = (): readonly string[] =>
      (net.module('0')?.unregistered ?? []).map(
        ({ name, type, training }) => `${name} ${type} ${training === true ? 'train' : 'eval'}`,
      );
    await program.until('the modules in lists', () => held().length > 0);
    const inHeads = ['heads[1][0] Dropout train', "heads[2]['x'] BatchNorm1d eval"];
    assert.deepEqual(held(), ['heads[0] Linear train', ...inHeads, 'by_key[…] Linear train']);
    assert.equal(net.module('')?.unregistered, undefined);
    program.goOn();
    await program.waits();
    await program.until('fewer of them', () => held().length < 4);
    assert.deepEqual(held(), inHeads);
  });

  it('may be of any kind', async () => {
    const program = await startProgram(`
class Broken(nn.Module):
    def __init__(self):
        super().__init__()
        self.bn = nn.BatchNorm2d(3)
    def __getattr__(self, name):
        raise RuntimeError("no attribute for you")
    def __repr__(self):
        raise RuntimeError("no picture either")
class Shared(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Dropout(0.1); self.b = self.a; self.c = nn.Sequential(self.a)
broken, shared = Broken(), Shared()
scripted = torch.jit.script(nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(0.5)).eval())
quantised = torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5)), {nn.Linear})
class DropoutBlock(nn.Module):
    def __init__(self): super().__init__(); self.fc = nn.Linear(1, 1)
block = DropoutBlock()
converted = nn.Sequential(torch.ao.nn.quantized.Dropout(0.5), torch.ao.nn.quantized.BatchNorm2d(2)).eval(); converted[0].train()
compiled = torch.compile(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)))
meta = nn.BatchNorm1d(5, device="meta")
half = nn.BatchNorm1d(5).half()
untracked = nn.BatchNorm1d(3).eval(); untracked.track_running_stats = False
plain = nn.BatchNorm1d(3, track_running_stats=False, momentum=None, affine=False)
empty = nn.Sequential()
rnn = nn.LSTM(2, 2, num_layers=2, dropout=0.4)
big = nn.Sequential(*[nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1)) for _ in range(1000)])
cyclic = nn.Sequential(nn.Linear(1, 1)); cyclic.loop = cyclic
hooked = nn.utils.spectral_norm(nn.Linear(2, 2))
parametrized = nn.utils.parametrizations.spectral_norm(nn.Linear(2, 2)).eval()
wait()
`);
    await program.waits();
    const broken = await program.model('broken');
    assert.equal(broken.module('bn')?.behaviour, 'train');
    assert.equal((await broken.statistics('bn'))?.numBatchesTracked, 0);

    const shared = await program.model('shared');
    assert.deepEqual(
      shared.modules.map(({ path, sharedWith }) => [path, sharedWith]),
      [
        ['', undefined],
        ['a', undefined],
        ['b', 'a'],
        ['c', undefined],
        ['c.0', 'a'],
      ],
    );

    const scripted = await program.model('scripted');
    assert.deepEqual(
      scripted.modules.map(({ type, training }) => [type, training]),
      [
        ['Sequential', false],
        ['BatchNorm1d', false],
        ['Dropout', false],
      ],
    );
    assert.equal(scripted.module('1')?.dropout?.p, 0.5);
    assert.equal((await scripted.statistics('0'))?.runningVar?.mean, 1);
    await scripted.setTraining('', true, { recursive: true });
    assert.equal(scripted.module('0')?.training, true);

    const compiled = await program.model('compiled');
    assert.equal(compiled.module('_orig_mod.1')?.behaviour, 'train');
    assert.equal(compiled.module('')?.training, true);
    await compiled.setTraining('', false, { recursive: true });
    assert.equal(compiled.module('')?.training, false);
    assert.equal(compiled.module('_orig_mod')?.training, false);
    await program.model('quantised');
    assert.equal((await program.model('block')).module('')?.modeSensitive, false);
    const converted = await program.model('converted');
    assert.deepEqual(
      converted.modules.map(({ behaviour }) => behaviour),
      ['eval', 'none', 'eval'],
    );
    await converted.setTraining('', true, { recursive: true });
    assert.equal(converted.module('')?.behaviour, 'eval');
    // Eval goes on normalising by the statistics that it was made with.
    const untracked = await program.model('untracked');
    assert.equal(untracked.module('')?.behaviour, 'eval');
    assert.equal((await untracked.statistics(''))?.runningVar?.mean, 1);
    assert.equal((await (await program.model('half')).statistics(''))?.runningVar?.max, 1);
    const plain = (await program.model('plain')).module('');
    assert.equal(plain?.batchNorm?.trackRunningStats, false);
    assert.equal(plain.batchNorm.cumulative, true);
    assert.equal(plain.behaviour, 'train');
    assert.equal((await program.model('meta')).module('')?.behaviour, 'train');
    assert.equal((await program.model('empty')).modules.length, 1);
    assert.equal((await program.model('rnn')).module('')?.behaviour, 'train');
    assert.equal((await program.model('big')).modules.length, 3001);
    assert.equal((await program.model('cyclic')).modules.length, 2);
    // Their estimates of the norm are renewed in train alone.
    assert.equal((await program.model('hooked')).module('')?.behaviour, 'train');
    assert.equal((await program.model('parametrized')).module('parametrizations.weight.0')?.behaviour, 'eval');
  });

  it('may be hundreds', async () => {
    const program = await startProgram(`
models = [nn.Sequential(nn.BatchNorm1d(2)) for _ in range(200)]
wait()
`);
    await program.until('200 models', () => program.sessions.length === 200);
    program.goOn();
    assert.equal(await program.ends(), 0);
  });
});
