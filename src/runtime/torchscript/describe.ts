// What a module of an archive is, as data: what it does under each flag, options from its code, attributes and calls, tensors.

import type { Behaviour, ModuleSpec, NormSpec, TensorSpec } from '../../model/module';
import { alwaysByBatch, combine, indifferent, obedient, type BehaviourRule } from '../behaviour';
import { numberOrNull, shapeOf, tensorSpecs } from '../specs';
import { Tensor } from '../tensor';
import { ScriptObject, type Value } from '../values';
import type { ClassFacts, ModeSite } from './modeSites';

/** A call with the probability that this very module has. */
export type ResolvedSite = Omit<ModeSite, 'p'> & { readonly p: number | null };

/** The calls of a module that have a mode. */
export function resolvedSites({ attributes }: ScriptObject, facts: ClassFacts | undefined): readonly ResolvedSite[] {
  const sites = (facts?.sites ?? []).map(({ p, ...site }): ResolvedSite => ({
    ...site,
    p: typeof p === 'object' ? numberOrNull(attributes.get(p.attribute)) : (p ?? null),
  }));
  // Attention has no other mode than its probability.
  return sites.filter(({ family, p }) => family !== 'attention' || p !== 0);
}

/** What the module itself does under each flag. */
export function behaviourRule(
  object: ScriptObject,
  facts: ClassFacts | undefined,
  sites: readonly ResolvedSite[],
): BehaviourRule {
  if (facts === undefined) return { inTrain: 'unknown', inEval: 'unknown', withoutFlag: 'none' };
  if (sites.length === 0) return facts.readsFlag ? obedient : indifferent;
  const only = (family: ModeSite['family']): boolean => sites.every((site) => site.family === family);
  if (only('batch-norm') && hasNoRunningStatistics(object)) return alwaysByBatch;
  if (only('instance-norm') && hasNoRunningStatistics(object)) return indifferent;
  const under = (flag: Behaviour): Behaviour =>
    sites.map(({ mode }): Behaviour => (mode === 'flag' ? flag : mode ? 'train' : 'eval')).reduce(combine);
  const rule = { inTrain: under('train'), inEval: under('eval'), withoutFlag: under('unknown') };
  const literal = sites.filter(({ mode }) => mode !== 'flag');
  if (literal.length === 0) return rule;
  const words =
    literal.length === sites.length
      ? 'The code holds the mode as a literal'
      : 'Part of the code holds the mode as a literal';
  const families = [...new Set(literal.map(({ family }) => family))].join(', ');
  return { ...rule, reason: `${words} (${families}): switching the flag has no effect on it.` };
}

function hasNoRunningStatistics(object: ScriptObject): boolean {
  const { attributes } = object;
  return attributes.get('running_mean') === null || (attributes.has('training') && !attributes.has('running_mean'));
}

/** `batchNorm` or `instanceNorm`, where the module is one. */
export function normSpec(
  object: ScriptObject,
  type: string,
  facts: ClassFacts | undefined,
): Pick<ModuleSpec, 'batchNorm' | 'instanceNorm'> {
  const site = facts?.sites.find(({ family }) => family === 'batch-norm' || family === 'instance-norm');
  const isBatchNorm = type.includes('BatchNorm');
  const isInstanceNorm = type.includes('InstanceNorm');
  if (!isBatchNorm && !isInstanceNorm) return {};
  const tracks = object.attributes.get('running_mean') instanceof Tensor;
  // A block may be named after the layers in it: ConvBatchNormReLU.
  if (!tracks && site === undefined && hasParts(object)) return {};
  const spec = normOptions(object, facts, site, tracks);
  return isBatchNorm ? { batchNorm: spec } : { instanceNorm: spec };
}

function normOptions(
  object: ScriptObject,
  facts: ClassFacts | undefined,
  site: ModeSite | undefined,
  tracks: boolean,
): NormSpec {
  const { attributes } = object;
  // Scripted code has the options as constants of the class; traced code has them as arguments of the operator alone.
  const option = (name: string, argument: number): Value | undefined =>
    facts?.constants.get(name) ?? attributes.get(name) ?? site?.literals[argument];
  const momentum = facts?.constants.has('momentum') === true ? facts.constants.get('momentum') : option('momentum', 6);
  const mean = attributes.get('running_mean');
  const weight = attributes.get('weight');
  const features = facts?.constants.get('num_features') ?? shapeOf(mean)?.[0] ?? shapeOf(weight)?.[0];
  return {
    numFeatures: features === undefined ? null : Number(features),
    eps: numberOrNull(option('eps', 7)),
    momentum: numberOrNull(momentum),
    cumulative: momentum === null,
    affine: attributes.has('weight') ? weight instanceof Tensor : null,
    trackRunningStats: tracks,
  };
}

/** `dropout`, where the module is such a layer and no block that is named after one in it. */
export function dropoutSpec(
  object: ScriptObject,
  type: string,
  facts: ClassFacts | undefined,
): Pick<ModuleSpec, 'dropout'> {
  return type.includes('Dropout') && !hasParts(object) ? { dropout: { p: dropoutP(facts) } } : {};
}

function hasParts({ attributes }: ScriptObject): boolean {
  return [...attributes.values()].some((value) => value instanceof ScriptObject);
}

/** The probability of a Dropout layer. */
function dropoutP(facts: ClassFacts | undefined): number | null {
  const constant = facts?.constants.get('p');
  return numberOrNull(constant ?? facts?.sites.find(({ family }) => family === 'dropout')?.literals[1]);
}

/** The tensors among a module's attributes, by the names that its class lists. */
export function namedTensors({ attributes }: ScriptObject, names: readonly string[] = []): TensorSpec[] {
  return tensorSpecs(names.map((name) => [name, attributes.get(name)]));
}
