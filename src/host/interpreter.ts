// The user's Python: the one that the Python extension has chosen for a file, else the setting, else the one on PATH.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import * as vscode from 'vscode';
import { AppError } from '../util/errors';
import { readPython } from './config';

const execute = promisify(execFile);
const onPath = process.platform === 'win32' ? ['python', 'py'] : ['python3', 'python'];

/** The path of an interpreter, or a name on PATH. @throws AppError where there is none. */
export async function findInterpreter(file: vscode.Uri | undefined): Promise<string> {
  const chosen = readPython(file) ?? (await fromEnvironmentsExtension(file)) ?? (await fromPythonExtension(file));
  if (chosen !== undefined) return chosen;
  for (const name of onPath) if (await isOnPath(name)) return name;
  throw new AppError(
    'no-python',
    'No Python was found.',
    'Choose one in the setting “modeInspector.python”, or with the Python extension.',
  );
}

/** The part that is used of the Python extension's API; see the package @vscode/python-extension. */
interface PythonApi {
  readonly environments: {
    getActiveEnvironmentPath(resource?: vscode.Uri): { readonly path: string };
    resolveEnvironment(
      environment: unknown,
    ): Promise<{ readonly executable: { readonly uri?: vscode.Uri | undefined } } | undefined>;
  };
}

/** The part that is used of the API of ms-python.vscode-python-envs; see the package @vscode/python-environments. */
interface EnvironmentsApi {
  getEnvironment(
    scope: vscode.Uri | undefined,
  ): Promise<{ readonly execInfo?: { readonly run?: { readonly executable?: string } } } | undefined>;
}

async function fromPythonExtension(file: vscode.Uri | undefined): Promise<string | undefined> {
  const api = await apiOf<PythonApi>('ms-python.python');
  if (api === undefined) return undefined;
  try {
    const active = api.environments.getActiveEnvironmentPath(file);
    const environment = await api.environments.resolveEnvironment(active);
    return environment?.executable.uri?.fsPath ?? (active.path === '' ? undefined : active.path);
  } catch {
    // An extension of another version must not keep anybody from running a file.
    return undefined;
  }
}

async function fromEnvironmentsExtension(file: vscode.Uri | undefined): Promise<string | undefined> {
  const api = await apiOf<EnvironmentsApi>('ms-python.vscode-python-envs');
  try {
    return (await api?.getEnvironment(file))?.execInfo?.run?.executable;
  } catch {
    return undefined;
  }
}

async function apiOf<T>(id: string): Promise<T | undefined> {
  const extension = vscode.extensions.getExtension<T | undefined>(id);
  if (extension === undefined) return undefined;
  try {
    return extension.isActive ? extension.exports : await extension.activate();
  } catch {
    return undefined;
  }
}

/** Whether a program of that name can be run. */
export async function isOnPath(name: string): Promise<boolean> {
  try {
    await execute(name, ['--version'], { timeout: 10_000 });
    return true;
  } catch {
    return false;
  }
}
