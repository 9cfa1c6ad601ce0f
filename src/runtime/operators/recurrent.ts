// Recurrent networks of several layers, with dropout between them, over padded or packed sequences.

import { AppError } from '../../util/errors';
import type { RunContext } from '../context';
import type { Tensor } from '../tensor';
import { Tuple } from '../values';
import type { Arguments } from './arguments';
import { dropoutMask } from './dropout';
import { cat } from './join';
import { binary } from './elementwise';
import type { CellKind, CellWeights } from './recurrentCells';
import { recurrentLayer } from './recurrentLayer';
import { padPacked, packPadded, unpack, pack } from './packedSequence';
import type { OperatorTable } from './registry';
import { narrow, transpose } from './view';

/** h and, for LSTM, c: first states of all layers and directions, [L D, B, H]. */
interface States {
  readonly h: Tensor;
  readonly c: Tensor | null;
}

/** All layers over x [T, B, I]. Dropped elements are drawn for what comes out of every layer but the last, only in training. */
async function network(
  kind: CellKind,
  x: Tensor,
  states: States,
  lengths: readonly number[] | null,
  args: Arguments,
  context: RunContext,
): Promise<{ y: Tensor; h: Tensor; c: Tensor | null }> {
  const [layers, directions, p] = [args.int('num_layers'), args.bool('bidirectional') ? 2 : 1, args.float('dropout')];
  const projected = states.c !== null && states.c.shape[2] !== states.h.shape[2];
  const weights = groupWeights(args.tensors('params'), args.bool('has_biases'), projected);
  if (weights.length !== layers * directions) {
    throw new AppError(
      'bad-input',
      `${kind} of ${layers} layers got the weights of ${weights.length} layers and directions`,
    );
  }
  let y = x;
  const lastH: Tensor[] = [];
  const lastC: Tensor[] = [];
  for (let layer = 0; layer < layers; layer++) {
    const of = (tensor: Tensor): Tensor => narrow(tensor, 0, layer * directions, directions);
    const input = { x: y, h: of(states.h), c: states.c === null ? null : of(states.c), lengths };
    const own = weights.slice(layer * directions, (layer + 1) * directions);
    const output = await recurrentLayer(kind, input, own, context);
    y = output.y;
    lastH.push(output.h);
    if (output.c !== null) lastC.push(output.c);
    if (args.bool('train') && p > 0 && layer < layers - 1) {
      y = await context.run(binary('Mul', y, dropoutMask(context, y.shape, y.dtype, p, p === 1 ? 0 : 1 / (1 - p))));
    }
  }
  return { y, h: cat(lastH, 0), c: lastC.length === 0 ? null : cat(lastC, 0) };
}

function groupWeights(params: readonly Tensor[], biased: boolean, projected: boolean): CellWeights[] {
  const count = 2 + (biased ? 2 : 0) + (projected ? 1 : 0);
  const groups: CellWeights[] = [];
  for (let i = 0; i + count <= params.length; i += count) {
    groups.push({
      input: params[i]!,
      hidden: params[i + 1]!,
      inputBias: biased ? params[i + 2]! : null,
      hiddenBias: biased ? params[i + 3]! : null,
      projection: projected ? params[i + count - 1]! : null,
    });
  }
  return groups;
}

function statesOf(kind: CellKind, args: Arguments): States {
  if (kind !== 'lstm') return { h: args.tensor('hx'), c: null };
  const [h, c] = args.tensors('hx');
  if (h === undefined || c === undefined) throw new AppError('bad-input', 'lstm expects two hidden states');
  return { h, c };
}

function checkInput(kind: CellKind, x: Tensor, params: readonly Tensor[], { h }: States, batch: number): void {
  const expected = params[0]?.shape[1];
  if (x.shape.at(-1) !== expected) {
    throw new AppError(
      'bad-input',
      `input.size(-1) must be equal to input_size. Expected ${expected ?? 0}, got ${x.shape.at(-1) ?? 0}`,
    );
  }
  if (h.rank !== 3 || h.shape[1] !== batch) {
    throw new AppError(
      'bad-input',
      `Expected hidden size for a batch of ${batch}, got [${h.shape.join(', ')}] in ${kind}`,
    );
  }
}

async function padded(kind: CellKind, args: Arguments, context: RunContext): Promise<Tuple> {
  const [given, batchFirst, states] = [args.tensor('input'), args.bool('batch_first'), statesOf(kind, args)];
  if (given.rank !== 3) throw new AppError('bad-input', `input must have 3 dimensions, got ${given.rank}`);
  const x = batchFirst ? transpose(given, 0, 1) : given;
  checkInput(kind, x, args.tensors('params'), states, x.shape[1]!);
  const { y, h, c } = await network(kind, x, states, null, args, context);
  return new Tuple([batchFirst ? transpose(y, 0, 1) : y, h, ...(c === null ? [] : [c])]);
}

async function packed(kind: CellKind, args: Arguments, context: RunContext): Promise<Tuple> {
  const [data, batchSizes, states] = [args.tensor('data'), args.tensor('batch_sizes'), statesOf(kind, args)];
  const { x, lengths, sizes } = unpack(data, batchSizes);
  checkInput(kind, data, args.tensors('params'), states, sizes[0] ?? 0);
  const { y, h, c } = await network(kind, x, states, lengths, args, context);
  return new Tuple([pack(y, sizes), h, ...(c === null ? [] : [c])]);
}

export function defineRecurrent(table: OperatorTable): void {
  const options = 'Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional';
  for (const kind of ['lstm', 'gru', 'rnn_tanh', 'rnn_relu'] as const) {
    const states = kind === 'lstm' ? 'Tensor[] hx' : 'Tensor hx';
    const result = kind === 'lstm' ? '(Tensor, Tensor, Tensor)' : '(Tensor, Tensor)';
    table.define(`${kind}.input(Tensor input, ${states}, ${options}, bool batch_first) -> ${result}`, (args, context) =>
      padded(kind, args, context),
    );
    table.define(`${kind}.data(Tensor data, Tensor batch_sizes, ${states}, ${options}) -> ${result}`, (args, context) =>
      packed(kind, args, context),
    );
  }
  table.define('_pack_padded_sequence(Tensor input, Tensor lengths, bool batch_first) -> (Tensor, Tensor)', packPadded);
  table.define(
    '_pad_packed_sequence(Tensor data, Tensor batch_sizes, bool batch_first, Scalar padding_value, int total_length) -> (Tensor, Tensor)',
    padPacked,
  );
}
