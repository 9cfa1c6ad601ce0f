// Each rule has a page with the same parts, and no page is left over.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { rules } from '../../src/insight/findings';
import { ruleIds, rulePage } from '../../src/model/finding';
import { titleOf } from '../../src/views/findingsModel';

const root = path.join(__dirname, '../..');

describe('pages about rules', () => {
  it('are there for every rule, and for nothing else', () => {
    const pages = fs.readdirSync(path.join(root, 'docs/rules')).map((file) => `docs/rules/${file}`);
    assert.deepEqual(pages.sort(), ruleIds.map(rulePage).sort());
    assert.deepEqual([...new Set(rules.map(({ id }) => id))], ruleIds);
    assert.equal(rules.length, ruleIds.length);
  });

  for (const rule of ruleIds) {
    it(`${rule}: title, what was seen, why, what to do, PyTorch's own words`, () => {
      const text = fs.readFileSync(path.join(root, rulePage(rule)), 'utf8');
      assert.ok(text.startsWith(`# ${titleOf(rule)}\n\n\`${rule}\` · `), text.slice(0, 80));
      const parts = [...text.matchAll(/^## (.*)$/gm)].map(([, title]) => title);
      assert.deepEqual(parts, ['What was seen', 'Why it matters', 'What to do', 'Read on']);
      assert.match(text, /^- \[[^\]]+\]\(https:\/\/docs\.pytorch\.org\/docs\/stable\/[^)]+\)$/m);
    });
  }

  it('are in the package', () => {
    const listed = fs.readFileSync(path.join(root, '.vscodeignore'), 'utf8');
    assert.match(listed, /^!docs\/rules\/\*\.md$/m);
  });
});
