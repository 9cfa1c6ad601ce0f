// Classes of the user's are built by real Python with real torch: arguments, checkpoints, errors, forwards.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { buildClass } from '../../src/live/classBuilder';
import type { BuildOutcome, BuildRequest } from '../../src/live/classBuilder';
import { LiveHub } from '../../src/live/liveHub';
import type { LiveSession } from '../../src/sessions/liveSession';
import { SessionStore } from '../../src/sessions/sessionStore';
import { pythonFolder, torchPython } from './program';

const code = `
import torch
from torch import nn
WIDTH = 6
def layers(width):
    model = nn.Sequential(nn.Linear(4, width), nn.BatchNorm1d(width), nn.Dropout(0.5))
    return model
class Net(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.body = layers(width)
    def forward(self, x, scale: float = 1.0):
        return {"out": self.body(x) * scale, "rest": [x.sum()]}
class Wide(Net):
    def __init__(self, width, /, *, classes):
        super().__init__(width)
        self.head = nn.Linear(width, classes)
class Fails(nn.Module):
    def __init__(self):
        super().__init__()
        self.check()
    def check(self):
        raise ValueError("no such backbone")
class Outer:
    class Inner(nn.Sequential): pass
if __name__ == "__main__":
    raise SystemExit("training began")
`;

