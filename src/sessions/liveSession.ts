// A model in a running Python process: its tree and flags as the agent last told them, switched where the process runs.

import { startOfGap, unlikeProblems, type ModeComparison } from '../model/comparison';
import type { Capabilities, InputSpec, Problem } from '../model/description';
import { batchEvents, ObservationLog, type Caller, type LiveEvent } from '../insight/observations';
import type { Finding } from '../model/finding';
import type { Mode, ModuleSpec } from '../model/module';
import type { NormStatistics } from '../model/statistics';
import type {
  AgentForward,
  AgentInputs,
  AgentModule,
  AgentNotification,
  AgentStatistics,
  AgentSwitch,
  AgentTrace,
} from '../protocol/agent';
import type { CompareOptions, ForwardOptions, ForwardResult, SaveCopyResult } from '../protocol/engine';
import { AppError } from '../util/errors';
import { Emitter } from '../util/event';
import type { FindingRules } from './findingRules';
import { FindingTracker } from './findingTracker';
import { hasKnownType, liveInputs, orAborted } from './liveForward';
import { LiveModules } from './liveModules';
import { EvalLooks, traceEvents } from './liveTrace';
import type { AgentLink, LiveProcess } from './liveProcess';
import type { ModelSession, SessionChange, SessionState, Snapshot } from './modelSession';
import { ModuleIndex } from './moduleIndex';
import { SwitchPlaces, type SwitchPlace } from './switchPlaces';

export interface LiveSessionOptions {
  readonly process: LiveProcess;
  /** The agent's number of the model. */
  readonly model: number;
  /** The variable that leads to it. */
  readonly name: string;
  /** In pre-order, the root first. */
  readonly modules: readonly AgentModule[];
  /** The arguments of its forward; undefined where only its own program runs it. */
  readonly inputs: AgentInputs | undefined;
  readonly link: AgentLink;
  readonly onListenerError: ((error: unknown) => void) | undefined;
}

type ChangedModes = Extract<AgentNotification, { name: 'modes' }>['params']['changed'];
type ChangedStatistics = Extract<AgentNotification, { name: 'statistics' }>['params']['changed'];

/** How long a forward that somebody wants traced is waited for. */
const traceSeconds = 60;
const lookSeconds = 2;

/** Beyond it the oldest are dropped: hours of a loop that calls train() at every step. */
const keptSwitches = 5000;

export class LiveSession implements ModelSession {
  readonly kind = 'live';
  readonly format = 'module';
  readonly capabilities: Capabilities;
  readonly inputs: readonly InputSpec[];
  readonly problems: readonly Problem[] = [];
  readonly id: string;
  readonly title: string;
  readonly process: LiveProcess;
  readonly onDidChange: ModelSession['onDidChange'];
  private readonly changed: Emitter<SessionChange>;
  private modes: LiveModules;
  private index: ModuleIndex;
  private initial: Snapshot;
  private currentState: SessionState = { kind: 'ready' };
  /** As they were reported last. */
  private readonly known = new Map<string, AgentStatistics>();
  private isRunning = false;
  private readonly calls: AgentSwitch[] = [];
  private readonly places = new SwitchPlaces();
  private readonly pins = new Map<string, Mode>();
  /** Counters when a layer was first seen, to tell which have moved since. */
  private readonly firstCounts = new Map<string, number | null>();
  private readonly observations = new ObservationLog();
  private tracker: FindingTracker | undefined;
  private traced: AgentTrace | undefined;
  private readonly looks = new EvalLooks(() => this.requestTrace(false, lookSeconds));

  constructor(private readonly options: LiveSessionOptions) {
    this.process = options.process;
    this.id = `live-${options.process.key}-${options.model}`;
    this.title = options.name;
    this.capabilities = { setTraining: true, runForward: options.inputs !== undefined, compareModes: true, pin: true };
    this.changed = new Emitter(options.onListenerError);
    this.onDidChange = this.changed.event;
    this.modes = new LiveModules(options.modules);
    this.index = ModuleIndex.atOnce(this.modes.specs);
    this.inputs = liveInputs(options.inputs ?? [], this.index.modules);
    this.initial = this.index.snapshot();
    this.takeStatistics(options.modules);
  }

