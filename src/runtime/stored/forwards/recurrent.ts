// Recurrent layers and their single steps: torch.nn.modules.rnn. Packed sequences can't be given from outside.

import { Tensor } from '../../tensor';
import { Tuple, type Value } from '../../values';
import { itemsOf } from '../../values';
import { refuse, type Family, type Layer, type LayerForward } from './layer';
import { optional, required, type Arguments } from './signature';

const statePair = 'Optional[Tuple[Tensor, Tensor]]';

export const recurrents: Family = {
  RNN: {
    parameters: [required('input'), optional('hx')],
    run: (layer, args) => runOneState(layer, args, elman(layer)),
  },
  GRU: { parameters: [required('input'), optional('hx')], run: (layer, args) => runOneState(layer, args, 'gru') },
  LSTM: { parameters: [required('input'), optional('hx', statePair)], run: runLstm },
  RNNCell: cell('RNNCell', (layer) => `rnn_${nonlinearity(layer, layer.string('nonlinearity', 'tanh'))}_cell`),
  GRUCell: cell('GRUCell', () => 'gru_cell'),
  LSTMCell: { parameters: [required('input'), optional('hx', statePair)], run: runLstmCell },
};

function elman(layer: Layer): string {
  const mode = /^RNN_(TANH|RELU)$/.exec(layer.string('mode'))?.[1];
  return mode === undefined
    ? layer.wrong('mode', layer.option('mode'), 'RNN_TANH or RNN_RELU')
    : `rnn_${mode.toLowerCase()}`;
}

function nonlinearity(layer: Layer, name: string): string {
  return name === 'tanh' || name === 'relu' ? name : layer.wrong('nonlinearity', name, "'tanh' or 'relu'");
}

async function runOneState(layer: Layer, args: Arguments, operator: string): Promise<Value> {
  const kind = operator === 'gru' ? 'GRU' : 'RNN';
  const input = args.tensor('input');
  if (input.rank !== 2 && input.rank !== 3)
    refuse(`${kind}: Expected input to be 2D or 3D, got ${input.rank}D tensor instead`);
  const isBatched = input.rank === 3;
  let hidden = args.optionalTensor('hx');
  if (hidden !== null && hidden.rank !== input.rank) {
    const words = isBatched
      ? 'For batched 3-D input, hx should also be 3-D'
      : 'For unbatched 2-D input, hx should also be 2-D';
    refuse(`${words} but got ${hidden.rank}-D tensor`);
  }
  const x = await batched(layer, input);
  const own = weights(layer);
  const shape = stateShape(layer, x, 'hidden_size');
  if (hidden === null) hidden = Tensor.zeros(x.dtype, shape);
  else if (!isBatched) hidden = await layer.call('unsqueeze', hidden, 1n);
  checkInput(layer, x, own);
  checkState(hidden, shape, 'Expected hidden size');
  const [output, state] = await results(layer, operator, x, hidden, own);
  if (isBatched) return new Tuple([output!, state!]);
  return new Tuple([await unbatched(layer, output!), await layer.call('squeeze', state!, 1n)]);
}

async function runLstm(layer: Layer, args: Arguments): Promise<Value> {
  const input = args.tensor('input');
  if (input.rank !== 2 && input.rank !== 3) refuse(`LSTM: Expected input to be 2D or 3D, got ${input.rank}D instead`);
  const isBatched = input.rank === 3;
  const x = await batched(layer, input);
  const own = weights(layer);
  const shapes = [stateShape(layer, x, stateSize(layer)), stateShape(layer, x, 'hidden_size')] as const;
  const given = args.optionalPair('hx');
  if (given?.some((state) => state.rank !== input.rank) === true) {
    const words = isBatched
      ? 'For batched 3-D input, hx and cx should also be 3-D'
      : 'For unbatched 2-D input, hx and cx should also be 2-D';
    refuse(`${words} but got (${given[0].rank}-D, ${given[1].rank}-D) tensors`);
  }
  const states: Tensor[] = [];
  for (const [i, shape] of shapes.entries()) {
    const state = given?.[i];
    if (state === undefined) states.push(Tensor.zeros(x.dtype, shape));
    else states.push(isBatched ? state : await layer.call('unsqueeze', state, 1n));
  }
  checkInput(layer, x, own);
  states.forEach((state, i) => {
    checkState(state, shapes[i]!, `Expected hidden[${i}] size`);
  });
  const [output, h, c] = await results(layer, 'lstm', x, states, own);
  if (isBatched) return new Tuple([output!, new Tuple([h!, c!])]);
  const hidden = [await layer.call('squeeze', h!, 1n), await layer.call('squeeze', c!, 1n)];
  return new Tuple([await unbatched(layer, output!), new Tuple(hidden)]);
}

