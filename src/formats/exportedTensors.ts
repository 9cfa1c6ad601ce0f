// The tensors of a torch.export archive: raw files that a JSON document lays out, or a whole torch.save file.

import { itemSize } from '../model/dtype';
import { Dict, OpaqueValue, Storage, Tensor, type Value } from '../runtime/program';
import { AppError } from '../util/errors';
import { damaged } from './byteSource';
import { dtypeOfSerialized } from './exportedScalars';
import { JsonValue } from './jsonValue';
import { readSavedValue } from './savedValue';
import { inByteOrder, UnreadableTensor, viewOf } from './storages';
import type { ZipArchive } from './zip';

const MAX_JSON = 256 * 2 ** 20;

/** Reads the tensors of one program, whichever way they are stored. Tensors that share a file share a storage. */
export class TensorReader {
  /** By full name, as parameters, buffers and constants are called. */
  readonly tensors = new Map<string, Value>();
  /** Names that pickles in the archive would import: `os.system`. */
  readonly imports = new Set<string>();
  private readonly storages = new Map<string, Storage>();

  constructor(
    private readonly zip: ZipArchive,
    private readonly bigEndian: boolean,
  ) {}

  /**
   * Tensors in files of their own, as `{"config": {name: {"path_name", "tensor_meta", …}}}` tells.
   * @param folder of these files, with its slash. @throws AppError `corrupt` where the document contradicts itself.
   */
  async readConfig(document: string, folder: string): Promise<void> {
    const bytes = await this.zip.read(document, MAX_JSON);
    if (bytes === undefined) throw damaged(this.zip.source.name, `it has no ${document}`);
    const json = JsonValue.parse(bytes, `${document.slice(document.lastIndexOf('/') + 1)} of ${this.zip.source.name}`);
    for (const [name, payload] of json.field('config').entries()) this.add(name, await this.payload(payload, folder));
  }

  /** A dict of tensors that torch.save wrote into this entry; false where there is no such entry. @throws AppError `corrupt`. */
  async readSaved(entry: string): Promise<boolean> {
    const saved = await readSavedValue(this.zip, entry);
    if (saved === undefined) return false;
    const { value, imports } = saved;
    for (const name of imports) this.imports.add(name);
    if (!(value instanceof Dict)) throw damaged(this.zip.source.name, `its ${entry} is no dict of tensors`);
    for (const [name, tensor] of value.entries) if (typeof name === 'string') this.add(name, tensor);
    return true;
  }

  private add(name: string, value: Value): void {
    if (!this.tensors.has(name)) this.tensors.set(name, value);
  }

  private async payload(json: JsonValue, folder: string): Promise<Value> {
    const file = json.field('path_name').string();
    const meta = json.optional('tensor_meta');
    if (meta === undefined) return new OpaqueValue('custom object', 'objects of custom classes are not supported');
    if (json.field('use_pickle').bool()) return this.pickled(folder + file);
    const dtype = dtypeOfSerialized(meta.field('dtype').count());
    if (dtype === null) return new UnreadableTensor('its element type is not supported');
    const entry = this.zip.entries.get(folder + file);
    if (entry === undefined) return new UnreadableTensor(`its file ${file} is missing in the archive`);
    // One file may be viewed with two dtypes; then the two do not see each other's writes.
    const key = `${dtype} ${folder}${file}`;
    let storage = this.storages.get(key);
    if (storage === undefined) {
      const size = itemSize[dtype];
      const read = this.zip.rangeReader(entry);
      storage = Storage.lazy(dtype, Math.floor(entry.size / size), inByteOrder(read, dtype, this.bigEndian));
      this.storages.set(key, storage);
    }
    const counts = (name: string): number[] => meta.field(name).items().map(fixedSize);
    const tensor = viewOf(storage, fixedSize(meta.field('storage_offset')), counts('sizes'), counts('strides'));
    if (tensor instanceof Tensor) tensor.requiresGrad = meta.field('requires_grad').bool();
    return tensor;
  }

  /** A subclass of Tensor, which torch saves as a pickle of its own. */
  private async pickled(entry: string): Promise<Value> {
    try {
      const saved = await readSavedValue(this.zip, entry);
      if (saved === undefined) return new UnreadableTensor(`its file ${entry} is missing in the archive`);
      const { value, imports } = saved;
      for (const name of imports) this.imports.add(name);
      return value instanceof Tensor ? value : new UnreadableTensor('it is of a class that is not supported');
    } catch (error) {
      if (error instanceof AppError) return new UnreadableTensor(error.message);
      throw error;
    }
  }
}

function fixedSize(json: JsonValue): number {
  return json.field('as_int').count();
}
