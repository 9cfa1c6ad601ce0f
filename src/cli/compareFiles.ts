// `mode-inspector compare FILE OTHER`: two files module by module, in JSON or in words.

import { pathIn } from '../model/alignModels';
import type { OptionChange, Pair, TensorChange } from '../model/compareModels';
import type { StatisticsDifference, TensorDifference } from '../model/compareStatistics';
import type { ModelDescription } from '../model/description';
import { missingIn } from '../model/differences';
import type { PairComparison, PairDifference } from '../model/pairComparison';
import type { Engine } from '../protocol/engine';
import type { ComparedModel } from '../sessions/modelPair';
import { compareModelPair } from '../sessions/modelPair';
import type { CompareFilesCommand } from './arguments';
import type { Checked } from './check';
import { comparisonText } from './comparisonText';

/** What differs between two files. @param createEngine one for each. @throws AppError where one of them can't be inspected. */
export async function compareFiles(createEngine: () => Engine, command: CompareFilesCommand): Promise<Checked> {
  const { files, json, failOnDifference } = command;
  const engines = [createEngine(), createEngine()] as const;
  try {
    const descriptions = [
      await engines[0].request('open', { file: files[0] }),
      await engines[1].request('open', { file: files[1] }),
    ] as const;
    const models = [
      comparedFile(files[0], engines[0], descriptions[0]),
      comparedFile(files[1], engines[1], descriptions[1]),
    ] as const;
    const comparison = await compareModelPair(...models, { roots: rootsOf(command, descriptions[1]) });
    const text = json ? toJson(files, descriptions, comparison) : comparisonText(files, descriptions, comparison);
    return { text, status: failOnDifference && comparison.layers.length > 0 ? 1 : 0 };
  } finally {
    for (const engine of engines) engine.dispose();
  }
}

function comparedFile(title: string, engine: Engine, { format, modules }: ModelDescription): ComparedModel {
  return {
    title,
    format,
    modules,
    state: { kind: 'ready' },
    statistics: async (path) => {
      const [found] = await engine.request('statistics', { paths: [path], values: true });
      return found?.statistics ?? null;
    },
  };
}

/** The model of that name in the other file too, where it has one. */
function rootsOf({ model, otherModel }: CompareFilesCommand, { modules }: ModelDescription): Pair<string | undefined> {
  return [model, otherModel ?? (modules.some(({ path }) => path === model) ? model : undefined)];
}

function toJson(
  [file, other]: Pair<string>,
  descriptions: Pair<ModelDescription>,
  { formats, roots, untold, sharedModules, counts, layers }: PairComparison,
): string {
  return JSON.stringify(
    {
      schema: 1,
      file,
      format: formats[0],
      model: roots[0],
      other: { file: other, format: formats[1], model: roots[1] },
      sharedModules,
      notStored: untold[0],
      notStoredInOther: untold[1],
      counts,
      differences: layers.map((layer) => differenceJson(layer, roots)),
      problems: descriptions.flatMap(({ problems }, side) =>
        problems.map((problem) => ({ file: side === 0 ? file : other, ...problem })),
      ),
    },
    undefined,
    2,
  );
}

/** Pairs are the value in the first file and in the other; what does not differ is left out. */
function differenceJson(layer: PairDifference, roots: Pair<string>): Record<string, unknown> {
  const { path, modules, module, statistics } = layer;
  const missing = module === undefined ? null : missingIn(module);
  return {
    path: pathIn(roots[0], path),
    ...(roots[0] === roots[1] ? {} : { otherPath: pathIn(roots[1], path) }),
    type: (modules[0] ?? modules[1])?.type,
    ...(module?.structure === undefined ? {} : { structure: module.structure }),
    ...(missing === null ? {} : { missingIn: missing === 0 ? 'file' : 'other' }),
    ...(module?.structure === 'class' ? { types: modules.map((each) => each?.qualifiedType) } : {}),
    ...(module?.tensors === undefined ? {} : { tensors: module.tensors.map(tensorJson) }),
    ...(module?.flags === undefined ? {} : { training: module.flags }),
    ...(module?.behaviours === undefined ? {} : { behaviour: module.behaviours }),
    ...(module?.options === undefined ? {} : { options: optionsJson(module.options) }),
    ...(statistics?.difference === undefined ? {} : { statistics: statisticsJson(statistics.difference) }),
  };
}

function tensorJson({ name, tensors }: TensorChange): Record<string, unknown> {
  const [first, other] = tensors.map((tensor) =>
    tensor === undefined ? null : { dtype: tensor.dtype, shape: tensor.shape },
  );
  return { name, tensors: [first, other] };
}

function optionsJson(options: readonly OptionChange[]): Record<string, OptionChange['values']> {
  return Object.fromEntries(options.map(({ name, values }) => [name, values]));
}

function statisticsJson(difference: StatisticsDifference): Record<string, TensorDifference | Pair<number>> {
  const { runningMean, runningVar, numBatchesTracked } = difference;
  return {
    ...(runningMean === undefined ? {} : { runningMean }),
    ...(runningVar === undefined ? {} : { runningVar }),
    ...(numBatchesTracked === undefined ? {} : { numBatchesTracked }),
  };
}
