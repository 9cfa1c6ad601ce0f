// The small interface behind which the kernels stand: ONNX Runtime Web now, its native sibling could take its place.

import type { DType } from '../../model/dtype';
import type { ElementArray } from '../elements';

/** A contiguous array on its way into or out of a kernel. */
export interface HostArray {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly elements: ElementArray;
}

export interface KernelSession {
  /** Runs with inputs in the order of the model; outputs in the order of the model. */
  run(inputs: readonly HostArray[]): Promise<readonly HostArray[]>;
  /** Frees the memory of the session; nothing may run after. */
  release(): Promise<void>;
}

/** A file of external data, as a model's tensors name it. */
export interface SessionFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

export interface KernelBackend {
  /**
   * Prepares a serialised ONNX model of one operator; with `files` one of a whole graph, whose nodes may be fused.
   * @throws UnsupportedKernel where the backend has no kernel for these types.
   */
  createSession(model: Uint8Array, files?: readonly SessionFile[]): Promise<KernelSession>;
}

/** The backend lacks a kernel for an operator with these element types. */
export class UnsupportedKernel extends Error {
  override readonly name = 'UnsupportedKernel';
}
