// The engine: one opened model file, described, switched and run in this process. The worker wraps it; the CLI uses it as it is.

import os from 'node:os';
import v8 from 'node:v8';

import type { ModeComparison } from '../model/comparison';
import type { ModelDescription, Problem } from '../model/description';
import type { DType } from '../model/dtype';
import type {
  CompareOptions,
  Engine,
  EngineMethod,
  EngineRequests,
  ForwardOptions,
  ForwardResult,
  ModeChange,
  OnProgress,
  SaveCopyOptions,
  SaveCopyResult,
} from '../protocol/engine';
import { RunContext } from '../runtime/context';
import { loadCommonProgram } from '../runtime/createProgram';
import { KernelExecutor } from '../runtime/kernels/executor';
import { createOrtWebBackend } from '../runtime/kernels/ortWeb';
import type { ForwardObserver } from '../runtime/observer';
import type { Program } from '../runtime/program';
import { freshSeed, Generator } from '../runtime/random';
import type { Value } from '../runtime/values';
import { AppError } from '../util/errors';
import { shortened } from '../util/text';
import { assetsIn, onnxRuntimePrefix, parserAssets, type AssetPaths } from './assets';
import { chooseModel, describeModels } from './chooseModel';
import { chooseInputs, makeInput, safeIndexLimit } from './forwardInputs';
import { compareModes } from './compareModes';
import { openModel, type OpenedModel } from './openModel';
import { throwIfMemoryIsShort } from './memory';
import { cloneValue, summariseOutputs, tensorsIn } from './outputs';
import { canSaveCopy, saveCopy } from './saveCopy';

export interface EngineOptions {
  /** Folder of the built WebAssembly files; see {@link assetsIn}. */
  readonly wasmFolder?: string;
  /** Instead of `wasmFolder` where the files lie apart, as in node_modules. */
  readonly assets?: AssetPaths;
  /** Threads of the kernels; 0 lets the engine choose. */
  readonly threads: number;
  /** Set to 1 from another thread to cancel what is running. */
  readonly cancelFlag?: Int32Array;
}

export function createEngine(options: EngineOptions): Engine {
  return new InProcessEngine(options);
}

class InProcessEngine implements Engine {
  private readonly assets: AssetPaths;
  private readonly executor: KernelExecutor;
  private readonly cancelFlag: Int32Array;
  private readonly sharesCancelFlag: boolean;
  private opened: OpenedModel | undefined;
  /** Paths of all modules, in the order of the program's description. */
  private paths: readonly string[] = [];
  /** Random indices stay below this. */
  private indexLimit = 1;
  /** Paths of the layers that keep running statistics. */
  private tracked: readonly string[] = [];
  /** Of their statistics, as the file has them; see {@link versionsOfFile}. */
  private versionsInFile: Map<string, number> | undefined;

  constructor(options: EngineOptions) {
    this.assets = options.assets ?? assetsIn(options.wasmFolder ?? '.');
    this.cancelFlag = options.cancelFlag ?? new Int32Array(1);
    this.sharesCancelFlag = options.cancelFlag !== undefined;
    // Each thread takes memory from the start, and more of them than processors only wait for each other.
    const threads = options.threads > 0 ? Math.min(options.threads, os.availableParallelism()) : defaultThreads();
    this.executor = new KernelExecutor(() =>
      createOrtWebBackend({ wasmFolder: onnxRuntimePrefix(this.assets), threads }),
    );
  }

  async request<M extends EngineMethod>(
    method: M,
    params: EngineRequests[M]['params'],
    onProgress?: OnProgress,
  ): Promise<EngineRequests[M]['result']> {
    const handlers: {
      [K in EngineMethod]: (params: EngineRequests[K]['params']) => Promise<EngineRequests[K]['result']>;
    } = {
      prepare: async () => {
        await loadCommonProgram();
        return null;
      },
      open: ({ file }) => this.open(file, onProgress),
      close: () => this.close(),
      setTraining: async ({ changes }) => Promise.resolve(this.setTraining(changes)),
      statistics: ({ paths, values }) => this.statistics(paths, values),
      runForward: (forward) => this.runForward(forward),
      compareModes: (options) => this.compareModes(options),
      saveCopy: (options) => this.saveCopy(options, onProgress),
    };
    return handlers[method](params);
  }

  cancel(): void {
    Atomics.store(this.cancelFlag, 0, 1);
  }

