// The functions that serialized code calls and that have a mode: where each takes it, and where its probability. From torch's schemas.

import type { ModeFamily } from '../../model/module';

export interface ModeCall {
  /** The full name that Python has for it, where that is another one. */
  readonly function?: string;
  readonly family: ModeFamily;
  /** Position of the argument that is true in train; absent where a probability of zero is all there is to eval. */
  readonly mode?: number;
  /** Position of the probability. */
  readonly p?: number;
  /** The argument that switches the dependence off where it is zero: dropout between layers. */
  readonly unless?: number;
}

/** The call by the function's full name, mangling and a trailing underscore aside; undefined where no mode matters to it. */
export function callOf(name: string): ModeCall | undefined {
  return calls.get(name.replace(/_$/, ''));
}

const batchNorm: ModeCall = { family: 'batch-norm', mode: 5 };
const instanceNorm: ModeCall = { family: 'instance-norm', mode: 5 };
const dropout: ModeCall = { family: 'dropout', mode: 2, p: 1 };
const recurrent: ModeCall = { family: 'recurrent', mode: 6, p: 5, unless: 5 };
const rrelu: ModeCall = { family: 'activation', mode: 3 };
const attention = 'torch.nn.functional.scaled_dot_product_attention';

const operators: Readonly<Record<string, ModeCall>> = {
  batch_norm: batchNorm,
  native_batch_norm: batchNorm,
  instance_norm: instanceNorm,
  dropout,
  feature_dropout: dropout,
  alpha_dropout: dropout,
  feature_alpha_dropout: dropout,
  native_dropout: dropout,
  scaled_dot_product_attention: { function: attention, family: 'attention', p: 4 },
  rrelu,
  lstm: recurrent,
  gru: recurrent,
  rnn_tanh: recurrent,
  rnn_relu: recurrent,
};

/** Of torch.nn.functional, which scripted code calls by name. */
const functions: Readonly<Record<string, ModeCall>> = {
  batch_norm: batchNorm,
  instance_norm: instanceNorm,
  dropout,
  dropout1d: dropout,
  dropout2d: dropout,
  dropout3d: dropout,
  alpha_dropout: dropout,
  feature_alpha_dropout: dropout,
  rrelu,
  multi_head_attention_forward: { family: 'attention', mode: 13, p: 10 },
};

const calls: ReadonlyMap<string, ModeCall> = new Map([
  ...Object.entries(operators).map(([name, call]) => [`torch.${name}`, call] as const),
  ...Object.entries(functions).map(([name, call]) => [`torch.nn.functional.${name}`, call] as const),
]);
