// The read-only editor of model files: a click in the explorer opens the model and shows its tree.

import { basename } from 'node:path';
import * as vscode from 'vscode';
import { coalesce } from '../host/coalesce';
import { executeCommand } from '../host/commands';
import { commandIds, viewIds } from '../host/ids';
import type { CommandId } from '../host/ids';
import type { OutputLog } from '../host/log';
import { withDelayedProgress } from '../host/progress';
import { loadWebviewPage } from '../host/webviewHtml';
import type { PageAction, PageState, ToModelPage } from '../protocol/modelPage';
import { parseFromModelPage } from '../protocol/modelPage';
import type { SessionStore } from '../sessions/sessionStore';
import { DisposableStore } from '../util/disposable';
import { toAppError } from '../util/errors';
import type { ModeCounts } from './modeCounts';
import { closedPage, failedPage, openPage, openingPage } from './modelPageModel';
import type { ModuleTree } from './moduleTree';

const commandOfAction: Readonly<Partial<Record<PageAction, CommandId>>> = {
  showModules: commandIds.revealInTree,
  setTrain: commandIds.setTrain,
  setEval: commandIds.setEval,
  runForward: commandIds.runForward,
  reload: commandIds.reload,
  showLog: commandIds.showLog,
};

export interface ModelEditorParts {
  readonly store: SessionStore;
  readonly counts: ModeCounts;
  readonly tree: ModuleTree;
  readonly log: OutputLog;
  /** Folder of the page's built script and style sheet. */
  readonly pageFolder: vscode.Uri;
}

/**
 * Registers the editors. The manifest gives the one of model files the priority `default`: at `option` a plain click would show
 * VS Code's “file is binary” page, and the model would be two menus away. Somebody who prefers another viewer for these files
 * chooses it once with *Reopen Editor With…* or `workbench.editorAssociations`. Files that may be something else (`.bin`, JSON)
 * have it as an option.
 */
export function registerModelEditors(parts: ModelEditorParts): vscode.Disposable {
  const provider: vscode.CustomReadonlyEditorProvider = {
    openCustomDocument: (uri) => ({ uri, dispose: () => undefined }),
    resolveCustomEditor: (document, panel) => {
      const editor = new ModelEditor(parts, document.uri, panel);
      panel.onDidDispose(() => {
        editor.dispose();
      });
    },
  };
  const options = { supportsMultipleEditorsPerDocument: true };
  return vscode.Disposable.from(
    ...[viewIds.modelEditor, viewIds.perhapsModelEditor].map((id) =>
      vscode.window.registerCustomEditorProvider(id, provider, options),
    ),
  );
}

/** One tab. Closing it leaves the model open in the tree; closing the model leaves the tab with a way back. */
class ModelEditor extends DisposableStore {
  private readonly file: string;
  private readonly title: string;
  private failure: string | undefined;

  constructor(
    private readonly parts: ModelEditorParts,
    uri: vscode.Uri,
    private readonly panel: vscode.WebviewPanel,
  ) {
    super();
    this.file = uri.fsPath;
    this.title = basename(this.file);
    this.add(
      panel.webview.onDidReceiveMessage((message: unknown) => {
        this.receive(message);
      }),
    );
    this.add(
      panel.onDidChangeViewState(() => {
        const session = parts.store.forFile(this.file);
        if (panel.active && session !== undefined) parts.store.setActive(session);
      }),
    );
    const soon = this.add(
      coalesce(() => {
        this.post();
      }),
    );
    this.add(parts.store.onDidChange(soon.request));
    loadWebviewPage(panel.webview, {
      title: this.title,
      folder: parts.pageFolder,
      script: 'modelPage.js',
      style: 'modelPage.css',
    });
    void this.open();
  }

  private async open(): Promise<void> {
    const { store, tree, log } = this.parts;
    this.failure = undefined;
    this.post();
    try {
      const session = await withDelayedProgress(`Opening ${this.title}`, { cancellable: true }, (...control) =>
        store.openFile(this.file, ...control),
      );
      if (this.isDisposed) return;
      this.post();
      await tree.reveal(session, '', { focus: false });
    } catch (thrown) {
      const error = toAppError(thrown, 'program-error');
      log.error(`Opening ${this.file}: ${error.oneLine}`, error);
      this.failure = error.oneLine;
      this.post();
    }
  }

  private receive(message: unknown): void {
    const received = parseFromModelPage(message);
    if (received === undefined) return;
    if (received.kind === 'ready') {
      this.post();
      return;
    }
    if (received.action === 'open') {
      void this.open();
      return;
    }
    const session = this.parts.store.forFile(this.file);
    const command = commandOfAction[received.action];
    if (command === undefined) return;
    // Commands take a tree node, so that the page acts on its own model and not on the selected row.
    void executeCommand(command, ...(session === undefined ? [] : [this.parts.tree.node(session, '')]));
  }

  private post(): void {
    if (this.isDisposed) return;
    const message: ToModelPage = { kind: 'state', state: this.state() };
    // Resolves to false while the page is hidden; it asks again with `ready` when it is shown.
    void this.panel.webview.postMessage(message);
  }

  private state(): PageState {
    const { store, counts } = this.parts;
    const session = store.forFile(this.file);
    if (session !== undefined) {
      return openPage({
        session,
        location: this.file,
        countOf: (path) => counts.of(session, path),
        disk: store.diskState(session),
        lastForward: store.forwards.last(session),
      });
    }
    if (this.failure !== undefined) return failedPage(this.title, this.failure);
    return store.opening.includes(this.title) ? openingPage(this.title) : closedPage(this.title);
  }
}
