// The mode timeline as a picture of bounded size.

import assert from 'node:assert/strict';
import type { AgentSwitch } from '../../../src/protocol/agent';
import { placeOfLane, timelineOf } from '../../../src/views/timelineModel';

const call = (time: number, training: boolean, rest: Partial<AgentSwitch> = {}): AgentSwitch => ({
  model: 1,
  path: '',
  time,
  training,
  file: '/code/train.py',
  line: training ? 10 : 20,
  function: 'main',
  ...rest,
});

describe('mode timeline', () => {
  it('is empty without a call', () => {
    const { calls, lanes, stretches } = timelineOf([], 5);
    assert.deepEqual({ calls, lanes, stretches }, { calls: 0, lanes: [], stretches: [] });
  });

  it('has a lane for each line of code, the latest first, with its calls', () => {
    const { lanes, calls } = timelineOf([call(0, true), call(10, false), call(20, true)], 30);
    assert.equal(calls, 3);
    assert.deepEqual(
      lanes.map(({ subject, training, place, calls: count, hasLine }) => [subject, training, place, count, hasLine]),
      [
        ['model', true, 'train.py:10 in main', 2, true],
        ['model', false, 'train.py:20 in main', 1, true],
      ],
    );
    assert.deepEqual(lanes[0]?.moments, [
      [0, 1],
      [20, 1],
    ]);
  });

  it('tells the mode of the whole model between calls; a layer of its own changes nothing there', () => {
    const { stretches } = timelineOf([call(0, true), call(12, false, { path: 'bn' }), call(15, false)], 30);
    assert.deepEqual(stretches, [
      { from: 0, to: 15, mode: 'train' },
      { from: 15, to: 30, mode: 'eval' },
    ]);
  });

  it('stays small for thousands of calls, and says where both modes fall together', () => {
    const calls = Array.from({ length: 5000 }, (_, index) => call(index, index % 2 === 0));
    const timeline = timelineOf(calls, 5000);
    assert.deepEqual(timeline.stretches, [{ from: 0, to: 5000, mode: 'mixed' }]);
    for (const { moments, calls: count } of timeline.lanes) {
      assert.ok(moments.length <= 300);
      assert.equal(
        moments.reduce((sum, [, each]) => sum + each, 0),
        count,
      );
    }
  });

  it('leaves the lines that called least recently out, and says how many', () => {
    const calls = Array.from({ length: 20 }, (_, index) => call(index, true, { line: index }));
    const { lanes, omitted } = timelineOf(calls, 20);
    assert.equal(lanes.length, 12);
    assert.equal(omitted, 8);
    assert.equal(lanes[0]?.place, 'train.py:19 in main');
  });

  it('finds the line of a lane again, and has none for our own switches', () => {
    const calls = [call(0, true), call(1, false, { file: null, line: null, function: null })];
    const [own, theirs] = timelineOf(calls, 2).lanes;
    assert.equal(own?.hasLine, false);
    assert.equal(placeOfLane(calls, theirs?.key ?? '')?.line, 10);
    assert.equal(placeOfLane(calls, 'unknown'), undefined);
  });
});
