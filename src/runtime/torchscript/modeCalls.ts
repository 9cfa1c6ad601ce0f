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

const attention = 'torch.nn.functional.scaled_dot_product_attention';

const operators: Readonly<Record<string, ModeCall>> = {
  batch_norm: { family: 'batch-norm', mode: 5 },
  native_batch_norm: { family: 'batch-norm', mode: 5 },
  instance_norm: { family: 'instance-norm', mode: 5 },
  dropout: { family: 'dropout', mode: 2, p: 1 },
  feature_dropout: { family: 'dropout', mode: 2, p: 1 },
  alpha_dropout: { family: 'dropout', mode: 2, p: 1 },
  feature_alpha_dropout: { family: 'dropout', mode: 2, p: 1 },
  native_dropout: { family: 'dropout', mode: 2, p: 1 },
  scaled_dot_product_attention: { function: attention, family: 'attention', p: 4 },
  rrelu: { family: 'activation', mode: 3 },
  lstm: { family: 'recurrent', mode: 6, p: 5, unless: 5 },
  gru: { family: 'recurrent', mode: 6, p: 5, unless: 5 },
  rnn_tanh: { family: 'recurrent', mode: 6, p: 5, unless: 5 },
  rnn_relu: { family: 'recurrent', mode: 6, p: 5, unless: 5 },
};

/** Of torch.nn.functional, which scripted code calls by name. */
const functions: Readonly<Record<string, ModeCall>> = {
  batch_norm: { family: 'batch-norm', mode: 5 },
  instance_norm: { family: 'instance-norm', mode: 5 },
  dropout: { family: 'dropout', mode: 2, p: 1 },
  dropout1d: { family: 'dropout', mode: 2, p: 1 },
  dropout2d: { family: 'dropout', mode: 2, p: 1 },
  dropout3d: { family: 'dropout', mode: 2, p: 1 },
  alpha_dropout: { family: 'dropout', mode: 2, p: 1 },
  feature_alpha_dropout: { family: 'dropout', mode: 2, p: 1 },
  rrelu: { family: 'activation', mode: 3 },
  multi_head_attention_forward: { family: 'attention', mode: 13, p: 10 },
};

const calls: ReadonlyMap<string, ModeCall> = new Map([
  ...Object.entries(operators).map(([name, call]) => [`torch.${name}`, call] as const),
  ...Object.entries(functions).map(([name, call]) => [`torch.nn.functional.${name}`, call] as const),
]);
