// The inputs of an ONNX graph, and sizes for those that it leaves open.

import type { InputSpec } from '../../model/description';
import { dtypeOf } from './constants';
import type { OnnxGraph, OnnxValue } from './onnxFile';

/** Sizes that suit most models, by rank and dimension; BatchNorm in train mode needs a batch of more than one. */
const batchSize = 2;
const sequenceLength = 16;
const imageSide = 64;

/** Inputs that a run has to give: the graph's, without those that have a value as initializers. */
export function graphInputs({ inputs, initializers }: OnnxGraph): OnnxValue[] {
  return inputs.filter(({ name }) => !initializers.has(name));
}

export function inputSpecs(graph: OnnxGraph): InputSpec[] {
  return graphInputs(graph).map(({ name, type, shape }): InputSpec => {
    const dtype = dtypeOf(type);
    if (dtype === undefined || shape === undefined) return { name, type: 'Tensor', hasDefault: false };
    const open = shape.some((size) => typeof size !== 'number');
    const from = open ? 'the sizes in the file, and a guess for those that it leaves open' : 'the sizes in the file';
    return {
      name,
      type: 'Tensor',
      hasDefault: false,
      suggestion: { shape: shape.map((size, d) => chooseSize(size, d, shape.length)), dtype, from },
    };
  });
}

function chooseSize(size: number | string | null, dimension: number, rank: number): number {
  if (typeof size === 'number') return size;
  if (dimension === 0 || /batch/i.test(size ?? '')) return batchSize;
  return rank >= 4 && dimension >= 2 ? imageSide : sequenceLength;
}
