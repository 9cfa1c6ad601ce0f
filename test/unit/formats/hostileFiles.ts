// Hostile files that are made by hand: what is wrong in each is its own sentence here, and their bytes are built when tested.

import { unzipSync as unzip, zipSync, type Zippable } from 'fflate';
import { PbfWriter } from 'pbf';

import type { ModelFormat } from '../../../src/model/description';
import type { AppErrorCode } from '../../../src/util/errors';
import { archive, ascii, fixture, object, tensor, text, u32 } from './archives';

/** An error on opening, or what the file opens as; `problems` are those of the file, the errors those of what is asked then. */
export type Expected =
  | { readonly code: AppErrorCode; readonly message: RegExp }
  | {
      readonly format: ModelFormat;
      readonly modules?: readonly string[];
      readonly problems?: RegExp;
      readonly statistics?: { readonly code: AppErrorCode; readonly message: RegExp };
      readonly forward?: { readonly code: AppErrorCode; readonly message: RegExp };
    };

export interface HostileFile {
  readonly name: string;
  readonly what: string;
  readonly bytes: () => Uint8Array;
  readonly expected: Expected;
}

const file = (name: string, what: string, expected: Expected, bytes: () => Uint8Array): HostileFile => ({
  name,
  what,
  bytes,
  expected,
});

/** As {@link ascii}, and fast for megabytes. */
const latin1 = (content: string): Uint8Array => new Uint8Array(Buffer.from(content, 'latin1'));

/** A file of torch.save around the opcodes of one object, packed small or stored. */
function saved(opcodes: string, extra: Zippable = {}, level: 0 | 1 = 1): Uint8Array {
  const entries: Zippable = {
    'net/data.pkl': [latin1(`\x80\x02${opcodes}.`), { level }],
    'net/data/0': new Uint8Array(16),
    'net/version': ascii('3\n'),
    'net/byteorder': ascii('little'),
    ...extra,
  };
  return zipSync(entries, { level: 0 });
}

const dict = (...items: readonly string[]): string => `}(${items.join('')}u`;
const put = (index: number): string => `r${u32(index)}`;
const get = (index: number): string => `j${u32(index)}`;

/** Lists in lists: each level has the one before it `width` times. */
function nested(leaf: string, levels: number, width: number): string {
  let opcodes = `${leaf}${put(0)}0`;
  for (let level = 1; level <= levels; level++) opcodes += `](${get(level - 1).repeat(width)}e${put(level)}0`;
  return opcodes + get(levels);
}

/** A pickled module with these opcodes as the items of its `_modules`. */
const pickledModule = (children: string): string =>
  `ctorch.nn.modules.container\nSequential\n)\x81q\x63${dict(text('training'), '\x88', text('_modules'), dict(children))}b`;

function safetensors(header: string, data = 16, length = header.length): Uint8Array {
  const bytes = new Uint8Array(8 + header.length + data);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(latin1(header), 8);
  return bytes;
}

const floats = (shape: string, offsets: string): string =>
  `{"bn.running_mean":{"dtype":"F32","shape":${shape},"data_offsets":${offsets}}}`;

function message(write: (pbf: PbfWriter) => void): Uint8Array {
  const pbf = new PbfWriter();
  write(pbf);
  return pbf.finish();
}

const nothing = new Uint8Array(0);

interface OnnxNodeParts {
  readonly opType: string;
  readonly inputs?: readonly string[];
  readonly outputs?: readonly string[];
  readonly domain?: string;
  readonly name?: string;
  readonly metadata?: readonly [key: string, value: string];
}

const onnxNode = ({ opType, inputs = ['x'], outputs = ['y'], domain = '', ...more }: OnnxNodeParts): Uint8Array =>
  message((pbf) => {
    for (const name of inputs) pbf.writeStringField(1, name);
    for (const name of outputs) pbf.writeStringField(2, name);
    pbf.writeStringField(4, opType);
    if (domain !== '') pbf.writeStringField(7, domain);
    if (more.name !== undefined) pbf.writeStringField(3, more.name);
    const { metadata } = more;
    if (metadata === undefined) return;
    const entry = (note: PbfWriter): void => {
      note.writeStringField(1, metadata[0]);
      note.writeStringField(2, metadata[1]);
    };
    pbf.writeBytesField(9, message(entry));
  });

