// Debug configurations and the messages of debug adapters, as far as they matter for the agent.

import assert from 'node:assert/strict';
import { isPythonDebugType, launchEnvironment, processIdIn, withEnvironment } from '../../../src/live/debugModel';
import { agentCode } from '../../../src/live/environment';

const unreadable = (): Promise<undefined> => Promise.resolve(undefined);
const host = { PYTHONPATH: '/host', HOME: '/home' };

describe('debug sessions', () => {
  it('are Python’s by both names of the type', () => {
    assert.deepEqual(['debugpy', 'python', 'node', 'debugpy2'].map(isPythonDebugType), [true, true, false, false]);
  });

  it('keep the PYTHONPATH of the configuration, else that of the host', async () => {
    const inherited = (configuration: object): Promise<NodeJS.ProcessEnv | undefined> =>
      launchEnvironment({ request: 'launch', ...configuration }, host, unreadable);
    assert.deepEqual(await inherited({ env: { PYTHONPATH: '/own', A: 'b' } }), { PYTHONPATH: '/own' });
    assert.deepEqual(await inherited({ env: { PYTHONPATH: '' } }), { PYTHONPATH: '' });
    for (const env of [undefined, null, {}, [], 'x', { PYTHONPATH: null }])
      assert.deepEqual(await inherited({ env }), { PYTHONPATH: '/host' });
    assert.deepEqual(await launchEnvironment({ request: 'launch' }, {}, unreadable), {});
  });

  it('leave the environment alone where a file sets PYTHONPATH, or nothing is launched', async () => {
    const withFile = (text: string | undefined, env = {}): Promise<NodeJS.ProcessEnv | undefined> =>
      launchEnvironment({ request: 'launch', envFile: '/ws/.env', env }, host, (file) => {
        assert.equal(file, '/ws/.env');
        return Promise.resolve(text);
      });
    assert.equal(await withFile('A=1\nPYTHONPATH=src\n'), undefined);
    assert.equal(await withFile('  export PYTHONPATH = src'), undefined);
    assert.deepEqual(await withFile('# PYTHONPATH=src\nMYPYTHONPATH=src'), { PYTHONPATH: '/host' });
    assert.deepEqual(await withFile(undefined), { PYTHONPATH: '/host' });
    // The configuration's own wins over its file.
    assert.deepEqual(await withFile('PYTHONPATH=src', { PYTHONPATH: '/own' }), { PYTHONPATH: '/own' });
    assert.equal(await launchEnvironment({ request: 'attach' }, host, unreadable), undefined);
  });

  it('keep all else of the configuration', () => {
    const configuration = { request: 'launch', program: 'a.py', env: { A: 'b', PYTHONPATH: '/own' } };
    assert.deepEqual(withEnvironment(configuration, { PYTHONPATH: '/ours:/own' }), {
      request: 'launch',
      program: 'a.py',
      env: { A: 'b', PYTHONPATH: '/ours:/own' },
    });
    assert.deepEqual(configuration.env.PYTHONPATH, '/own');
    assert.deepEqual(withEnvironment({ env: 'broken' }, { A: 'b' }).env, { A: 'b' });
  });

  it('tell their process id in one event', () => {
    const message = { type: 'event', event: 'process', body: { name: 'a.py', systemProcessId: 12 } };
    assert.equal(processIdIn(message), 12);
    for (const other of [
      null,
      'process',
      [],
      { ...message, type: 'response' },
      { ...message, event: 'stopped' },
      { ...message, body: undefined },
      { ...message, body: { systemProcessId: '12' } },
      { ...message, body: { systemProcessId: -1 } },
      { ...message, body: { systemProcessId: 1.5 } },
    ])
      assert.equal(processIdIn(other), undefined);
  });

  it('run one line, whatever the folder is called', () => {
    const code = agentCode({ port: 1, token: 'ab' }, '/with "quotes" and \\ and\nlines');
    assert.ok(!code.includes('\n'));
    assert.match(code, /^exec\(".*", \{\}\)$/);
    const onlyIfNew = agentCode({ port: 1, token: 'ab' }, '/x', { onlyIfNew: true });
    assert.match(onlyIfNew, /^if "mode_inspector" not in __import__\("sys"\)\.modules: exec\(/);
  });
});
