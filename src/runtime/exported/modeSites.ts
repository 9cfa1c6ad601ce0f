// The calls of an exported graph that behave differently in train and eval, and how each takes its mode.

import type { ModeFamily } from '../../model/module';
import { numberOrNull } from '../specs';
import type { Value } from '../values';
import type { Argument, GraphNode } from './graph';

/** A call with a mode of its own: exported graphs hold no flag, only such arguments. */
export interface ModeSite {
  readonly node: GraphNode;
  readonly family: ModeFamily;
  /** What it does as exported: true is train. */
  readonly exported: boolean;
  /** False where it does the same under either mode. */
  readonly switchable: boolean;
  /** Why it can't be switched, in one sentence; absent where a norm has no statistics to choose. */
  readonly reason?: string;
}

/** Calls with a boolean argument for their mode, by their names without a trailing underscore. */
const booleanArguments: Readonly<Record<string, { family: ModeFamily; argument: string }>> = {
  batch_norm: { family: 'batch-norm', argument: 'training' },
  native_batch_norm: { family: 'batch-norm', argument: 'training' },
  _native_batch_norm_legit: { family: 'batch-norm', argument: 'training' },
  _native_batch_norm_legit_functional: { family: 'batch-norm', argument: 'training' },
  instance_norm: { family: 'instance-norm', argument: 'use_input_stats' },
  dropout: { family: 'dropout', argument: 'train' },
  feature_dropout: { family: 'dropout', argument: 'train' },
  alpha_dropout: { family: 'dropout', argument: 'train' },
  feature_alpha_dropout: { family: 'dropout', argument: 'train' },
  native_dropout: { family: 'dropout', argument: 'train' },
  rrelu: { family: 'activation', argument: 'training' },
  rrelu_with_noise: { family: 'activation', argument: 'training' },
  rrelu_with_noise_functional: { family: 'activation', argument: 'training' },
  lstm: { family: 'recurrent', argument: 'train' },
  gru: { family: 'recurrent', argument: 'train' },
  rnn_tanh: { family: 'recurrent', argument: 'train' },
  rnn_relu: { family: 'recurrent', argument: 'train' },
};

/** The name of an ATen operator without its overload: `batch_norm`; undefined for other targets. */
export function atenName(target: string): string | undefined {
  return /^torch\.ops\.aten\.(\w+)(?:\.\w+)?$/.exec(target)?.[1];
}

/** The argument that is true in train, where the call has one. */
export function modeArgument(target: string): string | undefined {
  return lookUp(target)?.argument;
}

/** The site of a call, or undefined where no mode changes what it does. `type` is the class of the module that owns it. */
export function modeSite(node: GraphNode, type: string): ModeSite | undefined {
  const name = atenName(node.target);
  if (name === undefined) return undefined;
  if (name === '_native_batch_norm_legit_no_training') {
    return { node, family: normFamily(type), exported: false, switchable: true };
  }
  if (name.includes('scaled_dot_product')) {
    // Without dropout there is no telling what train would drop.
    const drops = Number(literal(node, 'dropout_p') ?? 0) > 0;
    return drops ? { node, family: 'attention', exported: true, switchable: true } : undefined;
  }
  if (name === 'bernoulli') return drawnMask(node);
  const known = lookUp(node.target);
  if (known === undefined) return undefined;
  const mode = literal(node, known.argument);
  // native_dropout takes None for train.
  const exported = mode === true || (name === 'native_dropout' && mode !== false);
  const family = known.family === 'batch-norm' ? normFamily(type) : known.family;
  if (family === 'batch-norm' || family === 'instance-norm') {
    const tracks = takesTensor(node, 'running_mean');
    if (!tracks && family === 'instance-norm') return undefined;
    return { node, family, exported: exported || !tracks, switchable: tracks };
  }
  if (family === 'recurrent' && !dropsBetweenLayers(node)) return undefined;
  return { node, family, exported, switchable: true };
}

/** Dropout of whole channels, in place and of SELU networks is decomposed into its mask and what is done with it. */
function drawnMask(node: GraphNode): ModeSite | undefined {
  if (!isDropoutFunction(node.calledFunction)) return undefined;
  const site = { node, family: 'dropout', exported: true } as const;
  if (!node.calledFunction.includes('alpha')) return { ...site, switchable: true };
  return { ...site, switchable: false, reason: 'A decomposition took its dropout apart: it drops in both modes.' };
}

/** True for `function.dropout2d`, `function.alpha_dropout` and their kin. */
export function isDropoutFunction(calledFunction: string): boolean {
  return /\.(?:feature_|alpha_|feature_alpha_)?dropout[123]?d?_?$/.test(calledFunction);
}

/** The function that the user's code called, by its full name, as far as the export tells. */
export function functionOf({ node }: ModeSite): string {
  const called = /\.(\w+)$/.exec(node.calledFunction)?.[1];
  const name = called ?? atenName(node.target) ?? node.target;
  return `${isOfFunctional(node.calledFunction) ? 'torch.nn.functional' : 'torch'}.${name}`;
}

/** Python functions are those of torch.nn.functional; what torch itself has is built in. */
function isOfFunctional(calledFunction: string): boolean {
  return calledFunction.startsWith('function.') || calledFunction.endsWith('.scaled_dot_product_attention');
}

/** The probability of its dropout; null where it has none, or the graph computes it. */
export function probabilityOf({ node }: ModeSite): number | null {
  const p = numberOrNull(literal(node, 'dropout_p') ?? literal(node, 'dropout') ?? literal(node, 'p'));
  // A mask is drawn with the share that is kept, itself a rounded difference.
  return p !== null && node.target.includes('bernoulli') ? Number((1 - p).toPrecision(15)) : p;
}

function lookUp(target: string): { family: ModeFamily; argument: string } | undefined {
  const name = atenName(target)?.replace(/_$/, '') ?? '';
  return Object.hasOwn(booleanArguments, name) ? booleanArguments[name] : undefined;
}

/** InstanceNorm is decomposed into a batch normalisation of every sample for itself. */
function normFamily(type: string): ModeFamily {
  return type.includes('InstanceNorm') ? 'instance-norm' : 'batch-norm';
}

function dropsBetweenLayers(node: GraphNode): boolean {
  return Number(literal(node, 'dropout') ?? 0) > 0 && Number(literal(node, 'num_layers') ?? 2) > 1;
}

/** The value of an argument that the graph holds itself; undefined for a computed or missing one. */
export function literal(node: GraphNode, name: string): Value | undefined {
  const argument = find(node, name);
  return argument?.kind === 'constant' ? argument.value : undefined;
}

/** Whether an argument is given, and not as None. */
export function takesTensor(node: GraphNode, name: string): boolean {
  return find(node, name)?.kind === 'reference';
}

function find(node: GraphNode, name: string): Argument | undefined {
  return node.inputs.find((input) => input.name === name)?.value;
}

/**
 * In eval torch passes a momentum of 0 for None, the cumulative average, which an export can't be told from a real 0 then. In train
 * it is taken for None, which is the common one.
 */
export function hasNoMomentum({ family, switchable, exported, node }: ModeSite): boolean {
  return family === 'batch-norm' && switchable && !exported && Number(literal(node, 'momentum')) === 0;
}