/** A float32 value of four elements. */
const valueInfo = (name: string): Uint8Array =>
  message((pbf) => {
    pbf.writeStringField(1, name);
    const shape = message((dims) => {
      dims.writeBytesField(
        1,
        message((dim) => {
          dim.writeVarintField(1, 4);
        }),
      );
    });
    const tensorType = message((type) => {
      type.writeVarintField(1, 1);
      type.writeBytesField(2, shape);
    });
    pbf.writeBytesField(
      2,
      message((type) => {
        type.writeBytesField(1, tensorType);
      }),
    );
  });

/** A model with the input `x` and the output `y`. */
const onnx = (nodes: readonly OnnxNodeParts[], functions: readonly Uint8Array[] = []): Uint8Array =>
  onnxGraph((graph) => {
    for (const node of nodes) graph.writeBytesField(1, onnxNode(node));
  }, functions);

/** The same, with what is written into its graph. */
const onnxGraph = (write: (graph: PbfWriter) => void, functions: readonly Uint8Array[] = []): Uint8Array =>
  message((pbf) => {
    pbf.writeVarintField(1, 8);
    pbf.writeStringField(2, 'test');
    pbf.writeBytesField(
      7,
      message((graph) => {
        write(graph);
        graph.writeStringField(2, 'graph');
        graph.writeBytesField(11, valueInfo('x'));
        graph.writeBytesField(12, valueInfo('y'));
      }),
    );
    for (const [domain, version] of [
      ['', 17],
      ['own', 1],
    ] as const) {
      pbf.writeBytesField(
        8,
        message((opset) => {
          opset.writeStringField(1, domain);
          opset.writeVarintField(2, version);
        }),
      );
    }
    for (const definition of functions) pbf.writeBytesField(25, definition);
  });

/** A function of the domain `own`. */
const onnxFunction = (name: string, nodes: readonly OnnxNodeParts[]): Uint8Array =>
  message((pbf) => {
    pbf.writeStringField(1, name);
    pbf.writeStringField(4, 'x');
    pbf.writeStringField(5, 'y');
    for (const node of nodes) pbf.writeBytesField(7, onnxNode(node));
    pbf.writeStringField(10, 'own');
  });

/** An ExecuTorch program whose root is followed by these words of four bytes. */
function executorch(words: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(8 + 4 * words.length);
  const view = new DataView(bytes.buffer);
  bytes.set(ascii('\x08\0\0\0ET12'));
  words.forEach((word, i) => {
    view.setInt32(8 + 4 * i, word, true);
  });
  return bytes;
}

const model = 'exported/models/model.json';

/** The committed export with its graph changed. */
function exported(change: (graph: { nodes: unknown[] }) => void): Uint8Array {
  return exportedText((json) => {
    const document = JSON.parse(json) as { graph_module: { graph: { nodes: unknown[] } } };
    change(document.graph_module.graph);
    return JSON.stringify(document);
  });
}

function exportedText(change: (json: string) => string): Uint8Array {
  const entries = unzip(fixture('exported.pt2'));
  return zipSync({
    ...entries,
    [model]: [latin1(change(Buffer.from(entries[model] ?? []).toString('latin1'))), { level: 1 }],
  });
}

/** A zip with one of its names written over, which has as many bytes. */
function renamed(bytes: Uint8Array, from: string, to: string): Uint8Array {
  const copy = Buffer.from(bytes);
  for (let at = copy.indexOf(from); at >= 0; at = copy.indexOf(from, at + 1)) copy.write(to, at, 'latin1');
  return new Uint8Array(copy);
}

/** Items of a state dict whose tensors are the one in the memo. */
const namesOf = (count: number): string => Array.from({ length: count }, (_, i) => text(`m${i}.w`) + get(0)).join('');

/** Items of `_modules`. */
const childrenOf = (count: number): string =>
  Array.from({ length: count }, (_, i) => text(String(i)) + pickledModule('')).join('');

