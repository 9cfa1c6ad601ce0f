// The words and the order of findings in the view, and what they add to rows of modules.

import assert from 'node:assert/strict';
import type { Finding } from '../../../src/model/finding';
import { lineProblems } from '../../../src/views/findingProblemsModel';
import {
  badgeOf,
  countWords,
  entriesOf,
  findingRow,
  modelFindingsRow,
  ruleRow,
} from '../../../src/views/findingsModel';

const finding = (rest: Partial<Finding> = {}): Finding => ({
  rule: 'batchnorm/never-updated',
  severity: 'warning',
  path: 'bn',
  message: 'It never moved.',
  evidence: {},
  actions: [],
  ...rest,
});
const many = (count: number, rest: Partial<Finding> = {}): Finding[] =>
  Array.from({ length: count }, (_, i) => finding({ path: `bn${String(i)}`, ...rest }));
const note = finding({ rule: 'mode/mixed', severity: 'information', path: '' });

describe('rows of findings', () => {
  it('fold the modules of one rule where there are many', () => {
    assert.deepEqual(
      entriesOf(many(3)).map(({ kind }) => kind),
      ['finding', 'finding', 'finding'],
    );
    const [fold, last] = entriesOf([...many(4), note]);
    assert.equal(fold?.kind, 'rule');
    assert.equal(last?.kind, 'finding');
    const row = ruleRow(fold);
    assert.equal(row.label, 'Running statistics never updated');
    assert.equal(row.description, '4 modules · batchnorm/never-updated');
    assert.equal(row.children, 'collapsed');
  });

  it('say how urgent they are in words', () => {
    const all = [finding({ severity: 'error' }), ...many(2), note];
    assert.equal(countWords(all), '1 error, 2 warnings, 1 note');
    assert.equal(countWords(all, 'warning'), '1 error, 2 warnings');
    assert.equal(modelFindingsRow('net.pt', all).spoken, 'Findings of net.pt: 1 error, 2 warnings, 1 note');
    assert.equal(
      findingRow(finding(), { setTraining: true, runForward: true }).spoken,
      'warning at bn: It never moved.',
    );
    assert.equal(findingRow(note, { setTraining: true, runForward: true }).label, '(root)');
  });

  it('offer what the model can do', () => {
    const mended = finding({
      actions: [
        { kind: 'setEval', path: 'bn' },
        { kind: 'pin', path: 'bn', mode: 'eval' },
        { kind: 'openLine', line: { file: 'net.py', line: 3 } },
      ],
    });
    const context = (capabilities: Parameters<typeof findingRow>[1]) => findingRow(mended, capabilities).context;
    assert.equal(context({ setTraining: true, runForward: true, pin: true }), 'finding setEval pin openLine');
    assert.equal(context({ setTraining: true, runForward: true }), 'finding setEval openLine');
    assert.equal(context({ setTraining: false, runForward: true }), 'finding openLine');
  });

  it('are one problem for each line and rule, where they are urgent', () => {
    const source = { file: 'net.py', line: 3 };
    const all = [
      ...many(5, { source }),
      finding({ path: '', source }),
      { ...note, source },
      ...many(2),
      finding({ severity: 'error', source }),
    ];
    assert.deepEqual(
      lineProblems('net.pt', all).map(({ severity, message }) => `${severity} ${message}`),
      ['warning net.pt: bn0, bn1, bn2 and 3 more: It never moved.', 'error net.pt: bn: It never moved.'],
    );
    assert.equal(lineProblems('net.pt', [finding({ path: '', source })])[0]?.message, 'net.pt: It never moved.');
  });

  it('give a badge to what is urgent alone', () => {
    assert.equal(badgeOf([note]), undefined);
    assert.deepEqual(badgeOf([note, ...many(2)]), { severity: 'warning', badge: 'W', words: '2 warnings' });
    assert.equal(badgeOf([finding({ severity: 'error' }), ...many(1)])?.badge, 'E');
  });
});
