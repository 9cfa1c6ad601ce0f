// The open statistics panels, one a model: made by the command, kept over a reload of the window, closed with their model.

import * as vscode from 'vscode';
import { viewIds } from '../host/ids';
import type { ModelSession } from '../sessions/modelSession';
import { DisposableStore } from '../util/disposable';
import { Emitter } from '../util/event';
import { StatisticsPanel } from './statisticsPanel';
import type { StatisticsParts } from './statisticsPanel';

export class StatisticsPanels extends DisposableStore {
  private readonly open = new Map<string, StatisticsPanel>();
  private readonly changed = new Emitter<boolean>();

  /** Whether any panel is in sight. */
  readonly onDidChangeVisibility = this.changed.event;

  constructor(private readonly parts: StatisticsParts) {
    super();
    const { store, tree } = parts;
    this.add(
      store.onDidChange((change) => {
        if (change.kind === 'session') this.open.get(change.session.id)?.follow(change.change);
        if (change.kind === 'comparison') this.open.get(change.session.id)?.showGap();
        if (change.kind === 'removed') this.open.get(change.session.id)?.panel.dispose();
      }),
    );
    this.add(
      tree.view.onDidChangeSelection(({ selection }) => {
        const node = selection.at(-1);
        if (node?.session === undefined || !('path' in node)) return;
        this.open.get(node.session.id)?.select(node.path ?? '');
      }),
    );
    this.add(
      vscode.window.registerWebviewPanelSerializer(viewIds.statistics, {
        deserializeWebviewPanel: (panel, state: unknown) => this.restore(panel, state),
      }),
    );
    this.add(this.changed);
  }

  get isVisible(): boolean {
    return [...this.open.values()].some(({ panel }) => panel.visible);
  }

  /** Shows the panel of a model, with the layer at `path` selected if it is one. */
  show(session: ModelSession, path: string | undefined): void {
    let known = this.open.get(session.id);
    if (known === undefined) {
      const panel = vscode.window.createWebviewPanel(
        viewIds.statistics,
        titleOf(session),
        vscode.ViewColumn.Active,
        {},
      );
      known = this.take(session, panel, undefined);
    } else known.panel.reveal();
    if (path !== undefined) known.select(path);
  }

  private take(session: ModelSession, panel: vscode.WebviewPanel, selected: string | undefined): StatisticsPanel {
    const taken = new StatisticsPanel(this.parts, session, panel, selected);
    this.open.set(session.id, taken);
    taken.add(
      panel.onDidChangeViewState(() => {
        this.changed.fire(this.isVisible);
      }),
    );
    panel.onDidDispose(() => {
      this.open.delete(session.id);
      taken.dispose();
      this.changed.fire(this.isVisible);
    });
    this.changed.fire(this.isVisible);
    return taken;
  }

  /** After a reload of the window: a file is opened again, a live model is gone. */
  private async restore(panel: vscode.WebviewPanel, state: unknown): Promise<void> {
    const { file, selected } = (state ?? {}) as Readonly<Record<string, unknown>>;
    if (typeof file !== 'string') {
      panel.dispose();
      return;
    }
    try {
      const session = await this.parts.store.openFile(file);
      if (this.open.has(session.id)) panel.dispose();
      else this.take(session, panel, typeof selected === 'string' ? selected : undefined);
    } catch (error) {
      this.parts.log.warn(`The statistics of ${file} are not shown again: ${String(error)}`);
      panel.dispose();
    }
  }
}

const titleOf = ({ title }: ModelSession): string => `${title} · BatchNorm Statistics`;
