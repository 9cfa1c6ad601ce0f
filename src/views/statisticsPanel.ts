// The statistics panel of a model: a page beside the code that follows its layers, with the tree's selection as its own.

import { basename, dirname, join } from 'node:path';
import * as vscode from 'vscode';
import { coalesce } from '../host/coalesce';
import { executeCommand, showError } from '../host/commands';
import { commandIds } from '../host/ids';
import { loadWebviewPage } from '../host/webviewHtml';
import type { FromStatisticsPanel, LayerDetail, ToStatisticsPanel } from '../protocol/statisticsPanel';
import { parseFromStatisticsPanel } from '../protocol/statisticsPanel';
import type { ModelSession, SessionChange } from '../sessions/modelSession';
import { fileOf } from '../sessions/sessionStore';
import type { StatisticsHistories } from '../sessions/statisticsHistories';
import { DisposableStore } from '../util/disposable';
import { gapOf } from './gapModel';
import { describeModel } from './modeModel';
import type { ModelEditorParts } from './modelEditor';
import { channelsText, layersText } from './statisticsExportModel';
import { StatisticsFeed } from './statisticsFeed';
import { layerFor, noticeOf, panelModel } from './statisticsPanelModel';
import { placeOfLane, timelineOf } from './timelineModel';

/** All channels of the selected layer, and the timeline, are told no more often. */
const detailMilliseconds = 1000;

const now = (): number => Date.now() / 1000;

export interface StatisticsParts extends ModelEditorParts {
  readonly histories: StatisticsHistories;
}

/** One panel. Its owner tells it what the session told, and disposes it with the session. */
export class StatisticsPanel extends DisposableStore {
  private readonly feed: StatisticsFeed;
  private selected: string | null;
  private isReady = false;
  private detail: LayerDetail | undefined;
  private detailIsDue = true;
  private switchesTold = -1;

  constructor(
    private readonly parts: StatisticsParts,
    readonly session: ModelSession,
    readonly panel: vscode.WebviewPanel,
    selected: string | undefined,
  ) {
    super();
    const soon = this.add(
      coalesce(() => {
        this.postNews();
      }),
    );
    this.feed = this.add(
      new StatisticsFeed({ session, history: () => parts.histories.of(session), now, onNews: soon.request }),
    );
    this.selected = selected ?? this.feed.layers[0]?.path ?? null;
    this.add(
      panel.webview.onDidReceiveMessage((message: unknown) => {
        const received = parseFromStatisticsPanel(message);
        if (received === undefined) return;
        void this.receive(received).catch((error: unknown) => showError(parts.log, 'Statistics', error));
      }),
    );
    this.add(
      panel.onDidChangeViewState(() => {
        if (panel.active) parts.store.setActive(session);
        // A hidden page is thrown away; it says `ready` when it is shown again.
        if (!panel.visible) this.isReady = false;
      }),
    );
    const refresh = setInterval(() => {
      void this.postDetail();
      this.postTimeline();
    }, detailMilliseconds);
    this.add({
      dispose: () => {
        clearInterval(refresh);
      },
    });
    loadWebviewPage(panel.webview, {
      title: panel.title,
      folder: parts.pageFolder,
      script: 'statisticsPanel.js',
      style: 'statisticsPanel.css',
    });
  }

  /** What the session told. */
  follow(change: SessionChange): void {
    if (change.kind === 'statistics' && change.paths.includes(this.selected ?? '')) this.detailIsDue = true;
    if (this.feed.follow(change)) {
      this.detailIsDue = true;
      this.postModel();
    }
    if (change.kind === 'state') this.post({ kind: 'notice', notice: noticeOf(this.session) ?? null });
  }

  /** Shows the last comparison of train and eval. */
  showGap(): void {
    const comparison = this.parts.store.comparisons.last(this.session);
    this.post({ kind: 'gap', gap: comparison === undefined ? null : gapOf(this.session, comparison) });
  }

  /** Shows the layer that a row of the tree stands for, if it is one. */
  select(path: string): void {
    const layer = layerFor(this.feed.layers, this.session.module(path));
    if (layer === undefined || layer === this.selected) return;
    this.selected = layer;
    this.post({ kind: 'select', path: layer });
    this.detailIsDue = true;
    void this.postDetail();
  }

