// Modules that cross to the host by kind and path: every field comes back, and what is alike goes once.

import assert from 'node:assert/strict';
import type { ModuleSpec } from '../../../src/model/module';
import { ModulePacker, ModuleUnpacker } from '../../../src/sessions/packedModules';

const tensors: ModuleSpec['parameters'] = [{ name: 'weight', dtype: 'float32', shape: [4] }];
const norm = { numFeatures: 4, eps: 1e-5, momentum: 0.1, cumulative: false, affine: true, trackRunningStats: true };
/** Every field that a module can have. */
const full: Required<ModuleSpec> = {
  path: 'a',
  type: 'BatchNorm2d',
  qualifiedType: 'torch.nn.modules.batchnorm.BatchNorm2d',
  training: true,
  behaviour: 'train',
  modeSensitive: true,
  behaviourReason: 'It does as it likes.',
  literalCalls: [{ family: 'batch-norm', training: true }],
  functionalCalls: [
    { function: 'torch.nn.functional.dropout', family: 'dropout', p: 0.5, training: 'flag', fixed: false },
  ],
  folded: true,
  unregistered: [{ name: 'heads[0]', type: 'Linear', training: true }],
  source: { file: 'net.py', line: 3 },
  batchNorm: norm,
  instanceNorm: norm,
  dropout: { p: 0.5 },
  parameters: tensors,
  buffers: tensors,
  sharedWith: 'b',
};
const other: Required<ModuleSpec> = {
  path: 'z',
  type: 'Net',
  qualifiedType: 'net.Net',
  training: false,
  behaviour: 'mixed',
  modeSensitive: false,
  behaviourReason: 'It does something else.',
  literalCalls: [{ family: 'dropout', training: false }],
  functionalCalls: [],
  folded: true,
  unregistered: [],
  source: { file: 'other.py', line: 4 },
  batchNorm: { ...norm, eps: 1 },
  instanceNorm: { ...norm, eps: 1 },
  dropout: { p: 0.1 },
  parameters: [],
  buffers: [],
  sharedWith: 'c',
};

/** What arrives of modules that are sent in parts of three, and how many kinds went with them. */
function sent(modules: readonly ModuleSpec[]): { readonly arrived: unknown[]; readonly kinds: number } {
  const packer = new ModulePacker();
  const unpacker = new ModuleUnpacker();
  const arrived: unknown[] = [];
  let kinds = 0;
  for (let start = 0; start < modules.length; start += 3) {
    const packed = structuredClone(packer.pack(modules.slice(start, start + 3)));
    kinds += packed.kinds.length;
    unpacker.unpack(packed, arrived);
  }
  return { arrived, kinds };
}

describe('packed modules', () => {
  it('that differ in their paths alone go as one kind', () => {
    const modules = Array.from({ length: 10 }, (_, i) => ({ ...(i % 2 === 0 ? full : other), path: String(i) }));
    const { arrived, kinds } = sent(modules);
    assert.deepEqual(arrived, modules);
    assert.equal(kinds, 2);
  });

  for (const field of Object.keys(full) as (keyof ModuleSpec)[])
    it(`that differ in ${field} come back with their own`, () => {
      const { [field]: _, ...without } = full;
      const modules = [full, { ...full, [field]: other[field] }, full, { ...without, path: 'n' } as ModuleSpec];
      assert.deepEqual(sent(modules).arrived, modules);
    });

  it('of more kinds than are compared come back as they were', () => {
    const modules = Array.from({ length: 300 }, (_, i) => ({ ...full, path: String(i), type: `T${i % 50}` }));
    assert.deepEqual(sent(modules).arrived, modules);
  });
});
