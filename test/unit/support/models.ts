// Small models as data, and an engine that switches their modes as torch would: for tests of what stands above the engine.

import type { ModelDescription } from '../../../src/model/description';
import { isWithin } from '../../../src/model/module';
import type { Behaviour, ModuleSpec, NormSpec } from '../../../src/model/module';
import type {
  EngineMethod,
  EngineRequests,
  ForwardResult,
  ModeChange,
  OnProgress,
  SaveCopyResult,
} from '../../../src/protocol/engine';
import type { SessionEngine } from '../../../src/sessions/workerEngine';
import { AppError } from '../../../src/util/errors';
import { Emitter } from '../../../src/util/event';

export const normSpec: NormSpec = {
  numFeatures: 4,
  eps: 1e-5,
  momentum: 0.1,
  cumulative: false,
  affine: true,
  trackRunningStats: true,
};

/** A module in train that depends on no mode, unless told otherwise. */
export function moduleSpec(path: string, type: string, rest: Partial<ModuleSpec> = {}): ModuleSpec {
  return {
    path,
    type,
    qualifiedType: `torch.nn.${type}`,
    training: true,
    behaviour: 'none',
    modeSensitive: false,
    parameters: [],
    buffers: [],
    ...rest,
  };
}

export function batchNorm(path: string, training = true, rest: Partial<ModuleSpec> = {}): ModuleSpec {
  const behaviour = training ? 'train' : 'eval';
  return moduleSpec(path, 'BatchNorm2d', { training, behaviour, modeSensitive: true, batchNorm: normSpec, ...rest });
}

export function dropout(path: string, training = true, rest: Partial<ModuleSpec> = {}): ModuleSpec {
  const behaviour = training ? 'train' : 'eval';
  return moduleSpec(path, 'Dropout', { training, behaviour, modeSensitive: true, dropout: { p: 0.5 }, ...rest });
}

/** Net(block(conv, bn), drop, fc), all in train. */
export function smallModel(rest: Partial<ModelDescription> = {}): ModelDescription {
  return {
    format: 'torchscript',
    modules: [
      moduleSpec('', 'Net', { behaviour: 'train' }),
      moduleSpec('block', 'Block', { behaviour: 'train', source: { file: 'net.py', line: 7 } }),
      moduleSpec('block.conv', 'Conv2d', { parameters: [{ name: 'weight', dtype: 'float32', shape: [4, 3, 3, 3] }] }),
      batchNorm('block.bn'),
      dropout('drop'),
      moduleSpec('fc', 'Linear'),
    ],
    inputs: [
      {
        name: 'x',
        type: 'Tensor',
        hasDefault: false,
        suggestion: { shape: [1, 3, 8, 8], dtype: 'float32', from: 'the first layer' },
      },
    ],
    capabilities: { setTraining: true, runForward: true },
    problems: [],
    ...rest,
  };
}

/** An engine in this process: modes as torch sets them; statistics that count forwards; nothing is computed. */
export class FakeEngine implements SessionEngine {
  readonly calls: { readonly method: EngineMethod; readonly params: unknown }[] = [];
  private readonly failed = new Emitter<AppError>();
  private modules: ModuleSpec[] = [];
  private forwards = 0;
  private rejectForward: ((error: AppError) => void) | undefined;
  private rejectCopy: ((error: AppError) => void) | undefined;
  disposed = false;
  /** What it says that it holds after its model was closed. */
  memoryHeld = 1e6;
  /** Set to keep copies from ending until they are cancelled. */
  holdCopy = false;
  /** Set to keep forwards from ending until `finish` is called or they are cancelled. */
  holdForward = false;
  finish: () => void = () => undefined;

  readonly onDidFail = this.failed.event;

  constructor(private readonly description: ModelDescription | AppError) {}

  async request<M extends EngineMethod>(
    method: M,
    params: EngineRequests[M]['params'],
    onProgress?: OnProgress,
  ): Promise<EngineRequests[M]['result']> {
    this.calls.push({ method, params });
    const handlers: {
      [K in EngineMethod]: (params: never) => EngineRequests[K]['result'] | Promise<EngineRequests[K]['result']>;
    } = {
      prepare: () => null,
      open: () => this.open(),
      close: () => this.memoryHeld,
      setTraining: (p: EngineRequests['setTraining']['params']) => this.setTraining(p),
      statistics: (p: EngineRequests['statistics']['params']) => this.statistics(p),
      runForward: () => this.runForward(),
      compareModes: () => ({ layers: [], start: null, inputs: [], milliseconds: 0, problems: [] }),
      saveCopy: () => this.saveCopy(onProgress),
    };
    return await handlers[method](params as never);
  }

  cancel(): void {
    this.rejectForward?.(new AppError('cancelled', 'The forward was cancelled.'));
    this.rejectCopy?.(new AppError('cancelled', 'Saving the copy was cancelled.'));
  }

  dispose(): void {
    this.disposed = true;
  }

  /** Dies as a worker does. */
  die(error: AppError): void {
    this.rejectForward?.(error);
    this.failed.fire(error);
  }

  private open(): ModelDescription {
    if (this.description instanceof AppError) throw this.description;
    this.modules = [...this.description.modules];
    return this.description;
  }

  private async saveCopy(onProgress?: OnProgress): Promise<SaveCopyResult> {
    onProgress?.({ step: 'copying', done: 1, total: 2 });
    if (this.holdCopy) await new Promise<void>((_, reject) => (this.rejectCopy = reject));
    return { changed: [], statistics: [], problems: [] };
  }

  private setTraining({ changes }: EngineRequests['setTraining']['params']): readonly ModeChange[] {
    const before = this.modules;
    for (const { path, training, recursive } of changes) {
      this.modules = this.modules.map((module) => {
        const hit = recursive ? isWithin(module.path, path) : module.path === path;
        if (!hit || module.training === null) return module;
        const behaviour: Behaviour = module.modeSensitive ? (training ? 'train' : 'eval') : module.behaviour;
        return { ...module, training, behaviour };
      });
    }
    return this.modules
      .filter((module, index) => module !== before[index])
      .map(({ path, training, behaviour }) => ({ path, training, behaviour }));
  }

  private statistics({ paths }: EngineRequests['statistics']['params']): EngineRequests['statistics']['result'] {
    const summary = { min: 0, max: this.forwards, mean: this.forwards / 2, nonFinite: 0 };
    return paths.map((path) => ({
      path,
      statistics: { numBatchesTracked: this.forwards, runningMean: summary, runningVar: { ...summary, min: 1 } },
    }));
  }

  private async runForward(): Promise<ForwardResult> {
    if (this.holdForward) {
      await new Promise<void>((resolve, reject) => {
        this.finish = resolve;
        this.rejectForward = reject;
      });
    }
    const moved = this.modules
      .filter((module) => module.batchNorm !== undefined && module.training === true)
      .map(({ path }) => path);
    if (moved.length > 0) this.forwards++;
    return {
      outputs: [{ name: '', shape: [1, 2], dtype: 'float32', min: -1, max: 1, mean: 0, nonFinite: 0 }],
      arrays: [{ shape: [1, 2], dtype: 'float32', bytes: Uint8Array.of(0, 0, 0, this.forwards) }],
      inputs: [{ shape: [1, 3, 8, 8], dtype: 'float32' }],
      moved,
      milliseconds: 12,
      problems: [],
    };
  }
}