  dispose(): void {
    // Closing only frees memory and a file handle; there is nobody left to tell of a failure.
    void this.executor.dispose().catch(() => undefined);
    void this.opened?.close().catch(() => undefined);
    this.opened = undefined;
  }

  private async open(file: string, onProgress?: OnProgress): Promise<ModelDescription> {
    const opened = await openModel(file, parserAssets(this.assets), onProgress);
    await this.opened?.close();
    this.opened = opened;
    const { program, format, problems } = opened;
    const modules = await program.describe();
    this.paths = modules.map((module) => module.path);
    this.tracked = modules
      .filter(({ batchNorm, instanceNorm }) => batchNorm ?? instanceNorm)
      .map((module) => module.path);
    this.versionsInFile = undefined;
    this.indexLimit = safeIndexLimit(modules);
    const models = await describeModels(program);
    return {
      format,
      modules,
      inputs: models?.find(({ canRun }) => canRun)?.inputs ?? (await program.inputs()),
      ...(models === undefined ? {} : { models }),
      capabilities: { ...program.capabilities, saveCopy: canSaveCopy(opened, modules) },
      problems: [...problems, ...program.problems].map((problem) => ({
        ...problem,
        message: shortened(problem.message),
      })),
    };
  }

  private async close(): Promise<number> {
    await this.opened?.close();
    this.opened = undefined;
    this.paths = [];
    this.tracked = [];
    this.versionsInFile = undefined;
    const { total_heap_size, external_memory } = v8.getHeapStatistics();
    return total_heap_size + external_memory;
  }

  private setTraining(changes: EngineRequests['setTraining']['params']['changes']): readonly ModeChange[] {
    const program = this.program();
    const before = program.modes();
    for (const { path, training, recursive } of changes) program.setTraining(path, training, recursive);
    const after = program.modes();
    return this.paths.flatMap((path, i): ModeChange[] => {
      const training = after.training[i] ?? null;
      const behaviour = after.behaviour[i] ?? 'none';
      const reason = after.reasons?.[i];
      const functionalCalls = after.functionalCalls?.[i];
      const isSame =
        training === before.training[i] &&
        behaviour === before.behaviour[i] &&
        reason === before.reasons?.[i] &&
        (functionalCalls ?? []).every((call, k) => call.training === before.functionalCalls?.[i]?.[k]?.training);
      if (isSame) return [];
      return [
        {
          path,
          training,
          behaviour,
          ...(after.reasons === undefined ? {} : { behaviourReason: reason ?? null }),
          ...(functionalCalls === undefined ? {} : { functionalCalls }),
        },
      ];
    });
  }

  private async statistics(paths: readonly string[], values: boolean): Promise<EngineRequests['statistics']['result']> {
    const program = this.program();
    const result: EngineRequests['statistics']['result'][number][] = [];
    for (const path of paths) {
      const statistics = await program.normStatistics(path, { values });
      if (statistics !== null) result.push({ path, statistics });
    }
    return result;
  }

  private async runForward(options: ForwardOptions): Promise<ForwardResult> {
    const { program, path, problems } = chooseModel(this.program(), options.model);
    this.clearCancelFlag();
    const context = this.context(options.seed);
    const started = performance.now();
    const inputs = await this.inputsOf(program, options);
    this.versionsOfFile();
    const before = this.statisticsVersions(this.program());
    let output = null;
    try {
      for (let step = 0; step < (options.steps ?? 1); step++)
        output = await program.forward(inputs.next(context), context);
    } catch (error) {
      throw inModel(error, path);
    }
    const after = this.statisticsVersions(this.program());
    const { summaries, arrays } = summariseOutputs(output, options.keepOutputs ?? false);
    return {
      outputs: summaries,
      ...(options.keepOutputs === true ? { arrays } : {}),
      inputs: inputs.shapes,
      moved: differing(before, after),
      milliseconds: performance.now() - started,
      problems: [...problems, ...this.forwardProblems(context)],
    };
  }

