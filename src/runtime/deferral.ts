// Puts kernel calls off and runs them together: which calls wait, and when they must run.

import { AppError } from '../util/errors';
import { isHalf } from './elements';
import { Deferred, Snapshot, takeInput, type DeferredInput } from './kernels/deferred';
import { boundBytes, boundTensors, KernelCall } from './kernels/graph';
import { joinCalls, withSources } from './kernels/join';
import { Storage } from './storage';
import { contiguousStrides, elementCount, sameShape, Tensor } from './tensor';
import { Dict, Tuple, type Value } from './values';

/** What only whoever runs the program can say about it. */
export interface ProgramState {
  /** Everything that the program may still use, apart from what was {@link Deferral.keep kept}. */
  live(): Iterable<Value>;
  /** Where the program stands now. */
  place(): unknown;
  /** Says that the error belongs to an earlier place. */
  blame(error: AppError, place: unknown): void;
}

/** Weights that one graph may bind: while a session is created they lie in memory several times. */
const maxWeightBytes = 64 * 2 ** 20;
/** Elements of all results of one graph. A graph can't be cancelled while it runs, and holds some of them at a time. */
const maxElements = 2 ** 26;
/** Calls in a row without weights of their own. A loop over a tensor would make another graph for each number of rounds. */
const maxWithoutWeights = 32;
const maxCalls = 512;

/**
 * Calls wait from one with bound weights (a convolution, a linear layer) until somebody needs elements. Then those results that
 * the program may still use are computed in one graph; the others never leave the kernels. Only float32 waits, since halves are
 * rounded after every operator, and float64 may have to be narrowed.
 */
export class Deferral {
  /** Without a program nobody knows what is still in use, and nothing waits. */
  program: ProgramState | undefined;
  private waiting: Deferred[] = [];
  /** Storages that objects and lists of the program hold. */
  private kept = new Set<Storage>();
  /** What the waiting calls bind and make, since the last time that they ran. */
  private weights: Tensor[] = [];
  private weightBytes = 0;
  private elements = 0;
  private withoutWeights = 0;

  constructor(private readonly execute: (call: KernelCall) => Promise<readonly Tensor[]>) {}

  /** The outputs of the call, now or later. @throws AppError of this call, or of one that waited. */
  async defer(call: KernelCall): Promise<readonly Tensor[]> {
    const { program } = this;
    if (program === undefined || call.shape === undefined || !mayWait(call, call.shape)) return this.runNow(call);
    if (this.isFullFor(call)) await this.flush(call.inputs);
    let inputs = takeInputs(call);
    if (inputs === undefined) {
      await this.flush(call.inputs);
      inputs = takeInputs(call);
    }
    const starts = call.bound.length > 0;
    if (inputs === undefined || (!starts && inputs.every((input) => input === null || input instanceof Snapshot)))
      return this.runNow(call);
    const deferred = new Deferred(call, inputs, call.shape, program.place());
    this.add(deferred);
    return [new Tensor(Storage.promised('float32', deferred), call.shape, contiguousStrides(call.shape))];
  }

  /** Computes what the values hold, so that their elements can be read. */
  async settle(values: readonly Value[]): Promise<void> {
    if (promisedStorages(values).next().done !== true) await this.flush(values);
  }

  /** Computes everything that waits, so that elements may be written too. `values` are in use besides the program's own. */
  async settleAll(values: readonly Value[]): Promise<void> {
    if (this.waiting.length > 0) await this.flush(values);
    else await this.settle(values);
  }

  /** The program puts the value where {@link ProgramState.live} does not look: into an attribute or a list. */
  keep(value: Value): void {
    for (const storage of promisedStorages([value])) this.kept.add(storage);
  }

  private async runNow(call: KernelCall): Promise<readonly Tensor[]> {
    await this.settle(call.inputs);
    return this.execute(call);
  }

  /** Whether the graph must end before this call. A weight that comes again means a loop: each round then is the same graph. */
  private isFullFor(call: KernelCall): boolean {
    if (this.waiting.length === 0) return false;
    const weights = boundTensors(call);
    const comesAgain = weights.some(({ storage, offset }) =>
      this.weights.some((known) => known.storage === storage && known.offset === offset),
    );
    return (
      comesAgain ||
      this.waiting.length >= maxCalls ||
      this.weightBytes + boundBytes(call) > maxWeightBytes ||
      this.elements + elementCount(call.shape ?? []) > maxElements ||
      (weights.length === 0 && this.withoutWeights >= maxWithoutWeights)
    );
  }

