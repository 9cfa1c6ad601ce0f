// Every entry of the operator table has torch's own signature: names, types, defaults, order.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';

import { operatorTable } from '../../src/runtime/operators';
import { fixtureFolder } from './fixture';

/** `add.Tensor` -> its arguments as torch declares them, without what only tells aliasing apart. */
function torchSchemas(): Map<string, string> {
  // The layers packed for mobile devices are no more in torch 2.13.
  const packed = path.resolve(__dirname, '../fixtures/older/torch-2.1.2/prepacked.json');
  const files = [path.join(fixtureFolder(), 'schemas.json'), packed];
  const schemas = files.flatMap((file) => JSON.parse(readFileSync(file, 'utf8')) as string[]);
  return new Map(schemas.map((text) => text.replace(/^aten::/, '')).map((text) => [nameOf(text), argumentsOf(text)]));
}

const nameOf = (text: string): string => text.slice(0, text.indexOf('('));

function argumentsOf(text: string): string {
  return (
    text
      .slice(text.indexOf('(') + 1, text.lastIndexOf(') -> '))
      .replace(/\(\w+!?(\|\w+)*( -> \*)?\)/g, '')
      .replace(/SymInt/g, 'int')
      // torch prints 1e-05 with all its digits.
      .replace(/\d[\d.]*e-\d+/g, (number) => String(Number(number)))
      .replace(/\s+/g, ' ')
  );
}

describe('signatures of the operator table', () => {
  const torch = torchSchemas();
  for (const { schema } of operatorTable.all()) {
    const name = nameOf(schema.text);
    it(name, () => {
      const expected = torch.get(name);
      assert.ok(expected !== undefined, `torch has no aten::${name}`);
      assert.equal(argumentsOf(schema.text), expected);
    });
  }
  it('are there once each', () => {
    const names = operatorTable.all().map(({ schema }) => nameOf(schema.text));
    assert.deepEqual(
      names.filter((name, i) => names.indexOf(name) !== i),
      [],
    );
  });
});
