// Mutations of pickles by instruction: opcodes, memo indices, lengths, the names of classes.

import type { Draw } from '../draw';
import type { Mutated } from '../mutant';
import { join, mutateBytes, writeInteger } from './bytes';

const MAX_STEPS = 4;

/** Changes a few instructions of the pickles at the start of `bytes`; what follows them stays. Now and then bytes instead. */
export function mutatePickle(bytes: Uint8Array, draw: Draw): Mutated {
  if (draw.oneIn(8)) return mutateBytes(bytes, draw);
  const { instructions, rest } = split(bytes);
  if (instructions.length === 0) return mutateBytes(bytes, draw);
  const script: string[] = [];
  for (let left = draw.few(MAX_STEPS); left > 0; left--) {
    const at = draw.below(instructions.length);
    const step = draw.pick(steps);
    script.push(`${step.name} at instruction ${at} (0x${(instructions[at]?.[0] ?? 0).toString(16)})`);
    step(instructions, at, draw);
    if (instructions.length === 0) break;
  }
  return { bytes: join(...instructions, rest), script };
}

/** Bytes of the argument by opcode; `line` and `lines` end at line breaks, `sizeN` begins with a length of N bytes. */
const operands: Readonly<Record<string, number | 'line' | 'lines' | 'size1' | 'size4' | 'size8'>> = {
  ...{ h: 1, q: 1, K: 1, '\x80': 1, j: 4, r: 4, J: 4, M: 2, G: 8, '\x95': 8, '\x82': 1, '\x83': 2, '\x84': 4 },
  ...{ c: 'lines', i: 'lines', I: 'line', L: 'line', F: 'line', V: 'line', S: 'line', P: 'line', g: 'line', p: 'line' },
  ...{ X: 'size4', T: 'size4', B: 'size4', '\x8b': 'size4', '\x8c': 'size1', U: 'size1', C: 'size1', '\x8a': 'size1' },
  ...{ '\x8d': 'size8', '\x8e': 'size8', '\x96': 'size8' },
};

const opcodes = Array.from(
  'hqjr(XKMJGN)}]\x85\x86\x87tldaeu\x73c\x93\x52\x81\x62iobQP012.\x88\x89\x8a\x8bLIF\x8c\x8dVSTUBC\x94\x95\x80\x90\x8f\x91\x92',
  (character) => character.charCodeAt(0),
);

const globals = [
  ...['os\nsystem', 'builtins\neval', 'torch._utils\n_rebuild_tensor_v2', 'torch._utils\n_rebuild_parameter'],
  ...['torch\nFloatStorage', 'torch\nLongStorage', 'torch\nQInt8Storage', 'torch\ndevice', 'torch\nSize'],
  ...['collections\nOrderedDict', 'torch.nn.modules.container\nSequential', 'torch.nn.modules.batchnorm\nBatchNorm2d'],
  ...['torch.jit._pickle\nbuild_intlist', 'numpy.core.multiarray\nscalar', 'numpy\ndtype', '__torch__\nNet'],
  ...[
    '__proto__\n__proto__',
    'builtins\ngetattr',
    'functools\npartial',
    'codecs\nencode',
    'torch._utils\n_rebuild_qtensor',
  ],
];

/** Instructions as bytes each, of as many pickles as follow each other, and what is behind them. */
function split(bytes: Uint8Array): { readonly instructions: Uint8Array[]; readonly rest: Uint8Array } {
  const instructions: Uint8Array[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (instructions.at(-1)?.[0] === 0x2e && bytes[at] !== 0x80) break;
    const end = at + 1 + operandSize(bytes, at);
    if (end > bytes.length) break;
    instructions.push(bytes.slice(at, end));
    at = end;
  }
  return { instructions, rest: bytes.slice(at) };
}

function operandSize(bytes: Uint8Array, at: number): number {
  const kind = operands[String.fromCharCode(bytes[at]!)] ?? 0;
  if (typeof kind === 'number') return kind;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (at + 9 > bytes.length) return 0;
  switch (kind) {
    case 'line':
      return bytes.indexOf(0x0a, at) - at;
    case 'lines':
      return bytes.indexOf(0x0a, bytes.indexOf(0x0a, at) + 1) - at;
    case 'size1':
      return 1 + bytes[at + 1]!;
    case 'size4':
      return 4 + view.getUint32(at + 1, true);
    case 'size8':
      return 8 + Number(view.getBigUint64(at + 1, true));
  }
}

