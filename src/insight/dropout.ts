// Rules about dropout that no eval() reaches.

import type { LiteralCall, ModuleSpec } from '../model/module';
import { nameOf } from './modes';
import type { Rule, RuleContext } from './rule';
import { sourceAndLine } from './source';

/** `dropout/ignores-eval`: `F.dropout(x)` drops in eval too, as does attention that was given a probability. */
const ignoresEval: Rule = {
  id: 'dropout/ignores-eval',
  ofModule: (module, context) => {
    const [call] = callsOfDropoutOutside(module, context);
    const live = context.model.observations.dropouts.get(module.path);
    if (live !== undefined) {
      return {
        severity: 'warning',
        path: module.path,
        message: `${live.function}() dropped${live.p === null ? '' : ` with p=${String(live.p)}`} while ${nameOf(module.path)} was in eval: it was not told the mode.`,
        evidence: { function: live.function, p: live.p, flag: module.training },
        ...sourceAndLine(live.caller),
      };
    }
    if (call === undefined) return undefined;
    return {
      severity: 'warning',
      path: module.path,
      message: `${module.type} calls ${call.family === 'attention' ? 'attention with a dropout_p' : 'dropout with training=True'} in its own code, so that it drops in eval too.`,
      evidence: { flag: module.training, training: true },
      ...sourceAndLine(call.source ?? module.source),
    };
  },
};

export const dropoutRules: readonly Rule[] = [ignoresEval];

const obedientKey = {};

/**
 * Calls that drop in both modes though the code around them knows modes: a call of a function in a module of the user's, in eval or
 * beside layers that obey. Where all of a file is literal, it is a trace or an export of a model in train, which is another finding.
 */
export function callsOfDropoutOutside(module: ModuleSpec, context: RuleContext): readonly LiteralCall[] {
  const calls = (module.literalCalls ?? []).filter(
    ({ family, training }) => (family === 'dropout' || family === 'attention') && training,
  );
  if (calls.length === 0 || context.model.format === 'onnx' || torchLayer.test(module.qualifiedType)) return none;
  return module.training === false || context.once(obedientKey, () => isAware(context)) ? calls : none;
}

const none: readonly LiteralCall[] = [];

const torchLayer = /^(?:__torch__\.)?torch\.nn\.modules\./;

/**
 * True if some layer of a script obeys its flag, or some call of an export runs as eval while no layer of torch's own runs as train.
 * One that does shows a model in train, whose frozen BatchNorms are in eval.
 */
function isAware({ model }: RuleContext): boolean {
  if (model.format === 'exported-program') {
    const calls = model.modules.flatMap(({ literalCalls }) => literalCalls ?? []);
    return calls.some(({ training }) => !training) && !model.modules.some(isLayerInTrain);
  }
  return model.modules.some(({ modeSensitive, literalCalls }) => modeSensitive && literalCalls === undefined);
}

function isLayerInTrain({ qualifiedType, batchNorm, instanceNorm, literalCalls }: ModuleSpec): boolean {
  // Without running statistics a norm passes True in eval too.
  if (!torchLayer.test(qualifiedType) || (batchNorm ?? instanceNorm)?.trackRunningStats === false) return false;
  return literalCalls?.some(({ training }) => training) === true;
}
