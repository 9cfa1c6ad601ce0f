// One step of a recurrent layer, in torch's own gate order.

import { AppError } from '../../util/errors';
import type { RunContext } from '../context';
import { kernelGraph, type GraphBuilder, type GraphValue, type KernelCall } from '../kernels/graph';
import type { Tensor } from '../tensor';
import { Tuple } from '../values';
import type { Arguments } from './arguments';
import type { OperatorTable } from './registry';
import { shapeText } from './support';
import { boundWeights } from './weights';

export type CellKind = 'lstm' | 'gru' | 'rnn_tanh' | 'rnn_relu';

/** Gates of each kind: how many blocks of the hidden size its weights hold. */
export const gateCount: Readonly<Record<CellKind, number>> = { lstm: 4, gru: 3, rnn_tanh: 1, rnn_relu: 1 };

/** Parameters of one layer in one direction, as torch has them. */
export interface CellWeights {
  readonly input: Tensor;
  readonly hidden: Tensor;
  readonly inputBias: Tensor | null;
  readonly hiddenBias: Tensor | null;
  /** LSTM with `proj_size`: hidden states are projected by it. */
  readonly projection: Tensor | null;
}

/** x [B, I], h [B, H] (and c [B, C]) -> h' (and c'). */
export function cell(kind: CellKind, x: Tensor, h: Tensor, c: Tensor | null, weights: CellWeights): KernelCall {
  check(x, h, weights, kind);
  const { input, hidden, inputBias, hiddenBias, projection } = weights;
  const inputs = [x, h, c, input, hidden, inputBias, hiddenBias, projection];
  const size = hidden.shape[0]! / gateCount[kind];
  return kernelGraph(
    `${kind}_cell`,
    { kind, size, biased: inputBias !== null, projected: projection !== null },
    inputs,
    describeCell,
    boundWeights(
      inputs,
      [3, 4, 5, 6, 7].filter((i) => inputs[i] !== null),
    ),
  );
}

interface CellParameters extends Record<string, unknown> {
  readonly kind: CellKind;
  readonly size: number;
  readonly biased: boolean;
  readonly projected: boolean;
}

function describeCell(
  graph: GraphBuilder,
  inputs: readonly GraphValue[],
  parameters: CellParameters,
): readonly GraphValue[] {
  const [
    x = '',
    h = '',
    c = '',
    inputWeight = '',
    hiddenWeight = '',
    inputBias = '',
    hiddenBias = '',
    projection = '',
  ] = inputs;
  const { kind, size, biased, projected } = parameters;
  const gates = (value: GraphValue, weight: GraphValue, bias: GraphValue): GraphValue =>
    graph.node('Gemm', biased ? [value, weight, bias] : [value, weight], { transB: 1 });
  const fromInput = gates(x, inputWeight, inputBias);
  const fromHidden = gates(h, hiddenWeight, hiddenBias);
  const split = (value: GraphValue): readonly GraphValue[] =>
    graph.nodeWithOutputs(
      'Split',
      [value, graph.ints(new Array<number>(gateCount[kind]).fill(size))],
      { axis: 1 },
      gateCount[kind],
    );
  const sigmoid = (value: GraphValue): GraphValue => graph.node('Sigmoid', [value]);
  const tanh = (value: GraphValue): GraphValue => graph.node('Tanh', [value]);
  const add = (a: GraphValue, b: GraphValue): GraphValue => graph.node('Add', [a, b]);
  const multiply = (a: GraphValue, b: GraphValue): GraphValue => graph.node('Mul', [a, b]);
  if (kind === 'lstm') {
    const [i = '', f = '', g = '', o = ''] = split(add(fromInput, fromHidden));
    const state = add(multiply(sigmoid(f), c), multiply(sigmoid(i), tanh(g)));
    const output = multiply(sigmoid(o), tanh(state));
    return [projected ? graph.node('Gemm', [output, projection], { transB: 1 }) : output, state];
  }
  if (kind === 'gru') {
    const [r = '', z = '', n = ''] = split(fromInput);
    const [hr = '', hz = '', hn = ''] = split(fromHidden);
    const candidate = tanh(add(n, multiply(sigmoid(add(r, hr)), hn)));
    // (1 - z) n + z h, as n + z (h - n).
    return [add(candidate, multiply(sigmoid(add(z, hz)), graph.node('Sub', [h, candidate])))];
  }
  return [graph.node(kind === 'rnn_tanh' ? 'Tanh' : 'Relu', [add(fromInput, fromHidden)])];
}

function check(x: Tensor, h: Tensor, { input, hidden }: CellWeights, kind: CellKind): void {
  if (x.shape.at(-1) !== input.shape[1]) {
    throw new AppError(
      'bad-input',
      `input has inconsistent input_size: got ${x.shape.at(-1) ?? 0} expected ${input.shape[1] ?? 0}`,
    );
  }
  if (x.rank !== 2 || h.rank !== 2 || h.shape[0] !== x.shape[0] || h.shape[1] !== hidden.shape[1]) {
    throw new AppError(
      'bad-input',
      `${kind}_cell: input ${shapeText(x.shape)} and hidden state ${shapeText(h.shape)} don't fit`,
    );
  }
}

function weightsOf(args: Arguments): CellWeights {
  return {
    input: args.tensor('w_ih'),
    hidden: args.tensor('w_hh'),
    inputBias: args.optionalTensor('b_ih'),
    hiddenBias: args.optionalTensor('b_hh'),
    projection: null,
  };
}

export function defineRecurrentCells(table: OperatorTable): void {
  const weights = 'Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None';
  table.define(
    `lstm_cell(Tensor input, Tensor[] hx, ${weights}) -> (Tensor, Tensor)`,
    async (args, context: RunContext) => {
      const [h, c] = args.tensors('hx');
      if (h === undefined || c === undefined) throw new AppError('bad-input', 'lstm_cell expects two hidden states');
      return new Tuple(await context.runAll(cell('lstm', args.tensor('input'), h, c, weightsOf(args))));
    },
  );
  for (const kind of ['gru', 'rnn_tanh', 'rnn_relu'] as const) {
    table.define(`${kind}_cell(Tensor input, Tensor hx, ${weights}) -> Tensor`, (args) =>
      cell(kind, args.tensor('input'), args.tensor('hx'), null, weightsOf(args)),
    );
  }
}
