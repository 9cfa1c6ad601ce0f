// Reveal in Source: from a module to the line of Python that the file remembers for it.

import type * as vscode from 'vscode';
import { registerCommand } from '../host/commands';
import { commandIds } from '../host/ids';
import type { OutputLog } from '../host/log';
import { showSource } from '../host/sourceFiles';
import { AppError } from '../util/errors';
import { nameOf, targetsOf } from './targets';
import type { Scene } from './targets';

export function registerRevealSource(scene: Scene, log: OutputLog): vscode.Disposable {
  return registerCommand(log, commandIds.revealSource, async (...args) => {
    const [target] = targetsOf(scene, args);
    if (target === undefined) return;
    const source = target.module.source;
    if (source === undefined) {
      throw new AppError(
        'usage',
        `${nameOf(target)}: the file does not record a source line for this module.`,
        'Only scripted TorchScript files do.',
      );
    }
    if (await showSource(source)) return;
    throw new AppError(
      'file-unreadable',
      `${source.file}:${String(source.line)} is where this module was written, but that file is not here.`,
      'Open the folder that holds it.',
    );
  });
}
