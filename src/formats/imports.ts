// What Python would import on loading a file, and we don't: told to whoever opens it.

import type { Problem } from '../model/description';

const MAX_LISTED = 10;
const MAX_FOREIGN = 20;

/** Names that no file of this kind needs, each a problem of its own. @param kind `TorchScript archive`. */
export function foreignImports(names: ReadonlySet<string>, kind: string): Problem[] {
  return [...names].slice(0, MAX_FOREIGN).map((name) => ({
    message: `The file would import ${name}, which no ${kind} needs. Nothing was executed; don't load it in Python.`,
  }));
}

/** Names in a file that may have classes of the user's own: those that can do harm stand apart. */
export function importProblems(imports: ReadonlySet<string>): Problem[] {
  const names = [...imports];
  const dangerous = names.filter((name) => canHarm.test(name));
  const others = names.filter((name) => !canHarm.test(name));
  const problems = dangerous.slice(0, MAX_LISTED).map((name): Problem => ({
    message: `This file would import ${name} when Python loads it, which no model needs. Nothing was executed; don't load it in Python.`,
  }));
  if (others.length > 0) {
    const listed = others.slice(0, MAX_LISTED).join(', ') + (others.length > MAX_LISTED ? ', …' : '');
    problems.push({
      message: `Loading this file in Python would import ${listed} (${others.length} names). Nothing was executed here.`,
    });
  }
  return problems;
}

/** Modules through which a pickle can run programs, read files or call anything by name. */
const canHarm =
  /^(?:os|posix|nt|subprocess|commands|sys|builtins|importlib|imp|runpy|pty|socket|shutil|ctypes|pickle|_pickle|cPickle|marshal|code|codeop|types|operator|_operator|webbrowser|platform|multiprocessing|asyncio|pip|timeit|cProfile|profile|pdb|bdb|trace|tempfile|urllib|http|ssl|signal|threading|_thread|inspect|gc|linecache|ensurepip|venv|zipimport|pkgutil|site)\b/;
