// Which of several models of a file is compared: what rows say, and what a person is asked.

import assert from 'node:assert/strict';
import { chooseParts, otherOf, partAt } from '../../../src/commands/comparedPartsModel';
import type { ComparedPart, PartedModel } from '../../../src/commands/comparedPartsModel';
import { moduleSpec } from '../support/models';

/** A file of these models, or a model with these modules. */
const file = (...models: string[]): PartedModel => ({
  models: models.map((path) => ({ path, canRun: false, inputs: [] })),
  module: (path) => (models.includes(path) ? moduleSpec(path, 'Net') : undefined),
});
const model = (...children: string[]): PartedModel => ({ module: file(...children).module });

const unchosen = (session: PartedModel): ComparedPart => ({ session, path: undefined });

/** The paths that were compared, and those that were offered; answers are given in turn. */
async function chosen(
  parts: readonly [ComparedPart, ComparedPart],
  ...answers: (string | undefined)[]
): Promise<{ paths: (string | undefined)[] | undefined; offered: (readonly string[])[] }> {
  const offered: (readonly string[])[] = [];
  const found = await chooseParts(parts, (_, paths) => {
    offered.push(paths);
    assert.ok(answers.length > 0, `asked for one of ${paths.join()}`);
    return Promise.resolve(answers.shift());
  });
  return { paths: found?.map(({ path }) => path), offered };
}

describe('which of several models is compared', () => {
  it('is told by the row, of that model or of a module in it', () => {
    const several = file('net', 'net_ema');
    assert.equal(partAt(several, 'net_ema').path, 'net_ema');
    assert.equal(partAt(several, 'net_ema.layer1.bn').path, 'net_ema');
    assert.equal(partAt(several, '').path, undefined);
    assert.equal(partAt(model('net'), 'net').path, undefined);
  });

  it('is told by a second row, also in the same file', () => {
    const [several, other] = [file('net', 'ema'), file('net', 'ema')];
    const [net, ema, whole] = ['net', 'ema', undefined].map((path) => ({ session: several, path }));
    assert.ok(net && ema && whole);
    assert.equal(otherOf(net, [net, ema]), ema);
    assert.deepEqual(otherOf(net, [net, unchosen(other), unchosen(other)]), unchosen(other));
    assert.equal(otherOf(net, [net, ema, unchosen(other)]), undefined);
    assert.equal(otherOf(net, [net, whole]), undefined);
    assert.equal(otherOf(whole, [net, whole]), undefined);
  });

  it('is asked of nobody where both sides are one model', async () => {
    const plain = await chosen([unchosen(model()), unchosen(model())]);
    assert.deepEqual(plain, { paths: [undefined, undefined], offered: [] });
    const rows = await chosen([partAt(file('net', 'ema'), 'ema'), partAt(file('net', 'ema'), 'net')]);
    assert.deepEqual(rows, { paths: ['ema', 'net'], offered: [] });
  });

  it('is asked on either side, the model of the same name first', async () => {
    const several = await chosen([unchosen(file('net', 'ema')), unchosen(file('net', 'ema'))], 'ema', 'net');
    assert.deepEqual(several, {
      paths: ['ema', 'net'],
      offered: [
        ['', 'net', 'ema'],
        ['ema', 'net'],
      ],
    });
  });

  it('is all of both once it is all of one', async () => {
    const several = await chosen([unchosen(file('net', 'ema')), unchosen(file('net', 'ema'))], '');
    assert.deepEqual(several.paths, ['', undefined]);
  });

  it('is all of them only where the other side has some of them', async () => {
    const one = await chosen([unchosen(model('encoder')), unchosen(file('net', 'ema'))], 'ema');
    assert.deepEqual(one, { paths: [undefined, 'ema'], offered: [['net', 'ema']] });
    const both = await chosen([unchosen(model('g', 'd')), unchosen(file('g', 'd'))], '');
    assert.deepEqual(both, { paths: [undefined, ''], offered: [['', 'g', 'd']] });
    const row = await chosen([unchosen(file('g', 'd')), partAt(file('g', 'd'), 'd')], 'd');
    assert.deepEqual(row, { paths: ['d', 'd'], offered: [['d', 'g']] });
  });

  it('is another one on the second side of the same file, the only one without asking', async () => {
    const three = file('net', 'ema', 'best');
    const asked = await chosen([unchosen(three), unchosen(three)], 'ema', 'best');
    assert.deepEqual(asked, {
      paths: ['ema', 'best'],
      offered: [
        ['net', 'ema', 'best'],
        ['net', 'best'],
      ],
    });
    const two = file('net', 'ema');
    assert.deepEqual((await chosen([partAt(two, 'ema'), unchosen(two)])).paths, ['ema', 'net']);
  });

  it('is none where a person gives up', async () => {
    assert.equal((await chosen([unchosen(file('a', 'b')), unchosen(file('a', 'b'))], undefined)).paths, undefined);
    assert.equal((await chosen([unchosen(file('a', 'b')), unchosen(file('a', 'b'))], 'a', undefined)).paths, undefined);
  });
});