/** Each module has the one before it twice; the first is in the memo. */
function sharedModules(levels: number): string {
  let opcodes = '';
  for (let level = 1; level <= levels; level++)
    opcodes += `${pickledModule(text('a') + get(level) + text('b') + get(level))}${put(level + 1)}0`;
  return opcodes + get(levels + 1);
}

const stateDict = dict(text('bn.running_mean'), tensor('0', 0, [4], [1]));
const noModel = (what: string): Expected => ({ code: 'not-a-model', message: new RegExp(`holds ${what}`) });
const corrupt = (reason: RegExp): Expected => ({ code: 'corrupt', message: reason });
const beyond = (reason: RegExp): Expected => ({ code: 'limit-exceeded', message: reason });
const bn: Expected = { format: 'state-dict', modules: ['', 'bn'] };

export const hostileFiles: readonly HostileFile[] = [
  // Pickles.
  file('doubled.pth', 'a list of lists, doubled forty times', noModel('no module'), () => saved(nested(']', 40, 2))),
  file('doubled_dict.pth', 'a state dict under ten thousand million places', { format: 'state-dict' }, () =>
    saved(dict(text('m'), nested(stateDict, 5, 100))),
  ),
  file('wide.pth', 'a dict of many items at a thousand million places', noModel('no module'), () =>
    saved(nested(dict(...Array.from({ length: 20_000 }, (_, i) => `${text(`k${i}`)}N`)), 3, 1000)),
  ),
  file('doubled.pt', 'an attribute that is a list doubled forty times', beyond(/shared under more than/), () =>
    archive(`c__torch__\nNet\n)\x81}(${text('x')}${nested(']', 40, 2)}ub`),
  ),
  file('deep.pth', 'lists nested a hundred thousand deep', noModel('no module'), () =>
    saved(`${']'.repeat(100_000)}${'a'.repeat(99_999)}`),
  ),
  file('deep_dict.pth', 'dicts nested a hundred thousand deep', noModel('a dict without tensors'), () =>
    saved(`${`}${text('a')}`.repeat(100_000)}N${'s'.repeat(100_000)}`),
  ),
  file(
    'stack_bomb.pth',
    'a pickle of kilobytes that unpacks to sixteen million values',
    beyond(/objects would take more than/),
    () => saved('N'.repeat(16_100_000)),
  ),
  file('bytes_bomb.pth', 'a pickle of eight million bytes objects', beyond(/objects would take more than/), () =>
    saved('C\0'.repeat(8_000_000)),
  ),
  file('class_bomb.pth', 'a pickle that names a million classes', beyond(/objects would take more than/), () =>
    saved(Array.from({ length: 1_000_000 }, (_, i) => `c${i}\nC\n`).join('')),
  ),
  file(
    'object_bomb.pth',
    'a pickle that calls a class eight million times',
    beyond(/objects would take more than/),
    () => saved(`cos\nsystem\nq\0${'h\0)R'.repeat(8_000_000)}`),
  ),
  file('list_bomb.pth', 'ten million lists of one item', beyond(/objects would take more than/), () =>
    saved(']Na'.repeat(10_000_000)),
  ),
  file('key_bomb.pth', 'a dict of four million keys', beyond(/objects would take more than/), () =>
    saved(dict('NN'.repeat(4_000_000))),
  ),
  file(
    'sparse_memo.pth',
    'a pickle that keeps two million values, each sixteen places behind the one before',
    beyond(/objects would take more than/),
    () => saved(`N${Array.from({ length: 2_000_000 }, (_, i) => put(16 * i)).join('')}`),
  ),
  file('text_bomb.pth', 'a text of 120 megabytes', beyond(/objects would take more than/), () =>
    saved(text('x'.repeat(120_000_000)), {}, 0),
  ),
  file('long_bomb.pth', 'an integer of 4096 bytes', beyond(/an integer of 4096 bytes/), () =>
    saved(`\x8b${u32(4096)}${'\x7f'.repeat(4096)}`),
  ),
  file(
    'pickle_bomb.pth',
    'a pickle of kilobytes that unpacks to 70 MB',
    beyond(/would take 70\d+ bytes, of at most 67108864/),
    () => saved('N0'.repeat(35_000_000)),
  ),
  file(
    'long_import.pth',
    'a class whose name takes sixty kilobytes',
    { ...bn, problems: /would import n+ … n+\.C \(1 names\)\. Nothing was executed here/ },
    () => saved(`c${'n'.repeat(60_000)}\nC\n0${stateDict}`),
  ),
  file('cycle.pth', 'a pickled module that contains itself', corrupt(/contains itself/), () =>
    saved(pickledModule(`${text('0')}h\x63`)),
  ),
  file('cyclic_dict.pth', 'a checkpoint that contains itself', bn, () =>
    saved(`}q\x00(${text('self')}h\x00${text('net')}${stateDict}u`),
  ),
  file('dotted.pth', 'a pickled module whose child has a dot in its name', corrupt(/name 'a\.b'/), () =>
    saved(pickledModule(text('a.b') + pickledModule(''))),
  ),
  file(
    'proto.pth',
    'a state dict with names that JavaScript’s objects have',
    { format: 'state-dict', modules: ['', '__proto__', 'constructor'] },
    () => saved(dict(...['__proto__.w', 'constructor.w'].map((name) => text(name) + tensor('0', 0, [4], [1])))),
  ),
  file(
    'names.pth',
    'a state dict that names three hundred thousand modules',
    beyond(/names more than 200000 modules/),
    () => saved(dict(text('w'), tensor('0', 0, [4], [1]), put(0), namesOf(300_000))),
  ),
  file(
    'shared_tensors.pth',
    'a module of four hundred thousand tensors',
    beyond(/names more than 300000 tensors/),
    () =>
      saved(
        dict(
          text('w'),
          tensor('0', 0, [4], [1]),
          put(0),
          Array.from({ length: 400_000 }, (_, i) => text(`w${i}`) + get(0)).join(''),
        ),
      ),
  ),
  file('experts.pth', 'a state dict of a hundred thousand modules', { format: 'state-dict' }, () =>
    saved(dict(text('w'), tensor('0', 0, [4], [1]), put(0), namesOf(100_000))),
  ),
  file(
    'long_names.pth',
    'modules whose paths are longer than the file',
    beyond(/paths of more than 64000000 characters/),
    () => saved(pickledModule(text('n'.repeat(100_000)) + pickledModule(childrenOf(1000)))),
  ),
  file('paths.pth', 'modules at more than a million places', beyond(/more than \d+ modules/), () =>
    saved(`${pickledModule('')}${put(1)}0${sharedModules(20)}`),
  ),
  file('stride.pth', 'a tensor that reaches outside its storage', { format: 'state-dict' }, () =>
    saved(dict(text('bn.w'), tensor('0', 0, [4], [1]), text('bn.running_mean'), tensor('0', 0, [2], [1000]))),
  ),
  file('overflow.pth', 'a tensor whose number of elements overflows', { format: 'state-dict' }, () =>
    saved(
      dict(
        text('bn.w'),
        tensor('0', 0, [4], [1]),
        text('bn.running_mean'),
        tensor('0', 0, Array<number>(8).fill(2 ** 31 - 1), Array<number>(8).fill(0)),
      ),
    ),
  ),

  // Archives.
  file('proto_entry.pth', 'an entry with the name __proto__', bn, () =>
    renamed(saved(stateDict, { 'net/PROTOTYPE': ascii('x') }), 'net/PROTOTYPE', 'net/__proto__'),
  ),
  file('outside_entry.pth', 'entries whose names lead out of the archive, or have a NUL', bn, () =>
    saved(stateDict, { '../../evil': ascii('x'), '/etc/evil': ascii('x'), 'net/a\0b': ascii('x') }),
  ),
  file('code_bomb.pt', 'code of kilobytes that unpacks to megabytes', beyond(/would take 18000000 bytes/), () =>
    archive(object('Net', ''), { 'net/code/__torch__.py': [Buffer.alloc(18_000_000, 'x = 1\n'), { level: 9 }] }),
  ),
  file(
    'dense_code.pt',
    'code of two megabytes that is all names and signs',
    beyond(/more than 400000 words and signs/),
    () => archive(object('Net', ''), { 'net/code/__torch__.py': [latin1('x=[a]\n'.repeat(350_000)), { level: 1 }] }),
  ),
  file('much_code.pt', 'code files that are long together', beyond(/more than 400000 words and signs/), manyFiles),
  file('broken_code.pt', 'brackets that never close', beyond(/more than 1000 brackets in one another/), () =>
    archive(object('Net', ''), { 'net/code/__torch__.py': [latin1('[a,'.repeat(100_000)), { level: 1 }] }),
  ),
  file(
    'bracketed_texts.pt',
    'brackets in texts, and after an odd quote in a comment',
    corrupt(/code of __torch__ in the archive is not valid at line 10001$/),
    () => {
      const code = latin1(`${`x = ["(((", '[[', "\\\"{{"]  # isn't\n`.repeat(10_000)}(`);
      return archive(object('Net', ''), { 'net/code/__torch__.py': [code, { level: 1 }] });
    },
  ),
  file(
    'rubbish_code.pt',
    'code that is no Python from one line on',
    corrupt(/code of __torch__ in the archive is not valid at line 1001$/),
    () => {
      const code = latin1('x = 1\n'.repeat(1000) + '} ) : ; = \n'.repeat(50_000));
      return archive(object('Net', ''), { 'net/code/__torch__.py': [code, { level: 1 }] });
    },
  ),
  file('assignments.pt', 'a hundred thousand values for one name', { format: 'torchscript', modules: [''] }, () =>
    withForward('    x = x\n'.repeat(100_000)),
  ),
  file(
    'aliases.pt',
    'thirty thousand calls, each of a module one level deeper',
    { format: 'torchscript', modules: [''] },
    () => withForward('    self = self.a\n    self.f(x)\n'.repeat(30_000)),
  ),
  file(
    'shared_state.pt',
    'two thousand objects with one state of two thousand attributes',
    beyond(/more than 2000000 attributes/),
    () => {
      const state = dict(...Array.from({ length: 2000 }, (_, i) => text(`w${i}`) + 'N'));
      const parts = Array.from({ length: 2000 }, (_, i) => `${text(`m${i}`)}${get(1)})\x81${get(0)}b`);
      return archive(`${state}${put(0)}0c__torch__\nNet\n${put(1)})\x81}(${parts.join('')}ub`);
    },
  ),
  file(
    'long_type.pt',
    'a forward whose argument has a type of six kilobytes',
    { format: 'torchscript', forward: { code: 'bad-input', message: /needs a value for 'x' \(\[+ +… +\]+\), and/ } },
    () =>
      archive(object('Net', text('training') + '\x88'), {
        'net/code/__torch__.py': ascii(
          `class Net(Module):\n  __parameters__ = []\n  training : bool\n  def forward(self: __torch__.Net, x: ${'['.repeat(100)}${' '.repeat(6000)}${']'.repeat(100)}) -> int:\n    return 1\n`,
        ),
      }),
  ),
  file(
    'json_bomb.pt2',
    'a graph of kilobytes that unpacks to eight million lists',
    beyond(/lists, objects and texts would take more than/),
    () => exportedText(() => `[${'[],'.repeat(8_000_001)}0]`),
  ),

  // safetensors.
  file('header.safetensors', 'a header that should take 100 MB', { code: 'not-a-model', message: /./ }, () =>
    safetensors('{}', 16, 100_000_000),
  ),
  file('commas.safetensors', 'a header of fifty million commas', beyond(/texts would take more than/), () =>
    safetensors(`{"a":[${','.repeat(50_000_000)}]}`),
  ),
  file('keys.safetensors', 'a header of two million names of nothing', beyond(/texts would take more than/), () =>
    safetensors(`{${Array.from({ length: 2_000_000 }, (_, i) => `"${i}":0,`).join('')}"a":0}`),
  ),
  file('text.safetensors', 'a header of one text of ninety megabytes', beyond(/texts would take more than/), () =>
    safetensors(`{"__metadata__":{"a":"${'x'.repeat(90_000_000)}"}}`),
  ),
  file(
    'wide_text.safetensors',
    'the same with one character that makes all take twice',
    beyond(/texts would take/),
    () => safetensors(`{"__metadata__":{"a":"\xe2\x82\xac${'x'.repeat(50_000_000)}"}}`),
  ),
  file('keys_alike.safetensors', 'a header that repeats one name', { format: 'safetensors', modules: ['', 'bn'] }, () =>
    safetensors(`{${'"__metadata__":{"a":"b\\\"c"},'.repeat(100_000)}${floats('[4]', '[0,16]').slice(1)}`),
  ),
  file('shape.safetensors', 'a shape of 2^62 by 4 elements', corrupt(/./), () =>
    safetensors(floats('[4611686018427387904,4]', '[0,16]')),
  ),
  file('negative.safetensors', 'a negative shape', corrupt(/./), () => safetensors(floats('[-1,-4]', '[0,16]'))),
  file('offsets.safetensors', 'a tensor outside the file', corrupt(/./), () =>
    safetensors(floats('[4]', '[1000,1016]')),
  ),
  file('reversed.safetensors', 'a tensor that ends before it begins', corrupt(/./), () =>
    safetensors(floats('[4]', '[16,0]')),
  ),
  file(
    'cyclic.safetensors.index.json',
    'an index that names itself',
    { format: 'safetensors', problems: /1 tensors are missing/ },
    () => ascii('{"weight_map":{"bn.running_mean":"cyclic.safetensors.index.json"}}'),
  ),
  file(
    'outside.safetensors.index.json',
    'an index of files outside its folder',
    { format: 'safetensors', problems: /not beside it/ },
    () => ascii('{"weight_map":{"a.w":"../x","b.w":"/etc/passwd","c.w":"a/../../x"}}'),
  ),

  // Graphs.
  file(
    'cycle.onnx',
    'two nodes that need each other',
    { format: 'onnx', problems: /./, forward: { code: 'bad-input', message: /./ } },
    () =>
      onnx([
        { opType: 'Add', inputs: ['x', 'b'], outputs: ['y'] },
        { opType: 'Relu', inputs: ['y'], outputs: ['b'] },
      ]),
  ),
  file('fields.onnx', 'a graph of three million empty fields', beyond(/more than 2000000 fields/), () =>
    onnxGraph((graph) => {
      for (let i = 0; i < 3_000_000; i++) graph.writeVarintField(31, 1);
    }),
  ),
  file('nodes.onnx', 'a graph of three hundred thousand empty nodes', beyond(/more than 250000 nodes/), () =>
    onnxGraph((graph) => {
      for (let i = 0; i < 300_000; i++) graph.writeBytesField(1, nothing);
    }),
  ),
  file('tensors.onnx', 'a graph of three hundred thousand empty tensors', beyond(/more than 80000 tensors/), () =>
    onnxGraph((graph) => {
      for (let i = 0; i < 300_000; i++) graph.writeBytesField(5, nothing);
    }),
  ),
  file('attributes.onnx', 'a node of a million empty attributes', beyond(/more than 700000 messages/), () =>
    onnxGraph((graph) => {
      const attribute = (pbf: PbfWriter): void => {
        for (let i = 0; i < 1_000_000; i++) pbf.writeBytesField(5, nothing);
      };
      graph.writeBytesField(1, message(attribute));
    }),
  ),
  file('scopes.onnx', 'nodes whose names lead thirty thousand modules deep', { format: 'onnx' }, () =>
    onnxGraph((graph) => {
      const name = '/a'.repeat(30_000);
      for (let i = 0; i < 200; i++) graph.writeBytesField(1, onnxNode({ opType: 'Dropout', name }));
    }),
  ),
  file('quotes.onnx', 'nodes whose notes are quotes without an end', { format: 'onnx' }, () =>
    onnxGraph((graph) => {
      const metadata = ['pkg.torch.onnx.name_scopes', `'${"\\'".repeat(30_000)}`] as const;
      for (let i = 0; i < 200; i++) graph.writeBytesField(1, onnxNode({ opType: 'Dropout', metadata }));
    }),
  ),
  file('self_call.onnx', 'a function that calls itself', beyond(/call each other more than 64 deep/), () =>
    onnx(
      [{ opType: 'F', domain: 'own' }],
      [onnxFunction('F', [{ opType: 'F', domain: 'own' }, { opType: 'Dropout' }])],
    ),
  ),
  file(
    'mutual_calls.onnx',
    'functions that call each other',
    { format: 'onnx', forward: { code: 'bad-input', message: /./ } },
    () =>
      onnx(
        [{ opType: 'F', domain: 'own' }],
        [
          onnxFunction('F', [{ opType: 'G', domain: 'own' }, { opType: 'Dropout' }]),
          onnxFunction('G', [{ opType: 'F', domain: 'own' }]),
        ],
      ),
  ),
  file(
    'reversed.pt2',
    'an exported graph whose nodes stand in the wrong order',
    { format: 'exported-program', forward: { code: 'corrupt', message: /before it has a value/ } },
    () => exported((graph) => graph.nodes.reverse()),
  ),
  // The root's table says that field 1, the methods, stands at its byte 4.
  file('loop.pte', 'a list of methods that lies in itself', corrupt(/./), () =>
    executorch([-12, 0x00080008, 0, 0x00040000, 0]),
  ),
  file(
    'unfolding.pte',
    'thirty thousand methods that are one, of as many values',
    beyond(/lists and texts/),
    unfolding,
  ),
];

