// The frame of every operator that works one element at a time: common dtype, broadcasting, and types that kernels lack.

import type { DType } from '../../model/dtype';
import { AppError } from '../../util/errors';
import { isFloating, isHalf } from '../elements';
import { kernelGraph, type GraphBuilder, type GraphValue, type KernelCall } from '../kernels/graph';
import { onnxTypes } from '../kernels/onnxModel';
import { resultType, scalarTypeName } from '../scalarTypes';
import { Tensor, type Shape } from '../tensor';
import type { Scalar } from './arguments';
import { broadcastShapes, cast, scalarTensor } from './support';

export type Operand = Tensor | Scalar;

/** Adds the nodes of one formula. It must depend on the name under which it is used, and on nothing else. */
export type Formula = (graph: GraphBuilder, inputs: readonly GraphValue[]) => GraphValue;

export interface ElementwiseTypes {
  /** All operands are brought to it first. */
  readonly dtype: DType;
  /** What the kernels compute in, where they lack `dtype`. */
  readonly compute?: DType;
  /** dtype of the result, where it is another. */
  readonly result?: DType;
}

/**
 * Runs a formula over broadcast operands. Numbers go in as tensors of no dimensions, so that sessions are shared; the
 * constants of a formula are passed in the same way, since a constant in the graph would fix its type.
 * @throws AppError with torch's message where the shapes don't broadcast.
 */
export function elementwise(
  name: string,
  operands: readonly Operand[],
  types: ElementwiseTypes,
  formula: Formula,
): KernelCall {
  const shape = checkBroadcast(operands);
  const { dtype, compute = dtype, result = dtype } = types;
  // A number keeps its full precision next to a half tensor, as in torch.
  const inputs = operands.map((operand) =>
    operand instanceof Tensor ? cast(operand, dtype) : scalarTensor(operand, isHalf(dtype) ? 'float32' : dtype),
  );
  const call = kernelGraph(name, { dtype, compute, result }, inputs, (graph, names, parameters) => {
    const wide =
      parameters.compute === parameters.dtype
        ? names
        : names.map((value) => castNode(graph, value, parameters.compute));
    const value = formula(graph, wide);
    return parameters.result === parameters.compute ? value : castNode(graph, value, parameters.result);
  });
  return result === 'float32' ? call.giving(shape) : call;
}

/** A binary operator of ONNX over both operands in their common dtype. */
export function binary(opType: string, self: Operand, other: Operand, dtype = resultType([self, other])): KernelCall {
  return elementwise(opType, [self, other], { dtype, compute: arithmeticType(dtype) }, single(opType));
}

/** The formula that is one ONNX node. */
export function single(opType: string): Formula {
  return (graph, inputs) => graph.node(opType, inputs);
}

/** Small integers and booleans are computed in int32 and wrapped back. */
export function arithmeticType(dtype: DType): DType {
  return dtype === 'int16' || dtype === 'int8' || dtype === 'uint8' || dtype === 'bool' ? 'int32' : dtype;
}

/** dtype of a function with real values: integers are computed in the default dtype. */
export function floatType(dtype: DType): DType {
  return isFloating(dtype) ? dtype : 'float32';
}

export function castNode(graph: GraphBuilder, value: GraphValue, dtype: DType): GraphValue {
  return graph.node('Cast', [value], { to: onnxTypes[dtype] });
}

/** The shape of the result. @throws AppError with torch's message where the shapes don't broadcast. */
export function checkBroadcast(operands: readonly Operand[]): Shape {
  let shape: Shape = [];
  for (const operand of operands) if (operand instanceof Tensor) shape = broadcastShapes(shape, operand.shape);
  return shape;
}

/** torch's refusal of a dtype, in its words. */
export function notImplemented(name: string, dtype: DType): AppError {
  return new AppError('bad-input', `"${name}" not implemented for '${scalarTypeName(dtype)}'`);
}
