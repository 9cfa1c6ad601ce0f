// What a module of an exported program is, as data: class, options from the arguments of its calls, tensors, source line.

import type { FunctionalCall, LiteralCall, ModuleSpec, NormSpec, SourceLocation } from '../../model/module';
import { userLine } from '../../model/stackTrace';
import { isFunctional } from '../functionalCalls';
import { numberOrNull, shapeOf, tensorSpecs } from '../specs';
import { Tensor } from '../tensor';
import { functionOf, hasNoMomentum, literal, probabilityOf, takesTensor, type ModeSite } from './modeSites';
import type { ModuleNode } from './moduleTree';

/** Everything of a module's specification that no switch changes. */
export function fixedSpec(
  node: ModuleNode,
  sites: readonly ModeSite[],
): Omit<ModuleSpec, 'training' | 'behaviour' | 'modeSensitive'> {
  const type = typeOf(node);
  const source = sourceOf(node);
  return {
    path: node.path,
    type,
    qualifiedType: node.type,
    ...(source === undefined ? {} : { source }),
    ...(sites.length === 0 ? {} : { literalCalls: sites.map(literalCall) }),
    ...layerSpec(node, type, sites),
    parameters: tensorSpecs(node.parameters),
    buffers: tensorSpecs(node.buffers),
    ...(node.sharedWith === undefined ? {} : { sharedWith: node.sharedWith }),
  };
}

/** An export holds every mode as an argument. */
function literalCall({ node, family, exported }: ModeSite): LiteralCall {
  const source = userLine(node.stack());
  return { family, training: exported, ...(source === undefined ? {} : { source }) };
}

/** The calls of a module that no layer stands for, each with what it does as exported. */
export function functionalSites(node: ModuleNode, sites: readonly ModeSite[]): readonly FunctionalSite[] {
  const spec = { qualifiedType: node.type, ...layerSpec(node, typeOf(node), sites) };
  return sites.flatMap((site): FunctionalSite[] => {
    const { family, exported, switchable } = site;
    const p = probabilityOf(site);
    if (!isFunctional(spec, { family, p })) return [];
    const source = userLine(site.node.stack());
    const name = functionOf(site);
    const call = { function: name, family, p, training: exported, fixed: !switchable };
    return [[site, source === undefined ? call : { ...call, source }]];
  });
}

/** The call as plain data, beside the call of the graph. */
export type FunctionalSite = readonly [ModeSite, FunctionalCall];

function typeOf({ type, buffers }: ModuleNode): string {
  if (type !== '') return type.slice(type.lastIndexOf('.') + 1);
  return buffers.get('running_mean') instanceof Tensor ? 'BatchNorm' : 'Module';
}

function layerSpec(
  node: ModuleNode,
  type: string,
  sites: readonly ModeSite[],
): Pick<ModuleSpec, 'batchNorm' | 'instanceNorm' | 'dropout'> {
  const hasStatistics = node.buffers.get('running_mean') instanceof Tensor;
  const normalises = hasStatistics || sites.some(({ family }) => family === 'batch-norm' || family === 'instance-norm');
  // A block that is named after the layers in it, such as ConvBatchNormReLU, does nothing of the kind itself.
  const isLayer = node.children.length === 0;
  if (type.includes('InstanceNorm') && (isLayer || normalises)) return { instanceNorm: normSpec(node, sites) };
  if (hasStatistics || (type.includes('BatchNorm') && (isLayer || normalises)))
    return { batchNorm: normSpec(node, sites) };
  if (!type.includes('Dropout') || !isLayer) return {};
  const site = sites.find(({ family }) => family === 'dropout');
  return { dropout: { p: site === undefined ? null : probabilityOf(site) } };
}

function normSpec({ buffers, parameters, calls }: ModuleNode, sites: readonly ModeSite[]): NormSpec {
  const site = sites.find(({ family }) => family === 'batch-norm' || family === 'instance-norm');
  // InstanceNorm without running statistics has no mode, but options all the same.
  const call = site?.node ?? calls.find((candidate) => literal(candidate, 'eps') !== undefined);
  const [mean, weight] = [buffers.get('running_mean'), parameters.get('weight')];
  const isUnknown = call === undefined || (site !== undefined && hasNoMomentum(site));
  return {
    numFeatures: shapeOf(mean)?.[0] ?? shapeOf(weight)?.[0] ?? null,
    eps: call === undefined ? null : numberOrNull(literal(call, 'eps')),
    momentum: isUnknown ? null : numberOrNull(literal(call, 'momentum')),
    cumulative: false,
    affine: call === undefined ? (weight instanceof Tensor ? true : null) : takesTensor(call, 'weight'),
    trackRunningStats: mean instanceof Tensor,
  };
}

/** The user's line that calls the module; for the root, the first line that its forward runs. */
function sourceOf({ path, firstCall }: ModuleNode): SourceLocation | undefined {
  if (firstCall === undefined) return undefined;
  const frames = firstCall.stack();
  const depth = firstCall.modules.findIndex((module) => module.path === path);
  // One frame called `forward` belongs to each module of the stack; what lies outside of this module's own calls it.
  const forwards = frames.flatMap(({ function: name }, i) => (name === 'forward' ? [i] : []));
  const own = forwards.length === firstCall.modules.length ? (forwards[depth] ?? frames.length) : frames.length;
  return userLine(frames.slice(0, Math.max(own, 1)));
}
