// A program of torch.export: described, switched module by module, and run.

import type { InputSpec, Problem } from '../../model/description';
import type { ModuleSpec } from '../../model/module';
import type { NormStatistics } from '../../model/statistics';
import { AppError } from '../../util/errors';
import type { Modes } from '../behaviour';
import type { RunContext } from '../context';
import { LazyStorages, loadStorages } from '../lazyStorages';
import { normStatisticsVersion, normTensors, readNormStatistics } from '../normStatistics';
import type { Program } from '../program';
import { rememberValues, type PutBack } from '../remember';
import type { Tensor } from '../tensor';
import type { Value } from '../values';
import { fixedSpec, functionalSites, type FunctionalSite } from './describe';
import type { ExportedProgram } from './graph';
import { CallSignature } from './inputs';
import { ExportedModes } from './modes';
import { listModules, type ModuleNode } from './moduleTree';

/** The program of a `.pt2` file. */
export class GraphProgram implements Program {
  readonly capabilities = { setTraining: true, runForward: true };
  readonly problems: readonly Problem[] = [];
  private readonly nodes: readonly ModuleNode[];
  private readonly modeState: ExportedModes;
  private readonly signature: CallSignature;
  private readonly storages: LazyStorages;
  private functional: readonly (readonly FunctionalSite[])[] | undefined;

  /** @throws AppError `corrupt`, `limit-exceeded` where the parts of the program contradict each other. */
  constructor(private readonly program: ExportedProgram) {
    this.nodes = listModules(program);
    this.modeState = new ExportedModes(this.nodes);
    this.signature = new CallSignature(program);
    this.storages = new LazyStorages(() => program.tensors.values());
  }

  describe(): Promise<readonly ModuleSpec[]> {
    const { behaviour, reasons, functionalCalls } = this.modes();
    return Promise.resolve(
      this.nodes.map((node, i): ModuleSpec => {
        const reason = reasons?.[i];
        const calls = functionalCalls?.[i];
        return {
          ...fixedSpec(node, this.modeState.sites(i)),
          training: null,
          behaviour: behaviour[i] ?? 'none',
          modeSensitive: this.modeState.isSensitive(i),
          ...(reason === undefined ? {} : { behaviourReason: reason }),
          ...(calls === undefined ? {} : { functionalCalls: calls }),
        };
      }),
    );
  }

  modes(): Modes {
    this.functional ??= this.nodes.map((node, i) => functionalSites(node, this.modeState.sites(i)));
    const calls = this.functional.map((sites) =>
      sites.map(([site, call]) => ({ ...call, training: this.modeState.runsInTrain(site) })),
    );
    return {
      ...this.modeState.now(),
      functionalCalls: calls.map((list) => (list.length === 0 ? undefined : list)),
    };
  }

  inputs(): Promise<readonly InputSpec[]> {
    return Promise.resolve(this.signature.specs);
  }

  async sampleInputs(): Promise<readonly Value[] | undefined> {
    const values = this.program.sampleInputs;
    if (values !== undefined) await loadStorages(values);
    return values;
  }

  setTraining(path: string, training: boolean | null, recursive: boolean): void {
    this.modeState.set(path, training, recursive);
  }

  remember(): PutBack {
    const [putModesBack, putValuesBack] = [this.modeState.remember(), rememberValues(this.program.tensors.values())];
    return async () => {
      putModesBack();
      await putValuesBack();
    };
  }

  normStatistics(path: string, options: { readonly values?: boolean } = {}): Promise<NormStatistics | null> {
    return readNormStatistics(this.node(path).buffers, options.values);
  }

  normTensors(path: string): ReadonlyMap<string, Tensor> {
    return normTensors(this.node(path).buffers);
  }

  statisticsVersion(path: string): number {
    return normStatisticsVersion(this.node(path).buffers);
  }

  async forward(args: readonly Value[], context: RunContext, method = 'forward'): Promise<Value> {
    if (method !== 'forward') throw new AppError('no-program', `An exported program has no method ${method}`);
    const leaves = this.signature.bind(args);
    await this.storages.load();
    // A model that is only looked at needs no operators.
    const [{ operatorTable }, { GraphInterpreter }] = await Promise.all([
      import('../operators'),
      import('./interpreter'),
    ]);
    return new GraphInterpreter(this.program, this.modeState, operatorTable, context).run(leaves);
  }

  private node(path: string): ModuleNode {
    return this.nodes[this.modeState.index(path)] as ModuleNode;
  }
}
