// Inspect Modes of a class: a lens above it, and the command that builds it in the user's interpreter.

import { basename, dirname } from 'node:path';
import * as vscode from 'vscode';
import { registerCommand } from '../host/commands';
import { onDidChangeSettings, readCodeLens } from '../host/config';
import { commandIds } from '../host/ids';
import { findInterpreter } from '../host/interpreter';
import type { OutputLog } from '../host/log';
import { withDelayedProgress } from '../host/progress';
import { chooseOne, enterText } from '../host/questions';
import { buildClass } from '../live/classBuilder';
import type { BuildOutcome, BuildRequest } from '../live/classBuilder';
import type { LiveHub } from '../live/liveHub';
import type { Disposable } from '../util/disposable';
import { AppError } from '../util/errors';
import { prefilledArguments, validateArguments } from '../views/argumentModel';
import { findModuleClasses } from '../views/moduleClassModel';
import { requireTrust, saveIfDirty } from './runPython';
import type { Scene } from './targets';

/** A class in a file on disk. */
interface ClassPlace {
  readonly file: vscode.Uri;
  readonly name: string;
}

export function registerInspectClass(scene: Scene, hub: LiveHub, log: OutputLog): Disposable[] {
  // The arguments that each class was built with last.
  const remembered = new Map<string, string>();

  const build = async (place: ClassPlace, checkpoint: string | undefined): Promise<void> => {
    requireTrust();
    await saveIfDirty(place.file);
    const { fsPath: file } = place.file;
    const folder = vscode.workspace.getWorkspaceFolder(place.file)?.uri.fsPath ?? dirname(file);
    const request = { python: await findInterpreter(place.file), file, name: place.name, folder, checkpoint };
    const key = `${file}:${place.name}`;
    const run = (full: BuildRequest): Promise<BuildOutcome> =>
      withDelayedProgress(`Building ${place.name}`, { cancellable: true }, (signal) =>
        buildClass(full, hub, scene.store, log, signal),
      );
    let outcome = await run(request);
    if (outcome.kind === 'arguments') {
      const args = await ask(place.name, remembered.get(key) ?? prefilledArguments(outcome.parameters));
      if (args === undefined) return;
      remembered.set(key, args);
      outcome = await run({ ...request, args });
    }
    if (outcome.kind === 'arguments') throw new AppError('usage', `${place.name} needs arguments.`);
    tellOfKeys(outcome, checkpoint);
    await scene.tree.reveal(outcome.session, '', { focus: false });
  };

  return [
    registerCommand(log, commandIds.inspectClass, async (...args) => {
      const place = await placeOf(args);
      if (place !== undefined) await build(place, undefined);
    }),
    registerCommand(log, commandIds.inspectClassWith, async (...args) => {
      const place = await placeOf(args);
      const checkpoint = place === undefined ? undefined : await pickCheckpoint(place.name);
      if (place !== undefined && checkpoint !== undefined) await build(place, checkpoint);
    }),
    ...registerLenses(),
  ];
}

function registerLenses(): Disposable[] {
  const changed = new vscode.EventEmitter<void>();
  const provider: vscode.CodeLensProvider = {
    onDidChangeCodeLenses: changed.event,
    provideCodeLenses: (document) => {
      if (!readCodeLens() || !vscode.workspace.isTrusted) return [];
      return findModuleClasses(document.getText()).flatMap(({ name, line }) => {
        const range = new vscode.Range(line, 0, line, 0);
        const args = [{ file: document.uri, name } satisfies ClassPlace];
        return [
          new vscode.CodeLens(range, { title: 'Inspect modes', command: commandIds.inspectClass, arguments: args }),
          new vscode.CodeLens(range, {
            title: 'with a checkpoint…',
            command: commandIds.inspectClassWith,
            arguments: args,
          }),
        ];
      });
    },
  };
  const refresh = (): void => {
    changed.fire();
  };
  return [
    changed,
    onDidChangeSettings(refresh),
    vscode.workspace.onDidGrantWorkspaceTrust(refresh),
    vscode.languages.registerCodeLensProvider({ language: 'python', scheme: 'file' }, provider),
  ];
}

/** The class of the lens that was clicked, else one of the file in front. */
async function placeOf([clicked]: readonly unknown[]): Promise<ClassPlace | undefined> {
  if (isPlace(clicked)) return clicked;
  const document = vscode.window.activeTextEditor?.document;
  if (document?.languageId !== 'python' || document.uri.scheme !== 'file') {
    throw new AppError('usage', 'No Python file on disk is open.', 'Open the one that defines the model’s class.');
  }
  const names = findModuleClasses(document.getText()).map(({ name }) => name);
  if (names.length === 0) {
    throw new AppError('usage', `${basename(document.uri.path)} defines no class that derives from nn.Module.`);
  }
  const items = names.map((label) => ({ label }));
  const picked = items.length === 1 ? items[0] : await chooseOne(items, { title: 'Inspect modes of' });
  return picked === undefined ? undefined : { file: document.uri, name: picked.label };
}

function isPlace(value: unknown): value is ClassPlace {
  if (typeof value !== 'object' || value === null || !('file' in value) || !('name' in value)) return false;
  return value.file instanceof vscode.Uri && typeof value.name === 'string';
}

async function ask(name: string, value: string): Promise<string | undefined> {
  return enterText({
    title: `Inspect modes of ${name}`,
    prompt: 'Arguments for the constructor, as in Python: num_classes=10, width=64',
    value,
    valueSelection: [value.length, value.length],
    validateInput: validateArguments,
  });
}

async function pickCheckpoint(name: string): Promise<string | undefined> {
  const picked = await vscode.window.showOpenDialog({
    title: `A checkpoint for ${name}`,
    openLabel: 'Load',
    filters: { Checkpoints: ['pt', 'pth', 'ckpt', 'bin', 'tar'], 'All Files': ['*'] },
  });
  return picked?.[0]?.fsPath;
}

function tellOfKeys({ missing, unexpected }: BuildOutcome & { kind: 'built' }, checkpoint: string | undefined): void {
  if (checkpoint === undefined || missing.length + unexpected.length === 0) return;
  const list = (keys: readonly string[]): string =>
    `${keys.slice(0, 3).join(', ')}${keys.length > 3 ? `, and ${String(keys.length - 3)} more` : ''}`;
  const parts = [
    ...(missing.length === 0 ? [] : [`not in the file: ${list(missing)}`]),
    ...(unexpected.length === 0 ? [] : [`not in the model: ${list(unexpected)}`]),
  ];
  void vscode.window.showWarningMessage(`${basename(checkpoint)} was loaded in part; ${parts.join('; ')}.`);
}
