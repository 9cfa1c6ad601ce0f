// Where live processes stand: ranks below their job, children below their parents, launchers nowhere.

import assert from 'node:assert/strict';
import type { AgentIntroduction } from '../../../src/protocol/agent';
import {
  currentMembers,
  jobRow,
  jobsIn,
  launcherOfLast,
  memberName,
  membersWords,
  placesOf,
  titleOf,
} from '../../../src/views/ranksModel';
import type { Place, PlacedProcess } from '../../../src/views/ranksModel';
import { introductionOf } from '../support/liveModels';

interface Told extends Partial<AgentIntroduction> {
  readonly models?: number;
  readonly ended?: boolean;
}

/** By process id: what started it, and all that differs from `train.py` with a model. */
function processOf(id: number, parent: number, { models = 1, ended = false, ...rest }: Told = {}): PlacedProcess {
  return { introduction: introductionOf({ process: id, parent, ...rest }), ended, sessions: Array(models).fill(0) };
}

const launcher = (id: number): PlacedProcess => processOf(id, 1, { models: 0, argv: ['/bin/torchrun', 'train.py'] });
const rank = (id: number, parent: number, number: number, rest: Told = {}): PlacedProcess =>
  processOf(id, parent, { rank: number, worldSize: 2, job: 'a', ...rest });

/** `[10, 11]` for a job with these processes, `12` for a process, `12(13)` for one above another. */
function drawn(places: readonly Place<PlacedProcess>[]): string {
  const one = (place: Place<PlacedProcess>): string => {
    const below = drawn(place.below);
    if (place.kind === 'job') return `[${below}]`;
    return `${String(place.process.introduction.process)}${below === '' ? '' : `(${below})`}`;
  };
  return places.map(one).join(' ');
}

const drawing = (...processes: readonly PlacedProcess[]): string => drawn(placesOf(processes));

describe('places of live processes', () => {
  it('are roots where nothing connects them', () => {
    assert.equal(drawing(processOf(10, 1), processOf(11, 1)), '10 11');
  });

  it('bring the ranks of a job together by rank, and leave the launcher out', () => {
    assert.equal(drawing(launcher(9), rank(11, 9, 1), rank(10, 9, 0), processOf(20, 1)), '[10 11] 20');
    const [job] = jobsIn(placesOf([launcher(9), rank(11, 9, 1), rank(10, 9, 0)]));
    assert.equal(job?.launcher?.introduction.process, 9);
    assert.equal(job.key, 'a/9');
  });

  it('make no job of a single rank', () => {
    assert.equal(drawing(launcher(9), rank(10, 9, 0)), '10');
    assert.equal(drawing(launcher(9)), '9');
  });

  it('keep two runs apart, though they are called the same', () => {
    const first = [rank(10, 9, 0, { ended: true }), rank(11, 9, 1, { ended: true })];
    assert.equal(drawing(...first, rank(21, 20, 1), rank(20 + 2, 20, 0)), '[10 11] [22 21]');
    const none = (id: number, parent: number, number: number): PlacedProcess =>
      rank(id, parent, number, { job: 'none' });
    assert.equal(drawing(none(10, 9, 0), none(11, 9, 1), none(21, 20, 0), none(22, 20, 1)), '[10 11] [21 22]');
  });

  it('bring several launchers of one job together', () => {
    const node = (id: number, parent: number, number: number): PlacedProcess =>
      rank(id, parent, number, { worldSize: 4 });
    assert.equal(drawing(node(10, 9, 0), node(11, 9, 1), node(21, 20, 2), node(22, 20, 3)), '[10 11 21 22]');
  });

  it('bring spawned processes of the same command together, with their parent if it holds a model', () => {
    const spawner = processOf(9, 1, { models: 0 });
    assert.equal(drawing(spawner, processOf(10, 9), processOf(11, 9)), '[10 11]');
    assert.equal(drawing(processOf(9, 1), processOf(10, 9)), '[9 10]');
    // Not yet: workers that load data import torch as well.
    assert.equal(
      drawing(processOf(9, 1), processOf(10, 9, { models: 0 }), processOf(11, 9, { models: 0 })),
      '9(10 11)',
    );
  });

  it('put other children below their parents', () => {
    const child = (id: number, parent: number): PlacedProcess =>
      processOf(id, parent, { argv: [`/home/ada/step${String(id)}.py`] });
    assert.equal(drawing(processOf(9, 1), child(10, 9), child(11, 10), processOf(12, 1)), '9(10(11)) 12');
    assert.equal(drawing(rank(10, 9, 0), rank(11, 9, 1), rank(12, 10, 0), rank(13, 10, 0)), '[10(12 13) 11]');
    // A job stands below what started its launcher.
    assert.equal(drawing(child(5, 1), processOf(9, 5, { models: 0 }), rank(10, 9, 0), rank(11, 9, 1)), '5([10 11])');
  });

  it('never lose a process, whatever numbers the processes tell', () => {
    const odd = [processOf(1, 1), processOf(2, 3), processOf(3, 2), rank(4, 4, 0), rank(4, 4, 0), rank(5, 4, 1)];
    assert.equal(drawing(...odd).match(/\d+/g)?.length, odd.length);
  });
});

