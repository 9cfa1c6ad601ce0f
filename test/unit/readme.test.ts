// The README's table of files against the formats that open.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';

import { formats } from '../../src/formats/registry';

describe('README', () => {
  it('names the endings of every format, and no others', () => {
    const text = readFileSync(path.join(__dirname, '../../README.md'), 'utf8');
    const table = /## Files\n([\s\S]*?)\n## /.exec(text)?.[1] ?? '';
    const rows = table.split('\n').filter((line) => line.startsWith('|'));
    const named = new Set(rows.flatMap((row) => [...row.matchAll(/`\.([\w.]+)`/g)].map(([, ending]) => ending)));
    const known = new Set(formats.flatMap(({ extensions }) => extensions));
    assert.deepEqual([...named].sort(), [...known].sort());
  });
});
