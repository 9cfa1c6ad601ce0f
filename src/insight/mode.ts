// Rules about modes: mixed, fixed in the code, not stored, and forwards that don't fit the mode.

import type { FindingAction } from '../model/finding';
import type { LiteralCall, ModuleSpec } from '../model/module';
import type { ModelFormat } from '../model/description';
import { callsOfDropoutOutside } from './dropout';
import { callsBesideNorms } from './onnx';
import { counted, listed, modelRoots, sensitiveLayers, within, type SensitiveLayer } from './modes';
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
    message: `${String(few.length)} of ${counted(total, 'mode-sensitive layer')} ${few.length === 1 ? 'is' : 'are'} in ${mode}, the others in ${others}: ${listed(paths)}.`,
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
      // Torch's own update of averaged models runs so on purpose.
      const isTorchs = caller?.file.endsWith('swa_utils.py') === true;
      if (forwards < context.thresholds.forwardsWithoutGrad || layers.length === 0 || isTorchs) return [];
      return [
        {
          severity: 'warning',
          path,
          message: `${counted(forwards, 'forward')} in a row ran without gradients while the model was in train: ${listed(layers.map(({ module }) => module.path))} ran as in training.`,
          evidence: { forwards, layers: layers.length },
          ...sourceAndLine(caller, [{ kind: 'setEval', path }]),
        },
      ];
    }),
};

/** `mode/trained-in-eval`: the optimizer took steps on what ran in eval. */
const trainedInEval: Rule = {
  id: 'mode/trained-in-eval',
  ofModel: (context) =>
    seenForwards(context).flatMap(([path, { stepsInEval: steps, evalWithGradCaller: caller }]): Seen[] => {
      const layers = within(sensitiveLayers(context), path);
      if (steps < context.thresholds.stepsInEval || layers.length === 0) return [];
      return [
        {
          severity: 'warning',
          path,
          message: `${counted(steps, 'optimizer step')} followed forwards that all ran in eval: dropout let everything through, and BatchNorm used its running statistics and left them as they were.`,
          evidence: { steps, layers: layers.length },
          ...sourceAndLine(caller, [{ kind: 'setTrain', path }]),
        },
      ];
    }),
};

const seenForwards = ({ model }: RuleContext) => [...model.observations.forwards];

export const modeRules: readonly Rule[] = [mixed, baked, notStored, trainWithoutGrad, trainedInEval];

function modeWord(training: boolean): string {
  return training ? 'train' : 'eval';
}
