// Programs of torch.export (.pt2): the present archive, the older one with torch.save files in it, and the layout before both.

import type { Problem } from '../model/description';
import {
  OpaqueValue,
  Tensor,
  Tuple,
  Dict,
  type ExportedProgram,
  type ModelContents,
  type Range,
  type Value,
} from '../runtime/program';
import { AppError } from '../util/errors';
import { damaged } from './byteSource';
import { GraphReader, readInputBinding, readOutputBinding } from './exportedGraph';
import { TensorReader } from './exportedTensors';
import { readTreeSpec } from './exportedTree';
import type { Format, OpenedFile } from './format';
import { foreignImports } from './imports';
import { wordsOfProgram } from './jsonMemory';
import { JsonValue } from './jsonValue';
import type { Peek } from './peek';
import { readSavedValue } from './savedValue';
import { isBigEndian } from './storages';
import type { ZipArchive } from './zip';

/** The schema that torch 2.5 to 2.13 write; a newer minor version only adds. */
const SCHEMA_MAJOR = 8;
const MAX_JSON = 256 * 2 ** 20;
const MAX_PROBLEMS = 100;
const MAX_MODELS = 100;

export const exportedProgram: Format = {
  name: 'torch.export',
  extensions: ['pt2'],
  match: ({ zip }) => zip !== undefined && findLayout(zip) !== undefined,
  open: openExportedProgram,
};

/** Where an archive keeps its programs. */
interface Layout {
  /** The root folder with its slash; `''` for the layout without one. */
  readonly root: string;
  readonly kind: 'archive' | 'plain';
}

function findLayout(zip: ZipArchive): Layout | undefined {
  for (const name of zip.entries.keysOfNoStorage()) {
    const root = /^([^/]*\/)?(?:archive_format|models\/[^/]+\.json)$/.exec(name);
    if (root !== null) return { root: root[1] ?? '', kind: 'archive' };
    if (name === 'serialized_exported_program.json') return { root: '', kind: 'plain' };
  }
  return undefined;
}

async function openExportedProgram({ zip, source }: Peek): Promise<OpenedFile> {
  const layout = zip === undefined ? undefined : findLayout(zip);
  if (zip === undefined || layout === undefined) throw damaged(source.name, 'it has no archive_format');
  return new ProgramReader(zip, layout).open();
}

class ProgramReader {
  private readonly problems: Problem[] = [];
  private readonly imports = new Set<string>();
  private readonly source: string;

  constructor(
    private readonly zip: ZipArchive,
    private readonly layout: Layout,
  ) {
    this.source = zip.source.name;
  }

  async open(): Promise<OpenedFile> {
    const names = this.layout.kind === 'plain' ? ['model'] : this.modelNames();
    const [only] = names;
    const contents: ModelContents =
      names.length === 1 && only !== undefined
        ? { kind: 'exported', program: await this.readProgram(only) }
        : { kind: 'several', models: await this.readSeveral(names) };
    this.problems.push(...foreignImports(this.imports, 'torch.export archive'));
    return { format: 'exported-program', contents, problems: this.problems };
  }

  /** One that can't be read costs itself, not the others. @throws AppError as the first does, where none can. */
  private async readSeveral(names: readonly string[]): Promise<[string, ModelContents][]> {
    const models: [string, ModelContents][] = [];
    let failure: AppError | undefined;
    for (const name of names) {
      const from = this.problems.length;
      try {
        models.push([name, { kind: 'exported', program: await this.readProgram(name) }]);
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        failure ??= error;
        this.problems.push({ message: `it can't be shown: ${error.message}` });
      }
      const own = this.problems.splice(from);
      this.problems.push(...own.map(({ message }) => ({ message: `${name}: ${message}` })));
    }
    if (models.length === 0 && failure !== undefined) throw failure;
    return models;
  }

  private async readProgram(name: string): Promise<ExportedProgram> {
    const file = this.layout.kind === 'plain' ? 'serialized_exported_program.json' : `models/${name}.json`;
    const bytes = await this.zip.read(this.layout.root + file, MAX_JSON);
    if (bytes === undefined) throw damaged(this.source, `it has no ${file}`);
    const json = JsonValue.parse(bytes, `${file.slice(file.lastIndexOf('/') + 1)} of ${this.source}`, wordsOfProgram);
    this.checkVersion(json);
    const reader = new TensorReader(this.zip, await isBigEndian(this.zip, this.layout.root));
    await this.readTensors(reader, name);
    const program = this.read(json, name, reader.tensors, await this.sampleInputs(name));
    this.reportTensors(program);
    for (const imported of reader.imports) this.imports.add(imported);
    return program;
  }

  /** The one called `model`, which `torch.export.load` takes, comes first. @throws AppError `unsupported-format` for none. */
  private modelNames(): readonly string[] {
    const prefix = `${this.layout.root}models/`;
    const names = this.zip.entries
      .keys()
      .flatMap((entry) =>
        entry.startsWith(prefix) && entry.endsWith('.json') ? [entry.slice(prefix.length, -'.json'.length)] : [],
      );
    if (names.length === 0) throw this.withoutGraph();
    if (names.length > MAX_MODELS) {
      this.problems.push({ message: `The archive holds ${names.length} programs; the first ${MAX_MODELS} are shown.` });
    }
    return names.sort((a, b) => Number(b === 'model') - Number(a === 'model')).slice(0, MAX_MODELS);
  }

