// Calls that no layer of the tree stands for, in words: what they are called, and what they do now.

import type { FunctionalCall, ModeFamily, ModuleSpec } from './module';

/** `F.dropout(p=0.5)`, `F.scaled_dot_product_attention(dropout_p=0.1)`, `F.batch_norm()`. */
export function callLabel(call: FunctionalCall): string {
  const { family, p } = call;
  const argument = family === 'attention' ? 'dropout_p' : family === 'recurrent' ? 'dropout' : 'p';
  const given = p === null ? '' : `${argument}=${String(Number(p.toPrecision(4)))}`;
  return `${callName(call)}(${given})`;
}

/** `F.dropout` */
export function callName(call: FunctionalCall): string {
  return call.function.replace(/^torch\.nn\.functional\./, 'F.');
}

/** What a call in this module does now. */
export function behaviourOfCall(
  { training }: FunctionalCall,
  owner: Pick<ModuleSpec, 'training'>,
): 'train' | 'eval' | 'unknown' {
  const runs = training === 'flag' ? owner.training : training;
  if (runs === null) return 'unknown';
  return runs ? 'train' : 'eval';
}

/** `drops in both modes`, `train · drops`, `runs as eval · lets everything through`. */
export function callWords(call: FunctionalCall, owner: Pick<ModuleSpec, 'training'>): string {
  const behaviour = behaviourOfCall(call, owner);
  if (behaviour === 'unknown') return 'mode not stored';
  const effect = effects[call.family][behaviour];
  if (call.fixed) return `${effect} in both modes`;
  return `${call.training === 'flag' ? behaviour : `runs as ${behaviour}`} · ${effect}`;
}

const dropout = { train: 'drops', eval: 'lets everything through' } as const;
const norm = { train: 'by batch statistics', eval: 'by running statistics' } as const;

const effects: Readonly<Record<ModeFamily, { readonly train: string; readonly eval: string }>> = {
  dropout,
  attention: dropout,
  recurrent: dropout,
  'batch-norm': norm,
  'instance-norm': norm,
  activation: { train: 'random slopes', eval: 'one slope' },
};

/** The calls in their order, those that nothing tells apart once, with how many they are. */
export function distinctCalls(
  calls: readonly FunctionalCall[] = [],
): readonly { readonly call: FunctionalCall; readonly count: number }[] {
  const distinct = new Map<string, { call: FunctionalCall; count: number }>();
  for (const call of calls) {
    const key = JSON.stringify(call);
    const known = distinct.get(key);
    if (known === undefined) distinct.set(key, { call, count: 1 });
    else known.count++;
  }
  return [...distinct.values()];
}
