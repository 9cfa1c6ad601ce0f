// A file of modules without code: described, and switched where it stores flags.

import type { Capabilities, InputSpec, Problem } from '../../model/description';
import type { ModuleSpec, TensorSpec } from '../../model/module';
import type { NormStatistics } from '../../model/statistics';
import { AppError } from '../../util/errors';
import { behaviourUnder, combineUpwards, type BehaviourRule, type Modes } from '../behaviour';
import { normStatisticsVersion, normTensors, readNormStatistics } from '../normStatistics';
import type { Program, StoredModule } from '../program';
import { Tensor } from '../tensor';
import type { Value } from '../values';
import { behaviourOf, layerSpec, typeOf } from './layerKinds';
import { listModules, type StoredNode } from './storedTree';

/** The modules of a state dict or of a pickled `nn.Module`. */
export class StoredProgram implements Program {
  readonly capabilities: Capabilities;
  readonly problems: readonly Problem[] = [];
  private readonly nodes: readonly StoredNode[];
  private readonly rules: readonly BehaviourRule[];
  private readonly indexOf = new Map<string, number>();

  /** @param modeNote says at the root why the file tells no mode. */
  constructor(
    root: StoredModule,
    private readonly modeNote?: string,
  ) {
    this.nodes = listModules(root);
    this.rules = this.nodes.map(({ module }) => behaviourOf(module));
    this.nodes.forEach(({ path }, i) => this.indexOf.set(path, i));
    this.capabilities = {
      setTraining: this.nodes.some(({ module }) => module.training !== null),
      runForward: false,
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
    return Promise.resolve([]);
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

  forward(): Promise<Value> {
    return Promise.reject(
      new AppError(
        'no-program',
        'The file holds no code that could run',
        'Save the model with torch.jit.script or torch.export to run it here.',
      ),
    );
  }

  private find(path: string): number {
    const index = this.indexOf.get(path);
    if (index === undefined) {
      throw new AppError('no-such-module', `The model has no module '${path}'`, 'Paths are those of named_modules().');
    }
    return index;
  }
}

function tensorSpecs(tensors: ReadonlyMap<string, Value>): TensorSpec[] {
  const specs: TensorSpec[] = [];
  for (const [name, value] of tensors) {
    if (value instanceof Tensor) specs.push({ name, dtype: value.dtype, shape: value.shape });
  }
  return specs;
}
