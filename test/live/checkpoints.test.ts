// A running program's model beside the checkpoints that it saved: the same at first, then by torch's own distances.

import assert from 'node:assert/strict';
import path from 'node:path';

import { createEngine } from '../../src/sessions/engine';
import { openFileSession } from '../../src/sessions/fileSession';
import type { FileSession } from '../../src/sessions/fileSession';
import { compareModelPair } from '../../src/sessions/modelPair';
import { Emitter } from '../../src/util/event';
import { startProgram } from './program';

const code = `
net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Dropout(0.4), nn.BatchNorm2d(8))
net(torch.randn(6, 3, 9, 9))
torch.save({f"module.{key}": value for key, value in net.state_dict().items()}, "net.pth")
torch.save(net, "net.pt")
before = net[1].running_mean.double()
wait()
net[3].eval()
net(torch.randn(6, 3, 9, 9) * 2 + 1)
after = net[1].running_mean.double()
print("relative", float((after - before).norm() / torch.maximum(after.norm(), before.norm())), flush=True)
wait()
`;

describe('a running program beside its checkpoints', () => {
  const opened: FileSession[] = [];

  afterEach(() => {
    for (const session of opened.splice(0)) session.dispose();
  });

  async function open(file: string): Promise<FileSession> {
    const session = await openFileSession({
      id: file,
      file,
      createEngine: () => {
        const engine = createEngine({ threads: 1 });
        return Object.assign(engine, { onDidFail: new Emitter<never>().event });
      },
    });
    opened.push(session);
    return session;
  }

  it('is the same when they are saved, and differs where it moved and was switched since', async () => {
    const program = await startProgram(code);
    const live = await program.model('net');
    await program.waits();
    const folder = path.dirname(program.file);
    const [weights, module] = [await open(path.join(folder, 'net.pth')), await open(path.join(folder, 'net.pt'))];
    for (const file of [weights, module]) {
      const { layers, counts, roots } = await compareModelPair(live, file);
      assert.deepEqual(layers, [], file.title);
      assert.equal(counts.comparedStatistics, 2);
      assert.deepEqual(roots, ['', file === weights ? 'module' : '']);
    }
    program.goOn();
    await program.waits();
    await program.until('the flag', () => live.module('3')?.training === false);
    const relative = Number(/^relative (\S+)$/m.exec(program.output)?.[1]);
    assert.ok(relative > 0.1);
    for (const file of [weights, module]) {
      const { layers } = await compareModelPair(live, file);
      const moved = layers.filter(({ statistics }) => statistics !== undefined);
      assert.deepEqual(
        moved.map(({ path: layer }) => layer),
        ['1'],
      );
      const difference = moved[0]?.statistics?.difference;
      assert.ok(Math.abs((difference?.runningMean?.relative ?? 0) - relative) < 1e-9);
      assert.deepEqual(difference?.numBatchesTracked, [2, 1]);
      const switched = layers.filter(({ module: change }) => change?.flags !== undefined);
      assert.deepEqual(
        switched.map(({ path: layer }) => layer),
        file === weights ? [] : ['3'],
      );
    }
    program.goOn();
    await program.ends();
    // What was told last is still there.
    const { counts } = await compareModelPair(live, module);
    assert.equal(counts.comparedStatistics, 2);
  });
});
