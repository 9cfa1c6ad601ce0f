// Debug sessions of Python, over the real debugpy: launched, attached to, standing at a breakpoint, with child processes.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import * as vscode from 'vscode';
import type { ExtensionApi } from '../../src/extension';
import type { LiveProcess } from '../../src/sessions/liveProcess';
import type { LiveSession } from '../../src/sessions/liveSession';
import { closeAll, extensionApi, rowsBelow, textOf, until, workspaceFile } from './harness';

const program = `import sys, time
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.bn = nn.BatchNorm1d(4)
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        x = self.bn(x)
        return self.drop(x)

def train(net):
    while True:
        net(torch.randn(8, 4))
        time.sleep(0.01)

if __name__ == "__main__":
    net = Net()
    train(net)
`;
const lines = {
  importTorch: lineOf('import torch'),
  inForward: lineOf('return self.drop'),
  between: lineOf('time.sleep'),
};

const parent = program.replace(
  '    net = Net()\n    train(net)\n',
  `    import multiprocessing
    net = Net()
    multiprocessing.get_context("spawn").Process(target=train, args=(net,), daemon=True).start()
    train(net)
`,
);

/** Says when its model is there. */
const running = program.replace('    train(net)\n', '    print("running")\n    train(net)\n');

/** What `python -m debugpy --listen --wait-for-client` does, on a port that is free. */
const listening = `import debugpy, runpy, sys
print(debugpy.listen(("127.0.0.1", 0))[1], flush=True)
debugpy.wait_for_client()
runpy.run_path(sys.argv[1], run_name="__main__")
`;

/** The messages of every debug adapter, in order, by session. */
interface Heard {
  readonly session: vscode.DebugSession;
  readonly type: string;
  readonly event?: string;
  readonly command?: string;
  readonly body?: Readonly<Record<string, unknown>>;
}

