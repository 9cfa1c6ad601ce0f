// Brings a row of the view “Modules” into sight and selects it, whatever state the view is in.

import { setTimeout as delay } from 'node:timers/promises';
import type * as vscode from 'vscode';
import type { ModelSession } from '../sessions/modelSession';
import type { SessionStore } from '../sessions/sessionStore';
import type { Disposable } from '../util/disposable';
import type { TreeChanges } from './treeChanges';
import type { TreeNode } from './treeNode';

const attempts = 12;
/** In milliseconds. */
const longestReveal = 2000;
/** How long a refresh that began before may take to end, in milliseconds. */
const longestRefresh = 2000;

interface RevealOptions {
  readonly expand: boolean;
  readonly focus: boolean;
}

export class TreeReveals implements Disposable {
  private readonly subscription: vscode.Disposable;
  /** The row that was selected last. What the view itself tells is empty while it is hidden. */
  private selected: TreeNode | undefined;
  private letSelectionGo = (): void => undefined;

  constructor(
    private readonly store: SessionStore,
    private readonly view: vscode.TreeView<TreeNode>,
    private readonly changes: TreeChanges,
  ) {
    this.subscription = view.onDidChangeSelection(({ selection }) => {
      this.selected = selection[0] ?? this.selected;
    });
  }

  /** Shows a row of a model; gives up where the model is closed meanwhile. */
  async reveal(session: ModelSession, node: TreeNode, options: RevealOptions): Promise<void> {
    // A reveal waits for the refreshes before it; one that came in the middle of it would bring the last selection back.
    const letGo = this.changes.hold();
    const ended = new AbortController();
    const revealing = this.attempt(session, node, options);
    // Should VS Code never answer, the tree must go on all the same.
    void Promise.race([revealing, delay(longestReveal, undefined, { signal: ended.signal })])
      .catch(() => undefined)
      .then(() => {
        ended.abort();
        letGo();
      });
    await revealing;
  }

  dispose(): void {
    this.subscription.dispose();
    this.letSelectionGo();
  }

  private async attempt(session: ModelSession, node: TreeNode, options: RevealOptions): Promise<void> {
    this.letSelectionGo();
    const before = this.selected;
    // A view that was hidden fetches its rows only once it is in sight, and drops a selection that comes before them:
    // the last model's row would stay highlighted, while commands act on this one.
    for (let attempt = 0; attempt < attempts; attempt++) {
      if (this.store.get(session.id) !== session) return;
      await this.select(node, options);
      await delay(50 * (attempt + 1));
      const { selection, visible } = this.view;
      if (!visible) continue;
      if (selection.includes(node)) {
        this.keepSelected(session, node, before);
        return;
      }
      if (this.selected !== node && isAnother(this.selected, before)) return;
    }
  }

  /** VS Code refuses a row that it has heard of and not drawn yet; what came of it shows in the view's selection. */
  private async select(node: TreeNode, options: Partial<RevealOptions>): Promise<void> {
    try {
      await this.view.reveal(node, { select: true, ...options });
    } catch {
      // Whoever waits for the row asks again.
    }
  }

  /** Where the view had rows to fetch when it came into sight, VS Code selects what was selected before as soon as it has them. */
  private keepSelected(session: ModelSession, node: TreeNode, before: TreeNode | undefined): void {
    const listener = this.view.onDidChangeSelection(({ selection }) => {
      if (selection.includes(node)) return;
      if (isAnother(selection[0], before) || this.store.get(session.id) !== session) this.letSelectionGo();
      else void this.select(node, { focus: false });
    });
    const timer = setTimeout(() => {
      this.letSelectionGo();
    }, longestRefresh);
    this.letSelectionGo = () => {
      clearTimeout(timer);
      listener.dispose();
    };
  }
}

/** Whoever selected another row meanwhile wants that one. */
function isAnother(selected: TreeNode | undefined, before: TreeNode | undefined): boolean {
  return selected !== undefined && selected !== before;
}
