// What torch.save wrote into an entry of a torch.export archive: values and lazily read tensors.

import type { Problem } from '../model/description';
import type { Value } from '../runtime/program';
import type { ByteSource } from './byteSource';
import { checkObjectGraph } from './objectGraph';
import { Peek } from './peek';
import { readTorchSave } from './torchSave';
import type { ZipArchive } from './zip';

export interface SavedValue {
  readonly value: Value;
  /** Names that Python would import beyond those of every such file: `os.system`. */
  readonly imports: ReadonlySet<string>;
  /** Parts of it that can't be used, each with its path. */
  readonly unusable: readonly Problem[];
}

/** undefined where there is no such entry. @throws AppError `corrupt`, `limit-exceeded`. */
export async function readSavedValue(zip: ZipArchive, name: string): Promise<SavedValue | undefined> {
  const entry = zip.entries.get(name);
  if (entry === undefined) return undefined;
  const source: ByteSource = {
    name: `${name.slice(name.lastIndexOf('/') + 1)} of ${zip.source.name}`,
    size: entry.size,
    // Tensors stay in the file: the inner archive is read by ranges of the outer one's entry.
    read: zip.rangeReader(entry),
  };
  const { value, host } = await readTorchSave(await Peek.at(source));
  return { value, imports: host.imports, unusable: checkObjectGraph(value, source.name) };
}
