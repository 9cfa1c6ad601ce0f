// The kernels of notebooks, through the public API of the Jupyter extension, where that is installed.

import * as vscode from 'vscode';
import type { KernelOutput, NotebookKernel } from '../live/notebookKernel';
import { AppError } from '../util/errors';

/** The part that is used of the API; see the package @vscode/jupyter-extension. */
interface JupyterApi {
  readonly kernels: { getKernel(notebook: vscode.Uri): Thenable<JupyterKernel | undefined> };
}

interface JupyterKernel {
  readonly status: string;
  readonly language: string;
  readonly onDidChangeStatus: vscode.Event<string>;
  executeCode(code: string, token: vscode.CancellationToken): AsyncIterable<KernelOutput>;
}

/** The same object for the same kernel, so that callers can tell when a notebook has got another one. */
const known = new WeakMap<JupyterKernel, NotebookKernel>();

/** The kernel that a person has started for a notebook. @throws AppError `usage` where there is none. */
export async function kernelOf(notebook: vscode.Uri, title: string): Promise<NotebookKernel> {
  const extension = vscode.extensions.getExtension<JupyterApi | undefined>('ms-toolsai.jupyter');
  if (extension === undefined) {
    throw new AppError(
      'usage',
      'Notebook kernels are reached through the Jupyter extension, which is not installed.',
      'Install “Jupyter” by Microsoft.',
    );
  }
  const api = extension.isActive ? extension.exports : await extension.activate();
  const kernel = await api?.kernels.getKernel(notebook);
  if (kernel === undefined || kernel.status === 'dead') {
    throw new AppError('usage', `${title} has no running kernel.`, 'Run a cell first, so that the kernel starts.');
  }
  let wrapped = known.get(kernel);
  if (wrapped === undefined) known.set(kernel, (wrapped = wrap(kernel)));
  return wrapped;
}

function wrap(kernel: JupyterKernel): NotebookKernel {
  return {
    get language() {
      return kernel.language;
    },
    get status() {
      return kernel.status;
    },
    onDidChangeStatus: (listener) => kernel.onDidChangeStatus(listener),
    // The token is never cancelled: that would interrupt the cell that runs.
    execute: (code) => kernel.executeCode(code, new vscode.CancellationTokenSource().token),
  };
}
