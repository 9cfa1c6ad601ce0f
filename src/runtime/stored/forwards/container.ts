// Modules that only call others: torch.nn.modules.container and the wrappers of torch.nn.parallel.

import type { Value } from '../../values';
import type { Family, LayerForward } from './layer';
import { required } from './signature';

const sequential: LayerForward = {
  parameters: [required('input')],
  calls: ({ children }) => children,
  run: async (layer, args) => {
    let value: Value = args.value('input');
    for (const child of layer.children) value = await child.forward([value]);
    return value;
  },
};

/** Lists and dicts of modules have no forward of their own. */
export const containers: Family = { Sequential: sequential };

/** On one device, as here, these call the model that they hold with what they were given. */
export const wrapper: LayerForward = {
  parameters: [],
  delegate: 'module',
  calls: ({ children }) => new Map([...children].filter(([name]) => name === 'module')),
  run: (layer, args) => layer.child('module').forward(args.all),
};
