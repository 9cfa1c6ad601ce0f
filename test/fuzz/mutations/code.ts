// Mutations of serialized TorchScript code by token: names, literals, statements, depth.

import type { Draw } from '../draw';
import type { Mutated } from '../mutant';
import { mutateBytes } from './bytes';

const MAX_STEPS = 4;
const words = [
  ...[
    'self',
    'training',
    'None',
    'True',
    '__torch__.Net',
    '__proto__',
    'constructor',
    'torch.add',
    'torch.empty',
    'while',
    'x',
  ],
  ...[
    '1',
    '-1',
    '0',
    '9223372036854775807',
    '99999999999999999999',
    '1e400',
    '[0]*1000000000',
    '"\\u0000"',
    '{}',
    'forward',
  ],
];

/** Changes a few tokens or lines; now and then bytes instead. */
export function mutateCode(bytes: Uint8Array, draw: Draw): Mutated {
  if (draw.oneIn(8)) return mutateBytes(bytes, draw);
  const script: string[] = [];
  let text = new TextDecoder().decode(bytes);
  for (let left = draw.few(MAX_STEPS); left > 0; left--) {
    const step = draw.pick(steps);
    script.push(step.name);
    text = step(text, draw);
  }
  return { bytes: new TextEncoder().encode(text), script };
}

type Step = (text: string, draw: Draw) => string;

/** With one token replaced. */
function withToken(text: string, draw: Draw, change: (token: string, all: readonly string[]) => string): string {
  const tokens = [...text.matchAll(/[A-Za-z_][\w.]*|\d[\w.+]*|"[^"\n]*"/g)];
  if (tokens.length === 0) return text;
  const token = draw.pick(tokens);
  const all = tokens.map(([word]) => word);
  return text.slice(0, token.index) + change(token[0], all) + text.slice(token.index + token[0].length);
}

const otherToken: Step = (text, draw) => withToken(text, draw, (_token, all) => draw.pick(all));
const hostileToken: Step = (text, draw) => withToken(text, draw, () => draw.pick(words));
const nestToken: Step = (text, draw) =>
  withToken(text, draw, (token) => {
    const depth = draw.pick([1, 100, 3000]);
    const [open, close] = draw.pick([
      ['(', ')'] as const,
      ['[', ']'] as const,
      ['-', ''] as const,
      ['torch.neg(', ')'] as const,
    ]);
    return open.repeat(depth) + token + close.repeat(depth);
  });

/** The step that changes the lines. */
function changeLines(change: (lines: string[], at: number, draw: Draw) => void): Step {
  const step: Step = (text, draw) => {
    const lines = text.split('\n');
    change(lines, draw.below(lines.length), draw);
    return lines.join('\n');
  };
  return Object.defineProperty(step, 'name', { value: change.name });
}

const removeLine = changeLines(function removeLine(lines, at) {
  lines.splice(at, 1);
});
const repeatLine = changeLines(function repeatLine(lines, at, draw) {
  lines.splice(at, 0, ...Array.from({ length: draw.pick([1, 3, 500]) }, () => lines[at]!));
});
const moveLine = changeLines(function moveLine(lines, at, draw) {
  lines.splice(draw.below(lines.length), 0, ...lines.splice(at, 1));
});
const indentLine = changeLines(function indentLine(lines, at, draw) {
  lines[at] = draw.oneIn(2) ? `  ${lines[at]!}` : lines[at]!.slice(draw.below(4));
});
const loopForever = changeLines(function loopForever(lines, at) {
  const indent = /^ */.exec(lines[at]!)?.[0] ?? '';
  lines.splice(at, 0, `${indent}while True:`, `${indent}  _never = torch.add(1, 1)`);
});

const steps: readonly Step[] = [
  ...[otherToken, otherToken, otherToken, hostileToken, hostileToken, nestToken],
  ...[removeLine, removeLine, repeatLine, moveLine, moveLine, indentLine, loopForever],
];