  private add(deferred: Deferred): void {
    const weights = boundTensors(deferred.call);
    this.waiting.push(deferred);
    this.weights.push(...weights);
    this.weightBytes += boundBytes(deferred.call);
    this.elements += elementCount(deferred.shape);
    this.withoutWeights = weights.length > 0 ? 0 : this.withoutWeights + 1;
  }

  private async flush(values: readonly Value[]): Promise<void> {
    const storages = new Set([
      ...promisedStorages(this.program?.live() ?? []),
      ...[...this.kept].filter((storage) => storage.promised !== undefined),
      ...promisedStorages(values),
    ]);
    const outputs = [...storages].map((storage) => storage.promised as Deferred);
    [this.waiting, this.weights, this.weightBytes, this.elements, this.withoutWeights] = [[], [], 0, 0, 0];
    this.kept.clear();
    if (outputs.length === 0) return;
    const results = await this.compute(outputs);
    [...storages].forEach((storage, i) => {
      const [output, result] = [outputs[i] as Deferred, results[i] as Tensor];
      if (!sameShape(output.shape, result.shape)) {
        const shapes = `[${result.shape.join(', ')}] instead of [${output.shape.join(', ')}]`;
        throw new Error(`${output.call.name} gave a result of shape ${shapes}`);
      }
      storage.fulfil(result.storage.elements);
      output.settle(storage);
    });
  }

  /** Where the graph as a whole fails, its calls run one after the other: that takes less memory, or else tells which one it is. */
  private async compute(outputs: readonly Deferred[]): Promise<readonly Tensor[]> {
    const calls = withSources(outputs);
    if (calls.length > 1) {
      const joined = joinCalls(calls, outputs);
      try {
        return await this.execute(joined);
      } catch (error) {
        if (!(error instanceof AppError) || error.code === 'cancelled') throw error;
      }
    }
    const results = new Map<Deferred, Tensor>();
    for (const deferred of calls) {
      try {
        const [result] = await this.execute(withTensors(deferred, results));
        results.set(deferred, result as Tensor);
      } catch (error) {
        if (error instanceof AppError) this.program?.blame(error, deferred.place);
        throw error;
      }
    }
    return outputs.map((output) => results.get(output) as Tensor);
  }
}

function mayWait(call: KernelCall, shape: readonly number[]): boolean {
  const count = elementCount(shape);
  return (
    count > 0 &&
    count <= maxElements &&
    !call.inputs.some((input) => input !== null && (isHalf(input.dtype) || input.dtype === 'float64'))
  );
}

/** Undefined where one of them must be computed first. */
function takeInputs(call: KernelCall): readonly DeferredInput[] | undefined {
  const inputs = call.inputs.map(takeInput);
  return inputs.every((input) => input !== undefined) ? inputs : undefined;
}

/** The call on tensors that are there. */
function withTensors({ call, inputs }: Deferred, results: ReadonlyMap<Deferred, Tensor>): KernelCall {
  const tensors = inputs.map((input) => {
    if (input === null) return null;
    if (input instanceof Snapshot) return input.tensor;
    return (results.get(input.source) as Tensor).view(input.shape, input.strides);
  });
  return new KernelCall(call.name, call.parameters, tensors, call.describe, call.bound);
}

/** Storages in the values, and in the lists, tuples and dicts among them, whose elements are still to be computed. */
function* promisedStorages(values: Iterable<Value>): Generator<Storage> {
  const containers = new Set<Value>();
  const open = [...values];
  while (open.length > 0) {
    const value = open.pop() as Value;
    if (typeof value !== 'object' || value === null) continue;
    if (value instanceof Tensor) {
      if (value.isPromised) yield value.storage;
    } else if (!containers.has(value)) {
      containers.add(value);
      for (const item of itemsOf(value)) open.push(item);
    }
  }
}

function itemsOf(container: Value): readonly Value[] {
  if (Array.isArray(container)) return container;
  if (container instanceof Tuple) return container.items;
  return container instanceof Dict ? [...container.entries].flat() : [];
}
