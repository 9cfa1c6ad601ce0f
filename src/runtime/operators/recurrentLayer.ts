// One recurrent layer over a whole sequence: ONNX's LSTM, GRU and RNN nodes, or step by step where they lack something.

import type { RunContext } from '../context';
import { isFloating, isHalf } from '../elements';
import { kernelGraph, type Attributes } from '../kernels/graph';
import type { Storage } from '../storage';
import { Tensor } from '../tensor';
import { cat, stack } from './join';
import { cell, gateCount, type CellKind, type CellWeights } from './recurrentCells';
import { flip } from './rearrange';
import { narrow, reshape, select, transpose, unsqueeze } from './view';
import { boundWeights } from './weights';

/** What a layer takes: x [T, B, I], first states [D, B, H] for D directions, and how long each sequence is. */
export interface LayerInput {
  readonly x: Tensor;
  readonly h: Tensor;
  readonly c: Tensor | null;
  /** One for each sequence, falling; null where all are as long as x. */
  readonly lengths: readonly number[] | null;
}

/** y [T, B, D H], last states [D, B, H]. */
export interface LayerOutput {
  readonly y: Tensor;
  readonly h: Tensor;
  readonly c: Tensor | null;
}

/** Runs one layer in one or both directions; past the end of a sequence y is 0. */
export function recurrentLayer(
  kind: CellKind,
  input: LayerInput,
  directions: readonly CellWeights[],
  context: RunContext,
): Promise<LayerOutput> {
  const [first] = directions;
  const { dtype } = input.x;
  // ONNX Runtime has these nodes in single precision only, and knows no projections.
  const stepwise =
    (!isHalf(dtype) && dtype !== 'float32') || (first !== undefined && first.projection !== null) || !isFloating(dtype);
  return stepwise ? layerByStep(kind, input, directions, context) : layerByNode(kind, input, directions, context);
}

const onnxNodes: Readonly<Record<CellKind, string>> = { lstm: 'LSTM', gru: 'GRU', rnn_tanh: 'RNN', rnn_relu: 'RNN' };

/** ONNX wants LSTM gates in the order i, o, f, c (torch: i, f, g, o) and GRU's as z, r, h (torch: r, z, n). */
const gateOrder: Readonly<Record<CellKind, readonly number[]>> = {
  lstm: [0, 3, 1, 2],
  gru: [1, 0, 2],
  rnn_tanh: [0],
  rnn_relu: [0],
};

async function layerByNode(
  kind: CellKind,
  { x, h, c, lengths }: LayerInput,
  directions: readonly CellWeights[],
  context: RunContext,
): Promise<LayerOutput> {
  const hiddenSize = h.shape.at(-1)!;
  const { w, r, b } = onnxWeights(kind, directions);
  const lens = lengths === null ? null : Tensor.of('int32', [lengths.length], Int32Array.from(lengths));
  const inputs = [x, w, r, b, lens, h, c];
  const call = kernelGraph(
    onnxNodes[kind],
    { kind, attributes: attributesOf(kind, directions.length, hiddenSize) },
    inputs,
    (graph, names, { kind: cellKind, attributes }) => {
      const outputs = cellKind === 'lstm' ? 3 : 2;
      return graph.nodeWithOutputs(
        onnxNodes[cellKind],
        cellKind === 'lstm' ? names : names.slice(0, 6),
        attributes,
        outputs,
      );
    },
    boundWeights(inputs, b === null ? [1, 2] : [1, 2, 3]),
  );
  const [y, lastH, lastC] = (await context.runAll(call)) as [Tensor, Tensor, Tensor | undefined];
  // [T, D, B, H] -> [T, B, D H]
  const joined = reshape(transpose(y, 1, 2), [x.shape[0]!, x.shape[1]!, directions.length * hiddenSize]);
  return { y: joined, h: lastH, c: lastC ?? null };
}

function attributesOf(kind: CellKind, directions: number, hiddenSize: number): Attributes {
  return {
    hidden_size: hiddenSize,
    direction: directions === 2 ? 'bidirectional' : 'forward',
    linear_before_reset: kind === 'gru' ? 1 : undefined,
    activations: kind === 'rnn_relu' ? { strings: new Array<string>(directions).fill('Relu') } : undefined,
  };
}

interface OnnxWeights {
  /** [D, gates H, I] */
  readonly w: Tensor;
  /** [D, gates H, H] */
  readonly r: Tensor;
  /** [D, 2 gates H] */
  readonly b: Tensor | null;
}

