// A file of modules without code: described, switched where it stores flags, and run where all classes are torch's own.

import type { Capabilities, InputSpec, Problem } from '../../model/description';
import type { ModuleSpec } from '../../model/module';
import type { NormStatistics } from '../../model/statistics';
import { AppError } from '../../util/errors';
import { behaviourUnder, combineUpwards, type Modes } from '../behaviour';
import type { RunContext } from '../context';
import { matchSignature } from '../inputs';
import { LazyStorages } from '../lazyStorages';
import { PathIndex } from '../moduleOrder';
import { normStatisticsVersion, normTensors, readNormStatistics } from '../normStatistics';
import type { Program, StoredModule } from '../program';
import { rememberValues, type PutBack } from '../remember';
import type { Tensor } from '../tensor';
import type { Value } from '../values';
import { ModuleKinds, type ModuleKind } from './moduleKinds';
import { obstacleTo, runStored, storedInputs } from './runner';
import { listModules, type StoredNode } from './storedTree';

/** The modules of a state dict or of a pickled `nn.Module`. */
export class StoredProgram implements Program {
  readonly capabilities: Capabilities;
  readonly problems: readonly Problem[] = [];
  readonly models?: ReadonlyMap<string, Program | null>;
  private readonly nodes: readonly StoredNode[];
  private readonly kinds: readonly ModuleKind[];
  private readonly storages: LazyStorages;
  private readonly modeNote: string | undefined;
  /** Made when a path is looked up first. */
  private pathIndex: PathIndex | undefined;
  /** Why the forward can't run; undefined where it can. */
  private readonly obstacle: AppError | undefined;

  /** @param modeNote says at the root why the file tells no mode. @param models paths of several models, where the root is none. */
  constructor(
    private readonly root: StoredModule,
    { modeNote, models: paths }: { readonly modeNote?: string; readonly models?: readonly string[] } = {},
  ) {
    this.modeNote = modeNote;
    this.nodes = listModules(root);
    const kinds = new ModuleKinds();
    this.kinds = this.nodes.map(({ item }) => kinds.of(item));
    this.storages = new LazyStorages(() => this.nodes.flatMap(({ item }) => tensorsOf(item)));
    this.obstacle = obstacleTo(root);
    const models = paths === undefined ? undefined : modelsAt(paths, this.nodes);
    if (models !== undefined) this.models = models;
    this.capabilities = {
      setTraining: this.nodes.some(({ item }) => item.training !== null),
      runForward:
        this.obstacle === undefined || [...(models?.values() ?? [])].some((model) => model?.capabilities.runForward),
    };
  }

  describe(): Promise<readonly ModuleSpec[]> {
    const { training, behaviour } = this.modes();
    return Promise.resolve(
      this.nodes.map(({ item: { unregistered }, path, sharedWith }, i): ModuleSpec => {
        const { rule, spec } = this.kinds[i]!;
        const described = { ...spec, path, training: training[i]!, behaviour: behaviour[i]! };
        const note = i === 0 && rule.reason === undefined ? this.modeNote : undefined;
        if (note === undefined && sharedWith === undefined && unregistered === undefined) return described;
        return {
          ...described,
          ...(note === undefined ? {} : { behaviourReason: note }),
          ...(unregistered === undefined ? {} : { unregistered }),
          ...(sharedWith === undefined ? {} : { sharedWith }),
        };
      }),
    );
  }

  modes(): Modes {
    const training = this.nodes.map(({ item }) => item.training);
    const behaviour = this.kinds.map(({ rule }, i) => behaviourUnder(rule, training[i]!));
    combineUpwards(behaviour, (i) => this.nodes[i]!.children);
    return { training, behaviour };
  }

  inputs(): Promise<readonly InputSpec[]> {
    // Nobody is to be asked for the arguments of what can't run.
    return Promise.resolve(this.obstacle === undefined ? storedInputs(this.nodes) : []);
  }

  setTraining(path: string, training: boolean | null, recursive: boolean): void {
    const { start, end } = this.index.range(path, recursive);
    if (training === null) return;
    for (const { item } of this.nodes.slice(start, end)) {
      // A file without flags gets none: they would only pretend.
      if (item.training !== null) item.training = training;
    }
  }

  remember(): PutBack {
    const modules = [...new Set(this.nodes.map(({ item }) => item))];
    const flags = modules.map(({ training }) => training);
    const putBack = rememberValues(modules.flatMap(tensorsOf));
    return async () => {
      modules.forEach((module, i) => (module.training = flags[i]!));
      await putBack();
    };
  }

  normStatistics(path: string, options: { readonly values?: boolean } = {}): Promise<NormStatistics | null> {
    return readNormStatistics(this.buffers(path), options.values);
  }

  normTensors(path: string): ReadonlyMap<string, Tensor> {
    return normTensors(this.buffers(path));
  }

  statisticsVersion(path: string): number {
    return normStatisticsVersion(this.buffers(path));
  }

  async forward(args: readonly Value[], context: RunContext, method = 'forward'): Promise<Value> {
    if (this.obstacle !== undefined) throw this.obstacle;
    if (method !== 'forward') throw new AppError('no-program', `The file holds no code of ${method}()`);
    await this.storages.load();
    // A model that is only looked at needs no operators.
    const { operatorTable } = await import('../operators');
    return runStored(this.root, matchSignature(args, await this.inputs()), operatorTable, context);
  }

  private get index(): PathIndex {
    return (this.pathIndex ??= new PathIndex(this.nodes));
  }

  private buffers(path: string): ReadonlyMap<string, Value> {
    return this.nodes[this.index.of(path)]!.item.buffers;
  }
}

/** The models of a checkpoint: pickled modules as programs of their own. */
function modelsAt(paths: readonly string[], nodes: readonly StoredNode[]): ReadonlyMap<string, Program | null> {
  const wanted = new Set(paths);
  const found = new Map<string, Program | null>();
  for (const { path, item } of nodes) {
    if (wanted.has(path)) found.set(path, item.training === null ? null : new StoredProgram(item));
  }
  return found;
}

function tensorsOf({ parameters, buffers }: StoredModule): Value[] {
  return [...parameters.values(), ...buffers.values()];
}
