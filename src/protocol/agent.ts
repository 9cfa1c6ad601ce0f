// What the agent in a user's Python process and the host say to each other: JSON-RPC 2.0 after a handshake.

import { toUint8Array } from 'js-base64';
import * as v from 'valibot';

/** Named in the handshake; an agent of another version is refused. */
export const agentProtocol = 1;

const path = v.string();
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const model = v.pipe(v.number(), v.safeInteger());
const figure = v.nullable(v.number());

const tensor = v.object({
  name: v.string(),
  /** torch's name, which may be one that the runtime does not know (`complex64`). */
  dtype: v.string(),
  shape: v.array(v.number()),
  requiresGrad: v.boolean(),
  /** Not made yet: a lazy layer before its first forward. */
  lazy: v.exactOptional(v.boolean()),
});

const quartiles = v.pipe(v.tuple([v.number(), v.number(), v.number()]), v.readonly());

const summary = v.object({
  min: figure,
  max: figure,
  mean: figure,
  nonFinite: count,
  quartiles: v.exactOptional(quartiles),
  values: v.exactOptional(v.array(figure)),
});

const statistics = v.object({
  runningMean: v.nullable(summary),
  runningVar: v.nullable(summary),
  numBatchesTracked: v.nullable(v.number()),
});

/** Of running mean and variance each minimum, maximum, mean, not finite; the batches; where they are looked at, the quartiles of both. */
const columns = { plain: 9, withQuartiles: 15 } as const;

/**
 * What changed, by layers: `paths`, and `figures` in base64: for each path a row of doubles, little-endian, NaN for what there is not.
 * Numbers as text would take the user's process longer than all else.
 */