describe('the launcher of ranks', () => {
  it('is done with the last of them', () => {
    const [torchrun, first, second] = [launcher(9), rank(10, 9, 0), rank(11, 9, 1)];
    assert.equal(launcherOfLast([torchrun, first, second], second), undefined);
    assert.equal(launcherOfLast([torchrun, second], second), torchrun);
    assert.equal(launcherOfLast([second], second), undefined);
    const driver = processOf(9, 1, { models: 0, argv: ['/home/ada/drive.py'] });
    const child = processOf(10, 9);
    assert.equal(launcherOfLast([driver, child], child), undefined);
  });
});

describe('rows of jobs', () => {
  const words = { comparison: ['flags agree'], canTrain: false, canEval: true };
  const jobOf = (...processes: readonly PlacedProcess[]): NonNullable<ReturnType<typeof jobsIn<PlacedProcess>>[0]> => {
    const [job] = jobsIn(placesOf(processes));
    assert.ok(job);
    return job;
  };

  it('say how many ranks there are, and how they stand to each other', () => {
    const row = jobRow({ job: jobOf(launcher(9), rank(10, 9, 0), rank(11, 9, 1)), ...words });
    assert.equal(row.label, 'train.py');
    assert.equal(row.description, '2 ranks · flags agree');
    assert.equal(row.spoken, 'Job train.py, 2 ranks, flags agree');
    assert.equal(row.context, 'job running canEval');
    assert.ok(row.tooltip?.includes('rank 1: process 11, /home/ada/train.py --epochs 3'));
    assert.ok(row.tooltip?.includes('Started by: process 9'));
  });

  it('say which have ended, and that others are elsewhere', () => {
    const one = jobRow({ job: jobOf(rank(10, 9, 0), rank(11, 9, 1, { ended: true })), ...words });
    assert.equal(one.description, '2 ranks · 1 ended · flags agree');
    const both = [rank(10, 9, 0, { ended: true }), rank(11, 9, 1, { ended: true })];
    const all = jobRow({ job: jobOf(...both), ...words, canEval: false });
    assert.equal(all.description, '2 ranks · ended · flags agree');
    assert.equal(all.context, 'job ended');
    assert.equal(
      membersWords(jobOf(rank(10, 9, 0, { worldSize: 8 }), rank(11, 9, 1, { worldSize: 8 }))),
      '2 of 8 ranks',
    );
    assert.equal(membersWords(jobOf(processOf(9, 1), processOf(10, 9))), '2 processes');
    assert.equal(titleOf(jobOf(processOf(9, 1), processOf(10, 9))), 'train.py');
  });

  it('count a rank once that was started again', () => {
    const ended = { ended: true };
    const job = jobOf(rank(10, 9, 0, ended), rank(11, 9, 1, ended), rank(12, 9, 0), rank(13, 9, 1));
    assert.deepEqual(
      currentMembers(job).map(({ introduction }) => introduction.process),
      [12, 13],
    );
    assert.equal(jobRow({ job, ...words }).description, '2 ranks · flags agree');
    assert.deepEqual(
      job.members.map(({ introduction }) => memberName(introduction)),
      ['rank 0', 'rank 0', 'rank 1', 'rank 1'],
    );
    assert.equal(memberName(introductionOf()), 'process 7');
  });
});