async function results(
  layer: Layer,
  operator: string,
  x: Tensor,
  states: Value,
  own: readonly Tensor[],
): Promise<Tensor[]> {
  const bias = layer.bool('bias');
  const options = [
    layer.int('num_layers'),
    layer.float('dropout', 0),
    layer.training,
    layer.bool('bidirectional', false),
  ];
  const all = await layer.operator(operator, x, states, [...own], bias, ...options, layer.bool('batch_first', false));
  return [...(itemsOf(all) ?? [])] as Tensor[];
}

/** Layer by layer, forwards before backwards. How many there are is the file's word, so each has to be there and to fit. */
function weights(layer: Layer): Tensor[] {
  const tensors: Tensor[] = [];
  const [layers, bias] = [sizeOf(layer, 'num_layers'), layer.bool('bias')];
  const suffixes = layer.bool('bidirectional', false) ? ['', '_reverse'] : [''];
  const hidden = sizeOf(layer, 'hidden_size');
  const state = sizeOf(layer, stateSize(layer));
  const rows = hidden * gatesOf(layer);
  let width = sizeOf(layer, 'input_size');
  for (let i = 0; i < layers; i++) {
    for (const suffix of suffixes) {
      const shapes: [string, number[]][] = [
        ['weight_ih', [rows, width]],
        ['weight_hh', [rows, state]],
      ];
      if (bias) shapes.push(['bias_ih', [rows]], ['bias_hh', [rows]]);
      if (stateSize(layer) === 'proj_size') shapes.push(['weight_hr', [state, hidden]]);
      for (const [name, shape] of shapes) tensors.push(fitting(layer, `${name}_l${i}${suffix}`, shape));
    }
    width = state * suffixes.length;
  }
  if (tensors.length === 0) layer.wrong('num_layers', BigInt(layers), 'positive');
  return tensors;
}

function gatesOf({ module }: Layer): number {
  return module.qualifiedType.endsWith('.LSTM') ? 4 : module.qualifiedType.endsWith('.GRU') ? 3 : 1;
}

function fitting(layer: Layer, name: string, shape: readonly number[]): Tensor {
  const tensor = layer.requiredTensor(name);
  const isFitting = tensor.shape.join() === shape.join();
  return isFitting ? tensor : layer.wrong(name, tensor, `a tensor of shape [${shape.join(', ')}]`);
}

function stateSize(layer: Layer): 'proj_size' | 'hidden_size' {
  return layer.int('proj_size', 0n) > 0n ? 'proj_size' : 'hidden_size';
}

/** [layers · directions, B, size], for a layer whose weights have been read, so that it has so many layers. */
function stateShape(layer: Layer, x: Tensor, name: 'proj_size' | 'hidden_size'): number[] {
  const layers = Number(layer.int('num_layers')) * (layer.bool('bidirectional', false) ? 2 : 1);
  return [layers, x.shape[layer.bool('batch_first', false) ? 0 : 1] ?? 1, sizeOf(layer, name)];
}

function sizeOf(layer: Layer, name: string): number {
  const size = Number(layer.int(name));
  return size >= 0 && size < 2 ** 31 ? size : layer.wrong(name, layer.int(name), 'a size');
}