  get state(): SessionState {
    return this.currentState;
  }

  get modules(): readonly ModuleSpec[] {
    return this.index.modules;
  }

  get initialModes(): Snapshot {
    return this.initial;
  }

  /** Layers whose counter of batches has moved since the model was first seen. */
  get movedStatistics(): readonly string[] {
    return [...this.known]
      .filter(([path, { numBatchesTracked }]) => numBatchesTracked !== this.firstCounts.get(path))
      .map(([path]) => path);
  }

  /** The latest calls of `train()` and `eval()` on its modules, the oldest first; `switchPlaces` counts all. */
  get switches(): readonly AgentSwitch[] {
    return this.calls;
  }

  /** All calls ever by the lines that made them, the latest first. */
  get switchPlaces(): readonly SwitchPlace[] {
    return this.places.latestFirst;
  }

  get findings(): readonly Finding[] {
    return this.tracker?.findings ?? [];
  }

  watchFindings(rules: FindingRules): void {
    this.tracker ??= new FindingTracker({
      rules,
      model: () => ({
        kind: 'live',
        format: this.format,
        modules: this.modules,
        statistics: (path) => this.known.get(path),
        observations: this.observations,
      }),
      onDidChange: () => {
        this.changed.fire({ kind: 'findings' });
      },
      onError: this.options.onListenerError ?? (() => undefined),
    });
  }

  /** Has findings that are due told now, before the process is forgotten. */
  flushFindings(): void {
    this.tracker?.flush();
  }

  module(path: string): ModuleSpec | undefined {
    return this.index.get(path);
  }

  children(path: string, start?: number, end?: number): readonly ModuleSpec[] {
    return this.index.children(path, start, end);
  }

  async setTraining(path: string, training: boolean, { recursive }: { readonly recursive: boolean }): Promise<void> {
    this.requireModule(path);
    const { model, link } = this.options;
    this.wait(await link.request('setTraining', { model, path, training, recursive }));
  }

  /** Holds a module in a mode whatever its parents are switched to; null lets it go. */
  async pin(path: string, training: boolean | null): Promise<void> {
    this.requireModule(path);
    const { model, link } = this.options;
    this.wait(await link.request('pin', { model, path, training }));
    if (training === null) this.pins.delete(path);
    else this.pins.set(path, training ? 'train' : 'eval');
    this.changed.fire({ kind: 'modes', paths: [path] });
  }

  pinned(path: string): Mode | undefined {
    return this.pins.get(path);
  }

  /** The figures of a layer as they were reported last; undefined where none were. */
  latestStatistics(path: string): NormStatistics | undefined {
    return this.known.get(path);
  }

  async statistics(path: string, options: { readonly values?: boolean } = {}): Promise<NormStatistics | null> {
    const module = this.requireModule(path);
    if ((module.batchNorm ?? module.instanceNorm)?.trackRunningStats !== true) return null;
    const known = this.known.get(path);
    // What was told last is as new as it gets while somebody looks, and all there is once the process has ended.
    if (options.values !== true && known !== undefined) return known;
    return this.options.link.request('statistics', { model: this.options.model, path });
  }

  async runForward({ inputs, steps, seed }: ForwardOptions, signal?: AbortSignal): Promise<ForwardResult> {
    this.requireModule('');
    if (!this.capabilities.runForward)
      throw new AppError('no-program', `${this.title} runs in its own process.`, 'Run it there.');
    if (this.isRunning) throw new AppError('usage', `${this.title} is running already.`, 'Wait until it has ended.');
    const shapes = inputs.map(({ shape, dtype }) => ({ shape, dtype }));
    const options = { ...(steps === undefined ? {} : { steps }), ...(seed === undefined ? {} : { seed }) };
    this.isRunning = true;
    const running = this.options.link
      .request('runForward', { model: this.options.model, inputs: shapes, ...options })
      .finally(() => {
        this.isRunning = false;
      });
    const { outputs, ...result } = await orAborted(running, this.title, signal);
    return { ...result, outputs: outputs.filter(hasKnownType), inputs: shapes, problems: [] };
  }

