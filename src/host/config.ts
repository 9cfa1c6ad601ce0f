// Settings, read and checked in one place.

import * as os from 'node:os';
import * as vscode from 'vscode';
import type { FindingSettings } from '../insight/findings';
import { defaultThresholds, type Thresholds } from '../insight/thresholds';
import { isRuleId, type RuleId } from '../model/finding';
import { settingIds } from './ids';

/** Threads of the runtime's kernels: the setting, or as many as help (more than four rarely do). */
export function readThreads(): number {
  const setting = read(settingIds.threads);
  const wanted = typeof setting === 'number' && Number.isInteger(setting) && setting > 0 ? setting : 0;
  return wanted > 0 ? Math.min(wanted, 64) : Math.min(4, os.availableParallelism());
}

export function readStatusBarVisible(): boolean {
  return read(settingIds.statusBar) !== false;
}

export function readCodeLens(): boolean {
  return read(settingIds.codeLens) !== false;
}

export function readCodeLensAtSwitches(): boolean {
  return read(settingIds.codeLensAtSwitches) !== false;
}

/** The interpreter that the setting names for a file; undefined where it is empty. */
export function readPython(file: vscode.Uri | undefined): string | undefined {
  const setting: unknown = vscode.workspace.getConfiguration(undefined, file).get(settingIds.python);
  return typeof setting === 'string' && setting.trim() !== '' ? setting.trim() : undefined;
}

/** Whether Python debug sessions get the agent by themselves. */
export function readDebugSessions(): boolean {
  return read(settingIds.debugSessions) !== false;
}

/** Which rules are on, and from which figures on they speak. */
export function readFindingSettings(): FindingSettings {
  const thresholds: Record<keyof Thresholds, number> = { ...defaultThresholds };
  for (const name of Object.keys(thresholds) as (keyof Thresholds)[]) {
    const setting = read(settingIds[name]);
    if (typeof setting === 'number' && setting >= 0) thresholds[name] = setting;
  }
  return { thresholds, disabled: new Set(readDisabledRules()) };
}

/** Switches a rule off, for this folder where one is open. */
export async function disableRule(rule: RuleId): Promise<void> {
  const rules = [...new Set([...readDisabledRules(), rule])];
  const target =
    vscode.workspace.workspaceFolders === undefined
      ? vscode.ConfigurationTarget.Global
      : vscode.ConfigurationTarget.Workspace;
  await vscode.workspace.getConfiguration().update(settingIds.disabledRules, rules, target);
}

function readDisabledRules(): readonly RuleId[] {
  const setting = read(settingIds.disabledRules);
  return Array.isArray(setting) ? setting.filter((rule) => typeof rule === 'string' && isRuleId(rule)) : [];
}

/** Calls `listener` when one of our settings changes. */
export function onDidChangeSettings(listener: () => void): vscode.Disposable {
  return vscode.workspace.onDidChangeConfiguration((event) => {
    if (event.affectsConfiguration('modeInspector')) listener();
  });
}

function read(id: string): unknown {
  return vscode.workspace.getConfiguration().get(id);
}
