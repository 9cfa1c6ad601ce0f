// TorchScript archives (`torch.jit.save`): scripted, traced and frozen models, with their objects, constants, code and debug records.

import type { Problem } from '../model/description';
import { Dict, ScriptObject, Storage, Tuple, type ScriptArchive, type SourceMap, type Value } from '../runtime/program';
import { AppError, toAppError } from '../util/errors';
import { beyondLimit, damaged, type OnRead } from './byteSource';
import { readDebugRecords } from './debugRecords';
import type { Format, OpenedFile } from './format';
import { foreignImports } from './imports';
import { modeWriter, type WritableModel } from './modeWriter';
import { checkObjectGraph } from './objectGraph';
import type { Peek } from './peek';
import { unpickle } from './pickle';
import { isBigEndian, StorageTable, zipStorages } from './storages';
import { TorchScriptHost } from './torchscriptHost';
import { writableScript } from './writableModules';
import type { ZipArchive } from './zip';
import type { ZipEntry } from './zipDirectory';

/** The newest archive version that torch 2.13 writes or reads. */
const NEWEST_VERSION = 10;
const MAX_PICKLE = 256 * 2 ** 20;
const MAX_CODE = 8 * 2 ** 20;
/** Of all code that is read: 1.6 megabytes as torch writes it. The trace of a transformer of 48 layers has 110,000. */
const MAX_TOKENS = 400_000;
/** Of brackets in one another. The deepest of some 5,000 code files that torch has written has 4. */
const MAX_DEPTH = 1000;

const decoder = new TextDecoder('utf-8');
const bytesOf = (characters: string): readonly number[] => Array.from(characters, (each) => each.charCodeAt(0));
const quotes = bytesOf('"\'');
const opening = bytesOf('([{');
const closing = bytesOf(')]}');
const newline = 0x0a;
const backslash = 0x5c;

export const torchScript: Format = {
  name: 'TorchScript',
  extensions: ['pt', 'pth', 'jit', 'torchscript', 'ptl'],
  match: ({ zip }) => zip !== undefined && findTorchScriptRoot(zip) !== undefined,
  open: openTorchScript,
};

/** The archive's root folder with its slash, if the zip is TorchScript: it alone has a constants.pkl beside its data.pkl. */
function findTorchScriptRoot(zip: ZipArchive): string | undefined {
  for (const name of zip.entries.keysOfNoStorage()) {
    if (!/^[^/]*\/?constants\.pkl$/.test(name)) continue;
    const root = name.slice(0, -'constants.pkl'.length);
    if (zip.entries.has(`${root}data.pkl`)) return root;
  }
  return undefined;
}

async function openTorchScript(peek: Peek): Promise<OpenedFile> {
  const { zip } = peek;
  const root = zip === undefined ? undefined : findTorchScriptRoot(zip);
  if (zip === undefined || root === undefined) throw damaged(peek.source.name, 'it has no constants.pkl');
  return new ArchiveReader(zip, root, peek.onRead).open();
}

class ArchiveReader {
  private readonly problems: Problem[] = [];
  private readonly foreign = new Set<string>();
  private bigEndian = false;
  private tokens = 0;

  constructor(
    private readonly zip: ZipArchive,
    private readonly root: string,
    private readonly onRead: OnRead | undefined,
  ) {}

  async open(): Promise<OpenedFile> {
    const { name } = this.zip.source;
    const version = await this.version();
    this.bigEndian = await isBigEndian(this.zip, this.root);
    const root = await this.unpickle('data.pkl', this.storages('data/'), { onRead: this.onRead });
    if (!(root instanceof ScriptObject)) throw damaged(name, `its data.pkl holds no module${this.foreignNames()}`);
    this.problems.push(...checkObjectGraph(root, name));
    const constants = await this.unpickle('constants.pkl', this.storages('constants/'));
    if (!(constants instanceof Tuple))
      throw damaged(name, `its constants.pkl holds no constants${this.foreignNames()}`);
    this.problems.push(
      ...checkObjectGraph(constants, name).map(({ message }) => ({ message: `Constant c${message}` })),
    );
    const tracedInputs = await this.tracedInputs();
    this.problems.push(...foreignImports(this.foreign, 'TorchScript archive'));
    const archive: ScriptArchive = {
      root,
      version,
      constants: constants.items,
      readCode: (pythonModule) => this.readCode(pythonModule),
      readSourceMap: (pythonModule) => this.readSourceMap(pythonModule),
      ...(tracedInputs === undefined ? {} : { tracedInputs }),
    };
    const writer = modeWriter(name, () => this.writable(), this.zip);
    return { format: 'torchscript', contents: { kind: 'script', archive }, problems: this.problems, writer };
  }

  /** Reads the objects again, for the places of what can be changed. */
  private async writable(): Promise<WritableModel> {
    const { zip, root: folder, bigEndian } = this;
    const storages = new Map<Storage, ZipEntry>();
    const found = (storage: Storage, entry: ZipEntry): void => void storages.set(storage, entry);
    const root = await this.unpickle('data.pkl', zipStorages(zip, { folder: `${folder}data/`, bigEndian, found }), {
      markBooleans: true,
    });
    const pickle = zip.entries.get(`${folder}data.pkl`);
    if (!(root instanceof ScriptObject) || pickle === undefined) throw damaged(zip.source.name, 'it has changed');
    return { modules: writableScript(root), pickle, storages, bigEndian };
  }

