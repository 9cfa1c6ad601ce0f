// The list of Python processes, with a real one in it.

import assert from 'node:assert/strict';
import path from 'node:path';
import { knowsTorch, pythonProcesses } from '../../src/live/pythonProcesses';
import { startProgram } from './program';

describe('the list of Python processes', () => {
  it('has a program that runs with torch, with its words, its folder and its interpreter', async () => {
    const program = await startProgram('net = nn.BatchNorm1d(4)\nwait()\n');
    const { process: live } = await program.model('net');
    const found = (await pythonProcesses()).find(({ id }) => id === live.id);
    assert.ok(found, `process ${live.id} is not listed`);
    assert.ok(found.command.includes(live.introduction.argv[0] ?? '?'), found.command);
    assert.match(path.basename(found.executable), /^python/i);
    if (knowsTorch) assert.equal(found.folder, live.introduction.folder);
  });

  it('leaves out this process, and what has no torch where that can be seen', async () => {
    const ids = (await pythonProcesses()).map(({ id }) => id);
    assert.ok(!ids.includes(process.pid));
    assert.ok(!ids.includes(1));
  });
});