  /** A model that its own program runs is compared at its next forward; `signal` ends the waiting. */
  async compareModes({ inputs, seed }: CompareOptions, signal?: AbortSignal): Promise<ModeComparison> {
    this.requireModule('');
    if (this.isRunning) throw new AppError('usage', `${this.title} is running already.`, 'Wait until it has ended.');
    const { model, link } = this.options;
    const shapes = inputs.map(({ shape, dtype }) => ({ shape, dtype }));
    this.isRunning = true;
    const comparing = link
      .request('compareModes', { model, inputs: shapes, ...(seed === undefined ? {} : { seed }) })
      .finally(() => {
        this.isRunning = false;
      });
    signal?.addEventListener('abort', () => {
      // The agent refuses the comparison then; where it does not answer at all, neither will.
      void link.request('stopComparing', {}).catch(() => undefined);
    });
    const { layers, inputs: given, unlike, milliseconds } = await orAborted(comparing, this.title, signal);
    const comparison: ModeComparison = {
      layers,
      start: startOfGap(layers),
      inputs: given.filter(hasKnownType),
      milliseconds,
      problems: unlikeProblems(unlike),
    };
    for (const event of batchEvents(comparison)) this.receiveEvent(event);
    return comparison;
  }

  saveCopy(): Promise<SaveCopyResult> {
    return Promise.reject(new AppError('not-stored', `${this.title} is no file.`, 'Save it with torch.save().'));
  }

  snapshot(): Snapshot {
    return this.index.snapshot();
  }

  async restore(snapshot: Snapshot): Promise<void> {
    const flags: Record<string, boolean> = {};
    for (const { path, training } of this.index.changesTo(snapshot)) if (training !== null) flags[path] = training;
    if (Object.keys(flags).length === 0) return;
    const { model, link } = this.options;
    this.wait(await link.request('setFlags', { model, flags }));
  }

  /** A live model is always as new as the last report. */
  reload(): Promise<void> {
    return Promise.resolve();
  }

  dispose(): void {
    this.tracker?.dispose();
    this.changed.dispose();
  }

  /** The agent's report of flags. */
  receiveModes(changed: ChangedModes): void {
    const paths = this.index.apply(this.modes.apply(changed));
    this.endWaiting();
    if (paths.length > 0) this.changed.fire({ kind: 'modes', paths });
    this.tracker?.look();
  }

  /** Something that the program did. */
  receiveEvent(event: LiveEvent): void {
    this.observations.see(event);
    this.tracker?.look();
  }

  /** The agent's report of parameters that were frozen or thawed. */
  receiveRequiresGrad(changed: Extract<AgentNotification, { name: 'requiresGrad' }>['params']['changed']): void {
    this.index.setRequiresGrad(new Map(changed.map(({ path, parameters }) => [path, parameters])));
    this.tracker?.look();
  }

  /** The agent's report of modules that torch does not know of. */
  receiveUnregistered(changed: Extract<AgentNotification, { name: 'unregistered' }>['params']['changed']): void {
    this.index.setUnregistered(changed);
    this.tracker?.look();
  }

  /** Some of the forwards that ran. */
  receiveForwards(forwards: readonly AgentForward[]): void {
    for (const { file, line, function: name, ...forward } of forwards)
      this.observations.see({ kind: 'forward', ...forward, caller: callerOf({ file, line, function: name }) });
    if (this.tracker !== undefined && forwards.some(({ training }) => !training)) this.looks.look();
    this.tracker?.look();
  }

