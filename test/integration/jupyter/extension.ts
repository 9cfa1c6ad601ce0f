// Stands in for the Jupyter extension, which can't be installed here: its public API over a real IPython kernel.

import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import * as vscode from 'vscode';

interface Message {
  readonly id?: number;
  readonly output?: { readonly mime: string; readonly text: string };
  readonly done?: boolean;
  readonly status?: string;
}

/** What the tests do beside the public API. */
export interface StandIn {
  readonly kernels: { getKernel(uri: vscode.Uri): Promise<Kernel | undefined> };
  /** As a person does by running a first cell. */
  startKernel(uri: vscode.Uri, python: string): Promise<Kernel>;
  /** The next code of another extension is refused. */
  deny: boolean;
}

export class Kernel {
  private readonly changed = new vscode.EventEmitter<string>();
  private readonly listeners = new Map<number, (message: Message) => void>();
  private nextId = 1;
  language = 'python';
  status = 'starting';
  readonly onDidChangeStatus = this.changed.event;

  constructor(
    private readonly bridge: ChildProcessWithoutNullStreams,
    private readonly isDenied: () => boolean,
  ) {
    createInterface({ input: bridge.stdout }).on('line', (line) => {
      const message = JSON.parse(line) as Message;
      if (message.status !== undefined && message.status !== this.status) {
        this.status = message.status;
        this.changed.fire(message.status);
      }
      if (message.id !== undefined) this.listeners.get(message.id)?.(message);
    });
  }

  async *executeCode(code: string, token: vscode.CancellationToken): AsyncIterable<vscode.NotebookCellOutput> {
    await Promise.resolve();
    if (this.isDenied()) throw new Error('Access to Jupyter Kernel has been revoked');
    token.onCancellationRequested(() => {
      throw new Error('Cancelling interrupts the kernel, which no test wants.');
    });
    const outputs: vscode.NotebookCellOutput[] = [];
    for (const { mime, text } of await this.request({ op: 'execute', code, history: false })) {
      outputs.push(new vscode.NotebookCellOutput([new vscode.NotebookCellOutputItem(Buffer.from(text), mime)]));
    }
    yield* outputs;
  }

  /** A cell of the notebook; resolves to what it printed, and to its error. */
  async runCell(code: string): Promise<string> {
    const outputs = await this.request({ op: 'execute', code, history: true });
    return outputs.map(({ text }) => text).join('');
  }

  async restart(): Promise<void> {
    await this.request({ op: 'restart' });
  }

  /** The kernel ends with its bridge. */
  async shutdown(): Promise<void> {
    const ended = new Promise((resolve) => this.bridge.once('close', resolve));
    this.bridge.stdin.write('{"id": 0, "op": "shutdown"}\n');
    await ended;
  }

  private request(body: object): Promise<NonNullable<Message['output']>[]> {
    const id = this.nextId++;
    const outputs: NonNullable<Message['output']>[] = [];
    return new Promise((resolve, reject) => {
      this.bridge.once('close', () => {
        reject(new Error('The kernel is gone.'));
      });
      this.listeners.set(id, ({ output, done }) => {
        if (output !== undefined) outputs.push(output);
        if (done !== true) return;
        this.listeners.delete(id);
        resolve(outputs);
      });
      this.bridge.stdin.write(`${JSON.stringify({ id, ...body })}\n`);
    });
  }
}

export function activate(): StandIn {
  const kernels = new Map<string, Kernel>();
  const standIn: StandIn = {
    deny: false,
    kernels: { getKernel: async (uri) => kernels.get(uri.toString()) },
    startKernel: async (uri, python) => {
      const bridge = spawn(python, ['-I', path.join(__dirname, 'bridge.py')]);
      let errors = '';
      bridge.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
      const kernel = new Kernel(bridge, () => standIn.deny);
      await new Promise<void>((resolve, reject) => {
        bridge.once('close', () => {
          reject(new Error(`The kernel did not start: ${errors}`));
        });
        const listener = kernel.onDidChangeStatus(() => {
          listener.dispose();
          resolve();
        });
      });
      kernels.set(uri.toString(), kernel);
      return kernel;
    },
  };
  return standIn;
}
