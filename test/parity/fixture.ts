// Reads the fixtures that test/parity/generate.py writes: the form of the JSON, and its tensors as the runtime's values.

import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { itemSize } from '../../src/model/dtype';
import type { DType } from '../../src/model/dtype';
import { Dict, Tensor, Tuple } from '../../src/runtime/program';
import type { Value } from '../../src/runtime/program';

/** A tensor in the .bin file: contiguous, little-endian, `offset` in bytes. */
export interface TensorRef {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly offset: number;
}

export type FixtureValue =
  | null
  | boolean
  | string
  | { readonly tensor: TensorRef }
  /** A string where a double can't hold it. */
  | { readonly int: number | string }
  | { readonly float: number | 'nan' | 'inf' | '-inf' }
  | { readonly list: readonly FixtureValue[] }
  | { readonly tuple: readonly FixtureValue[] }
  | { readonly dict: readonly (readonly [FixtureValue, FixtureValue])[] };

/** Running statistics of one layer; null for what is not there, or depends on the draw. */
export interface FixtureStatistics {
  readonly runningMean: { readonly tensor: TensorRef } | null;
  readonly runningVar: { readonly tensor: TensorRef } | null;
  readonly numBatchesTracked: number | null;
}

/** A pure dropout layer over ones: it leaves `values[0]` where it dropped, `values[1]` elsewhere, `unit` elements together. */
export interface DropoutShare {
  readonly values: readonly [number, number];
  readonly share: number;
  readonly unit: number;
  readonly draws: number;
}

export interface ForwardStep {
  readonly method?: string;
  readonly inputs: readonly FixtureValue[];
  readonly outputs: FixtureValue;
  /** Part of torch's message, where torch refused. */
  readonly error: string | null;
  /** `shapes`: the numbers depend on the draw, so structure, dtypes and shapes are compared. */
  readonly compare: 'close' | 'shapes';
  /** By module path, after this forward, also after one that failed. */
  readonly statistics: Readonly<Record<string, FixtureStatistics>>;
  readonly dropout?: DropoutShare;
}

/** Steps are executed in order on one opened model. */
export type Step =
  | {
      readonly set: readonly { readonly path: string; readonly training: boolean; readonly recursive: boolean }[];
      /** What layers do afterwards, by module path, where the file stores no flag to show it. */
      readonly behaviour?: Readonly<Record<string, 'train' | 'eval'>>;
    }
  | { readonly seed: number }
  | { readonly forward: ForwardStep };

export interface NormOptions {
  /** Whether the file itself holds the options; a trace doesn't. */
  readonly stored: boolean;
  readonly numFeatures: number;
  readonly eps: number;
  readonly momentum: number | null;
  /** Whether momentum is known to be None; absent where that is so if it is null. */
  readonly cumulative?: boolean;
  readonly affine: boolean;
  readonly trackRunningStats: boolean;
}

export interface FixtureModule {
  readonly path: string;
  /** null where the file does not tell the class. */
  readonly type: string | null;
  readonly training: boolean | null;
  readonly sharedWith?: string;
  readonly batchNorm?: NormOptions;
  readonly instanceNorm?: NormOptions;
  readonly dropout?: { readonly stored: boolean; readonly p: number };
}

/** [rtol, atol] by dtype; a dtype that is not listed is compared exactly. */
export type Tolerances = Readonly<Partial<Record<DType, readonly [number, number]>>>;

export interface FixtureDocument {
  readonly torch: string;
  readonly name: string;
  readonly family: string;
  readonly form:
    | 'script'
    | 'trace_eval'
    | 'trace_train'
    | 'freeze'
    | 'pickle'
    | 'onnx'
    | `export_${'eval' | 'train'}`
    | `export_${'eval' | 'train'}_decomposed`;
  /** Whether anything in it depends on the draw. */
  readonly random: boolean;
  readonly tolerance: Tolerances;
  readonly statisticsTolerance: Tolerances;
  /** Every module of the file; of an ONNX file the BatchNorm and Dropout layers. */
  readonly modules: readonly FixtureModule[];
  readonly steps: readonly Step[];
}

/** One case: what torch did, and the file that it did it with. */
export class Fixture {
  private constructor(
    readonly document: FixtureDocument,
    readonly modelFile: string,
    private readonly blob: Uint8Array,
  ) {}

  static read(folder: string, casePath: string): Fixture {
    const stem = path.join(folder, casePath);
    const document = JSON.parse(readFileSync(`${stem}.json`, 'utf8')) as FixtureDocument;
    const ending = document.form === 'onnx' ? 'onnx' : document.form.startsWith('export') ? 'pt2' : 'pt';
    // Slices of a Buffer are no copies.
    return new Fixture(document, `${stem}.${ending}`, new Uint8Array(readFileSync(`${stem}.bin`)));
  }

  /** The value as the runtime has it; tensors are copies, so that an in-place operator can't reach the fixture. */
  value(value: FixtureValue): Value {
    if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
    if ('tensor' in value) return this.tensor(value.tensor);
    if ('int' in value) return BigInt(value.int);
    if ('float' in value) return toFloat(value.float);
    if ('list' in value) return value.list.map((item) => this.value(item));
    if ('tuple' in value) return new Tuple(value.tuple.map((item) => this.value(item)));
    const dict = new Dict();
    for (const [key, item] of value.dict) dict.entries.set(this.value(key), this.value(item));
    return dict;
  }

  tensor({ dtype, shape, offset }: TensorRef): Tensor {
    const bytes = shape.reduce((product, size) => product * size, itemSize[dtype]);
    return Tensor.fromBytes(dtype, shape, this.blob.slice(offset, offset + bytes));
  }
}

export function toFloat(value: number | 'nan' | 'inf' | '-inf'): number {
  if (typeof value === 'number') return value;
  return { nan: NaN, inf: Infinity, '-inf': -Infinity }[value];
}

/** Folder of the fixtures: MODE_INSPECTOR_PARITY, else .cache/parity in the repository. */
export function fixtureFolder(): string {
  return process.env['MODE_INSPECTOR_PARITY'] ?? path.resolve(__dirname, '../../.cache/parity');
}

/** Paths of all cases, `family/name`, as the generator listed them. @throws where there are none. */
export function listCases(folder: string): readonly string[] {
  const index = path.join(folder, 'index.json');
  const make = 'make them with: python test/parity/generate.py --out .cache/parity (torch 2.13.0, numpy and onnx)';
  if (!existsSync(index)) throw new Error(`There are no parity fixtures in ${folder}; ${make}`);
  const { cases } = JSON.parse(readFileSync(index, 'utf8')) as { cases: readonly string[] };
  if (cases.length === 0) throw new Error(`The list of parity fixtures in ${folder} is empty; ${make}`);
  return cases;
}