  private async compareModes(options: CompareOptions): Promise<ModeComparison> {
    const { program, path, problems } = chooseModel(this.program(), options.model);
    this.clearCancelFlag();
    const versionsInFile = this.versionsOfFile();
    const before = this.statisticsVersions(this.program());
    const started = performance.now();
    const contexts: RunContext[] = [];
    const inputs = await this.inputsOf(program, options);
    try {
      const compared = await compareModes(program, async (observer) => {
        const context = this.context(options.seed ?? 0, observer);
        contexts.push(context);
        return program.forward((await this.inputsOf(program, options)).next(context), context);
      });
      const at = (inner: string): string => [path, inner].filter((part) => part !== '').join('.');
      return {
        layers: compared.layers.map((layer) => ({ ...layer, path: at(layer.path) })),
        start: compared.start === null ? null : at(compared.start),
        inputs: inputs.shapes,
        milliseconds: performance.now() - started,
        problems: [
          ...problems,
          ...compared.problems,
          ...contexts.slice(-1).flatMap((run) => this.forwardProblems(run)),
        ],
      };
    } catch (error) {
      throw inModel(error, path);
    } finally {
      // The statistics are what they were, though they were written to.
      const moved = new Set(differing(versionsInFile, before));
      for (const [layer, version] of this.statisticsVersions(this.program()))
        if (!moved.has(layer)) versionsInFile.set(layer, version);
    }
  }

  private context(seed: number | undefined, observer?: ForwardObserver): RunContext {
    const isCancelled = (): boolean => {
      throwIfMemoryIsShort();
      return this.isCancelled();
    };
    const generator = new Generator(seed === undefined ? freshSeed() : seed + 1);
    return new RunContext(this.executor, generator, isCancelled, observer);
  }

  /** What forwards are given, one after the other. The same shapes give the same inputs, so that two runs differ by what the model does. */
  private async inputsOf(program: Program, options: CompareOptions): Promise<ForwardInputs> {
    const generator = new Generator(options.seed ?? 0);
    const samples = options.inputs.length === 0 ? await program.sampleInputs?.() : undefined;
    const shapesOf = (inputs: readonly { shape: readonly number[]; dtype: DType }[]): ForwardResult['inputs'] =>
      inputs.map(({ shape, dtype }) => ({ shape, dtype }));
    // A program may write to its inputs, so that every forward gets its own.
    if (samples !== undefined) return { shapes: shapesOf(tensorsIn(samples)), next: () => samples.map(cloneValue) };
    const chosen = chooseInputs(await program.inputs(), options.inputs);
    const next = (context: RunContext): Value[] =>
      chosen.map((input) => makeInput(input, generator, this.indexLimit, context));
    return { shapes: shapesOf(chosen), next };
  }

  private async saveCopy(options: SaveCopyOptions, onProgress?: OnProgress): Promise<SaveCopyResult> {
    this.clearCancelFlag();
    const model = this.model();
    const moved = differing(this.versionsOfFile(), this.statisticsVersions(model.program));
    return saveCopy(model, moved, options, () => this.isCancelled(), onProgress);
  }

  /** A flag that is shared is cleared by its owner before the request: a cancel may arrive before the request does. */
  private clearCancelFlag(): void {
    if (!this.sharesCancelFlag) Atomics.store(this.cancelFlag, 0, 0);
  }

  private isCancelled(): boolean {
    return Atomics.load(this.cancelFlag, 0) !== 0;
  }

  /** Of the statistics in the file. Asked for before anything moves them, and not at opening: most models are only looked at. */
  private versionsOfFile(): Map<string, number> {
    return (this.versionsInFile ??= this.statisticsVersions(this.program()));
  }

  private statisticsVersions(program: Program): Map<string, number> {
    return new Map(this.tracked.map((path) => [path, program.statisticsVersion(path)]));
  }

  private forwardProblems(context: RunContext): Problem[] {
    const narrowed = [...this.executor.narrowed].map((name) => ({
      message: `${name} was computed in float32: the kernels have it in single precision only.`,
    }));
    return [...context.messages.map((message) => ({ message })), ...narrowed];
  }

  private program(): Program {
    return this.model().program;
  }

  private model(): OpenedModel {
    if (this.opened === undefined) throw new AppError('no-program', 'No model is open');
    return this.opened;
  }
}

interface ForwardInputs {
  readonly shapes: ForwardResult['inputs'];
  next(context: RunContext): readonly Value[];
}

/** The error of a model that stands at `path` of its file. */
function inModel(error: unknown, path: string): unknown {
  if (path === '' || !(error instanceof AppError) || error.module === undefined) return error;
  const module = error.module === '' ? path : `${path}.${error.module}`;
  return new AppError(error.code, error.message, error.hint, { cause: error, module });
}

function differing(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): string[] {
  return [...after].filter(([path, version]) => before.get(path) !== version).map(([path]) => path);
}

/** Beyond four the kernels gain little for one sample, and the machine has other work. */
function defaultThreads(): number {
  return Math.min(4, os.availableParallelism());
}
