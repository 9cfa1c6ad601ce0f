// The rows of a traced forward: the calls of dropout, attention and normalisation below the modules that made them.

import type { AgentTrace } from '../protocol/agent';
import { fileName } from './format';
import { countOf } from '../util/text';
import { formatNumber } from '../util/numbers';
import type { Row } from './rowModel';

export type TracedCall = AgentTrace['calls'][number];

/** The calls that the code of one module made, in their order, and those by the same line once. */
export function callsOf(trace: AgentTrace | undefined, path: string): readonly TracedCall[] {
  const calls = new Map<string, TracedCall>();
  for (const call of trace?.calls ?? []) if (call.path === path) calls.set(JSON.stringify(call), call);
  return [...calls.values()];
}

/** `F.dropout  p=0.5, drops · model.py:31`. */
export function callRow(call: TracedCall): Row {
  const { file, line, flag, random } = call;
  const label = `F.${call.function}`;
  const place = file === null ? '' : `${fileName(file)}:${String(line ?? 0)}`;
  const words = callWords(call);
  const isDisobedient = random && flag === false;
  return {
    label,
    description: [words, place].filter((part) => part !== '').join(' · '),
    icon: isDisobedient ? { id: 'warning', color: 'list.warningForeground' } : { id: 'symbol-method' },
    tooltip: [
      `Call: ${label}`,
      `What it did: ${words}`,
      `training: ${call.training === null ? 'no such argument' : String(call.training)}`,
      `Flag of the module: ${flag === null ? 'none' : String(flag)}`,
      ...(file === null ? [] : [`Line: ${file}:${String(line ?? 0)}`]),
    ],
    spoken: [label, words, place].filter((part) => part !== '').join(', '),
    context: file === null ? 'call' : 'call hasLine',
    children: 'none',
  };
}

function callWords({ p, random, training, statistics, moves, flag, function: name }: TracedCall): string {
  const parts: string[] = [];
  if (p !== null) parts.push(`p=${formatNumber(p)}`);
  if (statistics !== null) {
    parts.push(`by ${statistics} statistics`);
    if (moves) parts.push('moves the running ones');
  } else if (name === 'rrelu') parts.push(random ? 'random slopes' : 'one slope');
  else parts.push(random ? 'drops' : training === null ? 'no dropout' : 'lets everything through');
  if (random && flag === false) parts.push('in eval');
  return parts.join(', ');
}

/** What a trace found, in a sentence. */
export function traceSentence(title: string, { path, calls, opaque, failure }: AgentTrace): string {
  const where = path === '' ? title : `${title}.${path}`;
  const random = calls.filter((call) => call.random).length;
  const notSeen =
    opaque.length === 0 ? '' : ` Scripted modules (${opaque.slice(0, 3).join(', ')}) were not looked into.`;
  const ended = failure === null ? '' : ` It ended with ${failure}`;
  const made = `${countOf(calls.length, 'call')} that ${calls.length === 1 ? 'depends' : 'depend'} on a mode`;
  return `A forward of ${where} made ${made}, ${String(random)} of them random.${notSeen}${ended}`;
}