describe('Python debug sessions', function () {
  // Each starts a Python or two that import torch.
  this.timeout(120_000);
  const children = new Set<ChildProcess>();
  const heard: Heard[] = [];
  /** Sessions whose adapter has started and not ended. (VS Code can go on calling one the active session when it has ended.) */
  const open = new Set<string>();
  const watching: vscode.Disposable[] = [];
  let api: ExtensionApi;

  before(async () => {
    assert.ok(process.env['MODE_INSPECTOR_PYTHON'], 'Run this with `npm test -- integration`.');
    api = await extensionApi();
    watching.push(
      vscode.debug.registerDebugAdapterTrackerFactory('debugpy', {
        createDebugAdapterTracker: (session) => {
          open.add(session.id);
          return { onDidSendMessage: (message: Omit<Heard, 'session'>) => heard.push({ ...message, session }) };
        },
      }),
      vscode.debug.onDidTerminateDebugSession(({ id }) => open.delete(id)),
    );
  });

  afterEach(async () => {
    vscode.debug.removeBreakpoints(vscode.debug.breakpoints);
    for (const { id, ended } of api.store.processes) if (!ended) kill(id);
    for (const child of children) child.kill('SIGKILL');
    children.clear();
    await until('the end of all sessions', async () => {
      // A session whose program was killed may be gone before it can be stopped, which VS Code calls cancelled.
      await vscode.debug.stopDebugging().then(undefined, () => undefined);
      return open.size === 0;
    });
    for (const each of api.store.processes) api.store.removeProcess(each);
    await setAutomatic(undefined);
    await closeAll(api);
    assert.deepEqual(
      heard
        .filter(({ event, body }) => event === 'output' && body?.['category'] !== 'telemetry')
        // The debugger tells in its console how it goes into a process, and at length where that takes long.
        .filter(({ session }) => session.configuration['processId'] === undefined)
        .map(({ body }) => body?.['output']),
      [],
      'the debug console is the user’s',
    );
    heard.length = 0;
  });

  after(() => {
    for (const each of watching) each.dispose();
  });

  for (const console of ['internalConsole', 'integratedTerminal']) {
    it(`show the models of a launch in the ${console}, whose next forward obeys a switch`, async () => {
      await launch(write('launched.py', program), { console });
      const model = await liveModel();
      // Through the environment: from the first line on.
      assert.equal(model.process.introduction.launch, '');
      await moving(model);
      await vscode.commands.executeCommand('modeInspector.setEval', api.tree.node(model, 'bn'));
      await until('the switch', () => model.module('bn')?.training === false);
      const counts = [await countOf(model), await countOf(model)];
      assert.equal(counts[0], counts[1]);
      assert.equal(textOf(api, api.tree.node(model, 'bn')), 'bn: BatchNorm1d · eval');
    });
  }

  it('show a model that stands inside a forward: statistics are read, and a switch waits for the next forward', async () => {
    const file = write('inside.py', program);
    stopAt(file, lines.inForward);
    const session = await launch(file);
    await stopped(session);
    const model = await liveModel();
    const figures = await model.statistics('bn', { values: true });
    assert.equal(figures?.numBatchesTracked, 1);
    assert.equal(figures.runningMean?.values?.length, 4);
    await model.setTraining('drop', false, { recursive: true });
    assert.equal(model.state.kind, 'waiting');
    assert.equal(model.module('drop')?.training, true);
    vscode.debug.removeBreakpoints(vscode.debug.breakpoints);
    await session.customRequest('continue', { threadId: 1 });
    await until('the switch', () => model.module('drop')?.training === false);
    assert.equal(model.state.kind, 'ready');
    await moving(model);
  });

  it('switch at once what stands between two forwards', async () => {
    const file = write('between.py', program);
    stopAt(file, lines.between);
    const session = await launch(file);
    await stopped(session);
    const model = await liveModel();
    await model.setTraining('bn', false, { recursive: true });
    assert.equal(model.state.kind, 'ready');
    assert.equal(model.module('bn')?.training, false);
    await session.customRequest('continue', { threadId: 1 });
    await until('the next stop', () => stops(session).length > 1);
    assert.equal(await countOf(model), 1);
  });

  it('get the agent on request while they stand at a breakpoint, when nothing happens by itself', async () => {
    await setAutomatic(false);
    const file = write('asked.py', program);
    stopAt(file, lines.inForward);
    const session = await launch(file);
    await stopped(session);
    assert.deepEqual(api.store.processes, []);
    await vscode.commands.executeCommand('modeInspector.inspectDebugSession');
    const model = await liveModel();
    assert.equal(model.process.introduction.launch, null);
    assert.equal((await model.statistics('bn', { values: true }))?.numBatchesTracked, 1);
    await vscode.commands.executeCommand('modeInspector.inspectDebugSession');
    assert.equal(api.store.processes.length, 1);
    // From its start to its end inside the stop.
    assert.equal(stops(session).length, 1);
  });

  it('have a row of their own on request until torch is imported', async () => {
    await setAutomatic(false);
    const file = write('early.py', program);
    stopAt(file, lines.importTorch);
    const session = await launch(file);
    await stopped(session);
    await vscode.commands.executeCommand('modeInspector.inspectDebugSession');
    assert.deepEqual(await rowsBelow(api), [`${session.name}: running, torch not imported yet`]);
    await session.customRequest('continue', { threadId: 1 });
    await liveModel();
    assert.deepEqual(api.store.launches, []);
  });

  it('show the models of a program that they attach to, also after they have left it', async () => {
    const port = await startListening(write('attached.py', program));
    const session = await debug({ request: 'attach', connect: { host: '127.0.0.1', port } });
    const model = await liveModel();
    assert.equal(model.process.introduction.launch, null);
    await moving(model);
    // As “Attach to Python Process…” does once the agent is there.
    await session.customRequest('disconnect', { terminateDebuggee: false });
    await until('the end of the session', () => open.size === 0);
    await moving(model);
    assert.ok(!model.process.ended);
  });

  it('bring the agent into a program that nobody started with it, and leave', async () => {
    const child = spawn(process.env['MODE_INSPECTOR_PYTHON'] ?? '', ['-u', write('running.py', running)], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    children.add(child);
    await once(child.stdout, 'data');
    const { showQuickPick, showErrorMessage } = vscode.window;
    const messages: string[] = [];
    Object.assign(vscode.window, {
      showQuickPick: (items: readonly vscode.QuickPickItem[]) =>
        Promise.resolve(items.find(({ description }) => description === String(child.pid))),
      showErrorMessage: (message: string) => Promise.resolve(void messages.push(message)),
    });
    try {
      await vscode.commands.executeCommand('modeInspector.attachToProcess');
    } finally {
      Object.assign(vscode.window, { showQuickPick, showErrorMessage });
    }
    if (messages.length > 0 && process.env['CI'] === undefined) {
      // A developer's machine may forbid it, and then the command says so.
      assert.match(messages.join(), /ptrace_scope|is not on the PATH|lets only an administrator/);
      return;
    }
    assert.deepEqual(messages, []);
    const model = await liveModel();
    assert.equal(model.process.id, child.pid);
    await until('the end of the session', () => open.size === 0);
    await model.setTraining('bn', false, { recursive: true });
    await until('the switch', () => model.module('bn')?.training === false);
    await model.setTraining('bn', true, { recursive: true });
    await moving(model);
    assert.equal(child.exitCode, null);
  });

  it('show child processes too, also of a program that they attach to', async () => {
    const port = await startListening(write('parent.py', parent));
    await debug({ request: 'attach', connect: { host: '127.0.0.1', port }, subProcess: true });
    await until(
      'two processes with a model',
      () => api.store.processes.filter((each) => each.sessions.length > 0).length === 2,
    );
    const [first, second] = api.store.processes;
    assert.equal(second?.introduction.parent, first?.id);
    // Both run the same command and hold a model, so that they stand side by side.
    const [job, ...others] = await api.tree.getChildren();
    assert.ok(job);
    assert.match(textOf(api, job), /^parent\.py: 2 processes/);
    assert.deepEqual(others, []);
    const rows = (await rowsBelow(api, job)).filter((row) => row.startsWith('process '));
    assert.deepEqual(
      rows.map((row) => row.split(':')[0]),
      [`process ${String(first?.id)}`, `process ${String(second?.id)}`],
    );
  });

  it('leave the last state of a program that is killed', async () => {
    await launch(write('killed.py', program));
    const model = await liveModel();
    await moving(model);
    process.kill(model.process.id, 'SIGKILL');
    await until('the end', () => model.state.kind === 'ended');
    assert.match(textOf(api, api.tree.node(model, '')), /ended/);
  });

  function write(name: string, text: string): string {
    fs.writeFileSync(workspaceFile(name), text);
    return workspaceFile(name);
  }

  async function launch(file: string, options: Readonly<Record<string, unknown>> = {}): Promise<vscode.DebugSession> {
    return debug({ request: 'launch', program: file, console: 'internalConsole', ...options });
  }

  async function debug(configuration: {
    readonly request: string;
    readonly [option: string]: unknown;
  }): Promise<vscode.DebugSession> {
    const python = process.env['MODE_INSPECTOR_PYTHON'];
    const started = new Promise<vscode.DebugSession>((resolve) => {
      const listener = vscode.debug.onDidStartDebugSession((session) => {
        listener.dispose();
        resolve(session);
      });
    });
    const name = `test ${configuration.request}`;
    const [folder] = vscode.workspace.workspaceFolders ?? [];
    assert.ok(await vscode.debug.startDebugging(folder, { type: 'debugpy', name, python, ...configuration }));
    return started;
  }

  /** Starts a program that waits for a debugger; resolves to the port that debugpy listens on. */
  async function startListening(file: string): Promise<number> {
    const child = spawn(process.env['MODE_INSPECTOR_PYTHON'] ?? '', ['-c', listening, file], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    children.add(child);
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    return Number(line.toString());
  }

  function stopAt(file: string, line: number): void {
    const location = new vscode.Location(vscode.Uri.file(file), new vscode.Position(line, 0));
    vscode.debug.addBreakpoints([new vscode.SourceBreakpoint(location)]);
  }

  function stops(session: vscode.DebugSession): readonly Heard[] {
    return heard.filter((each) => each.session.id === session.id && each.event === 'stopped');
  }

  async function stopped(session: vscode.DebugSession): Promise<void> {
    const [first] = await until('a stop', () => {
      const found = stops(session);
      return found.length > 0 && found;
    });
    assert.equal(first?.body?.['reason'], 'breakpoint');
  }

  async function liveModel(): Promise<LiveSession> {
    const process = await until('a model', () => api.store.processes.find(hasModel));
    const [model] = process.sessions;
    assert.equal(model?.title, 'net');
    return model;
  }

  async function countOf(model: LiveSession): Promise<number | null | undefined> {
    return (await model.statistics('bn', { values: true }))?.numBatchesTracked;
  }

  async function moving(model: LiveSession): Promise<void> {
    const first = (await countOf(model)) ?? 0;
    for (const giveUp = AbortSignal.timeout(30_000); ((await countOf(model)) ?? 0) <= first;) {
      assert.ok(!giveUp.aborted, 'the statistics stand still');
    }
  }
});

function hasModel(process: LiveProcess): boolean {
  return process.sessions.length > 0;
}

/** Zero-based, as VS Code counts. */
function lineOf(text: string): number {
  const line = program.split('\n').findIndex((each) => each.includes(text));
  assert.ok(line >= 0, text);
  return line;
}

async function setAutomatic(value: boolean | undefined): Promise<void> {
  await vscode.workspace
    .getConfiguration('modeInspector')
    .update('debugSessions', value, vscode.ConfigurationTarget.Workspace);
}

/** It may have ended in this moment. */
function kill(id: number): void {
  try {
    process.kill(id, 'SIGKILL');
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ESRCH');
  }
}
