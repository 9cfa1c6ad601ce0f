// A file that holds several programs: each stands under a root that is none itself, and is described, switched and run by itself.

import type { Capabilities, InputSpec, Problem } from '../model/description';
import type { ModuleSpec } from '../model/module';
import type { NormStatistics } from '../model/statistics';
import { combine, type Modes } from './behaviour';
import type { RunContext } from './context';
import { noSuchModule } from './moduleOrder';
import type { Program } from './program';
import type { PutBack } from './remember';
import type { Tensor } from './tensor';
import type { Value } from './values';

/** The programs of one file, by name. What asks for one and names none gets the first. */
export class SeveralPrograms implements Program {
  readonly capabilities: Capabilities;
  readonly problems: readonly Problem[];
  readonly models: ReadonlyMap<string, Program>;

  /** @param programs at least one; a dot in a name would be one more level of the tree, and becomes `_`. */
  constructor(programs: readonly (readonly [name: string, program: Program])[]) {
    const models = new Map<string, Program>();
    for (const [name, program] of programs) models.set(freeName(name, models), program);
    this.models = models;
    const all = [...models.values()];
    this.capabilities = {
      setTraining: all.some(({ capabilities }) => capabilities.setTraining),
      runForward: all.some(({ capabilities }) => capabilities.runForward),
    };
    this.problems = [...models].flatMap(([name, { problems }]) =>
      problems.map(({ message, path }) => ({ message: `${name}: ${message}`, path: join(name, path ?? '') })),
    );
  }

  async describe(): Promise<readonly ModuleSpec[]> {
    const modules: ModuleSpec[] = [];
    for (const [name, program] of this.models) {
      for (const spec of await program.describe()) {
        const { path, sharedWith } = spec;
        const shared = sharedWith === undefined ? {} : { sharedWith: join(name, sharedWith) };
        modules.push({ ...spec, path: join(name, path), ...shared });
      }
    }
    const root: ModuleSpec = {
      path: '',
      type: 'Module',
      qualifiedType: '',
      training: null,
      behaviour: this.modes().behaviour[0]!,
      modeSensitive: false,
      parameters: [],
      buffers: [],
    };
    return [root, ...modules];
  }

  modes(): Modes {
    const parts = [...this.models.values()].map((program) => program.modes());
    // The first of each part is the behaviour of its whole tree.
    const root = parts.map(({ behaviour }) => behaviour[0]!).reduce(combine, 'none');
    return {
      training: [null, ...parts.flatMap(({ training }) => training)],
      behaviour: [root, ...parts.flatMap(({ behaviour }) => behaviour)],
      reasons: [undefined, ...parts.flatMap(({ reasons, behaviour }) => reasons ?? behaviour.map(() => undefined))],
      functionalCalls: [
        undefined,
        ...parts.flatMap(({ functionalCalls, behaviour }) => functionalCalls ?? behaviour.map(() => undefined)),
      ],
    };
  }

  setTraining(path: string, training: boolean | null, recursive: boolean): void {
    if (path !== '') {
      const { program, rest } = this.at(path);
      program.setTraining(rest, training, recursive);
    } else if (recursive) {
      for (const program of this.models.values()) program.setTraining('', training, true);
    }
  }

  remember(): PutBack {
    const putBacks = [...this.models.values()].map((program) => program.remember());
    return async () => {
      for (const putBack of putBacks) await putBack();
    };
  }

  normStatistics(path: string, options?: { readonly values?: boolean }): Promise<NormStatistics | null> {
    if (path === '') return Promise.resolve(null);
    const { program, rest } = this.at(path);
    return program.normStatistics(rest, options);
  }

  normTensors(path: string): ReadonlyMap<string, Tensor> {
    if (path === '') return new Map();
    const { program, rest } = this.at(path);
    return program.normTensors(rest);
  }

  statisticsVersion(path: string): number {
    if (path === '') return 0;
    const { program, rest } = this.at(path);
    return program.statisticsVersion(rest);
  }

  inputs(): Promise<readonly InputSpec[]> {
    return this.first().inputs();
  }

  async sampleInputs(): Promise<readonly Value[] | undefined> {
    return this.first().sampleInputs?.();
  }

  forward(args: readonly Value[], context: RunContext, method?: string): Promise<Value> {
    return this.first().forward(args, context, method);
  }

  private first(): Program {
    return this.models.values().next().value!;
  }

  /** @throws AppError `no-such-module`. */
  private at(path: string): { readonly program: Program; readonly rest: string } {
    const [name = ''] = path.split('.', 1);
    const program = this.models.get(name);
    if (program === undefined) throw noSuchModule(path);
    return { program, rest: path.slice(name.length + 1) };
  }
}

function freeName(name: string, taken: ReadonlyMap<string, unknown>): string {
  const plain = name.replaceAll('.', '_') || '_';
  let free = plain;
  for (let number = 2; taken.has(free); number++) free = `${plain}_${number}`;
  return free;
}

function join(name: string, path: string): string {
  return path === '' ? name : `${name}.${path}`;
}
