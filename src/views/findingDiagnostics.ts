// Urgent findings with a source line in the Problems panel, where the file is on this machine.

import * as vscode from 'vscode';
import { commandIds } from '../host/ids';
import { coalesce } from '../host/coalesce';
import { sourceFiles } from '../host/sourceFiles';
import type { Severity } from '../model/finding';
import type { SessionStore } from '../sessions/sessionStore';
import { DisposableStore } from '../util/disposable';
import type { Disposable } from '../util/disposable';
import { lineProblems, type LineProblem } from './findingProblemsModel';

const severities: Readonly<Record<Severity, vscode.DiagnosticSeverity>> = {
  error: vscode.DiagnosticSeverity.Error,
  warning: vscode.DiagnosticSeverity.Warning,
  information: vscode.DiagnosticSeverity.Information,
};

/** Longer than any line: the mark goes to its end. */
const endOfLine = 10_000;

/** Registers the collection; it follows the store until it is disposed. */
export function registerFindingDiagnostics(store: SessionStore): Disposable {
  const owned = new DisposableStore();
  const collection = owned.add(vscode.languages.createDiagnosticCollection('modeInspector'));
  let latest = 0;
  const update = async (): Promise<void> => {
    const mine = ++latest;
    const byFile = await diagnosticsByFile(store);
    // Looking for files takes time, and what was found meanwhile is newer.
    if (mine !== latest) return;
    collection.clear();
    for (const [file, diagnostics] of byFile) collection.set(vscode.Uri.parse(file), diagnostics);
  };
  const soon = owned.add(
    coalesce(() => {
      void update().catch(() => undefined);
    }),
  );
  owned.add(
    store.onDidChange((change) => {
      if (change.kind === 'removed' || (change.kind === 'session' && change.change.kind === 'findings')) soon.request();
    }),
  );
  return owned;
}

async function diagnosticsByFile(store: SessionStore): Promise<Map<string, vscode.Diagnostic[]>> {
  const files = new Map<string, Promise<readonly vscode.Uri[]>>();
  const byFile = new Map<string, vscode.Diagnostic[]>();
  for (const { title, findings } of store.sessions) {
    for (const problem of lineProblems(title, findings)) {
      const { source } = problem;
      let found = files.get(source.file);
      if (found === undefined) files.set(source.file, (found = sourceFiles(source)));
      const [uri, ...others] = await found;
      // Which of several is meant can't be told.
      if (uri === undefined || others.length > 0) continue;
      const key = uri.toString();
      byFile.set(key, [...(byFile.get(key) ?? []), diagnosticOf(problem)]);
    }
  }
  return byFile;
}

function diagnosticOf({ rule, severity, source, message }: LineProblem): vscode.Diagnostic {
  const line = Math.max(0, source.line - 1);
  const diagnostic = new vscode.Diagnostic(new vscode.Range(line, 0, line, endOfLine), message, severities[severity]);
  diagnostic.source = 'Mode Inspector';
  const page = encodeURIComponent(JSON.stringify([rule]));
  diagnostic.code = { value: rule, target: vscode.Uri.parse(`command:${commandIds.openRulePage}?${page}`) };
  return diagnostic;
}
