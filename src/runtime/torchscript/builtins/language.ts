// Conversions, identity, tensor attributes, exceptions: the functions that belong to the language itself.

import { itemSize } from '../../../model/dtype';
import { AppError } from '../../../util/errors';
import { paddingOf } from '../../nested';
import { codeOfDtype } from '../../scalarTypes';
import { itemOf } from '../../item';
import { isSingleValue, singleValue } from '../../operators/norm';
import { Tensor } from '../../tensor';
import { Device, ScriptObject, typeName, type Value } from '../../values';
import { text } from './strings';
import { noMatch, type Builtin } from './types';

/** Python's truth of a value where `if` and `while` ask. */
export function isTruthy(value: Value): boolean {
  if (value instanceof Tensor) return Number(itemOf(value)) !== 0;
  if (Array.isArray(value)) return value.length > 0;
  return value !== null && value !== false && value !== 0n && value !== 0 && value !== '';
}

function ofTensor(compute: (tensor: Tensor) => Value): Builtin {
  return ([tensor, ...rest]) => (tensor instanceof Tensor && rest.length === 0 ? compute(tensor) : noMatch);
}

const plain = (value: Value): Value => (value instanceof Tensor ? itemOf(value) : value);

function toInt(value: Value): Value {
  const given = plain(value);
  if (typeof given === 'bigint') return given;
  if (typeof given === 'boolean') return BigInt(given);
  if (typeof given === 'number' && Number.isFinite(given)) return BigInt(Math.trunc(given));
  if (typeof given === 'string' && /^\s*[+-]?\d+\s*$/.test(given)) return BigInt(given.trim().replace('+', ''));
  throw new AppError('program-error', `ValueError: ${text(given)} can't be converted to int`);
}

const floatWords: Readonly<Record<string, number>> = { inf: Infinity, '-inf': -Infinity, nan: NaN };

function toFloat(value: Value): number {
  const given = plain(value);
  if (typeof given === 'string') {
    const word = floatWords[given.trim().toLowerCase()];
    const number = word ?? Number(given);
    if (word === undefined && (Number.isNaN(number) || given.trim() === '')) {
      throw new AppError('program-error', `ValueError: could not convert string to float: '${given}'`);
    }
    return number;
  }
  return Number(given);
}

function raise(message: Value, type: Value | undefined): never {
  const words = text(message);
  const name = typeof type === 'string' ? type.replace(/^builtins\./, '') : undefined;
  const sentence = name === undefined ? words : `${name}: ${words}`;
  if (isSingleValue(words)) throw singleValue(sentence);
  throw new AppError('program-error', sentence, 'The model’s own code raised this.');
}

/** A range is held as a list, so that a mistaken one must not fill the memory. */
const maxRangeLength = 10_000_000n;

function range(args: readonly Value[]): Value[] {
  const [first = 0n, second, third = 1n] = args.map(toInt) as bigint[];
  const [start, stop, step] = second === undefined ? [0n, first, 1n] : [first, second, third];
  if (step === 0n) throw new AppError('program-error', 'ValueError: range() arg 3 must not be zero');
  if (rangeLength(start, stop, step) > maxRangeLength)
    throw new AppError('limit-exceeded', `The code makes a range of more than ${maxRangeLength} numbers`);
  const result: Value[] = [];
  for (let i = start; step > 0n ? i < stop : i > stop; i += step) result.push(i);
  return result;
}

function rangeLength(low: bigint, high: bigint, step: bigint): bigint {
  if (step > 0n && low < high) return 1n + (high - 1n - low) / step;
  return step < 0n && low > high ? 1n + (low - 1n - high) / -step : 0n;
}

const identical = (a: Value | undefined, b: Value | undefined): boolean => a === b;

/** The layout and device of everything that runs here. */
const stridedLayout = 0n;
const cpu = new Device('cpu');

