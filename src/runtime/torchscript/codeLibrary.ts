// The code of an archive: files parsed when first needed, classes and functions found by their qualified names.

import type { ScriptArchive, SourceMap } from '../program';
import type { SourceLocation } from '../../model/module';
import { loadParser, type ParserAssets } from './parser';
import type { ClassDefinition, CodeFile, FunctionDefinition } from './syntax';

export interface FoundClass {
  readonly file: CodeFile;
  readonly definition: ClassDefinition;
}

export interface FoundFunction {
  readonly file: CodeFile;
  readonly definition: FunctionDefinition;
}

export class CodeLibrary {
  private readonly files = new Map<string, Promise<CodeFile | undefined>>();
  private readonly sourceMaps = new Map<string, Promise<SourceMap | undefined>>();
  private readonly offsets = new Map<CodeFile, ByteOffsets>();

  constructor(
    private readonly archive: ScriptArchive,
    private readonly assets: ParserAssets,
  ) {}

  /** The class of this qualified name, or undefined where the archive has no such code. */
  async findClass(qualifiedName: string): Promise<FoundClass | undefined> {
    const { pythonModule, name } = splitName(qualifiedName);
    const file = await this.file(pythonModule);
    const definition = file?.classes.get(name);
    return file === undefined || definition === undefined ? undefined : { file, definition };
  }

  /** The free function of this qualified name. */
  async findFunction(qualifiedName: string): Promise<FoundFunction | undefined> {
    const { pythonModule, name } = splitName(qualifiedName);
    const file = await this.file(pythonModule);
    const definition = file?.functions.get(name);
    return file === undefined || definition === undefined ? undefined : { file, definition };
  }

  /** Where the user wrote the code at a position of a code file (a JavaScript string index). */
  async locate(file: CodeFile, at: number): Promise<SourceLocation | undefined> {
    let map = this.sourceMaps.get(file.pythonModule);
    if (map === undefined) {
      // Debug records are a help, not a need: an unreadable one only costs the line numbers.
      map = this.archive.readSourceMap(file.pythonModule).catch(() => undefined);
      this.sourceMaps.set(file.pythonModule, map);
    }
    const found = await map;
    if (found === undefined) return undefined;
    let offsets = this.offsets.get(file);
    if (offsets === undefined) this.offsets.set(file, (offsets = new ByteOffsets(file.text)));
    return found.locate(offsets.of(at));
  }

  private file(pythonModule: string): Promise<CodeFile | undefined> {
    let file = this.files.get(pythonModule);
    if (file === undefined) this.files.set(pythonModule, (file = this.read(pythonModule)));
    return file;
  }

  private async read(pythonModule: string): Promise<CodeFile | undefined> {
    const text = await this.archive.readCode(pythonModule);
    if (text === undefined) return undefined;
    const parse = await loadParser(this.assets);
    return parse(pythonModule, text);
  }
}

function splitName(qualifiedName: string): { pythonModule: string; name: string } {
  const dot = qualifiedName.lastIndexOf('.');
  return { pythonModule: qualifiedName.slice(0, dot), name: qualifiedName.slice(dot + 1) };
}

/** Debug records count bytes of UTF-8, where positions in the code are indices of a string. */
class ByteOffsets {
  /** Bytes before each stretch, since a file may have thousands of positions that are asked for. */
  private readonly before: number[] = [];

  constructor(private readonly text: string) {
    let bytes = 0;
    for (let start = 0; start <= text.length; start += STRETCH) {
      this.before.push(bytes);
      bytes += this.bytesIn(start, start + STRETCH);
    }
  }

  /** @param index at most the length of the text. */
  of(index: number): number {
    const stretch = Math.floor(index / STRETCH);
    return this.before[stretch]! + this.bytesIn(stretch * STRETCH, index);
  }

  private bytesIn(start: number, end: number): number {
    const { text } = this;
    let bytes = 0;
    for (let i = start; i < Math.min(end, text.length); i++) {
      const unit = text.charCodeAt(i);
      // A character of four bytes has two units.
      bytes += unit < 0x80 ? 1 : unit < 0x800 || (unit >= 0xd800 && unit < 0xe000) ? 2 : 3;
    }
    return bytes;
  }
}

const STRETCH = 1024;

/** `__torch__.torch.nn.modules.conv.___torch_mangle_3.Conv2d` -> `torch.nn.modules.conv.Conv2d`. */
export function demangle(qualifiedName: string): string {
  return qualifiedName
    .replace(/^__torch__\./, '')
    .replace(/\.?___torch_mangle_\d+/g, '')
    .replace(/^\./, '');
}
