// Rules about modes: mixed, fixed in the code, not stored, and forwards that don't fit the mode.

import type { FindingAction } from '../model/finding';
import { parentPath, type LiteralCall, type ModuleSpec } from '../model/module';
import type { ModelFormat } from '../model/description';
import { callsOfDropoutOutside } from './dropout';
import { callsBesideNorms } from './onnx';
import { listed, modelRoots, sensitiveLayers, within, type SensitiveLayer } from './modes';
import { countOf } from '../util/text';
import type { Rule, RuleContext, Seen } from './rule';
import { sourceAndLine } from './source';

/** `mode/mixed`: layers of one model stand in different modes, or all in another one than the model's own flag says. */
const mixed: Rule = {
  id: 'mode/mixed',
  ofModel: (context) =>
    modelRoots(context).flatMap((root): Seen[] => {
      const layers = within(sensitiveLayers(context), root.path);
      const inTrain = layers.filter(({ training }) => training);
      const inEval = layers.filter(({ training }) => !training);
      if (inTrain.length > 0 && inEval.length > 0) return [mixedFinding(root, inTrain, inEval)];
      const [first] = layers;
      if (first === undefined || root.training === null || root.training === first.training) return [];
      return [contraryFinding(root, layers, first.training)];
    }),
};

function mixedFinding(root: ModuleSpec, inTrain: readonly SensitiveLayer[], inEval: readonly SensitiveLayer[]): Seen {
  const [few, mode, others] = inTrain.length <= inEval.length ? [inTrain, 'train', 'eval'] : [inEval, 'eval', 'train'];
  const paths = few.map(({ module }) => module.path);
  const total = inTrain.length + inEval.length;
  return {
    severity: 'information',
    path: root.path,
    message: `${String(few.length)} of ${countOf(total, 'mode-sensitive layer')} ${few.length === 1 ? 'is' : 'are'} in ${mode}, the others in ${others}: ${listed(paths)}.`,
    evidence: { inTrain: inTrain.length, inEval: inEval.length, [mode === 'train' ? 'train' : 'eval']: paths },
    actions: switches(root.path),
  };
}

function contraryFinding(root: ModuleSpec, layers: readonly SensitiveLayer[], training: boolean): Seen {
  const layersIn =
    layers.length === 1
      ? 'its mode-sensitive layer is'
      : `all ${String(layers.length)} mode-sensitive layers below are`;
  return {
    severity: 'information',
    path: root.path,
    message: `The flag of ${root.type} says ${modeWord(!training)}, but ${layersIn} in ${modeWord(training)}.`,
    evidence: { training: root.training, inTrain: training ? layers.length : 0, inEval: training ? 0 : layers.length },
    actions: switches(root.path),
  };
}

const switches = (path: string): readonly FindingAction[] => [
  { kind: 'setTrain', path },
  { kind: 'setEval', path },
  { kind: 'restore' },
];

/** `mode/baked`: the code of a trace or an export holds the mode itself. */
const baked: Rule = {
  id: 'mode/baked',
  ofModule: (module, context) => {
    const { format } = context.model;
    const others = [...callsOfDropoutOutside(module, context), ...callsBesideNorms(module, context)];
    // In ONNX eval is what a graph is for, and a switch changes the graph.
    const isExpected = ({ training }: LiteralCall): boolean =>
      format === 'onnx' && (!training || module.behaviour === 'eval');
    const calls = (module.literalCalls ?? []).filter(
      (call) => !others.includes(call) && !normalisesByBatch(module, call) && !isExpected(call),
    );
    const call = calls.find(({ training }) => training) ?? calls[0];
    if (call === undefined) return undefined;
    const families = [...new Set(calls.map(({ family }) => family))];
    return {
      severity: call.training ? 'warning' : 'information',
      path: module.path,
      message: bakedMessage(format, module.type, modeWord(call.training), families.join(' and ')),
      evidence: { families, training: call.training, flag: module.training },
      ...sourceAndLine(call.source ?? module.source),
    };
  },
};

function bakedMessage(format: ModelFormat, type: string, mode: string, families: string): string {
  if (format === 'onnx')
    return `${type} runs as in ${mode === 'train' ? 'training' : 'eval'}: the graph holds training_mode for its ${families}.`;
  if (format === 'exported-program')
    return `${type} was exported in ${mode}: the graph holds the mode of its ${families} as an argument, which train() and eval() don’t change.`;
  return `${type} runs as ${mode} whatever its flag: the file’s code holds the mode of its ${families} as a literal, which train() and eval() don’t change.`;
}

/** A norm without running statistics passes `True` for another reason, and has a rule of its own. */
function normalisesByBatch({ batchNorm, instanceNorm }: ModuleSpec, { family }: LiteralCall): boolean {
  return (
    (family === 'batch-norm' || family === 'instance-norm') && (batchNorm ?? instanceNorm)?.trackRunningStats === false
  );
}

