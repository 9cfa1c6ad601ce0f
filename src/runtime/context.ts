// What every operator of one forward may use: kernels, random numbers, cancellation, and the program's warnings.

import { AppError } from '../util/errors';
import type { KernelExecutor } from './kernels/executor';
import type { KernelSession, SessionFile } from './kernels/backend';
import type { KernelCall } from './kernels/graph';
import type { Generator } from './random';
import type { Tensor } from './tensor';

/** One forward (or several in a row) in progress. */
export class RunContext {
  /** As `torch.is_grad_enabled()`: no gradients are computed, but programs ask. */
  gradEnabled = true;
  /** What the program said through `warnings.warn` and `print`. */
  readonly messages: string[] = [];

  constructor(
    private readonly executor: KernelExecutor,
    readonly generator: Generator,
    private readonly isCancelled: () => boolean = () => false,
  ) {}

  /** All outputs of a kernel call. */
  async runAll(call: KernelCall): Promise<Tensor[]> {
    this.throwIfCancelled();
    return this.executor.run(call);
  }

  /** The only output of a kernel call. */
  async run(call: KernelCall): Promise<Tensor> {
    return (await this.runAll(call))[0] as Tensor;
  }

  /** A session for a whole ONNX model; `files` hold its large tensors, `name` is for messages. @throws AppError */
  createModel(model: Uint8Array, files: readonly SessionFile[], name: string): Promise<KernelSession> {
    return this.executor.createModel(model, files, name);
  }

  /** Runs such a session. @throws AppError */
  async runModel(session: KernelSession, inputs: readonly Tensor[], name: string): Promise<Tensor[]> {
    this.throwIfCancelled();
    return this.executor.runModel(session, inputs, name);
  }

  /** @throws AppError `cancelled` */
  throwIfCancelled(): void {
    if (this.isCancelled()) throw new AppError('cancelled', 'The forward was cancelled');
  }
}
