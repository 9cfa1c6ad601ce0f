// The records of the corpus agree with each other; the files themselves are looked at by `npm run corpus`.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { corpusFiles } from '../corpus/prepare';
import { tableText, type Expected } from '../corpus/summary';

const folder = path.join(__dirname, '..', 'corpus');
const expected = JSON.parse(fs.readFileSync(path.join(folder, 'expected.json'), 'utf8')) as Record<string, Expected>;

describe('corpus of published models', () => {
  it('expects something of each file, and of no other', () => {
    assert.deepEqual(
      corpusFiles(true)
        .map(({ id }) => id)
        .sort(),
      Object.keys(expected).sort(),
    );
  });

  it('has its table in the README (UPDATE_GOLDEN=1 npm run corpus)', () => {
    const readme = fs.readFileSync(path.join(folder, 'README.md'), 'utf8');
    assert.ok(readme.includes(`<!-- table -->\n${tableText(expected)}\n<!-- /table -->`));
  });
});