const statisticsRows = v.pipe(
  v.object({ model, paths: v.array(path), figures: v.pipe(v.string(), v.base64()) }),
  v.rawTransform(({ dataset: { value }, addIssue, NEVER }) => {
    const bytes = toUint8Array(value.figures);
    const width = bytes.byteLength / 8 / value.paths.length;
    const isRow = width === columns.plain || width === columns.withQuartiles;
    if (value.paths.length === 0 ? bytes.byteLength > 0 : !isRow) {
      addIssue({ message: 'figures of so many bytes are none of these layers' });
      return NEVER;
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const changed = value.paths.map((layer, row) => ({ path: layer, ...statisticsOf(figuresOf(view, row, width)) }));
    return { model: value.model, changed };
  }),
);

const module = v.object({
  path,
  type: v.string(),
  qualifiedType: v.string(),
  training: v.nullable(v.boolean()),
  /** What the mode means to it, by torch's class from which it derives. */
  kind: v.picklist([
    'batchNorm',
    'frozenBatchNorm',
    'instanceNorm',
    'dropout',
    'recurrent',
    'attention',
    'encoderLayer',
    'rrelu',
    'spectralNorm',
    'other',
  ]),
  parameters: v.array(tensor),
  buffers: v.array(tensor),
  source: v.exactOptional(v.object({ file: v.string(), line: v.number() })),
  sharedWith: v.exactOptional(v.string()),
  norm: v.exactOptional(
    v.object({
      numFeatures: figure,
      eps: figure,
      momentum: figure,
      cumulative: v.boolean(),
      affine: v.boolean(),
      tracks: v.boolean(),
      hasStatistics: v.boolean(),
    }),
  ),
  p: v.exactOptional(figure),
  /** Of a layer that keeps them and is looked at, as they stand now. */
  statistics: v.exactOptional(statistics),
});

const forward = v.object({
  path,
  time: v.number(),
  gradEnabled: v.boolean(),
  training: v.boolean(),
  /** Some parameter below requires a gradient. */
  learns: v.boolean(),
  /** Of own optimizers, until then. */
  steps: count,
  /** The last sign of training before it: a step, or a sampled forward with gradients of any module. */
  learnedAt: v.nullable(v.number()),
  file: v.nullable(v.string()),
  line: v.nullable(v.number()),
  function: v.nullable(v.string()),
});

/** Notifications of the agent by method. */
const notifications = {
  /** First of all, once torch is imported. */
  connected: v.object({
    process: count,
    parent: count,
    /** Of `torchrun` and its kin. */
    rank: v.nullable(count),
    worldSize: v.nullable(count),
    job: v.nullable(v.string()),
    /** Of the host: which of its launches started the process, or the process that started it. */
    launch: v.nullable(v.string()),
    /** What the host called it, where its command says little: a notebook's name. */
    title: v.exactOptional(v.string()),
    python: v.string(),
    torch: v.string(),
    argv: v.array(v.string()),
    executable: v.string(),
    folder: v.string(),
  }),
  /** A part of a model's tree in pre-order; `from` 0 begins it anew. */
  modules: v.object({
    model,
    name: v.string(),
    from: count,
    last: v.boolean(),
    modules: v.array(module),
    /** The arguments of its forward, where we built the model and may run it. */
    inputs: v.exactOptional(v.array(v.object({ name: v.string(), type: v.string(), hasDefault: v.boolean() }))),
  }),
  /** A model that no longer exists, or that is part of another one now. */
  gone: v.object({ model }),
  modes: v.object({
    model,
    changed: v.array(v.object({ path, training: v.nullable(v.boolean()) })),
  }),
  statistics: statisticsRows,
  /** A call of `train()` or `eval()`. Without a file it came from us. `model` is null for a module of no known model. */
  switch: v.object({
    model: v.nullable(model),
    path: v.nullable(path),
    time: v.number(),
    training: v.boolean(),
    file: v.nullable(v.string()),
    line: v.nullable(v.number()),
    function: v.nullable(v.string()),
  }),
  /** Parameters that were frozen or thawed, by name. */
  requiresGrad: v.object({
    model,
    changed: v.array(v.object({ path, parameters: v.record(v.string(), v.boolean()) })),
  }),
  /** Modules in plain lists, tuples and dicts of others: all that the one at `path` holds now, once that has lasted from look to look. */
  unregistered: v.object({
    model,
    changed: v.array(
      v.object({
        path,
        modules: v.array(v.object({ name: v.string(), type: v.string(), training: v.nullable(v.boolean()) })),
      }),
    ),
  }),
  /** Samples of the calls of modules from outside of all modules, those of this model, in their order. */
  forwards: v.object({ model, forwards: v.array(forward) }),
  /** Optimizer steps since the model was found: of those that hold parameters of it, and of others. */
  steps: v.object({ model, own: count, other: count }),
  problem: v.object({ message: v.string() }),
  /** The program ends, or the agent was asked to go. */
  leaving: v.object({}),
} as const;

type Notifications = typeof notifications;
export type AgentNotificationName = keyof Notifications;
export type AgentNotification = {
  [N in AgentNotificationName]: { readonly name: N; readonly params: v.InferOutput<Notifications[N]> };
}[AgentNotificationName];

export type AgentInputs = NonNullable<v.InferOutput<Notifications['modules']>['inputs']>;
export type AgentModule = v.InferOutput<typeof module>;
export type AgentIntroduction = v.InferOutput<Notifications['connected']>;
export type AgentStatistics = v.InferOutput<typeof statistics>;
export type AgentTrace = v.InferOutput<Answers['traceForward']>;
export type AgentForward = v.InferOutput<typeof forward>;
export type AgentSwitch = v.InferOutput<Notifications['switch']>;

/** Null where the layer has no such statistics; then nothing is counted. */
/** One row of figures, null for NaN. */
function figuresOf(view: DataView, row: number, width: number): (number | null)[] {
  return Array.from({ length: width }, (_, column) => {
    const figure = view.getFloat64((row * width + column) * 8, true);
    return Number.isNaN(figure) ? null : figure;
  });
}

function statisticsOf(row: readonly (number | null)[]): AgentStatistics {
  const first = columns.plain;
  return {
    runningMean: summaryOf(row.slice(0, 4), row.slice(first, first + 3)),
    runningVar: summaryOf(row.slice(4, 8), row.slice(first + 3, first + 6)),
    numBatchesTracked: row[8] ?? null,
  };
}

function summaryOf(
  [min = null, max = null, mean = null, nonFinite = null]: readonly (number | null)[],
  [first = null, middle = null, third = null]: readonly (number | null)[],
): v.InferOutput<typeof summary> | null {
  if (nonFinite === null) return null;
  const hasQuartiles = first !== null && middle !== null && third !== null;
  return { min, max, mean, nonFinite, ...(hasQuartiles ? { quartiles: [first, middle, third] } : {}) };
}

/** Checks a notification; undefined if it is none of ours, or not as it should be. */
export function parseNotification(name: string, params: unknown): AgentNotification | undefined {
  if (!Object.hasOwn(notifications, name)) return undefined;
  const checked = v.safeParse(notifications[name as AgentNotificationName], params);
  return checked.success ? ({ name, params: checked.output } as AgentNotification) : undefined;
}

const tracedCall = v.object({
  /** torch's name: `dropout`, `batch_norm`. */
  function: v.string(),
  p: figure,
  /** The argument; null where there is none. */
  training: v.nullable(v.boolean()),
  /** It draws random numbers. */
  random: v.boolean(),
  statistics: v.nullable(v.picklist(['batch', 'running'])),
  /** It moves running statistics. */
  moves: v.boolean(),
  /** Of the innermost module, and its flag. */
  path,
  flag: v.nullable(v.boolean()),
  file: v.nullable(v.string()),
  line: v.nullable(v.number()),
  in: v.nullable(v.string()),
});

/** A switch that waits for the next forward is `pending`. */
const switched = v.object({ pending: v.boolean() });

/** What each request is answered with. */
const answers = {
  look: v.object({}),
  setTraining: switched,
  setFlags: switched,
  pin: switched,
  statistics,
  findEverywhere: v.object({ models: count }),
  runForward: v.object({
    outputs: v.array(
      v.object({
        name: v.string(),
        shape: v.array(count),
        dtype: v.string(),
        ...v.omit(summary, ['values', 'quartiles']).entries,
      }),
    ),
    /** Of all elements of the outputs. */
    digest: v.string(),
    moved: v.array(path),
    milliseconds: v.number(),
  }),
  compareModes: v.object({
    /** As in `ModeComparison`. */
    layers: v.array(
      v.object({
        path,
        outputs: count,
        relativeL2: figure,
        cosine: figure,
        maxAbs: v.number(),
        nonFinite: count,
        batchShift: v.exactOptional(v.object({ meanShift: figure, varianceRatio: figure })),
      }),
    ),
    inputs: v.array(v.object({ shape: v.array(count), dtype: v.string() })),
    /** Modules that returned something of another shape or number in train. */
    unlike: v.array(path),
    milliseconds: v.number(),
  }),
  stopComparing: v.object({}),
  traceForward: v.object({
    /** Of the module that was called. */
    path,
    calls: v.array(tracedCall),
    /** Scripted modules, into which no trace looks. */
    opaque: v.array(path),
    /** The error that ended the forward. */
    failure: v.nullable(v.string()),
    singleValue: v.nullable(v.object({ path, shape: v.array(count) })),
  }),
  detach: v.object({}),
} as const;

type Answers = typeof answers;

/** Requests of the host by method. */
interface Params {
  /** What is looked at: with `watching` false the agent reports no more than switches. */
  look: {
    readonly watching: boolean;
    /** Seconds between two reports, at least 0.05. */
    readonly interval?: number;
    /** Layers whose statistics are reported as they move, by the model's number. */
    readonly statistics?: 'all' | Readonly<Record<string, readonly string[]>>;
    /** Whether the summaries have their quartiles, which cost the agent more than all else. */
    readonly quartiles?: boolean;
  };
  /** As `module.train(mode)`; with `recursive` false this flag only. */
  setTraining: {
    readonly model: number;
    readonly path: string;
    readonly training: boolean;
    readonly recursive: boolean;
  };
  /** Single flags, as when modes are restored. */
  setFlags: { readonly model: number; readonly flags: Readonly<Record<string, boolean>> };
  /** Holds a module in a mode whatever its parents are switched to; null lets it go. */
  pin: { readonly model: number; readonly path: string; readonly training: boolean | null };
  /** All elements of a layer's running statistics. */
  statistics: { readonly model: number; readonly path: string };
  /** Looks for models that no name leads to. Takes a tenth of a second of the process's time, or more. */
  findEverywhere: Readonly<Record<string, never>>;
  /** Of a model that we built; others run when their program runs them. */
  runForward: {
    readonly model: number;
    readonly inputs: readonly { readonly shape: readonly number[]; readonly dtype: string }[];
    readonly steps?: number;
    readonly seed?: number;
  };
  /**
   * The same inputs in eval and in train, with flags, statistics and random numbers put back. A model that we built gets these
   * inputs; another one is compared at its next forward, with what that is given.
   */
  compareModes: {
    readonly model: number;
    readonly inputs: readonly { readonly shape: readonly number[]; readonly dtype: string }[];
    readonly seed?: number;
  };
  /** What waits for a forward waits no longer. */
  stopComparing: Readonly<Record<string, never>>;
  /** The next forward of the model, in the mode that is given; refused if none runs in that time, or the program compiles. */
  traceForward: { readonly model: number; readonly training: boolean | null; readonly seconds: number };
  detach: Readonly<Record<string, never>>;
}

/** Requests by name: parameters and answer. */
export type AgentRequests = {
  [M in keyof Answers]: { readonly params: Params[M]; readonly result: v.InferOutput<Answers[M]> };
};

export type AgentMethod = keyof AgentRequests;

/** Checks an answer; undefined if it is not as it should be. */
export function parseAnswer<M extends AgentMethod>(method: M, result: unknown): AgentRequests[M]['result'] | undefined {
  const checked = v.safeParse(answers[method], result);
  return checked.success ? checked.output : undefined;
}
