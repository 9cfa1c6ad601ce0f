// Puts one mutant through what the product does with a file: open, read every statistic, switch, run, copy, report.

import fs from 'node:fs';
import path from 'node:path';

import { findingsIn } from '../../src/cli/findings';
import { readStatistics, toJson, toText, type Report } from '../../src/cli/report';
import { defaultFindingSettings } from '../../src/insight/findings';
import type { ModelDescription } from '../../src/model/description';
import { createEngine } from '../../src/sessions/engine';
import type { AssetPaths } from '../../src/sessions/assets';
import { toAppError, type AppErrorCode } from '../../src/util/errors';
import type { Mutant } from './mutant';

/** How far a mutant came: `open` on opening, else what it was put through after that. */
export type Step = 'open' | 'forward' | 'copy';

/** What became of a mutant that kept the rules: `opened`, or the code of the one error; also `forward done` or `forward CODE`, and so for a copy. */
export type Outcomes = readonly string[];

export interface Surroundings {
  /** Where its files are written. */
  readonly folder: string;
  readonly cancelFlag: Int32Array;
  /** Called when a step begins, for who watches the time. */
  readonly onStep: (step: Step) => void;
}

/** A mutant made the product break one of its rules; the message says which. */
export class BrokenRule extends Error {}

const packages = path.resolve(__dirname, '../../node_modules');
const assets: AssetPaths = {
  treeSitter: path.join(packages, 'web-tree-sitter/web-tree-sitter.wasm'),
  pythonGrammar: path.join(packages, 'tree-sitter-python/tree-sitter-python.wasm'),
  onnxRuntimeFolder: path.join(packages, 'onnxruntime-web/dist'),
};

/** @throws BrokenRule, and whatever else the product lets through that is no AppError. */
export async function examine(mutant: Mutant, { folder, cancelFlag, onStep }: Surroundings): Promise<Outcomes> {
  onStep('open');
  fs.mkdirSync(folder, { recursive: true });
  for (const [name, bytes] of Object.entries(mutant.files)) fs.writeFileSync(path.join(folder, name), bytes);
  const file = path.join(folder, mutant.main);
  const engine = createEngine({ assets, threads: 1, cancelFlag });
  try {
    let description: ModelDescription;
    try {
      description = await engine.request('open', { file });
    } catch (error) {
      return [codeOf(error)];
    }
    const outcomes = ['opened'];
    checkDescription(description);
    const { modules, problems, capabilities } = description;
    await orAppError(async () => {
      const statistics = await readStatistics(engine, modules, true);
      const findings = findingsIn(description, modules, statistics, defaultFindingSettings);
      const report: Report = { file, description, modules, statistics, outputs: [], findings, problems };
      structuredClone([...statistics]);
      JSON.parse(toJson(report));
      toText(report);
    });
    for (const training of capabilities.setTraining ? [true, false] : []) {
      const changes = [{ path: '', training, recursive: true }];
      await orAppError(() => engine.request('setTraining', { changes }));
    }
    if (mutant.runForward && capabilities.runForward) {
      onStep('forward');
      const changes = [{ path: '', training: true, recursive: true }];
      if (capabilities.setTraining) await orAppError(() => engine.request('setTraining', { changes }));
      const shape = mutant.inputShape;
      const inputs = shape === undefined ? [] : [{ kind: 'random', shape, dtype: 'float32' } as const];
      const code = await orAppError(() => engine.request('runForward', { inputs, seed: 1 }));
      outcomes.push(`forward ${code ?? 'done'}`);
    }
    if (mutant.saveCopy && capabilities.saveCopy === true) {
      onStep('copy');
      const copy = path.join(folder, `copy of ${mutant.main}`);
      const code = await orAppError(() =>
        engine.request('saveCopy', { file: copy, statistics: true, overwrite: true }),
      );
      if (code === undefined) await reopen(copy, cancelFlag);
      else if (fs.existsSync(copy)) throw new BrokenRule(`a copy was refused (${code}) and is there all the same`);
      fs.rmSync(copy, { force: true });
      outcomes.push(`copy ${code ?? 'done'}`);
    }
    return outcomes;
  } finally {
    engine.dispose();
  }
}

/** What opened must still open as a copy with other flags. */
async function reopen(copy: string, cancelFlag: Int32Array): Promise<void> {
  const engine = createEngine({ assets, threads: 1, cancelFlag });
  try {
    await engine.request('open', { file: copy });
  } catch (error) {
    throw new BrokenRule(`a copy can't be opened: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    engine.dispose();
  }
}

/** Undefined, or the code of the AppError. */
async function orAppError(request: () => Promise<unknown>): Promise<AppErrorCode | undefined> {
  try {
    await request();
    return undefined;
  } catch (error) {
    return codeOf(error);
  }
}

/** The engine's callers turn a lack of stack or memory into a sentence (`toAppError`); everything else must be one already. */
function codeOf(error: unknown): AppErrorCode {
  if (error instanceof BrokenRule) throw error;
  const { code, oneLine } = toAppError(error, 'worker-died');
  if (code === 'worker-died') throw error;
  if (oneLine.length > 4000)
    throw new BrokenRule(`a message has ${oneLine.length} characters: ${oneLine.slice(0, 200)}`);
  return code;
}

/** What the views rely on: it is plain data, a tree with one root, and each path is there once. */
function checkDescription(description: ModelDescription): void {
  structuredClone(description);
  const paths = description.modules.map((module) => module.path);
  if (paths[0] !== '') throw new BrokenRule(`the first module is ${String(paths[0])}, not the root`);
  const repeated = paths.find((name, i) => paths.indexOf(name) < i && i < 2000);
  if (repeated !== undefined) throw new BrokenRule(`two modules have the path ${JSON.stringify(repeated)}`);
}
