// Commands about findings: show the module, go to the line, read about the rule, switch the rule off.

import * as vscode from 'vscode';
import { registerCommand } from '../host/commands';
import { disableRule } from '../host/config';
import { commandIds } from '../host/ids';
import type { OutputLog } from '../host/log';
import { chooseOne } from '../host/questions';
import { showSource } from '../host/sourceFiles';
import { isRuleId, ruleIds, rulePage, type RuleId } from '../model/finding';
import { AppError } from '../util/errors';
import { titleOf } from '../views/findingsModel';
import type { FindingNode } from '../views/findingsView';
import type { Scene } from './targets';

/** @param extension the folder of the extension, which holds the pages. */
export function registerFindingCommands(scene: Scene, log: OutputLog, extension: vscode.Uri): vscode.Disposable[] {
  return [
    registerCommand(log, commandIds.revealFinding, async (node) => {
      const { session, path } = findingNode(node);
      scene.store.setActive(session);
      await scene.tree.reveal(session, path, { focus: false });
    }),
    registerCommand(log, commandIds.openFindingLine, async (node) => {
      const { finding } = findingNode(node);
      const { source } = finding;
      if (source === undefined) throw new AppError('usage', 'This finding has no line of code.');
      if (await showSource(source)) return;
      throw new AppError(
        'file-unreadable',
        `The finding is about ${source.file}:${String(source.line)}, but that file is not here.`,
        'Open the folder that holds it.',
      );
    }),
    registerCommand(log, commandIds.openRulePage, async (what) => {
      const rule = ruleOf(what) ?? (await chooseRule());
      if (rule === undefined) return;
      const page = vscode.Uri.joinPath(extension, ...rulePage(rule).split('/'));
      await vscode.commands.executeCommand('markdown.showPreview', page);
    }),
    registerCommand(log, commandIds.disableRule, async (what) => {
      const rule = ruleOf(what) ?? (await chooseRule());
      if (rule === undefined) return;
      await disableRule(rule);
      vscode.window.setStatusBarMessage(`$(check) ${rule} is off. Settings → Findings: Disabled Rules lists it.`, 5000);
    }),
  ];
}

function findingNode(node: unknown): Extract<FindingNode, { kind: 'finding' }> {
  if (typeof node === 'object' && node !== null && 'kind' in node && node.kind === 'finding' && 'finding' in node)
    return node as Extract<FindingNode, { kind: 'finding' }>;
  throw new AppError('usage', 'This is no row of a finding.', 'Click a row of the view “Findings”.');
}

/** Of a rule's name, or of a row in the view. */
function ruleOf(what: unknown): RuleId | undefined {
  if (typeof what === 'string') return isRuleId(what) ? what : undefined;
  if (typeof what !== 'object' || what === null) return undefined;
  if ('rule' in what && typeof what.rule === 'string' && isRuleId(what.rule)) return what.rule;
  return 'finding' in what ? ruleOf(what.finding) : undefined;
}

async function chooseRule(): Promise<RuleId | undefined> {
  const picked = await chooseOne(
    ruleIds.map((rule) => ({ label: titleOf(rule), description: rule, rule })),
    { title: 'Which rule?', matchOnDescription: true },
  );
  return picked?.rule;
}