/** A module whose forward has these lines. */
function withForward(lines: string): Uint8Array {
  const code = `class Net(Module):\n  training : bool\n  def forward(self, x: Tensor) -> Tensor:\n${lines}    return x\n`;
  return archive(object('Net', text('training') + '\x88'), { 'net/code/__torch__.py': [latin1(code), { level: 1 }] });
}

/** Three modules, each of a class in a file of its own. */
function manyFiles(): Uint8Array {
  const names = ['a', 'b', 'c'];
  const code = latin1(`class Net(Module):\n${'  x = y(z)\n'.repeat(70_000)}`);
  const entries = names.map((name) => [`net/code/__torch__/${name}.py`, [code, { level: 1 }]] as const);
  const children = names.map((name) => `${text(name)}c__torch__.${name}\nNet\n)\x81}b`);
  return archive(object('Net', children.join('')), Object.fromEntries(entries) as Zippable);
}

/** Offsets to one method, whose values, chains, operators and delegates are one list of offsets to one table. */
function unfolding(): Uint8Array {
  const count = 30_000;
  const [rootFields, methodFields, methods] = [20, 64, 96];
  const method = methods + 4 + 4 * count;
  const list = method + 20;
  const table = list + 4 + 4 * count;
  const words = new Array<number>((table + 12 - 8) / 4).fill(0);
  const set = (byte: number, word: number): void => {
    words[(byte - 8) / 4] = word;
  };
  // The root at byte 8 has field 1 at its byte 4, as the table at the end has.
  set(8, 8 - rootFields);
  set(12, methods - 12);
  set(rootFields, 0x00080008);
  set(rootFields + 4, 0x00040000);
  // Fields 2, 5, 6 and 7 of a method, two bytes each behind the two sizes.
  set(methodFields, 0x00140014);
  for (const [field, pair] of [
    [2, 0x00000004],
    [4, 0x00080000],
    [6, 0x0010000c],
  ] as const)
    set(methodFields + 4 + 2 * field, pair);
  set(methods, count);
  for (let i = 0; i < count; i++) set(methods + 4 + 4 * i, method - (methods + 4 + 4 * i));
  set(method, method - methodFields);
  for (const place of [4, 8, 12, 16]) set(method + place, list - (method + place));
  set(list, count);
  for (let i = 0; i < count; i++) set(list + 4 + 4 * i, table - (list + 4 + 4 * i));
  set(table, table - rootFields);
  set(table + 4, 4);
  return executorch(words);
}
