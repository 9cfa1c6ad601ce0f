// A file of modules without code: described, switched where it stores flags, and run where all classes are torch's own.

import type { Capabilities, InputSpec, Problem } from '../../model/description';
import type { ModuleSpec, TensorSpec } from '../../model/module';
import type { NormStatistics } from '../../model/statistics';
import { AppError } from '../../util/errors';
import { behaviourUnder, combineUpwards, type BehaviourRule, type Modes } from '../behaviour';
import type { RunContext } from '../context';
import { matchSignature } from '../inputs';
import { LazyStorages } from '../lazyStorages';
import { normStatisticsVersion, normTensors, readNormStatistics } from '../normStatistics';
import type { Program, StoredModule } from '../program';
import { Tensor } from '../tensor';
import type { Value } from '../values';
import { behaviourOf, layerSpec, typeOf } from './layerKinds';
import { obstacleTo, runStored, storedInputs } from './runner';
import { listModules, type StoredNode } from './storedTree';

/** The modules of a state dict or of a pickled `nn.Module`. */
export class StoredProgram implements Program {
  readonly capabilities: Capabilities;
  readonly problems: readonly Problem[] = [];
  private readonly nodes: readonly StoredNode[];
  private readonly rules: readonly BehaviourRule[];
  private readonly storages: LazyStorages;
  private readonly indexOf = new Map<string, number>();

  /** @param modeNote says at the root why the file tells no mode. */
  constructor(
    private readonly root: StoredModule,
    private readonly modeNote?: string,
  ) {
    this.storages = new LazyStorages(() => this.nodes.flatMap(({ module }) => tensorsOf(module)));
    this.nodes = listModules(root);
    this.rules = this.nodes.map(({ module }) => behaviourOf(module));
    this.nodes.forEach(({ path }, i) => this.indexOf.set(path, i));
    this.capabilities = {
      setTraining: this.nodes.some(({ module }) => module.training !== null),
      runForward: obstacleTo(root) === undefined,
    };
  }

  describe(): Promise<readonly ModuleSpec[]> {
    const { training, behaviour } = this.modes();
    return Promise.resolve(
      this.nodes.map(({ module, path, sharedWith }, i): ModuleSpec => {
        const rule = this.rules[i]!;
        const reason = rule.reason ?? (i === 0 ? this.modeNote : undefined);
        return {
          path,
          type: typeOf(module),
          qualifiedType: module.qualifiedType,
          training: training[i]!,
          behaviour: behaviour[i]!,
          modeSensitive: rule.inTrain !== 'none',
          ...(reason === undefined ? {} : { behaviourReason: reason }),
          ...layerSpec(module),
          parameters: tensorSpecs(module.parameters),
          buffers: tensorSpecs(module.buffers),
          ...(sharedWith === undefined ? {} : { sharedWith }),
        };
      }),
    );
  }

  modes(): Modes {
    const training = this.nodes.map(({ module }) => module.training);
    const behaviour = this.rules.map((rule, i) => behaviourUnder(rule, training[i]!));
    combineUpwards(behaviour, (i) => this.nodes[i]!.children);
    return { training, behaviour };
  }

  inputs(): Promise<readonly InputSpec[]> {
    return Promise.resolve(storedInputs(this.nodes));
  }

  setTraining(path: string, training: boolean, recursive: boolean): void {
    const start = this.find(path);
    const end = recursive ? this.nodes[start]!.end : start + 1;
    for (const { module } of this.nodes.slice(start, end)) {
      // A file without flags gets none: they would only pretend.
      if (module.training !== null) module.training = training;
    }
  }

  normStatistics(path: string, options: { readonly values?: boolean } = {}): Promise<NormStatistics | null> {
    return readNormStatistics(this.nodes[this.find(path)]!.module.buffers, options.values);
  }

  normTensors(path: string): ReadonlyMap<string, Tensor> {
    return normTensors(this.nodes[this.find(path)]!.module.buffers);
  }

  statisticsVersion(path: string): number {
    return normStatisticsVersion(this.nodes[this.find(path)]!.module.buffers);
  }

  async forward(args: readonly Value[], context: RunContext, method = 'forward'): Promise<Value> {
    const obstacle = obstacleTo(this.root);
    if (obstacle !== undefined) throw obstacle;
    if (method !== 'forward') throw new AppError('no-program', `The file holds no code of ${method}()`);
    await this.storages.load();
    // A model that is only looked at needs no operators.
    const { operatorTable } = await import('../operators');
    return runStored(this.root, matchSignature(args, await this.inputs()), operatorTable, context);
  }

  private find(path: string): number {
    const index = this.indexOf.get(path);
    if (index === undefined) {
      throw new AppError('no-such-module', `The model has no module '${path}'`, 'Paths are those of named_modules().');
    }
    return index;
  }
}

function tensorsOf({ parameters, buffers }: StoredModule): Value[] {
  return [...parameters.values(), ...buffers.values()];
}

function tensorSpecs(tensors: ReadonlyMap<string, Value>): TensorSpec[] {
  const specs: TensorSpec[] = [];
  for (const [name, value] of tensors) {
    if (value instanceof Tensor) specs.push({ name, dtype: value.dtype, shape: value.shape });
  }
  return specs;
}
