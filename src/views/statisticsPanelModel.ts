// What the statistics panel says about a model and its layers before any figure is read.

import type { ModuleSpec } from '../model/module';
import type { LayerMode, PanelLayer, PanelModel } from '../protocol/statisticsPanel';
import type { ModelSession } from '../sessions/modelSession';
import { countOf } from '../util/text';
import { formatNumber } from '../util/numbers';

/** The layers of a model that normalise by statistics, in its order; a shared one once, under its first path. */
export function normLayers(modules: readonly ModuleSpec[]): readonly ModuleSpec[] {
  return modules.filter(
    (module) => (module.batchNorm ?? module.instanceNorm) !== undefined && module.sharedWith === undefined,
  );
}

export function panelModel(
  session: ModelSession,
  layers: readonly ModuleSpec[],
  rest: { readonly selected: string | null; readonly modeWords: string; readonly file: string | undefined },
): PanelModel {
  const { selected, modeWords, file } = rest;
  const notice = noticeOf(session);
  return {
    title: session.title,
    subtitle: subtitleOf(session, layers),
    live: session.kind === 'live',
    ...(file === undefined ? {} : { file }),
    layers: layers.map(panelLayer),
    selected,
    modeWords,
    ...(notice === undefined ? {} : { notice }),
  };
}

/** Why the figures are no longer those of the model, in one sentence. */
export function noticeOf({ state }: ModelSession): string | undefined {
  return state.kind === 'failed' || state.kind === 'ended'
    ? `${state.message} The figures are the last ones.`
    : undefined;
}

export function layerMode({ training, behaviour, behaviourReason }: ModuleSpec): LayerMode {
  return { training, behaviour, ...(behaviourReason === undefined ? {} : { reason: behaviourReason }) };
}

/** The layer that a row of the tree stands for: itself, the first one below it, or the first of a shared one's paths. */
export function layerFor(layers: readonly ModuleSpec[], module: ModuleSpec | undefined): string | undefined {
  if (module === undefined) return undefined;
  const path = module.sharedWith ?? module.path;
  return layers.find((layer) => layer.path === path)?.path;
}

function panelLayer(module: ModuleSpec): PanelLayer {
  const norm = module.batchNorm ?? module.instanceNorm;
  const momentum = norm?.momentum ?? null;
  const word = (value: number | null): string => (value === null ? 'unknown' : formatNumber(value));
  return {
    path: module.path,
    type: module.type,
    features: norm?.numFeatures ?? null,
    tracks: norm?.trackRunningStats === true,
    options: [
      ['momentum', norm?.cumulative === true ? 'None (cumulative average)' : word(momentum)],
      ['eps', word(norm?.eps ?? null)],
      ['affine', String(norm?.affine ?? 'unknown')],
    ],
    mode: layerMode(module),
  };
}

function subtitleOf(session: ModelSession, layers: readonly ModuleSpec[]): string {
  const instance = layers.filter((layer) => layer.batchNorm === undefined).length;
  const batch = layers.length - instance;
  const channels = layers.reduce((sum, layer) => sum + ((layer.batchNorm ?? layer.instanceNorm)?.numFeatures ?? 0), 0);
  return [
    ...(batch > 0 ? [countOf(batch, 'BatchNorm layer')] : []),
    ...(instance > 0 ? [countOf(instance, 'InstanceNorm layer')] : []),
    ...(channels > 0 ? [`${channels.toLocaleString('en')} channels`] : []),
    session.kind === 'live' ? 'live' : 'from a file',
  ].join(' · ');
}
