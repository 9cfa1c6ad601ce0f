// The extension's log: VS Code's own log channel behind the interface that every part writes to.

import * as vscode from 'vscode';
import type { Disposable } from '../util/disposable';
import type { Log } from '../util/log';
import { AppError } from '../util/errors';

export interface OutputLog extends Log, Disposable {
  show(): void;
}

/** Creates the “Mode Inspector” output channel; its level is VS Code's setting. */
export function createOutputLog(): OutputLog {
  const channel = vscode.window.createOutputChannel('Mode Inspector', { log: true });
  return {
    debug: (message) => {
      channel.debug(message);
    },
    info: (message) => {
      channel.info(message);
    },
    warn: (message) => {
      channel.warn(message);
    },
    error: (message, error) => {
      channel.error(error === undefined ? message : `${message}\n${describe(error)}`);
    },
    show: () => {
      channel.show(true);
    },
    dispose: () => {
      channel.dispose();
    },
  };
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = error instanceof AppError ? `[${error.code}] ` : '';
  const cause = error.cause === undefined ? '' : `\nCaused by: ${describe(error.cause)}`;
  return `${code}${error.stack ?? error.message}${cause}`;
}
