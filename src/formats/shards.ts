// Sharded checkpoints: an index in JSON that names, for each tensor, the file beside it that holds the tensor.

import type { ModelFormat, Problem } from '../model/description';
import type { Value } from '../runtime/program';
import { toAppError } from '../util/errors';
import { beyondLimit, damaged, type ByteSource } from './byteSource';
import type { Format, OpenedFile } from './format';
import { JsonValue } from './jsonValue';
import { isLegacyTorchSave, readLegacyTorchSave } from './legacyTorchSave';
import { Peek } from './peek';
import { isSafetensors, readSafetensors } from './safetensors';
import { isStateDict, modulesOfNames } from './stateDict';
import { isTorchSave, readTorchSave } from './torchSave';

const MAX_INDEX = 256 * 2 ** 20;
const MAX_SHARDS = 10_000;

export const shardIndex: Format = {
  name: 'sharded checkpoint',
  extensions: ['safetensors.index.json', 'bin.index.json'],
  match: (peek) => /\.index\.json$/i.test(peek.source.name) && /^\s*\{/.test(peek.text()),
  open,
};

async function open({ source }: Peek): Promise<OpenedFile> {
  const files = await readIndex(source);
  const tensors = new Map<string, Value>();
  const problems: Problem[] = [];
  const formats = new Set<ModelFormat>();
  for (const [file, names] of files) {
    try {
      const shard = await readShard(source, file);
      formats.add(shard.format);
      const missing = names.filter((name) => !shard.tensors.has(name));
      for (const name of names) tensors.set(name, shard.tensors.get(name) ?? null);
      if (missing.length > 0) {
        problems.push({ message: `${file} lacks ${missing.length} of its tensors, such as ${missing[0] ?? ''}.` });
      }
    } catch (error) {
      // The names are known from the index, so the tree is whole; only these tensors can't be shown.
      for (const name of names) tensors.set(name, null);
      problems.push({
        message: `${names.length} tensors are missing: ${toAppError(error, 'file-unreadable').oneLine}`,
      });
    }
  }
  return {
    format: formats.has('state-dict') ? 'state-dict' : 'safetensors',
    contents: {
      kind: 'stored',
      root: modulesOfNames(tensors, source.name),
      modeNote: `The mode is not stored in this file: its ${files.size} shards hold tensors only.`,
    },
    problems,
  };
}

/** Names of tensors by file, in the order of the index. */
async function readIndex(source: ByteSource): Promise<ReadonlyMap<string, string[]>> {
  if (source.size > MAX_INDEX) throw beyondLimit(source.name, `the index takes ${source.size} bytes`);
  const map = JsonValue.parse(await source.read(0, source.size), source.name).field('weight_map');
  const files = new Map<string, string[]>();
  for (const [name, value] of map.entries()) {
    const file = value.string();
    const names = files.get(file);
    if (names === undefined) files.set(file, [name]);
    else names.push(name);
  }
  if (files.size > MAX_SHARDS) throw beyondLimit(source.name, `it names ${files.size} files`);
  return files;
}

async function readShard(
  index: ByteSource,
  file: string,
): Promise<{ readonly format: ModelFormat; readonly tensors: ReadonlyMap<unknown, Value> }> {
  if (index.sibling === undefined) throw damaged(index.name, 'its shards can’t be reached from here');
  const peek = await Peek.at(await index.sibling(file));
  if (isSafetensors(peek)) return { format: 'safetensors', tensors: await readSafetensors(peek.source) };
  const saved = isTorchSave(peek)
    ? await readTorchSave(peek)
    : isLegacyTorchSave(peek)
      ? await readLegacyTorchSave(peek)
      : undefined;
  if (saved === undefined || !isStateDict(saved.value)) throw damaged(file, 'it holds no tensors by name');
  return { format: 'state-dict', tensors: saved.value.entries };
}
