// Save a Copy with These Modes: what is written, and what is worth a word about it.

import type { Problem } from '../model/description';
import type { ModuleSpec } from '../model/module';
import type { OnProgress, SaveCopyOptions, SaveCopyResult } from '../protocol/engine';
import { AppError } from '../util/errors';
import { copyPatched } from './fileCopy';
import type { OpenedModel } from './openModel';

/** True where the file stores flags that a copy can have otherwise. */
export function canSaveCopy({ writer }: OpenedModel, modules: readonly ModuleSpec[]): boolean {
  return writer !== undefined && modules.some(({ training }) => training !== null);
}

/**
 * Writes the copy. `moved` are the layers whose statistics differ from the file's.
 * @throws AppError `not-stored` where the file has no flags, and as {@link copyPatched} and the format's writer do.
 */
export async function saveCopy(
  model: OpenedModel,
  moved: readonly string[],
  options: SaveCopyOptions,
  isCancelled: () => boolean,
  onProgress?: OnProgress,
): Promise<SaveCopyResult> {
  const { program, source, writer } = model;
  const modules = await program.describe();
  if (writer === undefined || !canSaveCopy(model, modules)) {
    throw new AppError(
      'not-stored',
      `${source.name} can't be copied with other modes: this kind of file stores no mode`,
      'Save the model itself with torch.save, or script it.',
    );
  }
  const flags = new Map<string, boolean>();
  for (const { path, training } of modules) if (training !== null) flags.set(path, training);
  const written = options.statistics ? moved : [];
  const statistics = new Map(written.map((path) => [path, program.normTensors(path)]));
  const { patches, changed } = await writer({ flags, statistics });
  const { file: target, overwrite } = options;
  await copyPatched(source, patches, { target, overwrite, isCancelled, ...(onProgress && { onProgress }) });
  return { changed, statistics: written, problems: disobedient(modules, new Set(changed)) };
}

/** A flag can be written to code that does not look at it; that is no mistake, but no switch either. */
function disobedient(modules: readonly ModuleSpec[], changed: ReadonlySet<string>): Problem[] {
  const layers = modules.filter(
    ({ path, training, behaviour, modeSensitive }) =>
      modeSensitive && changed.has(path) && behaviour === (training === true ? 'eval' : 'train'),
  );
  const [first] = layers;
  if (first === undefined) return [];
  const which = layers.length === 1 ? `'${first.path}' does` : `${layers.length} layers, such as '${first.path}', do`;
  const reason = first.behaviourReason === undefined ? '' : ` ${first.behaviourReason}`;
  return [{ message: `The flags were written, but ${which} not obey them.${reason}`, path: first.path }];
}
