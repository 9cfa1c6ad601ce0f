// Distances between two tensors: torch.nn.modules.distance.

import type { Family } from './layer';
import { required } from './signature';

const parameters = [required('x1'), required('x2')];

export const distances: Family = {
  PairwiseDistance: {
    parameters,
    run: (layer, args) => {
      const options = [layer.float('norm'), layer.float('eps'), layer.bool('keepdim', false)];
      return layer.call('pairwise_distance', args.tensor('x1'), args.tensor('x2'), ...options);
    },
  },
  CosineSimilarity: {
    parameters,
    run: (layer, args) =>
      layer.call('cosine_similarity', args.tensor('x1'), args.tensor('x2'), layer.int('dim'), layer.float('eps')),
  },
};
