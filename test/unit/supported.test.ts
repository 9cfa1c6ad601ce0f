// SUPPORTED.md is what the operator table says now.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';

import { supportedText } from '../../scripts/supportedText';

describe('SUPPORTED.md', () => {
  it('is up to date; run `npm run docs` where it is not', () => {
    assert.equal(readFileSync(path.join(__dirname, '..', '..', 'SUPPORTED.md'), 'utf8'), supportedText());
  });
});
