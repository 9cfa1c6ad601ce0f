// Runs calls under the modes as they are now: a call that was exported in the other mode gets other arguments, and a BatchNorm
// that was exported in eval does in train what its Python code would have done around the call.

import type { RunContext } from '../context';
import { convertElements } from '../elements';
import { verifyBatchSize } from '../operators/norm';
import type { OperatorTable } from '../operators/registry';
import { sizeText } from '../operators/support';
import { Tensor } from '../tensor';
import type { Value } from '../values';
import type { ExportedProgram, GraphNode } from './graph';
import { hasNoMomentum, modeArgument, type ModeSite } from './modeSites';
import type { ExportedModes } from './modes';

export class ModeRewriter {
  constructor(
    private readonly program: ExportedProgram,
    private readonly modes: ExportedModes,
    private readonly operators: OperatorTable,
    private readonly context: RunContext,
  ) {}

  /** Runs an ATen overload as the mode of the module that owns the call wants it. */
  async call(node: GraphNode, name: string, overload: string, args: Map<string, Value>): Promise<Value> {
    const path = this.modes.owner(node);
    const site = this.modes.site(node);
    if (site === undefined) {
      if (name === 'add_' && this.isCounter(path, args.get('self')) && this.modes.normalisesInEval(path))
        return args.get('self') as Tensor;
      return this.operators.callOverload(name, overload, args, this.context);
    }
    const training = this.modes.runsInTrain(site);
    if (training) this.prepareTraining(site, path, args);
    if (training === site.exported) return this.operators.callOverload(name, overload, args, this.context);
    if (name === '_native_batch_norm_legit_no_training') {
      args.set('training', true);
      const result = await this.operators.callOverload('_native_batch_norm_legit', '', args, this.context);
      if (site.family === 'instance-norm') this.takeMeans(path, args);
      return result;
    }
    if (name === 'bernoulli') {
      // The mask of a decomposed dropout is divided by this afterwards, so that everything passes through.
      return this.operators.callOverload('full_like', '', asFill(args), this.context);
    }
    if (site.family === 'attention') args.set('dropout_p', 0);
    else args.set(modeArgument(node.target) ?? '', training);
    return this.operators.callOverload(name, overload, args, this.context);
  }

  /** What torch.nn does before it normalises by the batch: it refuses single values, and counts the batch. */
  private prepareTraining(site: ModeSite, path: string, args: Map<string, Value>): void {
    if (site.family !== 'batch-norm') return;
    const input = args.get('input');
    if (input instanceof Tensor) verifyBatchSize(input.shape, sizeText(input.shape));
    // A train export counts by a call of its own.
    if (site.exported) return;
    const counter = this.counter(path);
    if (counter === undefined) return;
    const count = (counter.contiguousElements()[0] as bigint) + 1n;
    counter.write(BigInt64Array.of(count));
    if (hasNoMomentum(site)) args.set('momentum', 1 / Number(count));
  }

  /** InstanceNorm decomposed moves statistics repeated for each sample; the module's own become their means. */
  private takeMeans(path: string, args: ReadonlyMap<string, Value>): void {
    for (const name of ['running_mean', 'running_var']) {
      const [own, repeated] = [this.buffer(path, name), args.get(name)];
      if (own === undefined || !(repeated instanceof Tensor) || repeated.storage === own.storage) continue;
      const [values, channels] = [repeated.toNumbers(), own.elementCount];
      const means = new Float64Array(channels);
      for (let i = 0; i < values.length; i++)
        means[i % channels]! += ((values[i] as number) * channels) / values.length;
      own.write(convertElements(means, 'float64', own.dtype), true);
    }
  }

  private isCounter(path: string, value: Value | undefined): boolean {
    return value instanceof Tensor && this.counter(path)?.storage === value.storage;
  }

  private counter(path: string): Tensor | undefined {
    const counter = this.buffer(path, 'num_batches_tracked');
    return counter?.dtype === 'int64' && counter.elementCount === 1 ? counter : undefined;
  }

  private buffer(path: string, name: string): Tensor | undefined {
    const value = this.program.tensors.get(path === '' ? name : `${path}.${name}`);
    return value instanceof Tensor ? value : undefined;
  }
}

function asFill(args: ReadonlyMap<string, Value>): Map<string, Value> {
  return new Map([
    ['self', args.get('self') ?? null],
    ['fill_value', args.get('p') ?? 1],
  ]);
}
