// What is known of a stored module without its code: by its class where the file tells it, else by its tensors.

import type { ModuleSpec, NormSpec } from '../../model/module';
import { alwaysByBatch, alwaysByStatistics, indifferent, obedient, type BehaviourRule } from '../behaviour';
import type { StoredModule } from '../program';
import { numberOrNull, shapeOf } from '../specs';
import { Tensor } from '../tensor';
import type { Value } from '../values';

/** Something below the modes is unknown, such as whether a layer without tensors is a Dropout. */
const untold: BehaviourRule = { inTrain: 'unknown', inEval: 'unknown', withoutFlag: 'unknown' };

/** Class name without its package. Where the file has none, what the tensors show beyond doubt, else `Module`. */
export function typeOf(module: StoredModule): string {
  const { qualifiedType } = module;
  if (qualifiedType !== '') return qualifiedType.slice(qualifiedType.lastIndexOf('.') + 1);
  return hasRunningStatistics(module) ? 'BatchNorm' : (recurrentType(module) ?? attentionType(module) ?? 'Module');
}

/** What the module's own forward does under each flag. */
export function behaviourOf(module: StoredModule): BehaviourRule {
  return module.qualifiedType === '' ? byTensors(module) : byClass(module);
}

/** `batchNorm`, `instanceNorm` or `dropout`, where the module is one. */
export function layerSpec(module: StoredModule): Pick<ModuleSpec, 'batchNorm' | 'instanceNorm' | 'dropout'> {
  const type = typeOf(module);
  if (isInstanceNorm(module, type)) return { instanceNorm: normSpec(module) };
  if (isBatchNorm(module, type)) return { batchNorm: normSpec(module) };
  if (isDropout(module, type) && !isQuantized(module))
    return { dropout: { p: numberOrNull(module.attributes.get('p') ?? module.attributes.get('drop_prob')) } };
  return {};
}

function byClass(module: StoredModule): BehaviourRule {
  const type = typeOf(module);
  if (isInstanceNorm(module, type)) return hasRunningStatistics(module) ? obedient : indifferent;
  if (isBatchNorm(module, type)) {
    if (type.startsWith('Frozen') || isQuantized(module)) return alwaysByStatistics;
    return hasRunningStatistics(module) ? obedient : alwaysByBatch;
  }
  if (isDropout(module, type)) return isQuantized(module) ? indifferent : obedient;
  if (modeSensitiveTypes.has(type) || hasSpectralNorm(module)) return obedient;
  if (/^(RNN|LSTM|GRU)$/.test(type)) return dropsBetweenLayers(module) ? obedient : indifferent;
  return indifferent;
}

/** The file does not tell the class, so that only the tensors can speak. */
function byTensors(module: StoredModule): BehaviourRule {
  if (module.children.size > 0) return indifferent;
  if (hasRunningStatistics(module) || hasSpectralNorm(module)) return obedient;
  if (recurrentType(module) !== undefined || attentionType(module) !== undefined) return obedient;
  return module.parameters.size + module.buffers.size === 0 ? untold : indifferent;
}

const modeSensitiveTypes: ReadonlySet<string> = new Set(['RReLU', 'MultiheadAttention', 'TransformerEncoderLayer']);

/** Layers that torch converted are for inference whatever their flag, which is that of a new module: dropout drops nothing. */
function isQuantized({ qualifiedType }: StoredModule): boolean {
  return /^torch\.(?:ao\.)?nn\.(?:intrinsic\.)?quantized\./.test(qualifiedType);
}

function isDropout(module: StoredModule, type: string): boolean {
  return /Dropout|^DropPath$|^StochasticDepth$/.test(type) && isLayer(module, 'p', 'drop_prob');
}

function isInstanceNorm(module: StoredModule, type: string): boolean {
  return type.includes('InstanceNorm') && isLayer(module, 'num_features');
}

/** Classes of other libraries are told by their buffers: `BatchNormAct2d`, `ABN`. */
function isBatchNorm(module: StoredModule, type: string): boolean {
  return hasRunningStatistics(module) || (type.includes('BatchNorm') && isLayer(module, 'num_features'));
}

/** False for a block that is named after the layers in it, such as `ConvBatchNormReLU`; a layer with parts has the layer's options. */
function isLayer({ children, attributes }: StoredModule, ...options: readonly string[]): boolean {
  return children.size === 0 || options.some((name) => attributes.has(name));
}

function hasRunningStatistics({ buffers }: StoredModule): boolean {
  return isThere(buffers.get('running_mean')) && isThere(buffers.get('running_var'));
}

/**
 * Spectral normalisation estimates the norm anew at each forward in train, and keeps the estimate in eval. It is a module of its
 * own (`torch.nn.utils.parametrizations`), or a hook that leaves its vectors beside the weight (`torch.nn.utils.spectral_norm`).
 */
function hasSpectralNorm({ parameters, buffers }: StoredModule): boolean {
  if (isThere(buffers.get('_u')) && isThere(buffers.get('_v'))) return true;
  return [...buffers.keys()].some((name) => name.endsWith('_u') && parameters.has(`${name.slice(0, -1)}orig`));
}

/** A tensor, be it one that can't be read, or that a lazy layer has not made yet. */
function isThere(value: Value | undefined): boolean {
  return value !== undefined && value !== null;
}

function dropsBetweenLayers({ attributes }: StoredModule): boolean {
  const [p, layers] = [numberOrNull(attributes.get('dropout')), numberOrNull(attributes.get('num_layers'))];
  return p !== null && p > 0 && layers !== null && layers > 1;
}

/** The gates of a recurrent layer stand in the rows of its weights: four times the hidden size for an LSTM, three for a GRU. */
function recurrentType({ parameters }: StoredModule): string | undefined {
  const [input, hidden] = [parameters.get('weight_ih_l0'), parameters.get('weight_hh_l0')];
  if (!(input instanceof Tensor) || !(hidden instanceof Tensor) || parameters.has('weight_hr_l0')) return undefined;
  const gates = (hidden.shape[0] ?? 0) / (hidden.shape[1] ?? 1);
  return { 1: 'RNN', 3: 'GRU', 4: 'LSTM' }[gates];
}

function attentionType({ parameters }: StoredModule): string | undefined {
  return parameters.has('in_proj_weight') || parameters.has('q_proj_weight') ? 'MultiheadAttention' : undefined;
}

function normSpec(module: StoredModule): NormSpec {
  const { attributes, parameters, buffers } = module;
  const [mean, weight] = [buffers.get('running_mean'), parameters.get('weight')];
  const momentum = attributes.get('momentum');
  const channels = shapeOf(mean)?.[0] ?? shapeOf(weight)?.[0] ?? null;
  return {
    numFeatures: numberOrNull(attributes.get('num_features')) ?? channels,
    eps: numberOrNull(attributes.get('eps')),
    momentum: numberOrNull(momentum),
    cumulative: momentum === null,
    affine: module.qualifiedType === '' || parameters.has('weight') ? isThere(weight) : null,
    trackRunningStats: hasRunningStatistics(module),
  };
}
