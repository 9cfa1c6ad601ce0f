// What a copy of a model file changes, as patches: the flags of its modules, and running statistics where they moved.

import { itemSize } from '../model/dtype';
import { bytesOfElements, Tensor, type Storage, type Value } from '../runtime/program';
import { AppError } from '../util/errors';
import { damaged } from './byteSource';
import { patchEntry, type Patch } from './patch';
import type { MarkedBoolean } from './pickleValues';
import { swapBytes } from './storages';
import type { ZipArchive } from './zip';
import type { ZipEntry } from './zipDirectory';

/** What the copy holds, by module path. */
export interface ModesToWrite {
  /** The flags of all modules that have one. */
  readonly flags: ReadonlyMap<string, boolean>;
  /** Tensors by their names, with the shapes and dtypes that the file has. */
  readonly statistics: ReadonlyMap<string, ReadonlyMap<string, Tensor>>;
}

export interface ModePatches {
  /** In the order of the file. */
  readonly patches: readonly Patch[];
  /** Paths of the modules whose flag differs from the file's. */
  readonly changed: readonly string[];
}

/** Finds the bytes that a copy changes; nothing is written. @throws AppError */
export type ModeWriter = (wanted: ModesToWrite) => Promise<ModePatches>;

/** A stretch of the file: an entry of its zip archive, or what begins at an offset. */
export type Place = ZipEntry | { readonly offset: number };

/** Where a file keeps what can be changed: read anew when it is asked for, since nobody needs it otherwise. */
export interface WritableModel {
  readonly modules: ReadonlyMap<string, WritableModule>;
  /** What the offsets of the flags are relative to. */
  readonly pickle: Place;
  readonly storages: ReadonlyMap<Storage, Place>;
  readonly bigEndian: boolean;
}

export interface WritableModule {
  readonly flag: MarkedBoolean | undefined;
  readonly tensors: ReadonlyMap<string, Value>;
}

/** @param zip where the places are entries. */
export function modeWriter(fileName: string, locate: () => Promise<WritableModel>, zip?: ZipArchive): ModeWriter {
  return async ({ flags, statistics }) => {
    const model = await locate();
    const edits = new Map<Place, Patch[]>();
    const changed = flagEdits(fileName, model, flags, edits);
    await statisticsEdits(fileName, model, statistics, edits);
    const patches: Patch[] = [];
    for (const [place, content] of edits) {
      if ('offset' in place) {
        patches.push(...content.map(({ offset, bytes }) => ({ offset: place.offset + offset, bytes })));
      } else if (zip !== undefined) {
        patches.push(...(await patchEntry(zip, place, content)));
      }
    }
    return { patches: patches.sort((a, b) => a.offset - b.offset), changed };
  };
}

function flagEdits(
  fileName: string,
  { modules, pickle }: WritableModel,
  flags: ReadonlyMap<string, boolean>,
  edits: Map<Place, Patch[]>,
): string[] {
  const changed: string[] = [];
  const wanted = new Map<number, boolean>();
  for (const [path, training] of flags) {
    const flag = modules.get(path)?.flag;
    if (flag === undefined) throw damaged(fileName, `the flag of its module '${path}' is not where it was`);
    // Modules that share a flag in the file are one object, and then agree.
    const other = wanted.get(flag.offset);
    if (other !== undefined && other !== training) {
      throw new AppError(
        'unsupported-format',
        `${fileName} keeps one flag for '${path}' and for another module, so that it can't hold both modes`,
        'Set both to the same mode.',
      );
    }
    wanted.set(flag.offset, training);
    if (training === flag.value) continue;
    changed.push(path);
    if (other === undefined) {
      add(edits, pickle, { offset: flag.offset, bytes: Uint8Array.of(training ? flag.trueByte : flag.falseByte) });
    }
  }
  return changed;
}

/** Writes the tensors into what the file's storages hold: views keep their strides, and their neighbours stay as they were. */
async function statisticsEdits(
  fileName: string,
  { modules, storages, bigEndian }: WritableModel,
  statistics: ModesToWrite['statistics'],
  edits: Map<Place, Patch[]>,
): Promise<void> {
  const touched = new Set<Storage>();
  for (const [path, tensors] of statistics) {
    for (const [name, tensor] of tensors) {
      const stored = modules.get(path)?.tensors.get(name);
      if (!(stored instanceof Tensor) || !fits(tensor, stored)) {
        throw new AppError(
          'unsupported-format',
          `${fileName} has no place for ${path}.${name} with the shape and dtype that it has now`,
          'Save a copy without the statistics.',
        );
      }
      await stored.storage.load();
      stored.write(tensor.contiguousElements());
      touched.add(stored.storage);
    }
  }
  for (const storage of touched) {
    const place = storages.get(storage);
    if (place === undefined) throw damaged(fileName, 'the storage of its statistics is missing');
    const bytes = bytesOfElements(storage.elements).slice();
    if (bigEndian) swapBytes(bytes, itemSize[storage.dtype]);
    add(edits, place, { offset: 0, bytes });
  }
}

function fits(tensor: Tensor, { dtype, shape }: Tensor): boolean {
  return tensor.dtype === dtype && tensor.shape.join() === shape.join();
}

function add(edits: Map<Place, Patch[]>, place: Place, patch: Patch): void {
  const known = edits.get(place);
  if (known === undefined) edits.set(place, [patch]);
  else known.push(patch);
}