/** Reordered weights by the storage of the first one, so that they stay the same tensors (and bound) until one is written. */
const reordered = new WeakMap<Storage, Map<string, { readonly versions: string; readonly weights: OnnxWeights }>>();

function onnxWeights(kind: CellKind, directions: readonly CellWeights[]): OnnxWeights {
  const tensors = directions.flatMap(({ input, hidden, inputBias, hiddenBias }) => [
    input,
    hidden,
    inputBias,
    hiddenBias,
  ]);
  const present = tensors.filter((tensor) => tensor !== null);
  const { storage } = directions[0]!.input;
  const places = reordered.get(storage) ?? new Map<string, { versions: string; weights: OnnxWeights }>();
  reordered.set(storage, places);
  const key = `${kind} ${present.map((tensor) => `${tensor.offset}/${tensor.shape.join('x')}`).join()}`;
  const versions = present.map((tensor) => `${storageNumber(tensor.storage)}.${tensor.storage.version}`).join();
  const known = places.get(key);
  if (known?.versions === versions) return known.weights;
  const gates = (tensor: Tensor): Tensor => reorder(kind, tensor);
  const stacked = (pick: (weights: CellWeights) => Tensor): Tensor => stack(directions.map(pick), 0);
  const biased = directions[0]!.inputBias !== null;
  const weights: OnnxWeights = {
    w: stacked(({ input }) => gates(input)),
    r: stacked(({ hidden }) => gates(hidden)),
    b: biased ? stacked(({ inputBias, hiddenBias }) => cat([gates(inputBias!), gates(hiddenBias!)], 0)) : null,
  };
  places.set(key, { versions, weights });
  return weights;
}

const storageNumbers = new WeakMap<Storage, number>();
let nextNumber = 0;

function storageNumber(storage: Storage): number {
  let number = storageNumbers.get(storage);
  if (number === undefined) storageNumbers.set(storage, (number = nextNumber++));
  return number;
}

function reorder(kind: CellKind, tensor: Tensor): Tensor {
  const size = tensor.shape[0]! / gateCount[kind];
  return cat(
    gateOrder[kind].map((gate) => narrow(tensor, 0, gate * size, size)),
    0,
  );
}

/** The same by cells: for double precision and projections. */
async function layerByStep(
  kind: CellKind,
  { x, h, c, lengths }: LayerInput,
  directions: readonly CellWeights[],
  context: RunContext,
): Promise<LayerOutput> {
  const results: { y: Tensor; h: Tensor; c: Tensor | null }[] = [];
  for (const [d, weights] of directions.entries()) {
    const start = { h: select(h, 0, d), c: c === null ? null : select(c, 0, d) };
    results.push(await oneDirection(kind, x, start, lengths, weights, d === 1, context));
  }
  return {
    y: cat(
      results.map(({ y }) => y),
      2,
    ),
    h: stack(
      results.map((result) => result.h),
      0,
    ),
    c:
      c === null
        ? null
        : stack(
            results.map((result) => result.c!),
            0,
          ),
  };
}

async function oneDirection(
  kind: CellKind,
  x: Tensor,
  start: { readonly h: Tensor; readonly c: Tensor | null },
  lengths: readonly number[] | null,
  weights: CellWeights,
  backwards: boolean,
  context: RunContext,
): Promise<{ y: Tensor; h: Tensor; c: Tensor | null }> {
  const [steps = 0, batch = 0] = x.shape;
  // The states are written in place: sequences that have ended, or not begun from the back, keep theirs.
  const h = start.h.clone();
  const c = start.c?.clone() ?? null;
  const outputs: Tensor[] = [];
  for (let step = 0; step < steps; step++) {
    const t = backwards ? steps - 1 - step : step;
    const running = lengths === null ? batch : lengths.filter((length) => length > t).length;
    const rows = (tensor: Tensor): Tensor => narrow(tensor, 0, 0, running);
    const [nextH, nextC] = await context.runAll(
      cell(kind, rows(select(x, 0, t)), rows(h), c === null ? null : rows(c), weights),
    );
    rows(h).write(nextH!.contiguousElements());
    if (c !== null && nextC !== undefined) rows(c).write(nextC.contiguousElements());
    const output = Tensor.zeros(h.dtype, h.shape);
    rows(output).write(nextH!.contiguousElements());
    outputs.push(unsqueeze(output, 0));
  }
  const y = cat(outputs, 0);
  return { y: backwards ? flip(y, [0]) : y, h, c };
}
