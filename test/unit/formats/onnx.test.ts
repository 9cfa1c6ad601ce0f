// ONNX files of a real torch, with what the exporters make of modes; and hostile ones.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PbfWriter } from 'pbf';

import { MemorySource, type ByteSource } from '../../../src/formats/byteSource';
import { openFile } from '../../../src/formats/registry';
import type { ModuleSpec } from '../../../src/model/module';
import { createProgram } from '../../../src/runtime/createProgram';
import type { OnnxFile, Program } from '../../../src/runtime/program';
import { AppError } from '../../../src/util/errors';
import { ascii } from './archives';

const folder = join(__dirname, '../../fixtures/onnx');
const bytesOf = (name: string): Uint8Array => new Uint8Array(readFileSync(join(folder, name)));
const assets = { treeSitter: unused, pythonGrammar: unused };

function unused(): never {
  throw new Error('an ONNX file needs no parser');
}

/** A source whose siblings are the other fixtures, and which counts what is read. */
class CountingSource implements ByteSource {
  bytesRead = 0;
  readonly siblings: string[] = [];
  private readonly memory: MemorySource;

  constructor(
    readonly name: string,
    bytes = bytesOf(name),
  ) {
    this.memory = new MemorySource(name, bytes);
  }

  get size(): number {
    return this.memory.size;
  }

  read(offset: number, length: number): Promise<Uint8Array> {
    this.bytesRead += length;
    return this.memory.read(offset, length);
  }

  sibling(path: string): Promise<ByteSource> {
    this.siblings.push(path);
    try {
      return Promise.resolve(new CountingSource(path));
    } catch {
      return Promise.reject(new AppError('file-unreadable', `${path} does not exist`));
    }
  }
}

async function openProgram(source: ByteSource): Promise<{ program: Program; problems: string[]; file: OnnxFile }> {
  const { contents, problems, format } = await openFile(source);
  assert.equal(format, 'onnx');
  assert.ok(contents.kind === 'onnx');
  const program = await createProgram(contents, assets);
  return { program, file: contents.file, problems: [...problems, ...program.problems].map(({ message }) => message) };
}

const openFixture = (name: string) => openProgram(new CountingSource(name));

/** `path: behaviour` of the modules that depend on the mode themselves. */
function behaviours(modules: readonly ModuleSpec[]): string[] {
  return modules.filter(({ modeSensitive }) => modeSensitive).map(({ path, behaviour }) => `${path}: ${behaviour}`);
}

describe('ONNX file of the TorchScript exporter', () => {
  it('keeps modules by the names of its nodes and parameters, and what each does', async () => {
    const { program, problems } = await openFixture('train.onnx');
    const modules = await program.describe();
    assert.deepEqual(problems, []);
    assert.deepEqual(
      modules.map(({ path }) => path).filter((path) => !path.startsWith('blocks.')),
      ['', 'stem', 'stem.0', 'stem.1', 'blocks', 'norm', 'heads', 'heads.a', 'heads.a.0', 'heads.a.1', 'heads.b'],
    );
    assert.deepEqual(behaviours(modules), [
      ': train',
      'stem.1: train',
      'blocks.0.bn1: train',
      'blocks.0.drop: train',
      'blocks.1.bn1: train',
      'blocks.1.drop: train',
      'norm: train',
      'heads.a.1: train',
    ]);
    assert.ok(modules.every(({ training }) => training === null));
    const stem = modules.find(({ path }) => path === 'stem.1');
    assert.deepEqual(stem?.batchNorm, {
      numFeatures: 4,
      eps: 1e-3,
      momentum: 0.2,
      cumulative: false,
      affine: true,
      trackRunningStats: true,
    });
    assert.deepEqual(modules.find(({ path }) => path === 'blocks.0.drop')?.dropout, { p: 0.3 });
    const statistics = await program.normStatistics('stem.1');
    assert.equal(statistics?.numBatchesTracked, null);
    assert.notEqual(statistics.runningMean?.mean, 0);
  });

  it('is switched by module, with everything below or alone', async () => {
    const { program } = await openFixture('train.onnx');
    program.setTraining('blocks', false, true);
    program.setTraining('', false, false);
    const switched = behaviours(await program.describe()).filter((line) => line.endsWith('eval'));
    assert.deepEqual(
      switched.map((line) => line.split(':')[0]),
      ['blocks.0.bn1', 'blocks.0.drop', 'blocks.1.bn1', 'blocks.1.drop'],
    );
    const { behaviour, training } = program.modes();
    assert.equal(behaviour[0], 'mixed');
    assert.ok(training.every((flag) => flag === null));
    assert.throws(
      () => {
        program.setTraining('missing', true, true);
      },
      { code: 'no-such-module' },
    );
  });

  it('follows the Identity nodes of equal initializers to statistics of each layer', async () => {
    const { program, file } = await openFixture('eval.onnx');
    assert.ok(![...file.graph.initializers.keys()].some((name) => name.includes('running_mean')));
    for (const path of ['stem.1', 'blocks.0.bn1', 'norm', 'heads.a.1']) {
      const statistics = await program.normStatistics(path, { values: true });
      assert.deepEqual(statistics?.runningMean?.values, [0, 0, 0, 0], path);
      assert.deepEqual(statistics.runningVar?.values, [1, 1, 1, 1], path);
    }
  });

  it('of version 11 tells training by the outputs of BatchNorm, and Dropout is for inference', async () => {
    const { program } = await openFixture('opset11.onnx');
    const lines = behaviours(await program.describe());
    assert.ok(lines.includes('stem.1: train'));
    assert.ok(lines.includes('blocks.0.drop: eval'));
  });
});

