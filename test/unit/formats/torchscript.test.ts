// Archives of a real torch: objects, tensors, constants, code and source lines as torch wrote them.

import assert from 'node:assert/strict';

import { isTorchFile } from '../../../src/model/module';
import type { Device, OpaqueValue } from '../../../src/runtime/program';
import { Dict, ScriptObject, Tensor, Tuple, type Value } from '../../../src/runtime/program';
import { archive, ascii, fixture, object, openScript, tensor, text } from './archives';

async function numbers(value: Value | undefined): Promise<number[]> {
  assert.ok(value instanceof Tensor);
  await value.storage.load();
  return Array.from(value.toNumbers());
}

function child(object: ScriptObject, name: string): ScriptObject {
  const value = object.attributes.get(name);
  assert.ok(value instanceof ScriptObject, name);
  return value;
}

describe('scripted archive', () => {
  it('holds the modules in order, with flags and shared objects', async () => {
    const { format, archive: net, problems } = await openScript(fixture('scripted.pt'));
    assert.deepEqual([format, problems, net.root.className], ['torchscript', [], '__torch__.Net']);
    const modules = [...net.root.attributes].filter(([, value]) => value instanceof ScriptObject).map(([name]) => name);
    assert.deepEqual(modules, ['conv', 'bn', 'drop', 'again']);
    const bn = child(net.root, 'bn');
    assert.equal(bn.className, '__torch__.torch.nn.modules.batchnorm.BatchNorm2d');
    assert.equal(bn.attributes.get('training'), true);
    // torch.jit.script makes two modules of a shared one, each with a flag; their tensors stay shared.
    const again = child(net.root, 'again');
    assert.notEqual(bn, again);
    assert.equal(
      (bn.attributes.get('running_mean') as Tensor).storage,
      (again.attributes.get('running_mean') as Tensor).storage,
    );
  });

  it('reads tensors when asked, views and shared storages included', async () => {
    const { archive: net } = await openScript(fixture('scripted.pt'));
    const table = net.root.attributes.get('table') as Tensor;
    const window = net.root.attributes.get('window') as Tensor;
    assert.equal(table.storage, window.storage);
    assert.deepEqual([table.storage.isLoaded, table.requiresGrad, window.requiresGrad], [false, true, false]);
    assert.deepEqual([window.shape, window.strides, window.offset], [[2, 2], [4, 2], 4]);
    assert.deepEqual(await numbers(window), [4, 6, 8, 10]);
    assert.deepEqual(await numbers(net.root.attributes.get('weights16')), [1.5, -2]);
    assert.deepEqual(await numbers(child(net.root, 'bn').attributes.get('running_var')), [1, 1, 1, 1]);
    assert.equal((child(net.root, 'bn').attributes.get('num_batches_tracked') as Tensor).dtype, 'int64');
  });

  it('reads code by Python module, and the source line of each piece of it', async () => {
    const { archive: net } = await openScript(fixture('scripted.pt'));
    const code = await net.readCode('__torch__');
    assert.match(code ?? '', /^class Net\(Module\):/);
    assert.match((await net.readCode('__torch__.torch.nn.modules.batchnorm')) ?? '', /class BatchNorm2d/);
    assert.equal(await net.readCode('__torch__.missing'), undefined);
    const map = await net.readSourceMap('__torch__');
    const at = (needle: string): unknown => map?.locate(code?.indexOf(needle) ?? -1);
    const script = Buffer.from(fixture('make_fixtures.py')).toString();
    const line = (needle: string): number => script.slice(0, script.indexOf(needle)).split('\n').length;
    assert.deepEqual(at('(conv).forward'), {
      file: '/tmp/fixtures/make_fixtures.py',
      line: line('x = self.drop(F.relu'),
    });
    assert.deepEqual(at('torch.tensor('), {
      file: '/tmp/fixtures/make_fixtures.py',
      line: line('scale = torch.tensor'),
    });
    assert.equal(map?.locate(0), undefined);
    assert.equal(await net.readSourceMap('__torch__.missing'), undefined);
  });
});

