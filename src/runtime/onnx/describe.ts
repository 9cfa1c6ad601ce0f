// What a row of the tree shows of a module of an ONNX file.

import type { Behaviour, FunctionalCall, LiteralCall, ModuleSpec, NormSpec, TensorSpec } from '../../model/module';
import { statisticsNames } from '../../model/statistics';
import { combine } from '../behaviour';
import { functionalCalls, isFunctional } from '../functionalCalls';
import { dtypeOf } from './constants';
import { sourceOf, type NormState, type OnnxModule } from './moduleTree';
import type { OnnxTensor } from './onnxFile';
import { isFolded } from './problems';
import type { Site } from './sites';

/** What the module itself does, those below it left aside. */
export function ownBehaviour(module: OnnxModule): Behaviour {
  if (isFolded(module)) return 'eval';
  return module.sites.map(siteBehaviour).reduce(combine, 'none');
}

/** The module as plain data; `behaviour` includes what is below it. */
export function describeModule(module: OnnxModule, behaviour: Behaviour): ModuleSpec {
  const type = typeOf(module);
  const reason = reasonOf(module);
  const norm = normSpec(module);
  const [dropout] = module.sites.flatMap((site) => (site.dropout === undefined ? [] : [site.dropout]));
  return {
    path: module.path,
    type: type.slice(type.lastIndexOf('.') + 1),
    qualifiedType: type,
    training: null,
    behaviour,
    modeSensitive: module.sites.length > 0 || isFolded(module),
    ...(reason === undefined ? {} : { behaviourReason: reason }),
    ...(isFolded(module) ? { folded: true } : {}),
    ...literalCalls(module),
    ...functionalCalls(functionalCallsOf(module)),
    ...(module.source === undefined ? {} : { source: module.source }),
    ...(norm === undefined ? {} : { batchNorm: norm }),
    ...(dropout === undefined || norm !== undefined || module.children.size > 0 ? {} : { dropout }),
    ...tensorsOf(module),
  };
}

/** Nodes that no layer stands for, as they run now. */
export function functionalCallsOf(module: OnnxModule): readonly FunctionalCall[] {
  if (module.sites.length === 0) return [];
  const [type, norm] = [typeOf(module), normSpec(module)];
  const layer = {
    qualifiedType: type,
    ...(norm === undefined ? {} : { batchNorm: norm }),
    ...(type.includes('Dropout') ? { dropout: { p: null } } : {}),
  };
  return module.sites.flatMap(({ node, training, fixed, norm: isNorm, dropout }): FunctionalCall[] => {
    const family = isNorm === undefined ? 'dropout' : 'batch-norm';
    const p = dropout?.p ?? null;
    if (!isFunctional(layer, { family, p })) return [];
    const source = sourceOf(node);
    const call = { function: node.opType, family, p, training, fixed: fixed !== undefined } as const;
    return [source === undefined ? call : { ...call, source }];
  });
}

/** The modes as they are now: a graph holds them as attributes and constants. */
function literalCalls({ sites, source }: OnnxModule): Pick<ModuleSpec, 'literalCalls'> {
  const calls = sites.flatMap(({ norm, training }): LiteralCall[] => {
    if (training === null) return [];
    const family = norm === undefined ? 'dropout' : 'batch-norm';
    return [{ family, training, ...(source === undefined ? {} : { source }) }];
  });
  return calls.length === 0 ? {} : { literalCalls: calls };
}

function siteBehaviour({ training }: Site): Behaviour {
  return training === null ? 'unknown' : training ? 'train' : 'eval';
}

function reasonOf(module: OnnxModule): string | undefined {
  if (isFolded(module)) {
    return 'The exporter folded it into another node: it normalises by the running statistics of then, and can’t be switched.';
  }
  return module.sites.find(({ fixed }) => fixed !== undefined)?.fixed;
}

/** The class where the file tells it, else the only kind of operator of a leaf, helpers of a BatchNorm left aside. */
function typeOf({ qualifiedType, operators, children, path, sites }: OnnxModule): string {
  if (qualifiedType !== undefined) return qualifiedType;
  if (children.size > 0 || path === '') return 'Module';
  const norm = sites.find((site) => site.norm !== undefined);
  const [operator = 'Module'] = norm === undefined ? operators : [norm.node.opType];
  return norm === undefined && operators.size > 1 ? 'Module' : operator;
}

/** Of a layer with running statistics, or of one that normalises by the batch alone. */
function normSpec({ norms, sites }: OnnxModule): NormSpec | undefined {
  const [state] = norms;
  const options = state?.options ?? sites.find(({ norm }) => norm?.byBatch)?.norm;
  if (options === undefined) return undefined;
  const { eps, momentum, affine, numFeatures } = options;
  return { numFeatures, eps, momentum, cumulative: false, affine, trackRunningStats: state !== undefined };
}

const bufferNames: ReadonlySet<string> = new Set(statisticsNames);

function tensorsOf({ parameters, norms }: OnnxModule): Pick<ModuleSpec, 'parameters' | 'buffers'> {
  const specs = (keep: (name: string) => boolean): TensorSpec[] =>
    [...parameters].flatMap(([name, tensor]) => (keep(name) ? tensorSpec(name, tensor) : []));
  const [norm] = norms;
  // Equal statistics of several layers are one initializer, under the name of the first.
  const buffers = norm === undefined ? specs((name) => bufferNames.has(name)) : statisticsSpecs(norm);
  return { parameters: specs((name) => !bufferNames.has(name)), buffers };
}

function statisticsSpecs({ mean, variance }: NormState): TensorSpec[] {
  return [
    { name: 'running_mean', dtype: mean.dtype, shape: mean.shape },
    { name: 'running_var', dtype: variance.dtype, shape: variance.shape },
  ];
}

function tensorSpec(name: string, { type, shape }: OnnxTensor): TensorSpec[] {
  const dtype = dtypeOf(type);
  return dtype === undefined ? [] : [{ name, dtype, shape }];
}
