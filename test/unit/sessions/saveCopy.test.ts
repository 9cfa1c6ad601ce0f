// Copies with other modes: which bytes differ, checksums, statistics in every layout, and what is refused.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { zipSync, type Zippable } from 'fflate';

import { crc32 } from '../../../src/formats/crc32';
import { ZipArchive } from '../../../src/formats/zip';
import type { Progress } from '../../../src/protocol/engine';
import { copyPatched } from '../../../src/sessions/fileCopy';
import { NodeFile } from '../../../src/sessions/nodeFile';
import { openModel, type OpenedModel } from '../../../src/sessions/openModel';
import { saveCopy } from '../../../src/sessions/saveCopy';
import { archive, ascii, fixtures, object, tensor, text } from '../formats/archives';

const packages = path.resolve(__dirname, '../../../node_modules');
const read = (file: string) => (): Promise<Buffer> => fs.promises.readFile(path.join(packages, file));
const assets = {
  treeSitter: read('web-tree-sitter/web-tree-sitter.wasm'),
  pythonGrammar: read('tree-sitter-python/tree-sitter-python.wasm'),
};

describe('saving a copy', () => {
  let folder: string;

  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'copy-'));
  });

  afterEach(() => {
    fs.rmSync(folder, { recursive: true });
  });

  const place = (name: string): string => path.join(folder, name);

  function put(name: string, bytes: Uint8Array): string {
    fs.writeFileSync(place(name), bytes);
    return place(name);
  }

  async function withModel<T>(file: string, use: (model: OpenedModel) => Promise<T>): Promise<T> {
    const model = await openModel(file, assets);
    try {
      return await use(model);
    } finally {
      await model.close();
    }
  }

  const save = (model: OpenedModel, options: { moved?: readonly string[]; overwrite?: boolean; to?: string } = {}) =>
    saveCopy(
      model,
      options.moved ?? [],
      {
        file: options.to ?? place('copy.pt'),
        statistics: options.moved !== undefined,
        overwrite: options.overwrite ?? false,
      },
      () => false,
    );

  const modesOf = (file: string): Promise<readonly (boolean | null)[]> =>
    withModel(file, (model) => Promise.resolve(model.program.modes().training));

  for (const name of ['scripted.pt', 'traced.pt', 'module.pth']) {
    it(`of ${name} changes the flags and the checksums of one entry`, async () => {
      const original = path.join(fixtures, name);
      const wanted = await withModel(original, async (model) => {
        const { training } = model.program.modes();
        model.program.setTraining('', training[0] !== true, true);
        const { changed } = await save(model);
        assert.equal(changed.length, training.filter((flag) => flag === training[0]).length);
        return model.program.modes().training;
      });
      assert.deepEqual(await modesOf(place('copy.pt')), wanted);
      const [before, after] = [original, place('copy.pt')].map((file) => new Uint8Array(fs.readFileSync(file)));
      assert.ok(before !== undefined && after !== undefined);
      assert.equal(after.length, before.length);
      const places = await checkArchive(place('copy.pt'));
      for (let i = 0; i < before.length; i++) {
        if (before[i] === after[i]) continue;
        const isFlag = (before[i]! ^ after[i]!) === 1 && before[i]! >> 1 === 0x44;
        assert.ok(places.crcs.has(i) || (isFlag && places.pickle(i)), `byte ${String(i)} differs`);
      }
    });
  }

  it('copies every byte where no flag differs', async () => {
    const original = path.join(fixtures, 'scripted.pt');
    const { changed } = await withModel(original, (model) => save(model));
    assert.deepEqual(changed, []);
    assert.deepEqual(fs.readFileSync(place('copy.pt')), fs.readFileSync(original));
  });

  it('writes one flag for a module under two paths, and the text form of protocol 0', async () => {
    const shared = `(dp0\nS'training'\np1\nI01\nsS'_modules'\np2\n(dp3\ns`;
    const module = (state: string): string => `ctorch.nn.modules.module\nModule\n)\x81${state}b`;
    const child = module(shared);
    const root = module(`}(${text('training')}\x88${text('_modules')}}(${text('a')}${child}q\x09${text('b')}h\x09uu`);
    const file = put('net.pt', zipSync({ 'net/data.pkl': ascii(`\x80\x02${root}.`) }, { level: 0 }));
    await withModel(file, async (model) => {
      model.program.setTraining('b', false, true);
      assert.deepEqual((await save(model)).changed, ['a', 'b']);
    });
    assert.deepEqual(await modesOf(place('copy.pt')), [true, false, false]);
    await checkArchive(place('copy.pt'));
  });

  for (const order of ['little', 'big']) {
    it(`writes statistics into views, ${order}-endian, and leaves their neighbours`, async () => {
      const bytes = Buffer.alloc(16);
      [1, 2, 3, 4].forEach((value, i) =>
        order === 'big' ? bytes.writeFloatBE(value, i * 4) : bytes.writeFloatLE(value, i * 4),
      );
      const mean = `${text('running_mean')}${tensor('0', 0, [2], [2])}`;
      const variance = `${text('running_var')}${tensor('0', 1, [2], [2])}`;
      const extra: Zippable = { 'net/byteorder': ascii(order), 'net/data/0': new Uint8Array(bytes) };
      const file = put('net.pt', archive(object('Net', `${text('training')}\x88${mean}${variance}`), extra));
      await withModel(file, async (model) => {
        const current = model.program.normTensors('').get('running_mean');
        assert.ok(current !== undefined);
        await current.storage.load();
        current.write(Float32Array.of(7, 9));
        assert.deepEqual((await save(model, { moved: [''] })).statistics, ['']);
      });
      await checkArchive(place('copy.pt'));
      await withModel(place('copy.pt'), async ({ program }) => {
        const values = await program.normStatistics('', { values: true });
        assert.deepEqual(
          [values?.runningMean?.values, values?.runningVar?.values],
          [
            [7, 9],
            [2, 4],
          ],
        );
      });
    });
  }

  it('warns where the code does not obey the flags', async () => {
    await withModel(path.join(fixtures, 'traced.pt'), async (model) => {
      model.program.setTraining('', true, true);
      assert.match((await save(model)).problems[0]?.message ?? '', /were written, but .* not obey them/);
    });
  });

  it('says that a file stores no mode', async () => {
    for (const name of ['state_dict.pth', 'legacy.pth', 'checkpoint.pth', 'frozen.pt']) {
      await withModel(path.join(fixtures, name), (model) =>
        assert.rejects(save(model), { code: 'not-stored', message: /stores no mode/ }),
      );
    }
    assert.deepEqual(fs.readdirSync(folder), []);
  });

  it('patches a zip64 archive with descriptors behind its entries', async () => {
    const state = `}(${text('training')}\x88${text('_modules')}}u`;
    const opcodes = Buffer.from(`\x80\x02ctorch.nn.modules.module\nModule\n)\x81${state}b.`, 'latin1');
    const file = put('net.pt', zip64('net/data.pkl', opcodes));
    await withModel(file, async (model) => {
      model.program.setTraining('', false, true);
      assert.deepEqual((await save(model)).changed, ['']);
    });
    assert.deepEqual(await modesOf(place('copy.pt')), [false]);
    const { crcs, pickle } = await checkArchive(place('copy.pt'));
    const [before, after] = [file, place('copy.pt')].map((name) => fs.readFileSync(name)) as [Buffer, Buffer];
    assert.equal(after.length, before.length);
    for (const at of before.keys())
      if (before[at] !== after[at]) assert.ok(crcs.has(at) || pickle(at), `byte ${String(at)} differs`);
  });

  it('refuses a deflated pickle by name', async () => {
    const opcodes = ascii(`\x80\x02${object('Net', `${text('training')}\x88`)}.`);
    const file = put('net.pt', archive('N', { 'net/data.pkl': [opcodes, { level: 9 }] }));
    await withModel(file, async (model) => {
      model.program.setTraining('', false, true);
      await assert.rejects(save(model), { code: 'unsupported-format', message: /net\/data\.pkl deflated/ });
    });
    assert.deepEqual(fs.readdirSync(folder), ['net.pt']);
  });

  it('never touches the original, under any of its names, nor replaces a file unasked', async () => {
    const file = put('net.pt', fs.readFileSync(path.join(fixtures, 'scripted.pt')));
    fs.symlinkSync(file, place('link.pt'));
    fs.linkSync(file, place('hard.pt'));
    put('other.pt', ascii('x'));
    const before = fs.readFileSync(file);
    await withModel(file, async (model) => {
      for (const to of ['net.pt', 'link.pt', 'hard.pt'])
        await assert.rejects(save(model, { to: place(to), overwrite: true }), {
          code: 'usage',
          message: /never changed/,
        });
      await assert.rejects(save(model, { to: place('other.pt') }), { code: 'usage', message: /exists already/ });
      await assert.rejects(save(model, { to: place('no/copy.pt') }), { code: 'file-unwritable' });
      await save(model, { to: place('other.pt'), overwrite: true });
    });
    assert.deepEqual(fs.readFileSync(file), before);
    assert.deepEqual(fs.readdirSync(folder).sort(), ['hard.pt', 'link.pt', 'net.pt', 'other.pt']);
  });

  it('refuses an original that changed meanwhile, or gave way to another file', async () => {
    const file = put('net.pt', fs.readFileSync(path.join(fixtures, 'scripted.pt')));
    await withModel(file, async (model) => {
      fs.renameSync(put('new.pt', fs.readFileSync(path.join(fixtures, 'traced.pt'))), file);
      await assert.rejects(save(model), { code: 'file-unreadable', message: /changed on disk/ });
    });
    await withModel(file, async (model) => {
      fs.utimesSync(file, 1, 1);
      await assert.rejects(save(model), { code: 'file-unreadable', message: /changed on disk/ });
    });
    assert.deepEqual(fs.readdirSync(folder), ['net.pt']);
  });

  it('leaves nothing behind when it is cancelled', async () => {
    const source = await NodeFile.open(put('large.bin', new Uint8Array(9_000_000)));
    let asked = 0;
    const told: Progress[] = [];
    const options = {
      target: place('copy.bin'),
      overwrite: false,
      isCancelled: () => ++asked > 2,
      onProgress: (progress: Progress) => told.push(progress),
    };
    const copied = await copyPatched(source, [], options).then(
      () => 'whole',
      (error: unknown) => (error as { code: string }).code,
    );
    await source.close();
    // A file system that shares blocks is done at once, never asks and tells nothing.
    const chunk = 4 * 2 ** 20;
    const steps = [0, chunk].map((done): Progress => ({ step: 'copying', done, total: 9_000_000 }));
    assert.deepEqual(told, asked === 0 ? [] : steps);
    const left = fs.readdirSync(folder).sort();
    assert.deepEqual([copied, left], asked === 0 ? ['whole', ['copy.bin', 'large.bin']] : ['cancelled', ['large.bin']]);
  });
});