describe('traced and frozen archives', () => {
  it('keeps constants and the shapes of the sample inputs', async () => {
    const { archive: net, problems } = await openScript(fixture('traced.pt'));
    assert.deepEqual(problems, []);
    assert.match(net.root.className, /^__torch__\.(?:___torch_mangle_\d+\.)?Net$/);
    assert.deepEqual(await numbers(net.constants[0]), [2]);
    const [input] = net.tracedInputs ?? [];
    assert.ok(input instanceof Tensor);
    assert.deepEqual([input.shape, input.dtype], [[1, 3, 8, 8], 'float32']);
    await assert.rejects(input.storage.load(), { code: 'corrupt' });
  });

  it('finds mangled code, and the line of the user rather than of torch', async () => {
    const { archive: net } = await openScript(fixture('traced.pt'));
    const module = child(net.root, 'bn').className.split('.').slice(0, -1).join('.');
    assert.match(module, /batchnorm\.___torch_mangle_\d+$/);
    const code = (await net.readCode(module)) ?? '';
    const map = await net.readSourceMap(module);
    assert.equal(map?.locate(code.indexOf('torch.batch_norm'))?.file, '/tmp/fixtures/make_fixtures.py');
  });

  it('opens a frozen model, which has neither modules nor flags', async () => {
    const { archive: net, problems } = await openScript(fixture('frozen.pt'));
    assert.deepEqual([problems, net.root.attributes.size], [[], 0]);
    assert.ok(net.constants.length >= 2 && net.constants.every((value) => value instanceof Tensor));
    assert.equal((await numbers(net.constants[0])).length, 4 * 3 * 9);
  });
});

describe('attributes', () => {
  it('have Python types kept apart', async () => {
    const { archive: net, problems } = await openScript(fixture('attributes.pt'));
    const get = (name: string): Value | undefined => net.root.attributes.get(name);
    assert.deepEqual(get('ints'), [1n, 2n ** 40n, -1n]);
    assert.deepEqual([get('bools'), get('optional'), get('pair')], [[true, false], null, new Tuple([1n, 'x'])]);
    assert.deepEqual((get('nested') as Dict).entries, new Map([['a', [1.5]]]));
    assert.deepEqual([get('name'), get('infinite'), get('dtype')], ['né\n', Infinity, 5n]);
    assert.deepEqual([(get('device') as Device).name, (get('imaginary') as OpaqueValue).typeName], ['cpu', 'complex']);
    assert.deepEqual([(get('point') as Tuple).items[0], child(net.root, 'counter').attributes.get('count')], [3n, 4n]);
    assert.deepEqual([...child(net.root, 'color').attributes], [['value', 2n]]);
    assert.deepEqual(
      [(get('empty') as Tensor).shape, (get('expanded') as Tensor).strides],
      [
        [0, 3],
        [0, 0],
      ],
    );
    assert.deepEqual(await numbers(get('bf16')), [1, 1]);
    assert.deepEqual(
      problems.map(({ path }) => path),
      ['complex_values', 'quantized', 'sparse'],
    );
  });

  it('keeps the state of a class that sets it itself', async () => {
    const { archive: net } = await openScript(fixture('attributes.pt'));
    const tuple = child(net.root, 'stateful').attributes.get('__state__');
    assert.deepEqual((tuple as Tuple).items.slice(1), [5n, true]);
    assert.ok(child(net.root, 'dict_state').attributes.get('__state__') instanceof Dict);
    assert.equal(child(net.root, 'dict_state').attributes.has('w'), false);
  });
});

describe('made archives', () => {
  it('turn big-endian elements round, and read deflated storages', async () => {
    const bytes = new Uint8Array(16);
    [1, 2, 3, 4].forEach((value, i) => {
      new DataView(bytes.buffer).setFloat32(4 * i, value, false);
    });
    const file = archive(object('Net', text('w') + tensor('0', 1, [2], [2])), {
      'net/byteorder': ascii('big'),
      'net/data/0': [bytes, { level: 9 }],
    });
    assert.deepEqual(await numbers((await openScript(file)).archive.root.attributes.get('w')), [2, 4]);
  });

  it('of an unknown version are tried, with a problem', async () => {
    const { problems } = await openScript(archive(object('Net', ''), { 'net/version': ascii('99\n') }));
    assert.match(problems[0]?.message ?? '', /version 99/);
  });

  it('keep their version among the records of torch where the program needs new operators', async () => {
    const { zipSync } = await import('fflate');
    const parts = { 'net/data.pkl': ascii(`${object('Net', '')}.`), 'net/constants.pkl': ascii(').') };
    const { problems } = await openScript(zipSync({ ...parts, 'net/.data/version': ascii('6\n') }));
    assert.deepEqual(problems, []);
    assert.equal((await openScript(zipSync(parts))).problems.length, 1);
  });

  it('work without a root folder and without byteorder', async () => {
    const { zipSync } = await import('fflate');
    const file = zipSync({ 'data.pkl': ascii(`${object('Net', '')}.`), 'constants.pkl': ascii(').') });
    assert.equal((await openScript(file)).archive.root.className, '__torch__.Net');
  });
});

describe('isTorchFile', () => {
  it('tells torch from the code of users', () => {
    for (const file of ['/x/site-packages/torch/nn/modules/conv.py', 'C:\\Lib\\torch\\nn\\functional.py', '<string>']) {
      assert.equal(isTorchFile(file), true, file);
    }
    for (const file of ['train.py', '/home/me/torch/train.py', '/x/site-packages/torchvision/models/resnet.py']) {
      assert.equal(isTorchFile(file), false, file);
    }
  });
});
