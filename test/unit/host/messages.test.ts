// Messages that cross a boundary are checked: those of the worker and those of the page.

import assert from 'node:assert/strict';
import { parseFromModelPage } from '../../../src/protocol/modelPage';
import { parseFromStatisticsPanel } from '../../../src/protocol/statisticsPanel';
import { parseFromWorker, parseToWorker } from '../../../src/protocol/worker';

describe('messages', () => {
  it('from the host to the worker', () => {
    const good = { kind: 'request', id: 1, method: 'open', params: { file: 'a.pt' } };
    assert.deepEqual(parseToWorker(good), good);
    for (const bad of [
      undefined,
      null,
      'open',
      {},
      { ...good, id: '1' },
      { ...good, method: 'format' },
      { ...good, params: 3 },
      { ...good, kind: 'x' },
    ]) {
      assert.equal(parseToWorker(bad), undefined, JSON.stringify(bad));
    }
  });

  it('from the worker to the host', () => {
    const error = { kind: 'error', id: 1, error: { code: 'corrupt', message: 'Broken.' } };
    assert.deepEqual(parseFromWorker({ kind: 'result', id: 1, value: undefined }), {
      kind: 'result',
      id: 1,
      value: undefined,
    });
    assert.deepEqual(parseFromWorker(error), error);
    for (const bad of [
      undefined,
      'result',
      { kind: 'result' },
      { ...error, error: 'Broken.' },
      { ...error, error: { message: 1 } },
      { kind: 'ready', id: 1 },
    ]) {
      assert.equal(parseFromWorker(bad), undefined, JSON.stringify(bad));
    }
  });

  it('from the page to the host', () => {
    assert.deepEqual(parseFromModelPage({ kind: 'ready', more: 1 }), { kind: 'ready' });
    assert.deepEqual(parseFromModelPage({ kind: 'action', action: 'setEval' }), { kind: 'action', action: 'setEval' });
    for (const bad of [null, 1, {}, { kind: 'action' }, { kind: 'action', action: 'format' }, { kind: 'state' }]) {
      assert.equal(parseFromModelPage(bad), undefined, JSON.stringify(bad));
    }
  });

  it('from the statistics panel to the host', () => {
    for (const good of [
      { kind: 'ready' },
      { kind: 'showInTree' },
      { kind: 'select', path: 'bn' },
      { kind: 'copy', format: 'csv', what: 'layers' },
      { kind: 'save', format: 'svg', name: 'layers', data: '<svg/>' },
      { kind: 'openLine', key: '[]' },
    ]) {
      assert.deepEqual(parseFromStatisticsPanel(good), good);
    }
    for (const bad of [
      null,
      'ready',
      { kind: 'select' },
      { kind: 'select', path: 3 },
      { kind: 'copy', format: 'xml', what: 'layers' },
      { kind: 'copy', format: 'csv', what: 'all' },
      { kind: 'save', format: 'png', name: 'a' },
      { kind: 'openLine', file: '/etc/passwd', line: 1 },
    ]) {
      assert.equal(parseFromStatisticsPanel(bad), undefined, JSON.stringify(bad));
    }
  });
});