describe('crc32', () => {
  it('is that of zip, in one piece or two', () => {
    assert.equal(crc32(ascii('123456789')), 0xcbf43926);
    assert.equal(crc32(ascii('6789'), crc32(ascii('12345'))), 0xcbf43926);
  });
});

/** One stored entry whose sizes and offset stand in zip64 fields, with a descriptor of 8-byte sizes behind it. */
function zip64(name: string, content: Buffer): Buffer {
  const fields = (...parts: readonly (readonly [bytes: number, value: number])[]): Buffer =>
    Buffer.concat(
      parts.map(([bytes, value]) => {
        const field = Buffer.alloc(8);
        field.writeBigUInt64LE(BigInt(value));
        return field.subarray(0, bytes);
      }),
    );
  const [size, unknown, flags, descriptor] = [content.length, 0xffffffff, 8, 0x08074b50];
  const local = Buffer.concat([
    fields([4, 0x04034b50], [2, 45], [2, flags], [2, 0], [4, 0], [4, 0], [4, unknown], [4, unknown]),
    fields([2, name.length], [2, 20]),
    Buffer.from(name),
    fields([2, 1], [2, 16], [8, 0], [8, 0]),
    content,
    fields([4, descriptor], [4, crc32(content)], [8, size], [8, size]),
  ]);
  const record = Buffer.concat([
    fields([4, 0x02014b50], [2, 45], [2, 45], [2, flags], [2, 0], [4, 0], [4, crc32(content)]),
    fields([4, unknown], [4, unknown], [2, name.length], [2, 28], [2, 0], [2, 0], [2, 0], [4, 0], [4, unknown]),
    Buffer.from(name),
    fields([2, 1], [2, 24], [8, size], [8, size], [8, 0]),
  ]);
  const end = Buffer.concat([
    fields([4, 0x06064b50], [8, 44], [2, 45], [2, 45], [4, 0], [4, 0], [8, 1], [8, 1]),
    fields([8, record.length], [8, local.length]),
    fields([4, 0x07064b50], [4, 0], [8, local.length + record.length], [4, 1]),
    fields([4, 0x06054b50], [2, 0], [2, 0], [2, 0xffff], [2, 0xffff], [4, unknown], [4, unknown], [2, 0]),
  ]);
  return Buffer.concat([local, record, end]);
}

