// Brings a row of the view “Modules” into sight and selects it, whatever state the view is in.

import { setTimeout } from 'node:timers/promises';
import type * as vscode from 'vscode';
import type { ModelSession } from '../sessions/modelSession';
import type { SessionStore } from '../sessions/sessionStore';
import type { TreeChanges } from './treeChanges';
import type { TreeNode } from './treeNode';

const attempts = 12;
/** In milliseconds. */
const longestReveal = 2000;

export class TreeReveals {
  constructor(
    private readonly store: SessionStore,
    private readonly view: vscode.TreeView<TreeNode>,
    private readonly changes: TreeChanges,
  ) {}

  /** Shows a row of a model; gives up where the model is closed meanwhile. */
  async reveal(
    session: ModelSession,
    node: TreeNode,
    options: { readonly expand: boolean; readonly focus: boolean },
  ): Promise<void> {
    // A reveal waits for the refreshes before it; one that came in the middle of it would bring the last selection back.
    const letGo = this.changes.hold();
    const ended = new AbortController();
    const revealing = this.attempt(session, node, options);
    // Should VS Code never answer, the tree must go on all the same.
    void Promise.race([revealing, setTimeout(longestReveal, undefined, { signal: ended.signal })])
      .catch(() => undefined)
      .then(() => {
        ended.abort();
        letGo();
      });
    await revealing;
  }

  private async attempt(
    session: ModelSession,
    node: TreeNode,
    options: { readonly expand: boolean; readonly focus: boolean },
  ): Promise<void> {
    // A view that was hidden fetches its rows only once it is in sight, and drops a selection that comes before them:
    // the last model's row would stay highlighted, while commands act on this one.
    const [before] = this.view.selection;
    for (let attempt = 0; attempt < attempts; attempt++) {
      if (this.store.get(session.id) !== session) return;
      await this.view.reveal(node, { select: true, ...options });
      await setTimeout(50 * (attempt + 1));
      const { selection, visible } = this.view;
      // Whoever selected another row meanwhile wants that one.
      const isAnother = selection[0] !== undefined && selection[0] !== before;
      if (visible && (isAnother || selection.includes(node))) return;
    }
  }
}
