// The arguments of a model's forward, and a shape that each will probably take.

import type { InputSpec } from '../../model/description';
import type { ScriptArchive } from '../program';
import { suggestInput, type Suggestion } from '../inputs';
import { Tensor } from '../tensor';
import type { CodeLibrary } from './codeLibrary';
import type { ModuleTree } from './moduleTree';

/** From the signature of the root's `forward`; shapes from the trace's inputs, else from the first layer with a weight. */
export async function inputSpecs(
  archive: ScriptArchive,
  library: CodeLibrary,
  tree: ModuleTree,
): Promise<readonly InputSpec[]> {
  const found = await library.findClass(archive.root.className);
  const parameters = found?.definition.methods.get('forward')?.parameters.slice(1) ?? [];
  return parameters.map((parameter, i): InputSpec => {
    const suggestion = suggest(archive, tree, i);
    return {
      name: parameter.name,
      type: parameter.type,
      hasDefault: parameter.defaultValue !== undefined,
      ...(suggestion !== undefined && parameter.type === 'Tensor' ? { suggestion } : {}),
    };
  });
}

function suggest(archive: ScriptArchive, tree: ModuleTree, index: number): Suggestion | undefined {
  const traced = archive.tracedInputs?.[index];
  if (traced instanceof Tensor) return { shape: traced.shape, dtype: traced.dtype, from: 'the inputs of the trace' };
  if (index > 0) return undefined;
  return suggestInput(
    tree.nodes.map(({ object, path }) => ({
      path,
      type: object.className.slice(object.className.lastIndexOf('.') + 1),
      tensor: (name) => object.attributes.get(name),
      attribute: (name) => object.attributes.get(name),
    })),
  );
}