describe('ONNX file of the dynamo exporter', () => {
  it('has classes and source lines from its notes', async () => {
    const { program } = await openFixture('dynamo.onnx');
    const modules = await program.describe();
    const bn = modules.find(({ path }) => path === 'blocks.1.bn1');
    assert.equal(bn?.qualifiedType, 'torch.nn.modules.batchnorm.BatchNorm2d');
    assert.equal(bn.type, 'BatchNorm2d');
    assert.equal(bn.source?.file, 'net.py');
  });

  it('says that the modes were mixed at export, and which layers were folded away', async () => {
    const { program, problems } = await openFixture('mixed.onnx');
    const modules = await program.describe();
    assert.equal(problems.length, 2);
    assert.match(problems[0] ?? '', /folded 4 BatchNorm layers .*stem\.1.*heads\.a\.1/);
    assert.match(problems[1] ?? '', /was in train mode when it was exported, but 5 BatchNorm .* drop as in training/);
    const stem = modules.find(({ path }) => path === 'stem.1');
    assert.equal(stem?.behaviour, 'eval');
    assert.match(stem.behaviourReason ?? '', /folded/);
    program.setTraining('', true, true);
    assert.equal((await program.describe()).find(({ path }) => path === 'stem.1')?.behaviour, 'eval');
  });

  it('opens without reading its weights, and tells when their file is missing', async () => {
    const source = new CountingSource('mixed.onnx');
    await openProgram(source);
    assert.ok(source.bytesRead < 3 * source.size);
    assert.deepEqual(source.siblings, ['mixed.onnx.data']);
    const alone = await openProgram(new MemorySource('mixed.onnx', bytesOf('mixed.onnx')));
    assert.match(alone.problems[0] ?? '', /weights can't be read: .*mixed\.onnx\.data/);
  });
});

describe('ONNX file of other origin', () => {
  it('shows nodes by their names, in functions and branches too', async () => {
    const { program } = await openFixture('nested.onnx');
    const modules = await program.describe();
    assert.deepEqual(behaviours(modules), ['first/bn: eval', 'second/bn: eval', 'drop: train']);
    assert.equal(modules[1]?.batchNorm?.eps, 1e-3);
    assert.match(modules[3]?.behaviourReason ?? '', /body of an If node/);
    program.setTraining('', false, true);
    assert.equal((await program.describe())[3]?.behaviour, 'train');
    assert.deepEqual(
      (await program.inputs()).map(({ name, suggestion }) => [name, suggestion?.shape, suggestion?.dtype]),
      [
        ['x', [2, 2], 'float32'],
        ['flag', [], 'bool'],
      ],
    );
  });

  it('without a node that depends on the mode says why', async () => {
    const { problems, program } = await openProgram(new MemorySource('relu.onnx', model(graph([node('Relu')]))));
    assert.match(problems[0] ?? '', /^No node of the file depends on the mode/);
    assert.equal(program.capabilities.setTraining, false);
  });
});

/** A message around fields that `write` adds. */
function message(write: (pbf: PbfWriter) => void): Uint8Array {
  const pbf = new PbfWriter();
  write(pbf);
  return pbf.finish();
}

const model = (content: Uint8Array): Uint8Array =>
  message((pbf) => {
    pbf.writeVarintField(1, 8);
    pbf.writeStringField(2, 'test');
    pbf.writeBytesField(7, content);
    pbf.writeBytesField(
      8,
      message((opset) => {
        opset.writeVarintField(2, 17);
      }),
    );
  });

const graph = (nodes: readonly Uint8Array[], initializers: readonly Uint8Array[] = []): Uint8Array =>
  message((pbf) => {
    for (const content of nodes) pbf.writeBytesField(1, content);
    for (const content of initializers) pbf.writeBytesField(5, content);
  });

const node = (opType: string, body?: Uint8Array): Uint8Array =>
  message((pbf) => {
    pbf.writeStringField(1, 'x');
    pbf.writeStringField(2, 'y');
    pbf.writeStringField(4, opType);
    if (body === undefined) return;
    pbf.writeBytesField(
      5,
      message((attribute) => {
        attribute.writeStringField(1, 'body');
        attribute.writeBytesField(6, body);
      }),
    );
  });

interface TensorParts {
  readonly dims?: readonly number[];
  readonly bytes?: number;
  readonly location?: string;
  readonly name?: string;
}

const tensor = ({ dims = [2], bytes = 8, location, name = 'w' }: TensorParts): Uint8Array =>
  message((pbf) => {
    for (const size of dims) pbf.writeVarintField(1, size);
    pbf.writeVarintField(2, 1);
    pbf.writeStringField(8, name);
    if (location === undefined) pbf.writeBytesField(9, new Uint8Array(bytes));
    else {
      pbf.writeBytesField(
        13,
        message((entry) => {
          entry.writeStringField(1, 'location');
          entry.writeStringField(2, location);
        }),
      );
      pbf.writeVarintField(14, 1);
    }
  });

const opens = (bytes: Uint8Array) => openProgram(new MemorySource('net.onnx', bytes));

describe('whole numbers in an ONNX file', () => {
  const int64s = (size: number, data: Uint8Array): Uint8Array =>
    message((pbf) => {
      pbf.writeVarintField(1, size);
      pbf.writeVarintField(2, 7);
      pbf.writeStringField(8, 'w');
      pbf.writeBytesField(7, data);
    });
  const read = async (size: number, data: Uint8Array): Promise<bigint[]> => {
    const { file } = await opens(model(graph([node('Relu')], [int64s(size, data)])));
    const bytes = await file.graph.initializers.get('w')?.data?.read(0, 8 * size);
    assert.ok(bytes !== undefined);
    return [...new BigInt64Array(bytes.slice().buffer)];
  };
  const most = [...Array<number>(8).fill(255), 127];

  it('keep all of their bits: an open end of a Slice is INT64_MAX', async () => {
    const bytes = Uint8Array.of(
      ...most,
      5,
      ...Array<number>(9).fill(255),
      1,
      0x81,
      ...Array<number>(6).fill(0x80),
      0x10,
    );
    assert.deepEqual(await read(4, bytes), [2n ** 63n - 1n, 5n, -1n, 2n ** 53n + 1n]);
  });

  it('that end in the middle or have too many bits are damaged', async () => {
    for (const bytes of [Uint8Array.of(...most, 0x80), Uint8Array.of(...Array<number>(11).fill(255), 1)])
      await assert.rejects(read(2, bytes), { code: 'corrupt', message: /whole numbers/ });
  });
});

describe('hostile ONNX file', () => {
  it('with lengths and shapes that can’t be is damaged', async () => {
    const damaged = (bytes: Uint8Array, pattern: RegExp) =>
      assert.rejects(opens(bytes), { code: 'corrupt', message: pattern });
    await damaged(ascii('\x08\x08\x12\x07pytorch'), /no graph/);
    await damaged(ascii('\x08\x08\x12\x7fpytorch'), /no protobuf field at byte/);
    await damaged(ascii(`\x08\x08\x12${'\xff'.repeat(30)}`), /no protobuf field/);
    await damaged(model(graph([], [tensor({ bytes: 7 })])), /has 7 bytes, and its shape needs 8/);
    await damaged(model(graph([], [tensor({ dims: [-1] })])), /shape \[-1\]/);
  });

  it('with weights outside its folder is refused', async () => {
    for (const location of ['../w', '/etc/passwd', 'a/../../w', 'c:\\w', '..\\w', '', 'a\0b']) {
      const bytes = model(graph([], [tensor({ location })]));
      await assert.rejects(opens(bytes), { code: 'corrupt', message: /outside its folder/ }, location);
    }
  });

  it('with endless sizes, names or depths is beyond the limits', async () => {
    const beyond = (bytes: Uint8Array) => assert.rejects(opens(bytes), { code: 'limit-exceeded' });
    await beyond(model(graph([], [tensor({ dims: [2 ** 40, 2 ** 40] })])));
    await beyond(model(graph([], [tensor({ dims: new Array<number>(100).fill(1) })])));
    await beyond(model(graph([], [tensor({ name: `${'a.'.repeat(200)}w` })])));
    let nested = graph([node('Relu')]);
    for (let depth = 0; depth < 40; depth++) nested = graph([node('If', nested)]);
    await beyond(model(nested));
  });

  it('with names such as __proto__ is a model like others', async () => {
    const { program } = await opens(model(graph([node('constructor')], [tensor({ name: '__proto__.constructor' })])));
    assert.deepEqual(
      (await program.describe()).map(({ path }) => path),
      ['', '__proto__'],
    );
  });

  it('with large weights inside is opened by reading little', async () => {
    const large = [1, 2, 3].map((i) => tensor({ dims: [2 ** 20], bytes: 2 ** 22, name: `layer${i}.weight` }));
    const source = new CountingSource('large.onnx', model(graph([node('Relu')], large)));
    const { program } = await openProgram(source);
    assert.equal((await program.describe()).length, 4);
    assert.ok(source.bytesRead < 2 ** 17, `${source.bytesRead} bytes were read`);
  });
});
