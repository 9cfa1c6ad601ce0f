// Element types of tensors, by torch's own names.

/** torch dtypes that files and the runtime know. */
export type DType =
  'float32' | 'float64' | 'float16' | 'bfloat16' | 'int64' | 'int32' | 'int16' | 'int8' | 'uint8' | 'bool';

/** Whether torch's name of a dtype is one of those. */
export function isDType(name: string): name is DType {
  return Object.hasOwn(itemSize, name);
}

/** Bytes of one element. */
export const itemSize: Readonly<Record<DType, number>> = {
  float32: 4,
  float64: 8,
  float16: 2,
  bfloat16: 2,
  int64: 8,
  int32: 4,
  int16: 2,
  int8: 1,
  uint8: 1,
  bool: 1,
};
