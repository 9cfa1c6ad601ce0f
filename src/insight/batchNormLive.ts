// Rules about running statistics in a running program: who moves them, when, and by what.

import type { ModuleSpec, SourceLocation } from '../model/module';
import { heldTraining, parentPath } from '../model/module';
import { nameOf } from './modes';
import { countOf } from '../util/text';
import type { SeenSwitch } from './observations';
import type { Rule, RuleContext } from './rule';
import { sourceAndLine } from './source';

/** Fewer optimizer steps than that say nothing about a ratio. */
const leastSteps = 5;

/** `batchnorm/frozen-but-updating`: no parameter of the layer learns, but its statistics move. */
const frozenButUpdating: Rule = {
  id: 'batchnorm/frozen-but-updating',
  ofModule: (module, context) => {
    const { path, parameters, batchNorm } = module;
    const isFrozen = parameters.length > 0 && parameters.every(({ requiresGrad }) => requiresGrad === false);
    const moved = context.model.observations.counters.get(path);
    if (batchNorm === undefined || !isFrozen || module.behaviour !== 'train' || moved === undefined) return undefined;
    const batches = moved.last.batches - moved.first.batches;
    if (batches === 0) return undefined;
    // A model of which nothing learns is a teacher or an average of another one: its statistics may well follow the data.
    const isPartly = context.once(learnsKey, () => learns(context.model.modules));
    return {
      severity: isPartly ? 'warning' : 'information',
      path,
      message: `Its parameters don’t require gradients, but its running statistics moved in ${countOf(batches, 'batch', 'batches')}: requires_grad=False does not stop them, eval() does.`,
      evidence: { batches, requiresGrad: false },
      actions: [
        { kind: 'setEval', path },
        { kind: 'pin', path, mode: 'eval' },
      ],
    };
  },
};

/** `batchnorm/revived`: somebody set the layer to eval, and a `train()` further out took it back. */
const revived: Rule = {
  id: 'batchnorm/revived',
  ofModule: (module, context) => {
    const { observations } = context.model;
    if (module.batchNorm === undefined || module.training !== true) return undefined;
    const found = reviver(module.path, context);
    if (found === undefined) return undefined;
    const { train, frozenBy } = found;
    // A layer that is frozen again right after each train() is in train for a moment only: its statistics stay.
    const [earlier, later] = observations.counters.get(module.path)?.moves ?? [];
    if (earlier === undefined || later === undefined || earlier < train.order) return undefined;
    const isFrozen =
      module.parameters.length > 0 && module.parameters.every(({ requiresGrad }) => requiresGrad === false);
    return {
      // A whole part that was in eval for a while, as during validation, is no frozen layer.
      severity: frozenBy.path === module.path || isFrozen ? 'warning' : 'information',
      path: module.path,
      message: `It was set to eval${placeOf(frozenBy)}, and train() on ${nameOf(train.path)}${placeOf(train)} switched it back: its running statistics move again.`,
      evidence: { train: train.path, eval: frozenBy.path },
      ...sourceAndLine(train.caller, [
        { kind: 'setEval', path: module.path },
        { kind: 'pin', path: module.path, mode: 'eval' },
      ]),
    };
  },
};

/** The last `train()` that covers the layer, and the `eval()` further in that stood before. */
function reviver(path: string, { model }: RuleContext): { train: SeenSwitch; frozenBy: SeenSwitch } | undefined {
  const chain: SeenSwitch[] = [];
  let inner: string | undefined = path;
  // From the layer outwards, so that what comes before the reviver's own path lies further in.
  while (inner !== undefined) {
    chain.push(...(model.observations.switches.get(inner) ?? []));
    inner = parentPath(inner);
  }
  const train = latest(chain);
  if (train?.training !== true) return undefined;
  const frozenBy = latest(chain.filter((each) => each.order < train.order && each.path.length > train.path.length));
  return frozenBy?.training === false ? { train, frozenBy } : undefined;
}

function latest(switches: readonly SeenSwitch[]): SeenSwitch | undefined {
  return switches.reduce<SeenSwitch | undefined>(
    (last, each) => (last === undefined || each.order > last.order ? each : last),
    undefined,
  );
}

/** `batchnorm/double-update`: accumulated gradients, several forwards a step, or checkpointing that runs a forward twice. */
const doubleUpdate: Rule = {
  id: 'batchnorm/double-update',
  ofModule: ({ path, batchNorm }, { model, thresholds }) => {
    const counter = model.observations.counters.get(path);
    if (batchNorm === undefined || counter === undefined) return undefined;
    const steps = counter.last.steps - counter.first.steps;
    const updates = counter.last.batches - counter.first.batches;
    const ratio = updates / steps;
    if (steps < leastSteps || ratio < thresholds.updatesPerStep) return undefined;
    return {
      severity: 'information',
      path,
      // Looks fall between the forwards of one step, so that the ratio is no figure to print.
      message: `Its running statistics were updated ${String(updates)} times in ${String(steps)} optimizer steps: each forward in train counts, also one that is repeated for checkpointing.`,
      evidence: { updates, steps, ratio },
      actions: [],
    };
  },
};

/** `batchnorm/drift`: the first layer at which a batch looks unlike those that the statistics came from. */
const drift: Rule = {
  id: 'batchnorm/drift',
  ofModel: ({ model, thresholds }) => {
    const { batches } = model.observations;
    const seen = [...batches.values()].find(({ meanDistance }) => meanDistance >= thresholds.drift);
    if (seen === undefined) return [];
    const { meanDistance, varianceRatio } = seen;
    return [
      {
        severity: 'information',
        path: seen.path,
        message: `The means of this batch are ${meanDistance.toFixed(1)} standard deviations from the running ones, and its variances ${varianceRatio.toFixed(1)} times as large: train and eval part here.`,
        evidence: { meanDistance, varianceRatio },
        actions: [],
      },
    ];
  },
};

/** `batchnorm/single-value`: there is no variance of one value. */
const singleValue: Rule = {
  id: 'batchnorm/single-value',
  ofModule: (module, { model }) => {
    const { path, modeSensitive } = module;
    const seen = model.observations.singleValues.get(path);
    // In a file GroupNorm asks for more values too, in whatever mode.
    const hasNoMode = model.kind === 'file' && !modeSensitive;
    if (seen === undefined || hasNoMode || heldTraining(module) === false) return undefined;
    return {
      severity: 'error',
      path,
      message: `It got one value per channel (input size [${seen.shape.join(', ')}]), which train mode can’t normalise: the forward ended here.`,
      evidence: { shape: seen.shape.join('x') },
      actions: [{ kind: 'setEval', path }],
    };
  },
};

export const batchNormLiveRules: readonly Rule[] = [frozenButUpdating, revived, doubleUpdate, drift, singleValue];

const learnsKey = {};

function learns(modules: readonly ModuleSpec[]): boolean {
  return modules.some(({ parameters }) => parameters.some(({ requiresGrad }) => requiresGrad === true));
}

function placeOf({ caller }: { readonly caller: SourceLocation | undefined }): string {
  if (caller === undefined) return ' in Mode Inspector';
  return ` at ${caller.file.slice(Math.max(caller.file.lastIndexOf('/'), caller.file.lastIndexOf('\\')) + 1)}:${String(caller.line)}`;
}
