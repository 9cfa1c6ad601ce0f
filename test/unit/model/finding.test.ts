// Findings as data: groups of them.

import assert from 'node:assert/strict';
import { groupFindings, ruleKey, type Finding } from '../../../src/model/finding';

const finding = (rule: Finding['rule'], path: string, severity: Finding['severity'] = 'warning'): Finding => ({
  rule,
  path,
  severity,
  message: '',
  evidence: {},
  actions: [],
});

describe('groups of findings', () => {
  it('hold those with the same key, in the order of their first ones', () => {
    const findings = [
      finding('mode/baked', 'a'),
      finding('batchnorm/momentum', 'b'),
      finding('mode/baked', 'c'),
      finding('mode/baked', 'a', 'information'),
    ];
    const pathsBy = (keyOf: (each: Finding) => string): unknown =>
      [...groupFindings(findings, keyOf)].map(([key, group]) => [key, group.map(({ path }) => path)]);
    assert.deepEqual(pathsBy(ruleKey), [
      ['warning mode/baked', ['a', 'c']],
      ['warning batchnorm/momentum', ['b']],
      ['information mode/baked', ['a']],
    ]);
    assert.deepEqual(
      pathsBy(({ path }) => path),
      [
        ['a', ['a', 'a']],
        ['b', ['b']],
        ['c', ['c']],
      ],
    );
  });
});
