// The nodes whose work depends on the mode, BatchNormalization and Dropout: what they do as the file stands.

import { dtypeOf, shortestSingle, type GraphValues } from './constants';
import type { OnnxNode, OnnxTensor } from './onnxFile';

/** One node that depends on the mode. `training` is what it does now; null where the graph decides as it runs. */
export interface Site {
  readonly node: OnnxNode;
  training: boolean | null;
  /** Why it can't be switched, in one sentence. */
  readonly fixed: string | undefined;
  readonly norm?: NormOptions;
  readonly dropout?: DropoutOptions;
}

export interface NormOptions {
  readonly eps: number;
  /** torch's: the weight of the new batch, which is 1 - ONNX's. */
  readonly momentum: number;
  /** Initializers of the running statistics; undefined where the graph computes them. */
  readonly mean: OnnxTensor | undefined;
  readonly variance: OnnxTensor | undefined;
  readonly affine: boolean;
  readonly numFeatures: number | null;
  /** The graph computes the statistics of the batch and hands them over as if they were running ones. */
  readonly byBatch: boolean;
}

export interface DropoutOptions {
  /** Null where the graph computes it. */
  readonly p: number | null;
}

/** What a site is read in: its graph, and which values others use. */
export interface SiteContext {
  readonly values: GraphValues;
  /** Version of ONNX's own operators. */
  readonly opset: number;
  /** Names that some node or the graph's outputs take. */
  readonly used: ReadonlySet<string>;
  /** Why nothing here can be switched, where that is so. */
  readonly fixed: string | undefined;
}

/** The node as a site; undefined where it does not depend on the mode. */
export async function readSite(node: OnnxNode, context: SiteContext): Promise<Site | undefined> {
  if (node.domain !== '') return undefined;
  if (node.opType === 'BatchNormalization') return readNorm(node, context);
  return node.opType === 'Dropout' ? readDropout(node, context) : undefined;
}

function readNorm(node: OnnxNode, { values, opset, used, fixed }: SiteContext): Site {
  const [, scale = '', , mean = '', variance = ''] = node.inputs;
  const number = (name: string, otherwise: number): number => attributeNumber(node, name) ?? otherwise;
  const norm: NormOptions = {
    eps: shortestSingle(number('epsilon', 1e-5)),
    momentum: Number((1 - shortestSingle(number('momentum', 0.9))).toPrecision(12)),
    mean: statistic(values, mean),
    variance: statistic(values, variance),
    // Without affine parameters torch's exporters write constants of ones and zeros.
    affine: values.producer(scale)?.opType !== 'Constant',
    numFeatures: (values.constant(scale) ?? values.constant(mean))?.shape[0] ?? null,
    byBatch: values.producer(mean)?.opType === 'ReduceMean',
  };
  if (norm.byBatch) {
    return {
      node,
      norm,
      training: true,
      fixed: 'It keeps no running statistics and normalises by the batch in both modes.',
    };
  }
  const others = node.outputs.slice(1).some((output) => used.has(output));
  const reason = others
    ? 'The graph goes on computing with the running statistics that it returns, so it can’t be switched.'
    : number('spatial', 1) === 0
      ? 'It normalises every position by itself, which PyTorch has no layer for, so it can’t be switched.'
      : undefined;
  return { node, norm, training: normTraining(node, opset), fixed: fixed ?? reason };
}

/** An attribute from version 14 on; before, it is told by outputs of the new statistics, and at first by `is_test`. */
function normTraining(node: OnnxNode, opset: number): boolean {
  if (opset >= 14) return attributeNumber(node, 'training_mode') === 1;
  if (opset < 7) return (attributeNumber(node, 'is_test') ?? 0) === 0;
  return node.outputs.filter((output) => output !== '').length > 1;
}

async function readDropout(node: OnnxNode, context: SiteContext): Promise<Site> {
  const { values, opset, used, fixed } = context;
  const mask = node.outputs[1] ?? '';
  const [, ratio = '', mode = ''] = node.inputs;
  const p =
    opset < 12 ? (attributeNumber(node, 'ratio') ?? 0.5) : ratio === '' ? 0.5 : ((await values.scalar(ratio)) ?? null);
  const reason =
    mask !== '' && used.has(mask)
      ? 'The graph uses its mask, so it can’t be switched.'
      : p === null
        ? 'The graph computes its probability, so it can’t be switched.'
        : undefined;
  return {
    node,
    dropout: { p: p === null ? null : shortestSingle(p) },
    training: await dropoutTraining(node, mode, opset, values),
    fixed: fixed ?? reason,
  };
}

/** An input from version 12 on; from 7 on a Dropout is for inference, and before that `is_test` tells. */
async function dropoutTraining(
  node: OnnxNode,
  mode: string,
  opset: number,
  values: GraphValues,
): Promise<boolean | null> {
  if (opset < 7) return (attributeNumber(node, 'is_test') ?? 0) === 0;
  if (opset < 12 || mode === '') return false;
  const value = await values.scalar(mode);
  return value === undefined ? null : value !== 0;
}

/** One value a channel. */
function statistic(values: GraphValues, name: string): OnnxTensor | undefined {
  const tensor = values.constant(name);
  return tensor?.shape.length === 1 && dtypeOf(tensor.type) !== undefined ? tensor : undefined;
}

function attributeNumber(node: OnnxNode, name: string): number | undefined {
  const value = node.attributes.find((attribute) => attribute.name === name)?.value;
  return typeof value === 'number' ? value : undefined;
}
