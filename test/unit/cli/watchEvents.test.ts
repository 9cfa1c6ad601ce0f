// The sentences of `watch`.

import assert from 'node:assert/strict';
import { findingTexts } from '../../../src/cli/watchEvents';
import type { Finding } from '../../../src/model/finding';

const finding = (path: string, severity: Finding['severity'] = 'warning'): Finding => ({
  rule: 'batchnorm/never-updated',
  severity,
  path,
  message: 'Nothing moved.',
  evidence: {},
  actions: [],
});

describe('findings in sentences', () => {
  it('cut the layers short of which one rule says the same, and leave out what is for information', () => {
    const paths = ['a', 'b', 'c', 'd', 'e'];
    const texts = findingTexts('net', [...paths.map((path) => finding(path)), finding('f', 'information')]);
    assert.deepEqual(texts, [
      'warning in net.a: Nothing moved. (batchnorm/never-updated)',
      'warning in net.b: Nothing moved. (batchnorm/never-updated)',
      'warning in net.c: Nothing moved. (batchnorm/never-updated)',
      'warning in 2 more layers of net (batchnorm/never-updated)',
    ]);
  });

  it('have the line where one is known', () => {
    const found = { ...finding(''), source: { file: 'train.py', line: 7 } };
    assert.deepEqual(findingTexts('net', [found]), [
      'warning in net: Nothing moved. train.py:7 (batchnorm/never-updated)',
    ]);
  });
});
