// Archives that older versions of torch wrote do here what they did there; test/fixtures/older/README.md says how they were made.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import path from 'node:path';

import { Fixture } from './fixture';
import { replay } from './replay';

const folder = path.resolve(__dirname, '../fixtures/older');
const versions = ['torch-1.13.1', 'torch-1.5.1', 'torch-1.8.1', 'torch-2.1.2'];

describe('archives of older versions of torch', () => {
  it('are there', () => {
    const folders = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    assert.deepEqual(folders.map(({ name }) => name).sort(), versions);
  });
  for (const version of versions) {
    const cases = readdirSync(path.join(folder, version)).filter((name) => name.endsWith('.pt'));
    for (const name of cases.map((file) => path.basename(file, '.pt'))) {
      it(`${version}/${name}`, async () => {
        const fixture = Fixture.read(folder, `${version}/${name}`);
        assert.equal(`torch-${fixture.document.torch.replace(/\+.*$/, '')}`, version);
        const differences = await replay(fixture);
        if (differences.length > 0) assert.fail(`not as in ${version}:\n${differences.join('\n')}`);
      });
    }
  }
});
