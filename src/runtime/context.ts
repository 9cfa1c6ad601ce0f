// What every operator of one forward may use: kernels, random numbers, cancellation, and the program's warnings.

import { AppError } from '../util/errors';
import { Deferral } from './deferral';
import type { KernelExecutor } from './kernels/executor';
import type { KernelSession, SessionFile } from './kernels/backend';
import type { KernelCall } from './kernels/graph';
import type { ForwardObserver } from './observer';
import type { Generator } from './random';
import type { Tensor } from './tensor';
import type { Value } from './values';

/** Runs a kernel call with one output, at once or later. */
export interface KernelRunner {
  run(call: KernelCall): Promise<Tensor>;
}

/** One forward (or several in a row) in progress. */
export class RunContext implements KernelRunner {
  /** As `torch.is_grad_enabled()`: no gradients are computed, but programs ask. */
  gradEnabled = true;
  /** What the program said through `warnings.warn` and `print`. */
  readonly messages: string[] = [];
  /** Calls that wait to be run together. */
  readonly deferral = new Deferral((call) => this.execute(call));
  /** Runs calls when their results are needed: for operators that only look at the shape of what they get. */
  readonly later: KernelRunner = { run: async (call) => (await this.deferral.defer(call))[0] as Tensor };

  constructor(
    private readonly executor: KernelExecutor,
    readonly generator: Generator,
    private readonly isCancelled: () => boolean = () => false,
    /** Looks on while the forward runs; see {@link moduleReturned}. */
    readonly observer?: ForwardObserver,
  ) {
    executor.startForward();
  }

  /** All outputs of a kernel call, computed. */
  async runAll(call: KernelCall): Promise<readonly Tensor[]> {
    await this.deferral.settle(call.inputs);
    return this.execute(call);
  }

  /** The only output of a kernel call, computed. */
  async run(call: KernelCall): Promise<Tensor> {
    return (await this.runAll(call))[0] as Tensor;
  }

  /** Tells the observer, once the elements are there. */
  async moduleReturned(path: string, output: Value): Promise<void> {
    if (this.observer === undefined) return;
    await this.deferral.settle([output]);
    this.observer.moduleReturned(path, output);
  }

  private async execute(call: KernelCall): Promise<readonly Tensor[]> {
    this.throwIfCancelled();
    return this.executor.run(call);
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
