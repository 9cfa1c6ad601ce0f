// An open model as an item of a quick pick: its name, its mode, and where it comes from.

import type * as vscode from 'vscode';
import { LiveSession } from '../sessions/liveSession';
import type { ModelSession } from '../sessions/modelSession';
import { fileOf } from '../sessions/sessionStore';
import { processTitle } from '../views/liveModel';
import type { ModeCounts } from '../views/modeCounts';
import { describeModel } from '../views/modeModel';
import { memberName } from '../views/ranksModel';

export interface ModelItem extends vscode.QuickPickItem {
  readonly session: ModelSession;
}

export function modelItem(session: ModelSession, counts: ModeCounts): ModelItem {
  const root = session.module('');
  return {
    label: session.title,
    description: root === undefined ? '' : describeModel(root, counts.of(session, '')).text,
    detail: placeOf(session),
    session,
  };
}

/** The path of its file, or the program in which it lives. */
export function placeOf(session: ModelSession): string {
  if (!(session instanceof LiveSession)) return fileOf(session) ?? '';
  const { introduction } = session.process;
  return `${processTitle(introduction)}, ${memberName(introduction)}`;
}
