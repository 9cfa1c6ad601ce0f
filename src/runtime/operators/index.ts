// The operator table, filled family by family. SUPPORTED.md is generated from it.

import { defineActivations } from './activation';
import { defineConvolutions } from './conv';
import { defineDropout } from './dropout';
import { defineNormalisation } from './norm';
import { definePointwise } from './pointwise';
import { definePooling } from './pooling';
import { defineComparison } from './comparison';
import { defineUnaryMath } from './unaryMath';
import { defineLimits } from './limits';
import { defineSoftmax } from './softmax';
import { defineViews } from './viewOperators';
import { defineSplits } from './split';
import { defineJoins } from './join';
import { defineRearrangements } from './rearrange';
import { defineIndexing } from './indexing';
import { defineScatters } from './scatter';
import { defineMasks } from './masks';
import { defineEmbeddings } from './embedding';
import { defineCreation } from './creation';
import { defineConversion } from './conversion';
import { defineMetadata } from './metadata';
import { defineRandomDraws } from './randomDraws';
import { defineMatmul } from './matmul';
import { defineContractions } from './contraction';
import { definePatches } from './patches';
import { defineLayerNorms } from './layerNorm';
import { defineReduction } from './reduction';
import { defineVectorNorms } from './vectorNorms';
import { defineExtremes } from './extremes';
import { defineRecurrent } from './recurrent';
import { defineRecurrentCells } from './recurrentCells';
import { defineAttention } from './attention';
import { defineCumulative } from './cumulative';
import { defineOrdering } from './ordering';
import { defineCounting } from './counting';
import { defineFusedTransformer } from './fusedTransformer';
import { defineLosses } from './loss';
import { defineClassLosses } from './classLoss';
import { defineSpecialFunctions } from './special';
import { defineLinearAlgebra } from './linalg';
import { defineGroupNorms } from './groupNorm';
import { defineWeightNorm } from './weightNorm';
import { defineMatmulSums } from './matmulSums';
import { defineMarginLosses } from './marginLoss';
import { defineDistances } from './distance';
import { defineRectifiers } from './rectifiers';
import { definePrepacked } from './prepacked';
import { defineInplaceDraws } from './inplaceDraws';
import { OperatorTable } from './registry';
import { defineResize } from './resize';

/** Every operator that the runtime has. */
export const operatorTable = new OperatorTable();

/** Families that may be given tensors whose elements are yet to be computed; see `takesPromised` in the registry. */
const takingPromised: ReadonlySet<(table: OperatorTable) => void> = new Set([
  defineRectifiers,
  defineMatmulSums,
  defineGroupNorms,
  defineLayerNorms,
  defineMatmul,
  defineMetadata,
  defineConversion,
  defineViews,
  defineSplits,
  defineSoftmax,
  defineLimits,
  defineUnaryMath,
  definePooling,
  definePointwise,
  defineActivations,
  defineConvolutions,
  defineNormalisation,
  defineDropout,
]);

for (const define of [
  defineInplaceDraws,
  defineRectifiers,
  definePrepacked,
  defineDistances,
  defineMarginLosses,
  defineMatmulSums,
  defineWeightNorm,
  defineGroupNorms,
  defineLinearAlgebra,
  defineSpecialFunctions,
  defineClassLosses,
  defineLosses,
  defineFusedTransformer,
  defineCounting,
  defineOrdering,
  defineCumulative,
  defineAttention,
  defineRecurrentCells,
  defineRecurrent,
  defineExtremes,
  defineVectorNorms,
  defineReduction,
  defineLayerNorms,
  definePatches,
  defineContractions,
  defineMatmul,
  defineRandomDraws,
  defineMetadata,
  defineConversion,
  defineCreation,
  defineViews,
  defineSplits,
  defineJoins,
  defineRearrangements,
  defineIndexing,
  defineScatters,
  defineMasks,
  defineEmbeddings,
  defineSoftmax,
  defineLimits,
  defineUnaryMath,
  defineComparison,
  definePooling,
  defineResize,
  definePointwise,
  defineActivations,
  defineConvolutions,
  defineNormalisation,
  defineDropout,
]) {
  operatorTable.family(define, takingPromised.has(define));
}