  private async receive(message: FromStatisticsPanel): Promise<void> {
    switch (message.kind) {
      case 'ready':
        this.isReady = true;
        this.postModel();
        return;
      case 'select':
        if (this.session.module(message.path) === undefined || message.path === this.selected) return;
        this.selected = message.path;
        this.detailIsDue = true;
        // A tree in sight goes along; one that is out of sight is not dragged into it.
        await Promise.all([this.postDetail(), this.parts.tree.view.visible ? this.reveal(false) : undefined]);
        return;
      case 'showInTree':
        await this.reveal(true);
        return;
      case 'openLine': {
        const line = placeOfLane(this.session.switches ?? [], message.key);
        if (line !== undefined && line.file !== null)
          await executeCommand(commandIds.revealSwitch, { line: { file: line.file, line: line.line ?? 1 } });
        return;
      }
      case 'copy': {
        const text = message.what === 'layers' ? this.layersText(message.format) : this.channelsText(message.format);
        await vscode.env.clipboard.writeText(text);
        vscode.window.setStatusBarMessage(`$(check) Copied as ${message.format.toUpperCase()}`, 4000);
        return;
      }
      case 'save':
        await this.save(message);
    }
  }

  private async reveal(focus: boolean): Promise<void> {
    await this.parts.tree.reveal(this.session, this.selected ?? '', { focus });
  }

  private layersText(format: 'csv' | 'json'): string {
    const marks = this.feed.marks();
    return layersText(
      this.feed.layers.map((module, index) => ({
        module,
        figures: this.feed.figuresOf(module.path),
        marks: marks[index] ?? [],
      })),
      format,
    );
  }

  private channelsText(format: 'csv' | 'json'): string {
    return this.detail === undefined ? '' : channelsText(this.detail, format);
  }

  private async save({ format, name, data }: Extract<FromStatisticsPanel, { kind: 'save' }>): Promise<void> {
    const file = fileOf(this.session);
    const folder = file === undefined ? vscode.workspace.workspaceFolders?.[0]?.uri.fsPath : dirname(file);
    // The page names the picture; only a plain name goes into a path.
    const suggested = `${this.session.title}-${name.replace(/[^\w-]+/g, '-')}.${format}`;
    const target = await vscode.window.showSaveDialog({
      title: 'Save the Picture',
      filters: { [format.toUpperCase()]: [format] },
      defaultUri: vscode.Uri.file(folder === undefined ? suggested : join(folder, suggested)),
    });
    if (target === undefined) return;
    await vscode.workspace.fs.writeFile(target, Buffer.from(data, format === 'png' ? 'base64' : 'utf8'));
    vscode.window.setStatusBarMessage(`$(check) Saved ${basename(target.path)}`, 4000);
  }

  private postModel(): void {
    const { layers } = this.feed;
    if (!layers.some(({ path }) => path === this.selected)) this.selected = layers[0]?.path ?? null;
    this.post({
      kind: 'model',
      model: panelModel(this.session, layers, {
        selected: this.selected,
        modeWords: this.modeWords(),
        file: fileOf(this.session),
      }),
    });
    this.feed.repeat();
    this.detailIsDue = true;
    this.switchesTold = -1;
    this.postNews();
    this.postTimeline();
    this.showGap();
    void this.postDetail();
  }

  private postNews(): void {
    if (!this.isReady) return;
    for (const message of this.feed.takeNews(this.modeWords())) this.post(message);
  }

  private async postDetail(): Promise<void> {
    if (!this.isReady || !this.detailIsDue || this.selected === null) return;
    this.detailIsDue = false;
    const detail = await this.feed.detail(this.selected);
    // Another layer may have been selected meanwhile.
    if (detail.path !== this.selected || this.isDisposed) return;
    this.detail = detail;
    this.post({ kind: 'layer', layer: detail });
  }

  private postTimeline(): void {
    const { switches } = this.session;
    const latest = switches?.at(-1)?.time ?? 0;
    if (switches === undefined || !this.isReady || this.switchesTold === latest) return;
    this.switchesTold = latest;
    this.post({ kind: 'timeline', timeline: timelineOf(switches, now()) });
  }

  private modeWords(): string {
    const root = this.session.module('');
    return root === undefined ? '' : describeModel(root, this.parts.counts.of(this.session, '')).text;
  }

  private post(message: ToStatisticsPanel): void {
    // Resolves to false while the page is hidden; it asks again with `ready` when it is shown.
    if (this.isReady && !this.isDisposed) void this.panel.webview.postMessage(message);
  }
}