describe('a class of a Python file', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mode-inspector-builder-'));
  const file = path.join(folder, 'nets.py');
  const lines: string[] = [];
  const write = (message: string): void => void lines.push(message);
  const log = { debug: write, info: write, warn: write, error: write };
  let store: SessionStore;
  let hub: LiveHub;

  beforeEach(() => {
    fs.writeFileSync(file, code);
    lines.length = 0;
    store = new SessionStore({ createEngine: () => assert.fail('no file is opened') });
    hub = new LiveHub(store, pythonFolder, log);
    hub.setSight('visible');
  });
  afterEach(() => {
    store.dispose();
    hub.dispose();
  });
  after(() => {
    fs.rmSync(folder, { recursive: true, force: true });
  });

  const build = (name: string, more: Partial<BuildRequest> = {}): Promise<BuildOutcome> =>
    buildClass({ python: torchPython(), file, name, folder, ...more }, hub, store, log);
  const built = async (name: string, more: Partial<BuildRequest> = {}): Promise<LiveSession> => {
    const outcome = await build(name, more);
    assert.equal(outcome.kind, 'built', lines.join('\n'));
    return outcome.session;
  };

  it('is built, shown under its name, switched, and ends with its row', async () => {
    const session = await built('Net');
    const { process } = session;
    assert.equal(process.introduction.title, 'Net (nets.py)');
    assert.deepEqual(
      store.sessions.map(({ title }) => title),
      ['model'],
    );
    assert.deepEqual(store.launches, []);
    await session.setTraining('', false, { recursive: true });
    assert.equal(session.module('body.1')?.training, false);
    store.close(session);
    assert.deepEqual(store.processes, []);
    await gone(process.id);
  });

  it('runs: statistics move in train, and outputs repeat in eval', async () => {
    const session = await built('Net');
    assert.deepEqual(session.inputs, [
      {
        name: 'x',
        type: 'Tensor',
        hasDefault: false,
        suggestion: { shape: [2, 4], dtype: 'float32', from: 'body.0 (Linear)' },
      },
      { name: 'scale', type: 'float', hasDefault: true },
    ]);
    const inputs = [{ kind: 'random', shape: [3, 4], dtype: 'float32' }] as const;
    const [first, second] = [await session.runForward({ inputs }), await session.runForward({ inputs })];
    assert.deepEqual(
      first.outputs.map(({ name, shape, dtype }) => [name, shape, dtype]),
      [
        ['out', [3, 8], 'float32'],
        ['rest.0', [], 'float32'],
      ],
    );
    assert.deepEqual(first.moved, ['body.1']);
    assert.notEqual(first.digest, second.digest, 'dropout draws anew');
    assert.equal((await session.statistics('body.1'))?.numBatchesTracked, 2);
    const [{ calls }] = await Promise.all([session.traceForward(), session.runForward({ inputs })]);
    assert.deepEqual(
      calls.filter(({ moves }) => moves).map(({ path: layer, function: name }) => [layer, name]),
      [['body.1', 'batch_norm']],
    );
    const seeded = { inputs, seed: 3, steps: 2 };
    assert.equal((await session.runForward(seeded)).digest, (await session.runForward(seeded)).digest);
    await session.setTraining('', false, { recursive: true });
    const third = await session.runForward({ inputs });
    assert.deepEqual(third.moved, []);
    assert.equal(third.digest, (await session.runForward({ inputs })).digest);
    const scaled = await session.runForward({ inputs: [...inputs, { kind: 'random', shape: [], dtype: 'float32' }] });
    assert.notEqual(scaled.digest, third.digest);
    await assert.rejects(session.runForward({ inputs: [{ kind: 'random', shape: [3, 5], dtype: 'float32' }] }), {
      code: 'refused',
      message: /RuntimeError: mat1 and mat2/,
    });
  });

  it('asks for the arguments that its constructor needs, and takes what Python takes', async () => {
    assert.deepEqual(await build('Wide'), {
      kind: 'arguments',
      parameters: [
        { name: 'width', positional: true },
        { name: 'classes', positional: false },
      ],
    });
    const session = await built('Wide', { args: 'WIDTH + 1, classes=len("abc")' });
    assert.deepEqual(
      session.module('head')?.parameters.map(({ shape }) => shape),
      [[3, 7], [3]],
    );
    await assert.rejects(build('Wide', { args: '3, classes=' }), {
      message: /arguments .* can’t be read: SyntaxError/,
    });
    await assert.rejects(build('Wide', { args: '3' }), { message: /Wide\(3\) failed: TypeError: .*classes/ });
  });

  it('takes a checkpoint, and tells which keys did not fit', async () => {
    const save = (name: string, value: string): string => {
      const target = path.join(folder, name);
      const program = `import torch, nets; net = nets.Net(); net.body[1].running_mean.fill_(5); s = net.state_dict(); torch.save(${value}, ${JSON.stringify(target)})`;
      execFileSync(torchPython(), ['-c', program], { cwd: folder });
      return target;
    };
    const whole = save('whole.pt', '{"state_dict": {"module." + key: value for key, value in s.items()}, "epoch": 3}');
    const outcome = await build('Net', { checkpoint: whole });
    assert.ok(outcome.kind === 'built');
    assert.deepEqual([outcome.missing, outcome.unexpected], [[], []]);
    assert.equal((await outcome.session.statistics('body.1'))?.runningMean?.mean, 5);
    const part = save('part.pt', '{"body.0.weight": s["body.0.weight"], "tail": s["body.0.bias"]}');
    const second = await build('Net', { checkpoint: part });
    assert.ok(second.kind === 'built');
    assert.deepEqual(second.unexpected, ['tail']);
    assert.ok(second.missing.includes('body.1.running_var'));
    const other = save('other.pt', '{"a": s["body.0.bias"]}');
    await assert.rejects(build('Net', { checkpoint: other }), { message: /none of its 1 keys/ });
    await assert.rejects(build('Net', { args: '9', checkpoint: whole }), { message: /size mismatch|does not fit/ });
    fs.writeFileSync(other, 'nonsense');
    await assert.rejects(build('Net', { checkpoint: other }), { message: /other\.pt can’t be loaded/ });
  });

  it('may stand in another class, or in a package', async () => {
    await built('Outer.Inner');
    const inside = path.join(folder, 'package');
    fs.mkdirSync(inside);
    fs.writeFileSync(path.join(inside, '__init__.py'), '');
    fs.writeFileSync(path.join(inside, 'parts.py'), 'from torch import nn\nLayer = nn.Dropout\n');
    const own =
      'from .parts import Layer\nfrom torch import nn\nclass Net(nn.Module):\n  def __init__(self):\n    super().__init__(); self.d = Layer()\n';
    fs.writeFileSync(path.join(inside, 'net.py'), own);
    const session = await built('Net', { file: path.join(inside, 'net.py') });
    assert.equal(session.module('d')?.type, 'Dropout');
  });

  it('that fails says so in a sentence with its own line, and in the log with the traceback', async () => {
    await assert.rejects(build('Fails'), {
      code: 'program-error',
      message: 'Fails() failed: ValueError: no such backbone (nets.py:23).',
    });
    assert.match(lines.join('\n'), /Traceback[\s\S]*in check/);
    await assert.rejects(build('Missing'), { message: /nets\.py defines no class Missing/ });
    fs.writeFileSync(file, 'import torch\nimport no_such_package\n');
    await assert.rejects(build('Net'), {
      message: "nets.py can’t be imported: ModuleNotFoundError: No module named 'no_such_package' (nets.py:2).",
    });
    fs.writeFileSync(file, 'class Net(:\n');
    await assert.rejects(build('Net'), { message: /SyntaxError: .* \(nets\.py:1\)\.$/ });
    fs.writeFileSync(file, 'import sys; sys.exit(3)\n');
    await assert.rejects(build('Net'), { message: /SystemExit: 3 \(nets\.py:1\)/ });
    await assert.rejects(build('Net', { python: path.join(folder, 'python') }), { code: 'no-python' });
    assert.equal(store.isEmpty, true);
  });
});

/** Until no process has that id. */
async function gone(id: number): Promise<void> {
  for (;;) {
    try {
      process.kill(id, 0);
    } catch {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