/** Every entry has its right checksum in directory, header and descriptor; tells where checksums and the pickle stand. */
async function checkArchive(file: string): Promise<{ crcs: ReadonlySet<number>; pickle: (at: number) => boolean }> {
  const bytes = fs.readFileSync(file);
  const source = await NodeFile.open(file);
  const crcs = new Set<number>();
  let pickle = (_at: number): boolean => false;
  try {
    const zip = await ZipArchive.open(source);
    for (const [index] of zip.entries.keys().entries()) {
      const entry = zip.entries.at(index);
      const content = await zip.read(entry.name);
      const crc = crc32(content ?? new Uint8Array());
      const start = await zip.dataOffset(entry);
      const end = start + entry.compressedSize;
      const hasDescriptor = (bytes.readUInt16LE(entry.headerOffset + 6) & 8) !== 0;
      assert.equal(bytes.readUInt32LE(entry.recordOffset + 16), crc, entry.name);
      const inHeader = bytes.readUInt32LE(entry.headerOffset + 14);
      assert.ok(inHeader === crc || (hasDescriptor && inHeader === 0), entry.name);
      if (hasDescriptor) assert.equal(bytes.readUInt32LE(end + 4), crc, entry.name);
      if (!entry.name.endsWith('data.pkl')) continue;
      pickle = (at) => at >= start && at < end;
      for (const at of [entry.recordOffset + 16, entry.headerOffset + 14, ...(hasDescriptor ? [end + 4] : [])])
        for (let i = 0; i < 4; i++) crcs.add(at + i);
    }
  } finally {
    await source.close();
  }
  return { crcs, pickle };
}
