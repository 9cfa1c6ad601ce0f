// Files of torch.save since 1.6: a zip with one pickle and its storages.

import type { Problem } from '../model/description';
import type { Value } from '../runtime/program';
import { damaged } from './byteSource';
import type { Format, OpenedFile } from './format';
import type { Peek } from './peek';
import { unpickle } from './pickle';
import { readSavedModels } from './savedModels';
import { zipStorages } from './storages';
import { TorchSaveHost } from './torchSaveHost';
import type { ZipArchive } from './zip';

const MAX_PICKLE = 512 * 2 ** 20;
const MAX_LISTED = 10;

export const torchSave: Format = {
  name: 'torch.save',
  extensions: ['pt', 'pth', 'bin', 'ckpt'],
  match: isTorchSave,
  open,
};

/** What was saved, and the host that read it and knows more about its dicts. */
export interface Saved {
  readonly value: Value;
  readonly host: TorchSaveHost;
}

async function open(peek: Peek): Promise<OpenedFile> {
  return openSaved(peek.source.name, await readTorchSave(peek));
}

/** @throws AppError `corrupt`, `limit-exceeded`. */
export async function readTorchSave({ source, zip }: Peek): Promise<Saved> {
  const root = zip === undefined ? undefined : findPickle(zip);
  const bytes = root === undefined ? undefined : await zip?.read(`${root}data.pkl`, MAX_PICKLE);
  if (zip === undefined || root === undefined || bytes === undefined) throw damaged(source.name, 'it has no data.pkl');
  const order = await zip.read(`${root}byteorder`, 16);
  const bigEndian = order !== undefined && String.fromCharCode(...order).trim() === 'big';
  const host = new TorchSaveHost(zipStorages(zip, { folder: `${root}data/`, bigEndian }));
  return { value: unpickle(bytes, `data.pkl of ${source.name}`, host), host };
}

export function isTorchSave({ zip }: Peek): boolean {
  return zip !== undefined && findPickle(zip) !== undefined;
}

/** The archive's root folder with its slash, if the zip has a data.pkl there. */
function findPickle(zip: ZipArchive): string | undefined {
  for (const name of zip.entries.keys()) {
    const root = /^([^/]*\/)?data\.pkl$/.exec(name);
    if (root !== null) return root[1] ?? '';
  }
  return undefined;
}

/** The models in what was saved; every layout of torch.save ends here. @throws AppError */
export function openSaved(name: string, { value, host }: Saved): OpenedFile {
  const { format, root, modeNote } = readSavedModels(value, (dict) => host.metadataOf(dict), name);
  return {
    format,
    contents: { kind: 'stored', root, ...(modeNote === undefined ? {} : { modeNote }) },
    problems: importProblems(host.imports),
  };
}

/** What Python would do on loading the file, and we don't. */
function importProblems(imports: ReadonlySet<string>): Problem[] {
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
