// Messages between the host and the statistics panel of a model.

import type { LayerGap } from '../model/comparison';
import type { Behaviour } from '../model/module';
import type { NormStatistics } from '../model/statistics';

/** What is odd about a layer's running statistics. Each kind has a shape and a word of its own. */
export type MarkKind = 'non-finite' | 'negative' | 'half-overflow' | 'flat' | 'untouched' | 'far-off';

export interface LayerMark {
  readonly kind: MarkKind;
  /** Of which it speaks. */
  readonly tensors: readonly ('mean' | 'variance')[];
  /** Two or three words, for the picture. */
  readonly word: string;
  /** What was seen, in one sentence. */
  readonly sentence: string;
}

/** The mode of one layer: its flag, and what its forward does. */
export interface LayerMode {
  readonly training: boolean | null;
  readonly behaviour: Behaviour;
  /** Why the two differ. */
  readonly reason?: string;
}

/** A layer that normalises by statistics, in the order of the model. */
export interface PanelLayer {
  readonly path: string;
  readonly type: string;
  readonly features: number | null;
  /** False where it keeps none: then it has no figures. */
  readonly tracks: boolean;
  /** Options in words: `momentum`, `eps`, … */
  readonly options: readonly (readonly [name: string, value: string])[];
  readonly mode: LayerMode;
}

export interface PanelModel {
  readonly title: string;
  /** What it is and where it comes from. */
  readonly subtitle: string;
  readonly live: boolean;
  /** Of a file, to find the model again after the window was reloaded. */
  readonly file?: string;
  readonly layers: readonly PanelLayer[];
  readonly selected: string | null;
  /** Of the whole model, in words. */
  readonly modeWords: string;
  /** The process has ended, the file can't be read: in one sentence. */
  readonly notice?: string;
}

/** Figures of one layer, by its place among the layers. */
export interface IndexedFigures {
  readonly index: number;
  readonly figures: NormStatistics | null;
}

/** One moment of a layer's running statistics; null for what was not there. */
export interface MovementPoint {
  /** Seconds since the epoch. */
  readonly time: number;
  readonly batches: number | null;
  readonly mean: MovementFigures | null;
  readonly variance: MovementFigures | null;
}

export type MovementFigures = readonly [min: number, mean: number, max: number];

/** The selected layer, channel by channel. */
export interface LayerDetail {
  readonly path: string;
  readonly mean: readonly (number | null)[] | null;
  readonly variance: readonly (number | null)[] | null;
  /** Why there are no values, in one sentence. */
  readonly problem?: string;
  /** The oldest first. */
  readonly movement: readonly MovementPoint[];
}

/** All calls of `train()` or `eval()` for one module on one line of code. */
export interface TimelineLane {
  readonly key: string;
  /** `model`, or the module's path. */
  readonly subject: string;
  readonly training: boolean;
  /** `train.py:22 in main`. */
  readonly place: string;
  readonly hasLine: boolean;
  readonly calls: number;
  /** Calls by moment: seconds since the epoch, and how many fell there. */
  readonly moments: readonly (readonly [time: number, calls: number])[];
}

/** The mode of the whole model between two calls; `mixed` where both came in too short a time to draw. */
export interface TimelineStretch {
  readonly from: number;
  readonly to: number;
  readonly mode: 'train' | 'eval' | 'mixed';
}

export interface Timeline {
  readonly from: number;
  readonly to: number;
  readonly calls: number;
  readonly stretches: readonly TimelineStretch[];
  readonly lanes: readonly TimelineLane[];
  /** Lines of code that called least recently and are not shown. */
  readonly omitted: number;
}

/** One innermost module in a comparison of train and eval. */
export interface GapStep extends LayerGap {
  readonly type: string;
  /** Whether it is one of the panel's layers. */
  readonly isNorm: boolean;
  /** Whether its outputs differ by more than rounding. */
  readonly isApart: boolean;
}

/** The last *Compare Train and Eval*. */
export interface PanelGap {
  /** What came out, in words. */
  readonly sentence: string;
  /** In the order in which the modules returned. */
  readonly steps: readonly GapStep[];
}

export type ToStatisticsPanel =
  | { readonly kind: 'model'; readonly model: PanelModel }
  | {
      readonly kind: 'figures';
      readonly changed: readonly IndexedFigures[];
      /** Of all layers that have any. */
      readonly marks: readonly (readonly [index: number, marks: readonly LayerMark[]])[];
      /** Layers whose figures are known by now. */
      readonly read: number;
    }
  | {
      readonly kind: 'modes';
      readonly changed: readonly (readonly [index: number, mode: LayerMode])[];
      readonly modeWords: string;
    }
  | { readonly kind: 'notice'; readonly notice: string | null }
  | { readonly kind: 'select'; readonly path: string }
  | { readonly kind: 'layer'; readonly layer: LayerDetail }
  | { readonly kind: 'timeline'; readonly timeline: Timeline }
  /** Null where there was no comparison, or the model is another one since. */
  | { readonly kind: 'gap'; readonly gap: PanelGap | null };

export const copyFormats = ['csv', 'json'] as const;
export type CopyFormat = (typeof copyFormats)[number];
export const imageFormats = ['png', 'svg'] as const;
export type ImageFormat = (typeof imageFormats)[number];

export type FromStatisticsPanel =
  | { readonly kind: 'ready' }
  | { readonly kind: 'select'; readonly path: string }
  /** All layers, or the channels of the selected one. */
  | { readonly kind: 'copy'; readonly format: CopyFormat; readonly what: 'layers' | 'channels' }
  /** A picture: base64 of a PNG, or the text of an SVG. */
  | { readonly kind: 'save'; readonly format: ImageFormat; readonly name: string; readonly data: string }
  /** Opens the line of a lane of the timeline. */
  | { readonly kind: 'openLine'; readonly key: string }
  | { readonly kind: 'showInTree' };

/** Checks a message from the panel; undefined if it is none of ours. */
export function parseFromStatisticsPanel(message: unknown): FromStatisticsPanel | undefined {
  if (typeof message !== 'object' || message === null) return undefined;
  const { kind, path, format, what, name, data, key } = message as Readonly<Record<string, unknown>>;
  switch (kind) {
    case 'ready':
    case 'showInTree':
      return { kind };
    case 'select':
      return typeof path === 'string' ? { kind, path } : undefined;
    case 'openLine':
      return typeof key === 'string' ? { kind, key } : undefined;
    case 'copy': {
      const known = copyFormats.find((each) => each === format);
      return known !== undefined && (what === 'layers' || what === 'channels')
        ? { kind, format: known, what }
        : undefined;
    }
    case 'save': {
      const known = imageFormats.find((each) => each === format);
      return known !== undefined && typeof name === 'string' && typeof data === 'string'
        ? { kind, format: known, name, data }
        : undefined;
    }
    default:
      return undefined;
  }
}