  private withoutGraph(): AppError {
    const compiled = this.zip.entries.keys().some((name) => name.startsWith(`${this.layout.root}data/aotinductor/`));
    return new AppError(
      'unsupported-format',
      `${this.source} is ${compiled ? 'a compiled AOTInductor package: it holds machine code and no graph' : 'a .pt2 archive without a program'}`,
      'Save the program itself with torch.export.save(torch.export.export(model, args), "model.pt2").',
    );
  }

  private checkVersion(json: JsonValue): void {
    const version = json.optional('schema_version');
    const major = version?.optional('major')?.count();
    if (major === SCHEMA_MAJOR) return;
    const words = major === undefined ? 'does not say its version' : `has schema version ${major}`;
    this.problems.push({
      message: `The program ${words}; it is read as version ${SCHEMA_MAJOR}, and parts of it may be misread.`,
    });
  }

  private async readTensors(reader: TensorReader, name: string): Promise<void> {
    const { root, kind } = this.layout;
    if (kind === 'plain') {
      // The first versions called these files .json, with the same content.
      for (const part of ['state_dict', 'constants']) {
        if (await reader.readSaved(`serialized_${part}.pt`)) continue;
        if (await reader.readSaved(`serialized_${part}.json`)) continue;
        if (part === 'state_dict') throw damaged(this.source, 'it has no serialized_state_dict.pt');
      }
      return;
    }
    for (const part of ['weights', 'constants']) {
      const folder = `${root}data/${part}/`;
      if (await reader.readSaved(`${folder}${name}.pt`)) continue;
      await reader.readConfig(`${folder}${name}_${part}_config.json`, folder);
    }
  }

  private read(
    json: JsonValue,
    name: string,
    tensors: ReadonlyMap<string, Value>,
    sampleInputs: readonly Value[] | undefined,
  ): ExportedProgram {
    const module = json.field('graph_module');
    const signature = module.field('signature');
    const calls = module.field('module_call_graph').items();
    const root = calls.find((call) => call.field('fqn').string() === '')?.optional('signature');
    if (root === undefined) throw module.error('without the structure of its arguments');
    const namedTuples = new Map(
      Array.from(module.optional('treespec_namedtuple_fields')?.entries() ?? [], ([type, definition]) => [
        type,
        definition
          .field('field_names')
          .items()
          .map((field) => field.string()),
      ]),
    );
    const graph = new GraphReader(this.source, readRanges(json)).graph(module.field('graph'));
    const inputs = signature.field('input_specs').items().map(readInputBinding);
    const outputs = signature.field('output_specs').items().map(readOutputBinding);
    if (inputs.length !== graph.inputs.length || outputs.length !== graph.outputs.length)
      throw signature.error('not that of its graph');
    return {
      name,
      graph,
      inputs,
      outputs,
      inputTree: readTreeSpec(root.field('in_spec'), namedTuples),
      outputTree: readTreeSpec(root.field('out_spec'), namedTuples),
      argumentNames: (root.optional('forward_arg_names')?.items() ?? []).map((argument) => argument.string()),
      tensors,
      modulePaths: calls.map((call) => call.field('fqn').string()),
      ...(sampleInputs === undefined ? {} : { sampleInputs }),
    };
  }

  /** Sample inputs that can't be read cost themselves, not the model. */
  private async sampleInputs(name: string): Promise<readonly Value[] | undefined> {
    const { root, kind } = this.layout;
    const entry = kind === 'plain' ? 'serialized_example_inputs.pt' : `${root}data/sample_inputs/${name}.pt`;
    try {
      return await this.readSampleInputs(entry);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      this.problems.push({ message: `The sample inputs of the export can't be used: ${error.message}.` });
      return undefined;
    }
  }

  /** The pair of args and kwargs that torch.save wrote, as one list. @throws AppError `corrupt`. */
  private async readSampleInputs(entry: string): Promise<readonly Value[] | undefined> {
    const saved = await readSavedValue(this.zip, entry);
    if (saved === undefined) return undefined;
    const { value, unusable } = saved;
    const [first] = unusable;
    if (first !== undefined) throw new AppError('corrupt', first.message);
    const [args, kwargs] = value instanceof Tuple ? value.items : [];
    if (!(args instanceof Tuple) || !(kwargs instanceof Dict))
      throw new AppError('corrupt', 'they are no pair of args and kwargs');
    return [...args.items, ...kwargs.entries.values()];
  }

  private reportTensors({ tensors }: ExportedProgram): void {
    for (const [path, value] of tensors) {
      if (value instanceof Tensor || this.problems.length >= MAX_PROBLEMS) continue;
      const reason = value instanceof OpaqueValue ? value.reason : undefined;
      this.problems.push({ path, message: `${path} can't be used: ${reason ?? 'it is no tensor'}` });
    }
  }
}

function readRanges(json: JsonValue): Map<string, Range> {
  const bound = (value: JsonValue | undefined): number | null => {
    const number = value?.number();
    return number === undefined || !Number.isSafeInteger(number) ? null : number;
  };
  return new Map(
    Array.from(json.optional('range_constraints')?.entries() ?? [], ([symbol, range]) => [
      symbol,
      { min: bound(range.optional('min_val')), max: bound(range.optional('max_val')) },
    ]),
  );
}
