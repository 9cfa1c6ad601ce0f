// Bringing a row into sight in a view that answers as VS Code does: late, without the row, or with an error.

import assert from 'node:assert/strict';
import type * as vscode from 'vscode';
import type { ModelSession } from '../../../src/sessions/modelSession';
import type { SessionStore } from '../../../src/sessions/sessionStore';
import { Emitter } from '../../../src/util/event';
import type { TreeChanges } from '../../../src/views/treeChanges';
import type { TreeNode } from '../../../src/views/treeNode';
import { TreeReveals } from '../../../src/views/treeReveals';

describe('revealing rows', () => {
  const session = { id: 'file-1' } as ModelSession;
  const row = { kind: 'module', session, path: '' } as TreeNode;
  const lastRow = { kind: 'module', session, path: 'last' } as TreeNode;
  let view: FakeView;
  let isOpen: boolean;
  let held: number;
  let reveals: TreeReveals;

  class FakeView {
    private readonly selected = new Emitter<{ readonly selection: readonly TreeNode[] }>();
    readonly onDidChangeSelection = this.selected.event;
    selection: readonly TreeNode[] = [lastRow];
    visible = true;
    asked = 0;
    /** What it does with each reveal, in order; then it selects. */
    answers: (() => Promise<void>)[] = [];

    async reveal(node: TreeNode): Promise<void> {
      this.asked++;
      const answer = this.answers.shift();
      if (answer === undefined) this.select(node);
      else await answer();
    }

    select(node: TreeNode): void {
      this.selection = [node];
      this.selected.fire({ selection: this.selection });
    }
  }

  beforeEach(() => {
    view = new FakeView();
    isOpen = true;
    held = 0;
    const store = { get: () => (isOpen ? session : undefined) } as unknown as SessionStore;
    const changes = {
      hold: () => {
        held++;
        return () => held--;
      },
    } as unknown as TreeChanges;
    reveals = new TreeReveals(store, view as unknown as vscode.TreeView<TreeNode>, changes);
  });

  afterEach(() => {
    reveals.dispose();
  });

  const reveal = (): Promise<void> => reveals.reveal(session, row, { expand: true, focus: false });

  it('tries again where the view does not have the row yet, or has not drawn it', async () => {
    view.answers = [
      () => Promise.resolve(),
      () => Promise.reject(new Error('TreeError [modeInspector.modules] Data tree node not found')),
    ];
    await reveal();
    assert.deepEqual(view.selection, [row]);
    assert.equal(view.asked, 3);
    await new Promise(setImmediate);
    assert.equal(held, 0);
  });

  it('leaves the row alone that a person selects meanwhile', async () => {
    const other = { kind: 'module', session, path: 'other' } as TreeNode;
    view.select(lastRow);
    view.answers = [
      () => {
        view.select(other);
        return Promise.resolve();
      },
    ];
    await reveal();
    assert.deepEqual(view.selection, [other]);
    assert.equal(view.asked, 1);
  });

  it('gives up where the model is closed', async () => {
    view.answers = [
      () => {
        isOpen = false;
        return Promise.reject(new Error('Cannot resolve tree item for element'));
      },
    ];
    await reveal();
    assert.equal(view.asked, 1);
  });
});
