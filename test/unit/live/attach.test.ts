// Ways into processes that already run, what is in their way, and what systems say of processes.

import assert from 'node:assert/strict';
import {
  attachConfiguration,
  attachObstacle,
  attachWay,
  parseVersion,
  remoteExecArguments,
} from '../../../src/live/attachModel';
import type { AttachSurroundings } from '../../../src/live/attachModel';
import { mapsTorch, parseCim, parseCommandLine, parsePs } from '../../../src/live/pythonProcesses';

const open: AttachSurroundings = {
  platform: 'linux',
  isAdministrator: false,
  ptraceScope: 0,
  hasNativeDebugger: true,
  hasPythonDebugger: true,
};

describe('attaching to a process', () => {
  it('goes through Python itself from 3.14 on, else through a debugger', () => {
    const way = (output: string): string => attachWay(parseVersion(output));
    assert.deepEqual(['3 9\n', '3 13\n', '3 14\r\n', '3 15\n', '4 0\n', '2 99\n', '', 'x'].map(way), [
      'debugger',
      'debugger',
      'remoteExec',
      'remoteExec',
      'remoteExec',
      'debugger',
      'debugger',
      'debugger',
    ]);
  });

  it('passes process and script as words, not as code', () => {
    const script = '/tmp/it\'s "here"/start.py';
    const [isolated, dashC, code, ...words] = remoteExecArguments(42, script);
    assert.deepEqual([isolated, dashC, words], ['-I', '-c', ['42', script]]);
    assert.equal(code, 'import sys; sys.remote_exec(int(sys.argv[1]), sys.argv[2])');
  });

  it('asks the debugger for the process and none of its children', () => {
    assert.deepEqual(attachConfiguration('debugpy', 42), {
      type: 'debugpy',
      name: 'Mode Inspector: process 42',
      request: 'attach',
      processId: 42,
      subProcess: false,
    });
  });

  it('says what is in the way before it tries', () => {
    const debuggerWay = (more: Partial<AttachSurroundings>): string | undefined =>
      attachObstacle('debugger', { ...open, ...more });
    assert.equal(debuggerWay({}), undefined);
    assert.equal(debuggerWay({ ptraceScope: undefined }), undefined);
    assert.match(debuggerWay({ ptraceScope: 1 }) ?? '', /ptrace_scope is 1/);
    assert.equal(debuggerWay({ ptraceScope: 1, isAdministrator: true }), undefined);
    assert.match(debuggerWay({ hasPythonDebugger: false }) ?? '', /Python Debugger extension/);
    assert.match(debuggerWay({ hasNativeDebugger: false }) ?? '', /through gdb,/);
    assert.match(debuggerWay({ hasNativeDebugger: false, platform: 'darwin' }) ?? '', /through lldb,/);
    assert.equal(debuggerWay({ hasNativeDebugger: false, platform: 'win32' }), undefined);
  });

  it('needs no debugger where Python does it', () => {
    const bare = { ...open, hasNativeDebugger: false, hasPythonDebugger: false };
    assert.equal(attachObstacle('remoteExec', bare), undefined);
    assert.match(attachObstacle('remoteExec', { ...bare, ptraceScope: 2 }) ?? '', /ptrace_scope is 2/);
    assert.match(attachObstacle('remoteExec', { ...bare, platform: 'darwin' }) ?? '', /administrator/);
  });
});

describe('lists of processes', () => {
  it('know torch for Python from a C++ program with torch’s libraries', () => {
    const line = (file: string): string => `7f00-7f01 r-xp 00000000 08:01 1 ${' '.repeat(20)}${file}\n`;
    assert.ok(mapsTorch(line('/usr/bin/python3.11') + line('/v/site-packages/torch/lib/libtorch_python.so')));
    assert.ok(mapsTorch(line('/opt/x/libtorch_python.so')));
    assert.ok(!mapsTorch(line('/usr/lib/libtorch_cpu.so')));
    assert.ok(!mapsTorch(line('/usr/bin/python3.11')));
  });

  it('join the words of a command', () => {
    assert.equal(parseCommandLine('python\0train.py\0--name\0a b\0'), 'python train.py --name a b');
    assert.equal(parseCommandLine('python\0-c\0\0'), 'python -c');
  });

  it('take the Pythons of `ps`', () => {
    const programs = `    1 /sbin/launchd
  412 /opt/homebrew/Cellar/python@3.12/Python.app/Contents/MacOS/Python
  413 /Users/me/my env/bin/python3.11
  414 /usr/local/bin/pythonista
`;
    const commands = `    1 /sbin/launchd
  412 Python train.py --epochs 3
  413 /Users/me/my env/bin/python3.11 -m train
`;
    assert.deepEqual(parsePs(programs, commands), [
      {
        id: 412,
        executable: '/opt/homebrew/Cellar/python@3.12/Python.app/Contents/MacOS/Python',
        command: 'Python train.py --epochs 3',
      },
      {
        id: 413,
        executable: '/Users/me/my env/bin/python3.11',
        command: '/Users/me/my env/bin/python3.11 -m train',
      },
    ]);
  });

  it('take Windows’ answer: many, one, none, and those of others without a command', () => {
    const one = { ProcessId: 7, CommandLine: 'python train.py', ExecutablePath: 'C:\\Python\\python.exe' };
    const read = { id: 7, command: 'python train.py', executable: 'C:\\Python\\python.exe' };
    assert.deepEqual(parseCim(JSON.stringify([one, { ...one, ProcessId: 8, CommandLine: null }, 5, null])), [read]);
    assert.deepEqual(parseCim(JSON.stringify(one)), [read]);
    assert.deepEqual(parseCim(' \r\n'), []);
  });
});
