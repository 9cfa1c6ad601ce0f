// The text of SUPPORTED.md, from the operators and the forwards of torch's own modules; a unit test compares the file with it.

import { operatorTable } from '../src/runtime/operators';
import { runnableTypes } from '../src/runtime/stored/forwards';

const introduction = `# What the bundled runtime runs

Generated from the runtime's tables by \`npm run docs\`; do not edit.

TorchScript archives (scripted, traced, frozen) written by torch 1.8 to 2.13 run if every operator that they call is in the
table below. A missing one gives an error that names the operator, the module path and the source line; the tree and the
statistics still show. An overload is the part after the dot in torch's own name (\`aten::add.Tensor\`); *default* has none.

Programs of torch.export run over the same table, as exported and decomposed, with \`torch.cond\` and blocks under
\`torch.no_grad()\`; other operators that take graphs are missing.

Element types are float32, float64, float16, bfloat16, int64, int32, int16, int8, uint8 and bool. Half precision is computed
in float32 and rounded after each operator, as torch does on a CPU. Where ONNX Runtime Web has no kernel in double precision
(convolution, for one), float64 is computed in float32, and the forward says so.

The runtime follows the code as it is written. torch's compiler also drops calls whose results nobody uses: a BatchNorm
whose output is thrown away moves its running statistics here and not in torch.

Not supported: complex, quantised and sparse tensors, custom C++ classes and operators, autograd inside a model.
`;

/** Deterministic: operators by name, overloads in the order in which they are tried. */
export function supportedText(): string {
  const overloads = new Map<string, string[]>();
  for (const { schema } of operatorTable.all()) {
    overloads.set(schema.name, [...(overloads.get(schema.name) ?? []), schema.overload || 'default']);
  }
  const names = [...overloads.keys()].sort((a, b) => (a < b ? -1 : 1));
  const rows = names.map((name) => `| \`${name.replace('.', '::')}\` | ${(overloads.get(name) ?? []).join(', ')} |`);
  const total = operatorTable.all().length;
  return [
    introduction,
    ...modules(),
    `## Operators: ${names.length}, in ${total} overloads`,
    '',
    '| operator | overloads |',
    '| --- | --- |',
    ...rows,
    '',
  ].join('\n');
}

function modules(): string[] {
  const byFile = new Map<string, string[]>();
  for (const qualified of runnableTypes()) {
    const dot = qualified.lastIndexOf('.');
    const [file, type] = [qualified.slice(0, dot), qualified.slice(dot + 1)];
    byFile.set(file, [...(byFile.get(file) ?? []), `\`${type}\``]);
  }
  const rows = [...byFile]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([file, types]) => `| \`${file}\` | ${types.join(', ')} |`);
  return [
    '## Modules that run without code',
    '',
    "A pickled `nn.Module` runs if all that its forward reaches is of these classes and has no hooks. A class of the user's own",
    'is code that the file does not hold.',
    '',
    '| torch module | classes |',
    '| --- | --- |',
    ...rows,
    '',
  ];
}
