// A TorchScript archive as a program: described, switched module by module, and run.

import type { InputSpec, Problem } from '../../model/description';
import type { ModuleSpec } from '../../model/module';
import type { NormStatistics } from '../../model/statistics';
import type { Modes } from '../behaviour';
import type { RunContext } from '../context';
import { matchSignature } from '../inputs';
import { LazyStorages } from '../lazyStorages';
import { noSuchModule } from '../moduleOrder';
import { normStatisticsVersion, normTensors, readNormStatistics } from '../normStatistics';
import type { Program, ScriptArchive } from '../program';
import { rememberValues, type PutBack } from '../remember';
import type { Tensor } from '../tensor';
import type { ScriptObject, Value } from '../values';
import { CodeLibrary } from './codeLibrary';
import { inputSpecs } from './inputs';
import { Interpreter } from './interpreter';
import { ModuleTree, type ModuleNode } from './moduleTree';
import type { ParserAssets } from './parser';

/** Reads the module tree and the code of its classes. @throws AppError where the code can't be read. */
export async function createScriptProgram(archive: ScriptArchive, assets: ParserAssets): Promise<Program> {
  const library = new CodeLibrary(archive, assets);
  return new ScriptProgram(archive, library, await ModuleTree.read(archive.root, library));
}

class ScriptProgram implements Program {
  readonly capabilities = { setTraining: true, runForward: true };
  readonly problems: Problem[] = [];
  private readonly storages: LazyStorages;

  constructor(
    private readonly archive: ScriptArchive,
    private readonly library: CodeLibrary,
    private readonly tree: ModuleTree,
  ) {
    this.storages = new LazyStorages(() => [archive.root, ...archive.constants]);
  }

  describe(): Promise<readonly ModuleSpec[]> {
    return this.tree.describe();
  }

  modes(): Modes {
    return this.tree.modes();
  }

  inputs(): Promise<readonly InputSpec[]> {
    return inputSpecs(this.archive, this.library, this.tree);
  }

  setTraining(path: string, training: boolean | null, recursive: boolean): void {
    const { object } = this.node(path);
    if (training === null) return;
    for (const { attributes } of recursive ? this.tree.subtree(path) : [object]) {
      // A frozen module has no flag; giving it one would only pretend.
      if (typeof attributes.get('training') === 'boolean') attributes.set('training', training);
    }
  }

  remember(): PutBack {
    return rememberValues([this.archive.root, ...this.archive.constants]);
  }

  async normStatistics(path: string, options: { readonly values?: boolean } = {}): Promise<NormStatistics | null> {
    return readNormStatistics(this.node(path).object.attributes, options.values);
  }

  normTensors(path: string): ReadonlyMap<string, Tensor> {
    return normTensors(this.node(path).object.attributes);
  }

  statisticsVersion(path: string): number {
    return normStatisticsVersion(this.node(path).object.attributes);
  }

  async forward(args: readonly Value[], context: RunContext, method = 'forward'): Promise<Value> {
    await this.storages.load();
    // A model that is only looked at needs no operators.
    const { operatorTable } = await import('../operators');
    const pathOf = (object: ScriptObject): string | undefined => this.tree.pathOf(object);
    const interpreter = new Interpreter(this.library, this.archive, operatorTable, context, pathOf);
    const values = method === 'forward' ? matchSignature(args, await this.inputs()) : args;
    return interpreter.run(this.archive.root, method, values);
  }

  private node(path: string): ModuleNode {
    const node = this.tree.find(path);
    if (node === undefined) throw noSuchModule(path);
    return node;
  }
}