  /** The forward that was traced last. */
  get trace(): AgentTrace | undefined {
    return this.traced;
  }

  /** Traces the next forward that the program runs. @throws AppError `refused` if none runs for a minute, or it uses torch.compile. */
  async traceForward(): Promise<AgentTrace> {
    this.requireModule('');
    this.traced = await this.requestTrace(null, traceSeconds);
    this.changed.fire({ kind: 'trace' });
    return this.traced;
  }

  private async requestTrace(training: boolean | null, seconds: number): Promise<AgentTrace> {
    const { model, link } = this.options;
    const trace = await link.request('traceForward', { model, training, seconds });
    for (const event of traceEvents(trace)) this.receiveEvent(event);
    return trace;
  }

  /** A call of `train()` or `eval()`. One of ours that waited is done, though perhaps no flag differs. */
  receiveSwitch(call: AgentSwitch): void {
    this.calls.push(call);
    this.places.add(call);
    const { path, training, time } = call;
    if (path !== null) this.receiveEvent({ kind: 'switch', path, training, time, caller: callerOf(call) });
    if (this.calls.length > keptSwitches) this.calls.shift();
    if (call.file === null) this.endWaiting();
  }

  /** The agent's report of statistics that moved. */
  receiveStatistics(changed: ChangedStatistics): void {
    for (const { path, ...statistics } of changed) this.keep(path, statistics);
    this.changed.fire({ kind: 'statistics', paths: changed.map(({ path }) => path) });
    this.tracker?.look();
  }

  /** The tree anew: modules came, went or moved. */
  receiveTree(modules: readonly AgentModule[]): void {
    const before = this.initial.flags;
    this.modes = new LiveModules(modules);
    this.index = ModuleIndex.atOnce(this.modes.specs);
    this.known.clear();
    this.takeStatistics(modules);
    // New modules begin as they are found.
    this.initial = {
      flags: new Map([...this.index.snapshot().flags].map(([path, flag]) => [path, before.get(path) ?? flag])),
    };
    this.changed.fire({ kind: 'tree' });
    this.tracker?.look();
  }

  /** The process ended; what was last seen stays on show. */
  receiveEnd(clean: boolean): void {
    this.setState({
      kind: 'ended',
      message: clean ? 'The process has ended.' : 'The process ended, or the connection to it broke.',
    });
  }

  private endWaiting(): void {
    if (this.currentState.kind === 'waiting') this.setState({ kind: 'ready' });
  }

  private takeStatistics(modules: readonly AgentModule[]): void {
    for (const { path, statistics } of modules) if (statistics !== undefined) this.keep(path, statistics);
  }

  private keep(path: string, statistics: AgentStatistics): void {
    this.known.set(path, statistics);
    if (statistics.numBatchesTracked !== null)
      this.observations.see({ kind: 'counter', path, batches: statistics.numBatchesTracked });
    if (!this.firstCounts.has(path)) this.firstCounts.set(path, statistics.numBatchesTracked);
  }

  /** A switch that falls into a forward is done at the start of the next one, which may be long in coming. */
  private wait({ pending }: { readonly pending: boolean }): void {
    if (pending && this.currentState.kind === 'ready') this.setState({ kind: 'waiting' });
  }

  private requireModule(path: string): ModuleSpec {
    const module = this.index.get(path);
    if (module === undefined)
      throw new AppError('no-such-module', `${this.title} has no module “${path}”.`, 'Refresh the tree.');
    if (this.currentState.kind === 'ended') throw new AppError('process-ended', this.currentState.message);
    return module;
  }

  private setState(state: SessionState): void {
    this.currentState = state;
    this.changed.fire({ kind: 'state' });
  }
}

/** Undefined for what we did ourselves, or what was called from nowhere in the user's code. */
function callerOf({ file, line, function: name }: Pick<AgentSwitch, 'file' | 'line' | 'function'>): Caller | undefined {
  return file === null ? undefined : { file, line: line ?? 1, function: name };
}
