// The rows of calls that a file holds in a module's own code and that no layer stands for: `F.dropout(p=0.5)`.

import { behaviourOfCall, callLabel, callWords, distinctCalls } from '../model/functionalCall';
import type { FunctionalCall, ModuleSpec, SourceLocation } from '../model/module';
import { fileName } from './format';
import { countOf } from '../util/text';
import type { Row } from './rowModel';
import { iconOf } from './treeModel';

export interface FunctionalCallRow {
  readonly row: Row;
  /** The line that makes the call. */
  readonly source: SourceLocation | undefined;
}

/** One row for each call of a module, those that look alike together. */
export function functionalCallRows(module: ModuleSpec): readonly FunctionalCallRow[] {
  return distinctCalls(module.functionalCalls).map(({ call, count }) => ({
    row: callRow(call, count, module),
    source: call.source,
  }));
}

function callRow(call: FunctionalCall, count: number, module: ModuleSpec): Row {
  const [label, words, behaviour] = [callLabel(call), callWords(call, module), behaviourOfCall(call, module)];
  const { source } = call;
  const times = count === 1 ? [] : [countOf(count, 'call')];
  const place = source === undefined ? [] : [`${fileName(source.file)}:${String(source.line)}`];
  // As on the row of a layer: train where the flag says eval is worth a look.
  const contradiction = behaviour === 'train' && module.training === false;
  return {
    label,
    description: [words, ...times, ...place].join(' · '),
    icon: iconOf({ sign: behaviour, text: words, contradiction }),
    tooltip: [
      `Call: ${call.function}`,
      `Behaviour: ${words}`,
      `Switch: ${switchWords(call)}`,
      ...(source === undefined ? [] : [`Line: ${source.file}:${String(source.line)}`]),
    ],
    spoken: [label, words.replace(' · ', ', '), ...times, ...place].join(', '),
    context: source === undefined ? 'call' : 'call hasLine',
    children: 'none',
  };
}

function switchWords({ training, fixed }: FunctionalCall): string {
  if (fixed) return 'none changes it';
  return training === 'flag' ? 'it obeys the training flag of its module' : 'it is switched with its module';
}
