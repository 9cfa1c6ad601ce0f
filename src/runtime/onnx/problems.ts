// What an export did to the modes, said in words: layers that were folded away, and files that mix the modes.

import type { Problem } from '../../model/description';
import type { OnnxModule, OnnxModuleTree } from './moduleTree';
import { countOf } from '../../util/text';

const maxNames = 5;

/** A BatchNorm layer by its class or its origin, of which no BatchNormalization node is left. */
export function isFolded(module: OnnxModule): boolean {
  if (module.sites.length > 0) return false;
  const type = module.qualifiedType ?? '';
  return [...module.origins].some((origin) => origin.includes('batch_norm')) || /\bBatchNorm\dd$/.test(type);
}

/** Problems of the whole file; none where every layer is as torch had it. */
export function exportProblems(tree: OnnxModuleTree): Problem[] {
  const folded = tree.modules.filter(isFolded);
  const sites = tree.modules.flatMap((module) => module.sites);
  const problems: Problem[] = [];
  if (folded.length > 0) {
    problems.push({
      message:
        `The exporter folded ${count(folded, 'BatchNorm')} into ${folded.length === 1 ? 'another node' : 'other nodes'} ` +
        `(${names(folded)}): their running statistics are no longer in the file, and they can’t be switched to train. ` +
        advice,
    });
  } else if (sites.length === 0) {
    problems.push({
      message:
        'No node of the file depends on the mode. Exporters fold BatchNorm into convolutions and leave Dropout out when ' +
        `they write a model for inference, so it may have had both. ${advice}`,
    });
  }
  const inference = tree.modules.filter((module) => wasTraining(module) && !trains(module));
  const dropping = tree.modules.filter(({ sites: own }) => own.some(({ dropout, training }) => dropout && training));
  if (inference.length > 0) {
    const dropouts =
      dropping.length === 0
        ? ''
        : `, while ${dropping.length} Dropout${dropping.length === 1 ? ' drops' : ' layers drop'} as in training (${names(dropping)})`;
    problems.push({
      message:
        `The model was in train mode when it was exported, but ${count(inference, 'BatchNorm')} ` +
        `(${names(inference)}) normalise${inference.length === 1 ? 's' : ''} by running statistics in the file${dropouts}.`,
    });
  }
  return problems;
}

const advice =
  'To keep them, export with torch.onnx.export(…, dynamo=False, training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False).';

/** Only a BatchNorm in train mode becomes this ATen operator. */
function wasTraining({ origins }: OnnxModule): boolean {
  return [...origins].some((origin) => origin.includes('batch_norm_legit_functional'));
}

function trains({ sites }: OnnxModule): boolean {
  return sites.some(({ norm, training }) => norm !== undefined && training === true);
}

function count(modules: readonly OnnxModule[], what: string): string {
  return countOf(modules.length, `${what} layer`);
}

function names(modules: readonly OnnxModule[]): string {
  const shown = modules.slice(0, maxNames).map(({ path }) => (path === '' ? 'the root' : path));
  return modules.length > maxNames ? `${shown.join(', ')}, …` : shown.join(', ');
}
