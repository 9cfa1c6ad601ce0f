// The numbers by which torch.export's JSON names dtypes, layouts and memory formats (`torch/_export/serde/schema.py`).

import type { DType } from '../model/dtype';

const dtypes: ReadonlyMap<number, DType> = new Map([
  [1, 'uint8'],
  [2, 'int8'],
  [3, 'int16'],
  [4, 'int32'],
  [5, 'int64'],
  [6, 'float16'],
  [7, 'float32'],
  [8, 'float64'],
  [12, 'bool'],
  [13, 'bfloat16'],
]);

/** null for complex, float8 and unsigned types, which the runtime lacks. */
export function dtypeOfSerialized(code: number): DType | null {
  return dtypes.get(code) ?? null;
}

/** c10's numbers, as operators take them: up to bool they are smaller by one. */
export function scalarTypeOfSerialized(code: number): bigint {
  if (code === 13) return 15n;
  // uint16, uint32 and uint64 are 27 to 29 in c10, the kinds of float8 follow at 23; neither exists in the runtime.
  return code >= 28 ? 27n : BigInt(code - 1);
}

/** c10::Layout: strided, sparse, … */
export function layoutOfSerialized(code: number): bigint {
  return code === 7 ? 0n : BigInt(code);
}

/** c10::MemoryFormat: contiguous, preserve, channels_last, channels_last_3d. */
export function memoryFormatOfSerialized(code: number): bigint {
  return [0n, 0n, 2n, 3n, 1n][code] ?? 0n;
}
