// Files of torch.save since 1.6: a zip with one pickle and its storages.

import type { Problem } from '../model/description';
import type { Storage, Value } from '../runtime/program';
import { damaged } from './byteSource';
import type { Format, OpenedFile } from './format';
import { modeWriter, type WritableModel } from './modeWriter';
import type { Peek } from './peek';
import { unpickle } from './pickle';
import { readSavedModels } from './savedModels';
import { zipStorages, type ZipStorageOptions } from './storages';
import { TorchSaveHost } from './torchSaveHost';
import { writableStored } from './writableModules';
import type { ZipArchive } from './zip';
import type { ZipEntry } from './zipDirectory';

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
  const { name } = peek.source;
  const opened = openSaved(name, await readTorchSave(peek));
  return { ...opened, writer: modeWriter(name, () => writable(peek), peek.zip) };
}

/** Reads the objects again, for the places of what can be changed. */
async function writable(peek: Peek): Promise<WritableModel> {
  const storages = new Map<Storage, ZipEntry>();
  const saved = await readTorchSave(peek, (storage, entry) => void storages.set(storage, entry));
  return {
    modules: writableSaved(peek.source.name, saved),
    pickle: saved.pickle,
    storages,
    bigEndian: saved.bigEndian,
  };
}

/** @param found with it booleans are marked, and the storages' entries are told. @throws AppError `corrupt`, `limit-exceeded`. */
export async function readTorchSave(
  { source, zip }: Peek,
  found?: ZipStorageOptions['found'],
): Promise<Saved & { readonly pickle: ZipEntry; readonly bigEndian: boolean }> {
  const root = zip === undefined ? undefined : findPickle(zip);
  const pickle = zip?.entries.get(`${root ?? ''}data.pkl`);
  const bytes = await zip?.read(`${root ?? ''}data.pkl`, MAX_PICKLE);
  if (zip === undefined || root === undefined || pickle === undefined || bytes === undefined)
    throw damaged(source.name, 'it has no data.pkl');
  const order = await zip.read(`${root}byteorder`, 16);
  const bigEndian = order !== undefined && String.fromCharCode(...order).trim() === 'big';
  const storages = zipStorages(zip, { folder: `${root}data/`, bigEndian, ...(found === undefined ? {} : { found }) });
  const host = new TorchSaveHost(storages);
  const value = unpickle(bytes, `data.pkl of ${source.name}`, host, found !== undefined);
  return { value, host, pickle, bigEndian };
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

/** The modules in what was saved and read with its booleans marked. @throws AppError */
export function writableSaved(name: string, { value, host }: Saved): WritableModel['modules'] {
  const { root, flags } = readSavedModels(value, (dict) => host.metadataOf(dict), name);
  return writableStored(root, flags);
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
