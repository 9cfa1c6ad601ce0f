// Rules about modules that torch doesn't know of.

import { listed } from './modes';
import type { Rule } from './rule';
import { sourceAndLine } from './source';

/** `module/unregistered`: modules in a plain list or dict. */
const unregistered: Rule = {
  id: 'module/unregistered',
  ofModule: (module) => {
    const found = module.unregistered ?? [];
    if (found.length === 0) return undefined;
    const names = found.map(({ name }) => name);
    return {
      // A module that was put into eval though eval() does not reach it, as a teacher in a list, was hidden on purpose.
      severity: found.every(({ training }) => training === false) ? 'information' : 'warning',
      path: module.path,
      message: `${module.type} holds ${found.length === 1 ? 'a module' : `${String(found.length)} modules`} outside of what torch registers (${listed(names)}): train(), eval(), to() and state_dict() don’t reach ${found.length === 1 ? 'it' : 'them'}.`,
      evidence: { modules: names, types: found.map(({ type }) => type) },
      ...sourceAndLine(module.source),
    };
  },
};

export const moduleRules: readonly Rule[] = [unregistered];
