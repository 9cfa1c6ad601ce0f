// The modules of a live model as specs: what the agent tells, and what each will do in a forward.

import { isDType } from '../model/dtype';
import { parentPath } from '../model/module';
import type { Behaviour, ModuleSpec, NormSpec, TensorSpec } from '../model/module';
import type { AgentModule } from '../protocol/agent';
import type { ModeChange } from '../protocol/engine';
import {
  alwaysByBatch,
  alwaysByStatistics,
  behaviourUnder,
  combineUpwards,
  indifferent,
  obedient,
  type BehaviourRule,
} from '../runtime/behaviour';

/** The tree of one model: rules stay, flags come and go. */
export class LiveModules {
  readonly specs: readonly ModuleSpec[];
  private readonly rules: readonly BehaviourRule[];
  private readonly children: readonly (readonly number[])[];
  private readonly positions = new Map<string, number>();
  private readonly flags: (boolean | null)[];
  private behaviour: readonly Behaviour[];

  /** @param modules in pre-order, the root first. */
  constructor(modules: readonly AgentModule[]) {
    const children: number[][] = modules.map(() => []);
    modules.forEach(({ path }, position) => {
      this.positions.set(path, position);
      const parent = parentPath(path);
      const above = parent === undefined ? undefined : this.positions.get(parent);
      if (above !== undefined) children[above]?.push(position);
    });
    this.children = children;
    this.rules = modules.map(ruleOf);
    this.flags = modules.map(({ training }) => training);
    this.behaviour = this.computeBehaviour();
    this.specs = modules.map((module, position) =>
      specOf(module, this.rules[position] ?? indifferent, this.behaviour[position] ?? 'none'),
    );
  }

  /** Takes over flags; answers with every module whose flag or behaviour is another now. Unknown paths are left out. */
  apply(changed: readonly { readonly path: string; readonly training: boolean | null }[]): readonly ModeChange[] {
    const touched = new Set<number>();
    for (const { path, training } of changed) {
      const position = this.positions.get(path);
      if (position === undefined) continue;
      this.flags[position] = training;
      touched.add(position);
    }
    const before = this.behaviour;
    this.behaviour = this.computeBehaviour();
    return this.specs.flatMap(({ path }, position): ModeChange[] => {
      const behaviour = this.behaviour[position] ?? 'none';
      if (!touched.has(position) && behaviour === before[position]) return [];
      return [{ path, training: this.flags[position] ?? null, behaviour }];
    });
  }

  private computeBehaviour(): Behaviour[] {
    const behaviour = this.rules.map((rule, position) => behaviourUnder(rule, this.flags[position] ?? null));
    combineUpwards(behaviour, (position) => this.children[position] ?? []);
    return behaviour;
  }
}

function ruleOf(module: AgentModule): BehaviourRule {
  const { kind, p } = module;
  switch (kind) {
    case 'batchNorm':
      return usesStatistics(module) ? obedient : alwaysByBatch;
    case 'frozenBatchNorm':
      return alwaysByStatistics;
    case 'instanceNorm':
      return usesStatistics(module) ? obedient : indifferent;
    case 'recurrent':
      return p !== undefined && p !== null && p > 0 ? obedient : indifferent;
    case 'dropout':
    case 'attention':
    case 'encoderLayer':
    case 'rrelu':
    case 'spectralNorm':
      return obedient;
    case 'other':
      return indifferent;
  }
}

/**
 * Eval normalises by the statistics that a BatchNorm has, also where `track_running_stats` was set to False after it was made;
 * InstanceNorm asks the option too.
 */
function usesStatistics({ kind, norm }: AgentModule): boolean {
  return norm?.hasStatistics === true && (kind !== 'instanceNorm' || norm.tracks);
}

function specOf(module: AgentModule, rule: BehaviourRule, behaviour: Behaviour): ModuleSpec {
  const { path, type, qualifiedType, training, kind, source, sharedWith } = module;
  const norm = module.norm === undefined ? undefined : normSpec(module.norm, usesStatistics(module));
  return {
    path,
    type,
    qualifiedType,
    training,
    behaviour,
    modeSensitive: rule !== indifferent,
    ...(rule.reason === undefined ? {} : { behaviourReason: rule.reason }),
    ...(source === undefined ? {} : { source }),
    ...(norm === undefined ? {} : kind === 'instanceNorm' ? { instanceNorm: norm } : { batchNorm: norm }),
    ...(kind === 'dropout' ? { dropout: { p: module.p ?? null } } : {}),
    parameters: module.parameters.flatMap(tensorSpec),
    buffers: module.buffers.flatMap(tensorSpec),
    ...(sharedWith === undefined ? {} : { sharedWith }),
  };
}

function normSpec(norm: NonNullable<AgentModule['norm']>, trackRunningStats: boolean): NormSpec {
  const { numFeatures, eps, momentum, cumulative, affine } = norm;
  return { numFeatures, eps, momentum, cumulative, affine, trackRunningStats };
}

/** Tensors whose elements are none of the known kinds are not shown. */
function tensorSpec({ name, dtype, shape, requiresGrad }: AgentModule['parameters'][number]): TensorSpec[] {
  return isDType(dtype) ? [{ name, dtype, shape, requiresGrad }] : [];
}