type Step = (instructions: Uint8Array[], at: number, draw: Draw) => void;

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));

const changeOpcode: Step = (instructions, at, draw) => {
  const changed = instructions[at]!.slice();
  changed[0] = draw.pick(opcodes);
  instructions[at] = changed;
};

const removeOne: Step = (instructions, at, draw) => {
  instructions.splice(at, draw.few(4));
};

const repeatOne: Step = (instructions, at, draw) => {
  const count = draw.pick([1, 1, 2, 5000]);
  instructions.splice(at, 0, ...Array.from({ length: count }, () => instructions[at]!));
};

const moveOne: Step = (instructions, at, draw) => {
  instructions.splice(draw.below(instructions.length), 0, ...instructions.splice(at, draw.few(8)));
};

const copyOne: Step = (instructions, at, draw) => {
  const from = draw.below(instructions.length);
  instructions.splice(at, 0, ...instructions.slice(from, from + draw.few(8)));
};

/** The argument of a number, a memo index, a length, or whatever else the instruction has. */
const changeOperand: Step = (instructions, at, draw) => {
  const changed = instructions[at]!.slice();
  if (changed.length < 2) return;
  const width = Math.min(changed.length - 1, draw.pick([1, 2, 4, 8]));
  writeInteger(changed, 1, width, draw.oneIn(3) ? BigInt(changed[1]!) + BigInt(draw.below(5) - 2) : draw.edge());
  instructions[at] = changed;
};

const recall: Step = (instructions, at, draw) => {
  instructions.splice(at, draw.below(2), Uint8Array.of(0x68, draw.below(64)));
};

const nameClass: Step = (instructions, at, draw) => {
  const classes = instructions.flatMap((instruction, i) => (instruction[0] === 0x63 ? [i] : []));
  const target = draw.oneIn(3) || classes.length === 0 ? at : draw.pick(classes);
  instructions[target] = ascii(`c${draw.pick(globals)}\n`);
};

const writeText: Step = (instructions, at, draw) => {
  const texts = instructions.flatMap((instruction, i) => (instruction[0] === 0x58 ? [i] : []));
  const target = draw.oneIn(3) || texts.length === 0 ? at : draw.pick(texts);
  const from = texts.length === 0 || draw.oneIn(2) ? undefined : instructions[draw.pick(texts)];
  const content = new TextEncoder().encode(draw.name());
  const length = Uint8Array.of(0x58, content.length & 255, content.length >> 8, 0, 0);
  instructions[target] = from ?? join(length, content);
};

const writeNumber: Step = (instructions, at, draw) => {
  const numbers = instructions.flatMap((instruction, i) =>
    'KMJ'.includes(String.fromCharCode(instruction[0]!)) ? [i] : [],
  );
  const target = draw.oneIn(4) || numbers.length === 0 ? at : draw.pick(numbers);
  const changed = new Uint8Array(10);
  changed.set([0x8a, 8]);
  writeInteger(changed, 2, 8, draw.edge());
  instructions[target] = changed;
};

const snippets = [
  'N',
  ')',
  ']',
  '}',
  '(',
  '0',
  't',
  '\x88',
  'R',
  ')\x81',
  '}b',
  'Nb',
  '\x85R',
  'G\x7f\xf8\0\0\0\0\0\0',
  'Q',
  '2',
];

const insertSnippet: Step = (instructions, at, draw) => {
  instructions.splice(at, draw.below(2), ascii(draw.pick(snippets)));
};

const steps: readonly Step[] = [
  ...[changeOpcode, removeOne, removeOne, repeatOne, moveOne, copyOne, changeOperand, changeOperand, changeOperand],
  ...[
    recall,
    recall,
    nameClass,
    nameClass,
    writeText,
    writeText,
    writeNumber,
    writeNumber,
    insertSnippet,
    insertSnippet,
  ],
];
