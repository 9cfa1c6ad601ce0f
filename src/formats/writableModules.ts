// The modules of a pickle that was read with its booleans marked, under each of their paths, as the program's tree has them.

import { ScriptObject, type StoredModule } from '../runtime/program';
import type { WritableModule } from './modeWriter';
import { MarkedBoolean } from './pickleValues';

/** Objects that are no modules come along: nobody asks for their paths. */
export function writableScript(root: ScriptObject): ReadonlyMap<string, WritableModule> {
  const modules = new Map<string, WritableModule>();
  const visit = ({ attributes }: ScriptObject, path: string): void => {
    const flag = attributes.get('training');
    modules.set(path, { flag: flag instanceof MarkedBoolean ? flag : undefined, tensors: attributes });
    for (const [name, value] of attributes) if (value instanceof ScriptObject) visit(value, below(path, name));
  };
  visit(root, '');
  return modules;
}

export function writableStored(
  root: StoredModule,
  flags: ReadonlyMap<StoredModule, MarkedBoolean>,
): ReadonlyMap<string, WritableModule> {
  const modules = new Map<string, WritableModule>();
  const visit = (module: StoredModule, path: string): void => {
    modules.set(path, { flag: flags.get(module), tensors: module.buffers });
    for (const [name, child] of module.children) visit(child, below(path, name));
  };
  visit(root, '');
  return modules;
}

const below = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`);