function batched(layer: Layer, input: Tensor): Promise<Tensor> {
  if (input.rank === 3) return Promise.resolve(input);
  return layer.call('unsqueeze', input, layer.bool('batch_first', false) ? 0n : 1n);
}

function unbatched(layer: Layer, output: Tensor): Promise<Tensor> {
  return layer.call('squeeze', output, layer.bool('batch_first', false) ? 0n : 1n);
}

function checkInput(layer: Layer, x: Tensor, own: readonly Tensor[]): void {
  const { dtype } = own[0]!;
  if (x.dtype !== dtype) {
    refuse(
      `RNN input dtype (torch.${x.dtype}) does not match weight dtype (torch.${dtype}). ` +
        `Convert input: input.to(torch.${dtype}), or convert model: model.to(torch.${x.dtype})`,
    );
  }
  const [expected, got] = [Number(layer.int('input_size')), x.shape[2]!];
  if (got !== expected) refuse(`input.size(-1) must be equal to input_size. Expected ${expected}, got ${got}`);
}

function checkState(state: Tensor, shape: readonly number[], words: string): void {
  if (state.shape.join() === shape.join()) return;
  refuse(`${words} (${shape.join(', ')}), got [${state.shape.join(', ')}]`);
}

function cell(kind: string, operator: (layer: Layer) => string): LayerForward {
  return {
    parameters: [required('input'), optional('hx')],
    run: async (layer, args) => {
      const [x, state] = [args.tensor('input'), args.optionalTensor('hx')];
      checkCellRank(kind, 'input', x);
      if (state !== null) checkCellRank(kind, 'hidden', state);
      const row = (tensor: Tensor): Promise<Tensor> => asRow(layer, tensor, x);
      const input = await row(x);
      const hidden = state === null ? cellState(layer, input) : await row(state);
      const next = await layer.call(operator(layer), input, hidden, ...cellWeights(layer));
      return x.rank === 2 ? next : layer.call('squeeze', next, 0n);
    },
  };
}

async function runLstmCell(layer: Layer, args: Arguments): Promise<Value> {
  const [x, given] = [args.tensor('input'), args.optionalPair('hx')];
  checkCellRank('LSTMCell', 'input', x);
  given?.forEach((state, i) => {
    checkCellRank('LSTMCell', `hx[${i}]`, state);
  });
  const input = await asRow(layer, x, x);
  const zeros = cellState(layer, input);
  const states: Tensor[] = [];
  for (const state of given ?? []) states.push(await asRow(layer, state, x));
  const next = await layer.operator(
    'lstm_cell',
    input,
    given === null ? [zeros, zeros] : states,
    ...cellWeights(layer),
  );
  if (x.rank === 2) return next;
  const rows: Tensor[] = [];
  for (const state of itemsOf(next) ?? []) rows.push(await layer.call('squeeze', state, 0n));
  return new Tuple(rows);
}

function checkCellRank(kind: string, name: string, { rank }: Tensor): void {
  if (rank !== 1 && rank !== 2) refuse(`${kind}: Expected ${name} to be 1D or 2D, got ${rank}D instead`);
}

/** Without a batch, inputs and states become a batch of one. */
function asRow(layer: Layer, tensor: Tensor, input: Tensor): Promise<Tensor> {
  return input.rank === 2 ? Promise.resolve(tensor) : layer.call('unsqueeze', tensor, 0n);
}

function cellState(layer: Layer, input: Tensor): Tensor {
  return Tensor.zeros(input.dtype, [input.shape[0] ?? 0, sizeOf(layer, 'hidden_size')]);
}

function cellWeights(layer: Layer): Value[] {
  const matrices = [layer.requiredTensor('weight_ih'), layer.requiredTensor('weight_hh')];
  return [...matrices, layer.tensor('bias_ih'), layer.tensor('bias_hh')];
}
