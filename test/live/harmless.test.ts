// The user's program never fails, hangs or changes its result because of the agent.

import assert from 'node:assert/strict';
import net from 'node:net';
import { lookAtEverything, startProgram } from './program';
import type { Program } from './program';

const training = `
import hashlib
torch.manual_seed(7)
net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.3), nn.Flatten(), nn.Linear(144, 2))
def main():
    optimizer = torch.optim.Adam(net.parameters())
    for step in range(60):
        net.train()
        loss = net(torch.randn(8, 1, 8, 8)).square().mean()
        optimizer.zero_grad(); loss.backward(); optimizer.step()
        net.eval()
        with torch.no_grad(): net(torch.randn(2, 1, 8, 8))
main()
digest = hashlib.sha256()
for name, value in net.state_dict().items(): digest.update(value.numpy().tobytes())
print(digest.hexdigest(), torch.rand(1).item(), sorted(nn.Module.__dict__)[:3], sys.path[1:2], len(sys.meta_path))
`;

async function outcome(program: Program): Promise<{ status: number | null; output: string; errors: string }> {
  const status = await program.ends();
  return { status, output: program.output.replaceAll(program.file, 'FILE'), errors: program.errors };
}

describe('an agent in a program', () => {
  it('changes neither its output nor its weights', async () => {
    const without = await outcome(await startProgram(training, { agent: false }));
    const watched = await startProgram(training);
    const { status, output, errors } = await outcome(watched);
    assert.equal(status, 0, errors);
    assert.equal(errors, without.errors);
    assert.equal(output, without.output);
    assert.equal(watched.processes.length, 1);
  });

  it('leaves no trace when it is detached', async () => {
    const program = await startProgram(`
import threading
net = nn.Sequential(nn.BatchNorm1d(2))
wait()
wait()
print(nn.Module.train.__module__, nn.Module.train.__code__.co_filename.endswith("module.py"), threading.active_count())
print(nn.modules.module._global_forward_pre_hooks, sys.meta_path[0])
net.train(); net(torch.randn(3, 2))
`);
    await program.model('net');
    await program.waits();
    await program.processes[0]!.detach();
    await program.until('the end of the connection', () => program.processes[0]!.ended);
    program.goOn();
    await program.waits();
    program.goOn();
    const { status, output } = await outcome(program);
    assert.equal(status, 0, program.errors);
    assert.match(output, /torch\.nn\.modules\.module True 1\nOrderedDict\(\) /);
  });

  it('goes when the editor goes, and its program goes on', async () => {
    const program = await startProgram(`
import threading
net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Dropout())
wait()
for thread in threading.enumerate():
    if thread.name == "Mode Inspector":
        thread.join(30)
net.eval(); net.train(); net(torch.randn(4, 2))
print(nn.Module.train.__module__, threading.active_count(), int(net[1].num_batches_tracked))
print(torch.nn.modules.module._global_forward_pre_hooks)
`);
    const session = await program.model('net');
    await program.waits();
    // As when its window is closed, or its extension host is killed.
    program.server.dispose();
    await program.until('the end of the connection', () => session.state.kind === 'ended');
    program.goOn();
    assert.equal(await program.ends(), 0);
    assert.equal(program.errors, '');
    assert.match(program.output, /torch\.nn\.modules\.module 1 1\nOrderedDict\(\)/);
  });

  for (const [name, ending, status, said] of [
    ['that raises', 'raise ValueError("wrong")', 1, /ValueError: wrong/],
    ['that exits', 'sys.exit(5)', 5, /^$/],
    ['that ends at once', 'import os; os._exit(4)', 4, /^$/],
    ['that is killed', 'import os, signal; os.kill(os.getpid(), signal.SIGKILL)', null, /^$/],
    [
      'that is interrupted',
      'import os, signal; os.kill(os.getpid(), signal.SIGINT); wait()',
      null,
      /KeyboardInterrupt/,
    ],
  ] as const) {
    it(`ends with a program ${name}`, async () => {
      const program = await startProgram(`net = nn.Sequential(nn.BatchNorm1d(2))\nwait()\n${ending}\n`);
      const session = await program.model('net');
      program.goOn();
      assert.equal(await program.ends(), status);
      assert.match(program.errors, said);
      assert.equal(session.state.kind, 'ended');
      await assert.rejects(session.setTraining('', true, { recursive: true }), { code: 'process-ended' });
    });
  }

  it('stays with the parent when the program forks, and is new in a child that is spawned', async () => {
    const program = await startProgram(`
import os, multiprocessing
net = nn.Sequential(nn.BatchNorm1d(2))
def work(q):
    other = nn.Sequential(nn.Dropout()); other.eval()
    q.put(other.training)
if __name__ == "__main__":
    loader = torch.utils.data.DataLoader(list(range(8)), num_workers=2)
    print(sum(int(x) for x in loader))
    child = os.fork()
    if child == 0:
        net.train(); net(torch.randn(3, 2)); os._exit(0)
    print("forked", os.waitpid(child, 0)[1])
    context = multiprocessing.get_context("spawn")
    q = context.Queue(); p = context.Process(target=work, args=(q,)); p.start(); print("spawned", q.get()); p.join()
    wait()
`);
    await program.waits();
    assert.match(program.output, /28\nforked 0\nspawned False/);
    await program.model('net');
    assert.ok(program.processes.length >= 2, 'the spawned child has an agent of its own');
    program.goOn();
    assert.equal(await program.ends(), 0, program.errors);
  });

  it('goes without a word where nobody listens, or somebody else does', async () => {
    const nobody = await startProgram('print("fine")', { port: 1 });
    assert.deepEqual([await nobody.ends(), nobody.output, nobody.errors], [0, 'fine\n', '']);
    const wrong = await startProgram('wait(); print("fine")', { token: 'guessed' });
    await wrong.until('a refusal', () => wrong.warnings.length > 0);
    wrong.goOn();
    assert.equal(await wrong.ends(), 0);
    assert.match(wrong.warnings.join(), /does not know the token/);
    assert.equal(wrong.errors, '');
  });

  it('is not held up by a peer that reads nothing, or sends nonsense', async () => {
    for (const answer of ['', 'nonsense\n', 'x'.repeat(100_000)]) {
      const server = net.createServer((socket) => {
        socket.on('error', () => undefined);
        socket.pause();
        socket.write(answer);
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as net.AddressInfo;
      const program = await startProgram(training, { port });
      assert.equal(await program.ends(), 0, program.errors);
      assert.equal(program.errors, '');
      server.close();
    }
  });

  it('says nothing in a program without torch, and little in one that is switched off', async () => {
    const program = await startProgram('', { args: ['-I'] });
    assert.equal(await program.ends(), 0);
    assert.equal(program.processes.length, 0);
  });

  it('works in sixteen processes at once', async () => {
    const programs = await Promise.all(
      Array.from({ length: 16 }, () =>
        startProgram('net = nn.Sequential(nn.BatchNorm1d(2))\nwait()\n', { look: lookAtEverything }),
      ),
    );
    for (const program of programs) await program.model('net');
    for (const program of programs) program.goOn();
    for (const program of programs) assert.equal(await program.ends(), 0);
  });
});
