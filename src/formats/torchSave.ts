// Files of torch.save since 1.6: a zip with one pickle and its storages.

import type { Storage, Value } from '../runtime/program';
import { damaged } from './byteSource';
import type { Format, OpenedFile } from './format';
import { importProblems } from './imports';
import { modeWriter, type WritableModel } from './modeWriter';
import type { Peek } from './peek';
import { unpickle } from './pickle';
import { readSavedModels } from './savedModels';
import { isBigEndian, zipStorages, type ZipStorageOptions } from './storages';
import { TorchSaveHost } from './torchSaveHost';
import { writableStored } from './writableModules';
import type { ZipArchive } from './zip';
import type { ZipEntry } from './zipDirectory';

const MAX_PICKLE = 512 * 2 ** 20;

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
  { source, zip, onRead }: Peek,
  found?: ZipStorageOptions['found'],
): Promise<Saved & { readonly pickle: ZipEntry; readonly bigEndian: boolean }> {
  const root = zip === undefined ? undefined : findPickle(zip);
  const pickle = zip?.entries.get(`${root ?? ''}data.pkl`);
  const bytes = await zip?.read(`${root ?? ''}data.pkl`, MAX_PICKLE);
  if (zip === undefined || root === undefined || pickle === undefined || bytes === undefined)
    throw damaged(source.name, 'it has no data.pkl');
  const bigEndian = await isBigEndian(zip, root);
  const storages = zipStorages(zip, { folder: `${root}data/`, bigEndian, ...(found === undefined ? {} : { found }) });
  const host = new TorchSaveHost(storages);
  const value = unpickle(
    bytes,
    `data.pkl of ${source.name}`,
    host,
    found !== undefined,
    found === undefined ? onRead : undefined,
  );
  return { value, host, pickle, bigEndian };
}

export function isTorchSave({ zip }: Peek): boolean {
  return zip !== undefined && findPickle(zip) !== undefined;
}

/** The archive's root folder with its slash, if the zip has a data.pkl there. */
function findPickle(zip: ZipArchive): string | undefined {
  for (const name of zip.entries.keysOfNoStorage()) {
    const root = /^([^/]*\/)?data\.pkl$/.exec(name);
    if (root !== null) return root[1] ?? '';
  }
  return undefined;
}

/** The models in what was saved; every layout of torch.save ends here. @throws AppError */
export function openSaved(name: string, { value, host }: Saved): OpenedFile {
  const { format, contents } = readSavedModels(value, (dict) => host.metadataOf(dict), name);
  return { format, contents, problems: importProblems(host.imports) };
}

/** The modules in what was saved and read with its booleans marked. @throws AppError */
export function writableSaved(name: string, { value, host }: Saved): WritableModel['modules'] {
  const { contents, flags } = readSavedModels(value, (dict) => host.metadataOf(dict), name);
  return writableStored(contents.root, flags);
}
