// One forward of a running program traced: what it calls, from where, and nothing that stays behind.

import assert from 'node:assert/strict';
import { lookAtEverything, startProgram } from './program';

const model = `
import torch.nn.functional as F
class Attention(nn.Module):
    def forward(self, x):
        return F.scaled_dot_product_attention(x, x, x, dropout_p=0.1)  # attention
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5))
        self.attention = Attention()
        self.mixed = nn.MultiheadAttention(8, 2, dropout=0.2)
        self.script = torch.jit.script(nn.Sequential(nn.Dropout(0.5)))
        self.leaky = nn.RReLU()
    def forward(self, x):
        x = F.dropout(self.body(x), 0.25)  # dropout
        x = F.batch_norm(x, None, None, training=True)  # norm
        x = self.attention(x[None])
        return self.leaky(self.script(self.mixed(x, x, x)[0]))
net = Net().eval()
`;

/** Tells whether all is as it was: torch's own call, no hook, no mode. */
const traces = `
def traces():
    module = nn.modules.module
    hooks = [module._global_forward_pre_hooks, module._global_forward_hooks]
    return nn.Module.__call__.__module__, [len(each) for each in hooks], torch._C._len_torch_function_stack()
`;

describe('a traced forward', () => {
  it('tells every call that depends on a mode, at its module and line', async () => {
    const program = await startProgram(`${model}${traces}
import time
while True:
    net(torch.randn(3, 4)); time.sleep(0.01)
`);
    const net = await program.model('net');
    const { calls, opaque, failure, path } = await net.traceForward();
    const told = calls.map(({ path: at, function: name, p, training, random, statistics, moves }) =>
      [at, name, p, training, random, statistics, moves].map(String).join(' '),
    );
    assert.deepEqual(told, [
      'body.1 batch_norm null false false running false',
      'body.2 dropout 0.5 false false null false',
      ' dropout 0.25 true true null false',
      ' batch_norm null true false batch false',
      'attention scaled_dot_product_attention 0.1 null true null false',
      'mixed multi_head_attention_forward 0.2 false false null false',
      'leaky rrelu null false false null false',
    ]);
    assert.deepEqual([path, opaque, failure], ['', ['script', 'script.0'], null]);
    const lines = (await import('node:fs')).readFileSync(program.file, 'utf8').split('\n');
    const lineAt = (index: number): string => lines[(calls[index]?.line ?? 0) - 1] ?? '';
    assert.match(lineAt(2), /# dropout$/);
    assert.match(lineAt(3), /# norm$/);
    assert.match(lineAt(4), /# attention$/);
    assert.ok(calls.every(({ file }) => file === program.file));
  });

  it('leaves nothing behind, also where the forward raises', async () => {
    const program = await startProgram(`${model}${traces}
from torch.overrides import TorchFunctionMode
class Mode(TorchFunctionMode):
    def __torch_function__(self, f, types, args=(), kwargs=None): return f(*args, **(kwargs or {}))
net.body.train()
wait()
for i in range(200):
    try:
        with Mode(): net(torch.randn(1, 4))
    except ValueError as error:
        said = str(error)
    import time; time.sleep(0.02)
    if nn.Module.__call__.__module__ == "torch.nn.modules.module" and i > 50: break
print(said, traces(), flush=True)
wait()
wait()
`);
    const net = await program.model('net');
    await program.waits();
    const traced = net.traceForward();
    program.goOn();
    const { failure, singleValue } = await traced;
    assert.match(failure ?? '', /^ValueError: Expected more than 1 value per channel when training/);
    assert.deepEqual(singleValue, { path: 'body.1', shape: [1, 8] });
    await program.waits();
    assert.match(program.output, /\('torch\.nn\.modules\.module', \[[01], 0\], 0\)/);
    // One that waits for a forward goes with the agent.
    const never = assert.rejects(net.traceForward(), { code: 'process-ended' });
    await program.processes[0]!.detach();
    await never;
  });

  it('is refused in a program that compiles, which hears nothing of us', async () => {
    const program = await startProgram(`${model}${traces}
def double(x):
    return net.body(x) * 2
wait()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
net.body[0](torch.randn(3, 4)); optimizer.step()
compiled = torch.compile(net.body, backend="eager")
function = torch.compile(double, backend="eager", fullgraph=True)
import time
for i in range(30):
    compiled(torch.randn(3, 4)).sum().backward(); optimizer.step(); function(torch.randn(3, 4))
    time.sleep(0.03)
from torch._dynamo.utils import counters
print(dict(counters["graph_break"]), traces(), flush=True)
wait()
`);
    const net = await program.model('net');
    await program.waits();
    program.goOn();
    await program.waits();
    await assert.rejects(net.traceForward(), { code: 'refused', message: /torch\.compile/ });
    assert.match(program.output, /\{\} \('torch\.nn\.modules\.module', \[0, 0\], 0\)/);
    assert.equal(program.errors, '');
  });

  it('waits for a forward that is traced unasked, and takes the one after it', async () => {
    const program = await startProgram(`
import time
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.drop = nn.Dropout(0.5)
    def forward(self, x):
        if torch._C._len_torch_function_stack():
            wait()
        return self.drop(x)
net = Net().eval()
while True:
    net(torch.randn(3, 4)); time.sleep(0.01)
`);
    const net = await program.model('net');
    await program.waits();
    const trace = net.traceForward();
    // Answered in order: the trace has been asked for.
    await net.process.look(lookAtEverything);
    program.goOn();
    await program.waits();
    program.goOn();
    assert.equal((await trace).path, '');
  });

  it('takes the model’s part that the program calls by itself', async () => {
    const program = await startProgram(`${model}
import time
while True:
    net.body(torch.randn(3, 4)); time.sleep(0.01)
`);
    const net = await program.model('net');
    assert.equal((await net.traceForward()).path, 'body');
  });
});
