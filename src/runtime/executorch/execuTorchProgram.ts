// An ExecuTorch program, to be looked at: its methods, with the operators that each calls.

import type { InputSpec, Problem } from '../../model/description';
import type { Behaviour, ModuleSpec } from '../../model/module';
import { AppError } from '../../util/errors';
import { combine, combineUpwards, type Modes } from '../behaviour';
import type { Program } from '../program';
import type { PutBack } from '../remember';
import type { Tensor } from '../tensor';
import type { Value } from '../values';
import type { ExecuTorchCall, ExecuTorchMethod } from './methods';

/** A row: the program, a method, or what a method calls. */
interface Row {
  readonly path: string;
  readonly type: string;
  readonly own: Behaviour;
  readonly modeSensitive: boolean;
  readonly reason?: string;
  readonly children: number[];
}

export class ExecuTorchProgram implements Program {
  readonly capabilities = { setTraining: false, runForward: false };
  readonly problems: readonly Problem[];
  private readonly rows: Row[] = [];
  private readonly paths = new Set<string>();
  private readonly behaviour: readonly Behaviour[];

  constructor(methods: readonly ExecuTorchMethod[]) {
    const root = this.add({ path: '', type: 'Program', own: 'none', modeSensitive: false, children: [] });
    for (const method of methods) this.addMethod(method, root);
    const behaviour = this.rows.map(({ own }) => own);
    combineUpwards(behaviour, (i) => this.rows[i]!.children);
    this.behaviour = behaviour;
    this.problems = [{ message: summary(methods) }];
  }

  describe(): Promise<readonly ModuleSpec[]> {
    return Promise.resolve(
      this.rows.map(({ path, type, modeSensitive, reason }, i): ModuleSpec => ({
        path,
        type,
        qualifiedType: type,
        training: null,
        behaviour: this.behaviour[i]!,
        modeSensitive,
        ...(reason === undefined ? {} : { behaviourReason: reason }),
        parameters: [],
        buffers: [],
      })),
    );
  }

  modes(): Modes {
    return { training: this.rows.map(() => null), behaviour: this.behaviour };
  }

  inputs(): Promise<readonly InputSpec[]> {
    return Promise.resolve([]);
  }

  setTraining(path: string): void {
    // A program without flags takes none: they would only pretend.
    this.check(path);
  }

  remember(): PutBack {
    return () => Promise.resolve();
  }

  normTensors(path: string): ReadonlyMap<string, Tensor> {
    this.check(path);
    return new Map();
  }

  normStatistics(path: string): Promise<null> {
    this.check(path);
    return Promise.resolve(null);
  }

  statisticsVersion(path: string): number {
    this.check(path);
    return 0;
  }

  forward(): Promise<Value> {
    return Promise.reject(
      new AppError(
        'no-program',
        'An ExecuTorch program is compiled for ExecuTorch’s own runtime, and can’t be run here',
        'Open the model that it was exported from: torch.export.save(program, "model.pt2").',
      ),
    );
  }

  private addMethod({ name, calls }: ExecuTorchMethod, root: number): void {
    const path = this.freePath(segment(name));
    const method = this.add({ path, type: 'Method', own: 'none', modeSensitive: false, children: [] }, root);
    const kinds = new Map<string, Omit<Row, 'path' | 'children'>>();
    for (const call of calls) {
      const row = rowOf(call);
      const known = kinds.get(call.name);
      kinds.set(call.name, known === undefined ? row : { ...row, own: combine(known.own, row.own) });
    }
    for (const [called, row] of kinds) {
      this.add({ ...row, path: this.freePath(`${path}.${segment(called)}`), children: [] }, method);
    }
  }

  private add(row: Row, parent?: number): number {
    const index = this.rows.push(row) - 1;
    this.paths.add(row.path);
    if (parent !== undefined) this.rows[parent]!.children.push(index);
    return index;
  }

  private freePath(path: string): string {
    let free = path;
    for (let i = 2; this.paths.has(free); i++) free = `${path}_${i}`;
    return free;
  }

  private check(path: string): void {
    if (!this.paths.has(path)) throw new AppError('no-such-module', `The program has no row '${path}'`);
  }
}

/** A name as a part of a path. */
function segment(name: string): string {
  return name.replaceAll('.', '_') || 'unnamed';
}

function rowOf(call: ExecuTorchCall): Omit<Row, 'path' | 'children'> {
  if (call.kind === 'delegate') {
    const reason = 'It was compiled for a backend: what stands in it can’t be seen.';
    return { type: 'Delegate', own: 'unknown', modeSensitive: true, reason };
  }
  const own = operatorBehaviour(call);
  if (own === 'none') return { type: 'Operator', own, modeSensitive: false };
  const reason = 'The operator is part of the program, so it can’t be switched.';
  return { type: 'Operator', own, modeSensitive: true, reason };
}

/** Position of the argument `training` or `train`, by operator. */
const modeArguments: Readonly<Record<string, number>> = {
  'aten::native_batch_norm': 5,
  'aten::_native_batch_norm_legit': 5,
  'aten::native_dropout': 2,
};

function operatorBehaviour({ name, overload, flags }: ExecuTorchCall & { readonly kind: 'operator' }): Behaviour {
  if (name === 'aten::_native_batch_norm_legit_no_training') return 'eval';
  // Without statistics at hand it takes those of the batch.
  if (name === 'aten::_native_batch_norm_legit' && overload.startsWith('no_stats')) return 'train';
  const flag = Object.hasOwn(modeArguments, name) ? flags[modeArguments[name]!] : undefined;
  if (flag === undefined) return 'none';
  return flag === null ? 'unknown' : flag ? 'train' : 'eval';
}

function summary(methods: readonly ExecuTorchMethod[]): string {
  const calls = methods.flatMap((method) => method.calls);
  const delegates = new Set(calls.flatMap((call) => (call.kind === 'delegate' ? [call.name] : [])));
  const opaque =
    delegates.size === 0
      ? ''
      : ` Parts of it were compiled for ${[...delegates].join(', ')}, and can’t be looked into.`;
  return (
    'An ExecuTorch program holds operators, not modules: BatchNorm may have been folded away and Dropout left out when it ' +
    `was exported, and no mode can be switched.${opaque}`
  );
}