/** `mode/not-stored`: files of tensors say nothing of modes. */
const notStored: Rule = {
  id: 'mode/not-stored',
  ofModel: ({ model }) => {
    const { format, modules } = model;
    const [root] = modules;
    const storesNone = format === 'state-dict' || format === 'safetensors';
    if (!storesNone || root === undefined || modules.some(({ training }) => training !== null)) return [];
    return [
      {
        severity: 'information',
        path: root.path,
        message: `A ${format === 'safetensors' ? 'safetensors file' : 'state dict'} stores no mode: what was train or eval when it was saved can’t be told, and loading it changes no mode.`,
        evidence: { format },
        actions: [],
      },
    ];
  },
};

/** `mode/train-without-grad`: what looks like inference ran with layers in train. */
const trainWithoutGrad: Rule = {
  id: 'mode/train-without-grad',
  ofModel: (context) =>
    seenForwards(context).flatMap(([path, { withoutGradInTrain: forwards, withoutGradCaller: caller }]): Seen[] => {
      const layers = within(sensitiveLayers(context), path);
      if (forwards < context.thresholds.forwardsWithoutGrad || layers.length === 0) return [];
      if (isTeacher(context) || renewsStatistics.test(caller?.function ?? '')) return [];
      return [
        {
          severity: 'warning',
          path,
          message: `At least ${countOf(forwards, 'forward')} in a row ran without gradients while the model was in train: ${listed(layers.map(({ module }) => module.path))} ran as in training.`,
          evidence: { forwards, layers: layers.length },
          ...sourceAndLine(caller, [{ kind: 'setEval', path }]),
        },
      ];
    }),
};

/** Functions that run a model in train and without gradients on purpose: for the statistics. `bn` is a word: not that in `subnet`. */
const renewsStatistics = /(?:^|_)bns?(?:_|$)|BN|batch_?norm|BatchNorm|[Cc]alibrat|[Rr]unning_?[Ss]tat/;

/** Other models learn in this program and this one does not: a momentum encoder, an average, a generator held for the while. */
function isTeacher({ model }: RuleContext): boolean {
  const { own, other } = model.observations.steps;
  return own === 0 && other > 0;
}

/** `mode/trained-in-eval`: the optimizer took steps on what ran in eval. */
const trainedInEval: Rule = {
  id: 'mode/trained-in-eval',
  ofModel: (context) =>
    seenForwards(context).flatMap(([path, seen]): Seen[] => {
      const { learningInEval: forwards, stepsInEval: steps, learningInEvalCaller: caller } = seen;
      if (forwards < leastForwards || steps < context.thresholds.stepsInEval) return [];
      const all = within(sensitiveLayers(context), path);
      // Layers that somebody holds in train show that the mode is meant; what is frozen around a new head is best left in eval.
      const layers = all.some(({ training }) => training) ? [] : layersThatLearn(all, context);
      if (layers.length === 0) return [];
      return [
        {
          severity: 'warning',
          path,
          message: `${countOf(steps, 'optimizer step')} fell between forwards that all ran in eval: dropout let everything through, and BatchNorm used its running statistics and left them as they were.`,
          evidence: { steps, layers: layers.length },
          ...sourceAndLine(caller, [{ kind: 'setTrain', path }]),
        },
      ];
    }),
};

/** Fewer forwards, of which not all are seen, say nothing of those between. */
const leastForwards = 8;

/** The layers around which at least half of the parameters learn. */
function layersThatLearn(layers: readonly SensitiveLayer[], context: RuleContext): readonly SensitiveLayer[] {
  const counts = parameterCounts(context.model.modules);
  return layers.filter(({ module }) => {
    for (let path: string | undefined = module.path; path !== undefined; path = parentPath(path)) {
      const { all, learning } = counts.get(path) ?? { all: 0, learning: 0 };
      if (all > 0) return 2 * learning >= all;
    }
    return false;
  });
}

/** How many parameters each module has, with what is below it, and how many of them learn. */
function parameterCounts(modules: readonly ModuleSpec[]): ReadonlyMap<string, { all: number; learning: number }> {
  const counts = new Map<string, { all: number; learning: number }>();
  for (const { path: own, parameters } of modules) {
    const learning = parameters.filter(({ requiresGrad }) => requiresGrad !== false).length;
    for (let path: string | undefined = own; path !== undefined; path = parentPath(path)) {
      const count = counts.get(path) ?? { all: 0, learning: 0 };
      counts.set(path, { all: count.all + parameters.length, learning: count.learning + learning });
    }
  }
  return counts;
}

const seenForwards = ({ model }: RuleContext) => [...model.observations.forwards];

export const modeRules: readonly Rule[] = [mixed, baked, notStored, trainWithoutGrad, trainedInEval];

function modeWord(training: boolean): string {
  return training ? 'train' : 'eval';
}
