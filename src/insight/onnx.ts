// Rules about what exporters to ONNX do to layers that depend on the mode.

import type { LiteralCall, ModuleSpec } from '../model/module';
import { listed } from './modes';
import { countOf } from '../util/text';
import type { Rule, RuleContext } from './rule';
import { sourceAndLine } from './source';

/** `onnx/folded`: the layer is part of a convolution now. */
const folded: Rule = {
  id: 'onnx/folded',
  ofModule: ({ path, folded: isFolded, source }) => {
    if (isFolded !== true) return undefined;
    return {
      severity: 'information',
      path,
      message:
        'The exporter folded this BatchNorm into another node: its running statistics are no longer in the file, and it can’t be switched.',
      evidence: { folded: true },
      ...sourceAndLine(source),
    };
  },
};

/** `onnx/mixed`: dropout drops as in training, while BatchNorm was folded away or uses its running statistics. */
const mixed: Rule = {
  id: 'onnx/mixed',
  ofModule: (module, context) => {
    if (callsBesideNorms(module, context).length === 0) return undefined;
    const norms = normsInEval(context);
    return {
      severity: 'warning',
      path: module.path,
      message: `It drops as in training, while ${countOf(norms.length, 'BatchNorm layer')} of the same file ${norms.length === 1 ? 'runs' : 'run'} as in eval (${listed(norms)}).`,
      evidence: { inEval: norms },
      ...sourceAndLine(module.source, [{ kind: 'setEval', path: module.path }]),
    };
  },
};

export const onnxRules: readonly Rule[] = [folded, mixed];

/** Calls that drop in a graph whose BatchNorms are folded or run as in eval. */
export function callsBesideNorms(module: ModuleSpec, context: RuleContext): readonly LiteralCall[] {
  if (context.model.format !== 'onnx' || module.behaviour === 'eval') return [];
  const calls = (module.literalCalls ?? []).filter(({ family, training }) => family === 'dropout' && training);
  return calls.length > 0 && normsInEval(context).length > 0 ? calls : [];
}

const normsKey = {};

function normsInEval({ model, once }: RuleContext): readonly string[] {
  return once(normsKey, () => model.modules.filter(isNormInEval).map(({ path }) => path));
}

function isNormInEval({ folded: isFolded, literalCalls }: ModuleSpec): boolean {
  return (
    isFolded === true || literalCalls?.some(({ family, training }) => family === 'batch-norm' && !training) === true
  );
}
