// Rows of processes, launches and mode switches, as a person reads them.

import assert from 'node:assert/strict';
import { switchPlaces } from '../../../src/sessions/switchPlaces';
import { launchRow, processRow, processTitle, switchesRow, switchRow } from '../../../src/views/liveModel';
import { introductionOf } from '../support/liveModels';

describe('rows of live processes', () => {
  it('are named after what runs', () => {
    const title = (...argv: string[]): string => processTitle(introductionOf({ argv }));
    assert.equal(title('/home/ada/train.py'), 'train.py');
    assert.equal(title('C:\\work\\train.py'), 'train.py');
    assert.equal(title('-c'), 'Python 7');
    assert.equal(title(''), 'Python 7');
    assert.equal(title(), 'Python 7');
  });

  it('say whether the process lives, and which of several it is', () => {
    const row = processRow({ introduction: introductionOf(), models: 2, ended: false });
    assert.equal(row.description, 'live · process 7');
    assert.equal(row.spoken, 'Process train.py, live, 2 models');
    assert.equal(row.context, 'process running');
    assert.ok(row.tooltip?.includes('Command: /home/ada/train.py --epochs 3'));
    const ended = processRow({ introduction: introductionOf(), models: 1, ended: true });
    assert.equal(ended.description, 'ended · process 7');
    assert.equal(ended.context, 'process ended');
    const none = processRow({ introduction: introductionOf(), models: 0, ended: false });
    assert.equal(none.description, 'no model yet · process 7');
    assert.equal(launchRow({ title: 'train.py' }).spoken, 'train.py, running, torch not imported yet');
  });

  it('say less below the row of their job', () => {
    const ranked = introductionOf({ rank: 1, worldSize: 2 });
    assert.equal(
      processRow({ introduction: ranked, models: 1, ended: false }).description,
      'rank 1 of 2 · live · process 7',
    );
    const row = processRow({ introduction: ranked, models: 1, ended: false, name: 'rank 1' });
    assert.deepEqual([row.label, row.description], ['rank 1', 'live · process 7']);
    assert.equal(row.spoken, 'rank 1, live, 1 model');
    const unnumbered = processRow({ introduction: introductionOf(), models: 1, ended: true, name: 'process 7' });
    assert.deepEqual([unnumbered.label, unnumbered.description], ['process 7', 'ended']);
  });

  it('gather switches by the line that made them, the latest first', () => {
    const call = (time: number, training: boolean, line: number | null) => ({
      model: 1,
      path: '',
      time,
      training,
      file: line === null ? null : '/home/ada/train.py',
      line,
      function: line === null ? null : 'main',
      session: undefined,
    });
    const places = switchPlaces([call(1, true, 8), call(2, false, 12), call(3, true, 8), call(4, false, null)]);
    assert.deepEqual(
      places.map(({ calls, last, line }) => [calls, last, line]),
      [
        [1, 4, null],
        [2, 3, 8],
        [1, 2, 12],
      ],
    );
    assert.equal(switchesRow(places).description, '4 calls · last: Mode Inspector');
    const [ours, loop] = [switchRow(places[0]!), switchRow(places[1]!)];
    assert.equal(ours.context, 'switch');
    assert.match(ours.description ?? '', /^Mode Inspector · /);
    assert.equal(loop.label, 'model → train');
    assert.match(loop.description ?? '', /^train\.py:8 in main · 2 calls, last \d\d:\d\d:\d\d$/);
    assert.equal(loop.context, 'switch hasLine');
  });
});
