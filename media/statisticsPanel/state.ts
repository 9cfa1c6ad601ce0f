// What the page knows: the model, its layers' figures, what is selected. The host's messages change it; the views read it.

import type { NormStatistics } from '../../src/model/statistics';
import type {
  LayerDetail,
  LayerMark,
  LayerMode,
  PanelGap,
  PanelModel,
  Timeline,
  ToStatisticsPanel,
} from '../../src/protocol/statisticsPanel';

/** Which parts of the page a message concerns. */
export type Concern = 'model' | 'figures' | 'modes' | 'notice' | 'selection' | 'layer' | 'timeline' | 'gap';

export class PanelState {
  model: PanelModel = { title: '', subtitle: '', live: false, layers: [], selected: null, modeWords: '' };
  figures: (NormStatistics | null)[] = [];
  modes: LayerMode[] = [];
  marks = new Map<number, readonly LayerMark[]>();
  /** Layers of which the figures are known, or can't be. */
  read = 0;
  modeWords = '';
  notice: string | null = null;
  /** Place of the selected layer; -1 where there is none. */
  selected = -1;
  detail: LayerDetail | undefined;
  timeline: Timeline | undefined;
  gap: PanelGap | null = null;

  receive(message: ToStatisticsPanel): Concern {
    switch (message.kind) {
      case 'model':
        this.model = message.model;
        this.figures = message.model.layers.map(() => null);
        this.modes = message.model.layers.map(({ mode }) => mode);
        this.marks.clear();
        this.read = 0;
        this.modeWords = message.model.modeWords;
        this.notice = message.model.notice ?? null;
        this.selected = this.indexOf(message.model.selected);
        this.detail = undefined;
        this.timeline = undefined;
        this.gap = null;
        return 'model';
      case 'figures':
        for (const { index, figures } of message.changed) this.figures[index] = figures;
        this.marks = new Map(message.marks);
        this.read = message.read;
        return 'figures';
      case 'modes':
        for (const [index, mode] of message.changed) this.modes[index] = mode;
        this.modeWords = message.modeWords;
        return 'modes';
      case 'notice':
        this.notice = message.notice;
        return 'notice';
      case 'select':
        this.selected = this.indexOf(message.path);
        return 'selection';
      case 'layer':
        this.detail = message.layer;
        return 'layer';
      case 'timeline':
        this.timeline = message.timeline;
        return 'timeline';
      case 'gap':
        this.gap = message.gap;
        return 'gap';
    }
  }

  /** Layers that keep statistics at all. */
  get expected(): number {
    return this.model.layers.filter(({ tracks }) => tracks).length;
  }

  private indexOf(path: string | null): number {
    return this.model.layers.findIndex((layer) => layer.path === path);
  }
}