  /** The version of the operators; one that is not said is taken for the newest. */
  private async version(): Promise<number> {
    // Where a program needs a newer set of operators, torch writes the number into the folder of its own records.
    const text = (await this.zip.text(`${this.root}.data/version`)) ?? (await this.zip.text(`${this.root}version`));
    const version = Number(text);
    if (text === undefined || !Number.isInteger(version)) {
      this.problems.push({ message: 'The archive does not say its version; it is read as a present one.' });
      return NEWEST_VERSION;
    }
    if (version > NEWEST_VERSION) {
      this.problems.push({
        message: `The archive has version ${version}, newer than ${NEWEST_VERSION}, the newest known one; parts of it may be misread.`,
      });
    }
    return version;
  }

  private storages(folder: string): StorageTable {
    return zipStorages(this.zip, { folder: this.root + folder, bigEndian: this.bigEndian });
  }

  private async unpickle(
    file: string,
    storages: StorageTable,
    { markBooleans = false, onRead }: { markBooleans?: boolean; onRead?: OnRead | undefined } = {},
  ): Promise<Value> {
    const what = `${file} of ${this.zip.source.name}`;
    const bytes = await this.zip.read(this.root + file, MAX_PICKLE);
    if (bytes === undefined) throw damaged(this.zip.source.name, `it has no ${file}`);
    const host = new TorchScriptHost(what, storages);
    const value = unpickle(bytes, what, host, markBooleans, onRead);
    for (const name of host.foreign) this.foreign.add(name);
    return value;
  }

  /** The sample inputs that `torch.jit.trace` was given: shapes and dtypes only, torch does not keep their values. */
  private async tracedInputs(): Promise<readonly Value[] | undefined> {
    if (!this.zip.entries.has(`${this.root}traced_inputs.pkl`)) return undefined;
    try {
      const methods = await this.unpickle('traced_inputs.pkl', sizesOnly(this.zip.source.name));
      checkObjectGraph(methods, this.zip.source.name);
      const inputs = methods instanceof Dict ? methods.entries.get('forward') : undefined;
      return Array.isArray(inputs) ? inputs : undefined;
    } catch (error) {
      this.problems.push({
        message: `The sample inputs of the trace are unreadable: ${toAppError(error, 'corrupt').message}.`,
      });
      return undefined;
    }
  }

  /** What a pickle would import, for the error that the file can't be opened. */
  private foreignNames(): string {
    if (this.foreign.size === 0) return '';
    return `, but would import ${[...this.foreign].slice(0, 3).join(', ')} (nothing was executed)`;
  }

  private async readCode(pythonModule: string): Promise<string | undefined> {
    const bytes = await this.codeBytes(pythonModule);
    if (bytes === undefined) return undefined;
    const { tokens, depth } = sizeOfCode(bytes);
    this.tokens += tokens;
    if (this.tokens > MAX_TOKENS)
      throw beyondLimit(this.zip.source.name, `its code has more than ${MAX_TOKENS} words and signs`);
    if (depth > MAX_DEPTH)
      throw beyondLimit(this.zip.source.name, `its code has more than ${MAX_DEPTH} brackets in one another`);
    return decoder.decode(bytes);
  }

  private async readSourceMap(pythonModule: string): Promise<SourceMap | undefined> {
    const [code, records] = await Promise.all([
      this.codeBytes(pythonModule),
      this.zip.read(`${this.codeName(pythonModule)}.debug_pkl`, MAX_PICKLE),
    ]);
    if (code === undefined || records === undefined) return undefined;
    try {
      const what = `${pythonModule} of ${this.zip.source.name}`;
      return readDebugRecords(unpickle(records, what, new TorchScriptHost(what)), code);
    } catch (error) {
      // Broken debug records cost the source lines, never the model.
      if (error instanceof AppError) return undefined;
      throw error;
    }
  }

  private codeBytes(pythonModule: string): Promise<Uint8Array | undefined> {
    return this.zip.read(this.codeName(pythonModule), MAX_CODE);
  }

  /** `__torch__.torch.nn.functional` is in `code/__torch__/torch/nn/functional.py`, mangled segments included. */
  private codeName(pythonModule: string): string {
    return `${this.root}code/${pythonModule.replaceAll('.', '/')}.py`;
  }
}

/**
 * What the parser takes time and memory for: words, numbers and signs, those in texts and comments too; and how deep brackets are nested,
 * each of which it takes kilobytes for until it is closed.
 */
function sizeOfCode(code: Uint8Array): { readonly tokens: number; readonly depth: number } {
  let tokens = 0;
  let depth = 0;
  let open = 0;
  let inWord = false;
  let quote = 0;
  let escaped = -1;
  for (let i = 0; i < code.length; i++) {
    const byte = code[i] ?? 0;
    const isWord =
      (byte >= 0x61 && byte <= 0x7a) ||
      (byte >= 0x30 && byte <= 0x39) ||
      (byte >= 0x41 && byte <= 0x5a) ||
      byte === 0x5f;
    if (isWord ? !inWord : byte > 0x20) tokens++;
    inWord = isWord;
    if (isWord || i === escaped) continue;
    // The texts that torch writes end on their line, so that a quote in a comment does no harm beyond it.
    if (byte === newline || byte === quote) quote = 0;
    else if (quote !== 0) {
      if (byte === backslash) escaped = i + 1;
    } else if (quotes.includes(byte)) quote = byte;
    else if (opening.includes(byte)) depth = Math.max(depth, ++open);
    else if (closing.includes(byte)) open = Math.max(0, open - 1);
  }
  return { tokens, depth };
}

/** Of sample inputs the archive keeps the sizes alone. */
function sizesOnly(name: string): StorageTable {
  return new StorageTable((_key, dtype, count) =>
    Storage.lazy(dtype, count, () => Promise.reject(damaged(name, 'the values of its sample inputs are not kept'))),
  );
}