export const languageBuiltins: ReadonlyMap<string, Builtin> = new Map<string, Builtin>([
  ['prim.RaiseException', ([message, type]) => raise(message as Value, type)],
  ['bool', ([value]) => isTruthy(value as Value)],
  ['Bool', ([value]) => isTruthy(value as Value)],
  ['int', ([value]) => toInt(value as Value)],
  ['Int', ([value]) => toInt(value as Value)],
  ['float', ([value]) => toFloat(value as Value)],
  ['Float', ([value]) => toFloat(value as Value)],
  ['IntImplicit', ([value]) => toInt(value as Value)],
  ['FloatImplicit', ([value]) => toFloat(value as Value)],
  ['ScalarImplicit', ([value]) => plain(value as Value)],
  ['Scalar', ([value]) => plain(value as Value)],
  ['item', ofTensor(itemOf)],
  ['__is__', ([a, b]) => identical(a, b)],
  ['__isnot__', ([a, b]) => !identical(a, b)],
  ['prim.NumToTensor', ([value]) => numberTensor(value as Value)],
  ['prim.unchecked_cast', ([value]) => value as Value],
  ['prim.unchecked_unwrap_optional', ([value]) => value as Value],
  ['_unwrap_optional', ([value]) => unwrap(value as Value)],
  ['range', (args) => range(args)],
  ['__range_length', ([low, high, step]) => rangeLength(low as bigint, high as bigint, step as bigint)],
  ['__derive_index', ([index, start, step]) => (start as bigint) + (index as bigint) * (step as bigint)],
  ['getattr', ([object, name], interpreter) => interpreter.getAttribute(object as Value, name as string)],
  ['hasattr', ([object, name]) => (object instanceof ScriptObject ? object.attributes.has(name as string) : noMatch)],
  ['dim', ofTensor((tensor) => BigInt(tensor.rank))],
  ['prim.dtype', ofTensor((tensor) => codeOfDtype(tensor.dtype))],
  ['dtype', ofTensor((tensor) => codeOfDtype(tensor.dtype))],
  ['prim.device', ofTensor(() => cpu)],
  ['prim.layout', ofTensor(() => stridedLayout)],
  ['prim.shape', ofTensor((tensor) => tensor.shape.map(BigInt))],
  ['shape', ofTensor((tensor) => tensor.shape.map(BigInt))],
  ['ndim', ofTensor((tensor) => BigInt(tensor.rank))],
  ['prim.ndim', ofTensor((tensor) => BigInt(tensor.rank))],
  ['prim.requires_grad', ofTensor((tensor) => tensor.requiresGrad)],
  ['prim.data', ofTensor((tensor) => tensor)],
  ['prim.itemsize', ofTensor((tensor) => BigInt(itemSize[tensor.dtype]))],
  ['prim.grad', () => null],
  ['prim.name', () => null],
  ['prim.is_leaf', () => true],
  ...[
    'is_cuda',
    'is_sparse',
    'is_quantized',
    'is_mkldnn',
    'is_xla',
    'is_vulkan',
    'is_mps',
    'is_meta',
    'is_ipu',
    'is_ort',
    'is_xpu',
    'is_maia',
  ].map((name): [string, Builtin] => [`prim.${name}`, ofTensor(() => false)]),
  ['prim.is_nested', ofTensor((tensor) => paddingOf(tensor) !== undefined)],
  ['prim.is_cpu', ofTensor(() => true)],
  ['prim.type', ([device]) => (device instanceof Device ? (device.name.split(':')[0] as string) : noMatch)],
  ['prim.index', ([device]) => (device instanceof Device ? deviceIndex(device) : noMatch)],
  ['device', ([name]) => (typeof name === 'string' ? new Device(name) : noMatch)],
  ['prim.tolist', ([tensor]) => (tensor instanceof Tensor ? nested(tensor) : noMatch)],
  ['tolist', ([tensor]) => (tensor instanceof Tensor ? nested(tensor) : noMatch)],
  ['warn', ([message], interpreter) => (interpreter.context.messages.push(text(message as Value)), null)],
  ['warnings.warn', ([message], interpreter) => (interpreter.context.messages.push(text(message as Value)), null)],
  ['prim.Print', (values, interpreter) => (interpreter.context.messages.push(values.map(text).join(' ')), null)],
  ['print', (values, interpreter) => (interpreter.context.messages.push(values.map(text).join(' ')), null)],
  ['is_grad_enabled', (_, interpreter) => interpreter.context.gradEnabled],
  ['set_grad_enabled', ([on], interpreter) => ((interpreter.context.gradEnabled = on === true), null)],
  ['_get_tracing_state', () => false],
  ['is_scripting', () => true],
  ['prim.is_scripting', () => true],
  ['is_autocast_enabled', () => false],
  ['is_autocast_cpu_enabled', () => false],
  ['_is_any_autocast_enabled', () => false],
  ['manual_seed', ([seed], interpreter) => (interpreter.context.generator.seed(Number(seed)), null)],
  ['fork', ([callee, ...args], interpreter) => interpreter.callValue(callee as Value, args)],
  ['prim.fork', ([callee, ...args], interpreter) => interpreter.callValue(callee as Value, args)],
  ['wait', ([value]) => value as Value],
  ['hash', ([value]) => (typeof value === 'bigint' ? value : noMatch)],
]);

function unwrap(value: Value): Value {
  if (value === null) throw new AppError('program-error', 'Unwrapping null optional');
  return value;
}

function numberTensor(value: Value): Tensor {
  if (typeof value === 'bigint') return Tensor.of('int64', [], BigInt64Array.of(value));
  if (typeof value === 'boolean') return Tensor.of('bool', [], Uint8Array.of(value ? 1 : 0));
  if (typeof value === 'number') return Tensor.of('float32', [], Float32Array.of(value));
  throw new AppError('program-error', `${typeName(value)} is no number`);
}

function deviceIndex(device: Device): Value {
  const index = device.name.split(':')[1];
  return index === undefined ? null : BigInt(index);
}

function nested(tensor: Tensor): Value {
  if (tensor.rank === 0) return itemOf(tensor);
  const [length = 0, ...shape] = tensor.shape;
  const [stride = 1, ...strides] = tensor.strides;
  return Array.from({ length }, (_, i) => nested(tensor.view(shape, strides, tensor.offset + i * stride)));
}
