// Words at the lines that switched modes in running programs.

import assert from 'node:assert/strict';
import type { AgentIntroduction } from '../../../src/protocol/agent';
import type { LiveSession } from '../../../src/sessions/liveSession';
import { countModes } from '../../../src/views/modeModel';
import { hoverOf, lensesOf, switchesByLine, type LineSwitches } from '../../../src/views/switchLensModel';
import { FakeLink, liveNet, liveProcess, tellModel } from '../support/liveModels';

/** A model of a process of its own, and what ends that. */
function live(rest: Partial<AgentIntroduction> = {}): { session: LiveSession; link: FakeLink } {
  const link = new FakeLink();
  const process = liveProcess(link, rest);
  tellModel(link, 1, 'net', liveNet);
  const [session] = process.sessions;
  assert.ok(session);
  return { session, link };
}

interface Call {
  readonly path?: string;
  readonly line?: number;
  readonly training?: boolean;
  readonly time?: number;
}

function call(link: FakeLink, { path = '', line = 8, training = false, time = 60 }: Call = {}): void {
  const params = { model: 1, path, time, training, file: '/home/ada/train.py', line, function: 'main' };
  link.say({ name: 'switch', params });
}

/** Whatever the machine's time zone is. */
const untimed = (words: string): string => words.replace(/\d\d:\d\d:\d\d/g, 'T');

describe('lines that switched modes', () => {
  const at = (line: number, ...sessions: LiveSession[]): readonly LineSwitches[] =>
    switchesByLine(sessions, (_, place) => place.line ?? undefined).get(line) ?? [];
  const titles = (...sessions: LiveSession[]): string[] =>
    lensesOf(at(8, ...sessions)).map(({ title }) => untimed(title));

  it('tell the mode that they left, how often and when last', () => {
    const { session, link } = live();
    assert.deepEqual(titles(session), []);
    call(link);
    assert.deepEqual(titles(session), ['$(circle-outline) net → eval · once, T']);
    for (let time = 61; time < 72; time++) call(link, { time });
    call(link, { line: 12, training: true });
    assert.deepEqual(titles(session), ['$(circle-outline) net → eval · 12 calls, last T']);
    const [lens] = lensesOf(at(8, session));
    assert.match(lens?.title ?? '', /last \d\d:\d\d:11$/);
    assert.deepEqual(lens?.target, { session, path: '' });
    // model.train(flag): the mode is that of the last call.
    call(link, { training: true, time: 80 });
    assert.deepEqual(titles(session), ['$(circle-filled) net → train · 13 calls, last T']);
  });

  it('name the module, or say how many there are', () => {
    const { session, link } = live();
    call(link, { path: 'bn' });
    assert.deepEqual(titles(session), ['$(circle-outline) net: bn → eval · once, T']);
    assert.equal(lensesOf(at(8, session))[0]?.target?.path, 'bn');
    call(link, { path: 'drop' });
    assert.deepEqual(titles(session), ['$(circle-outline) net: 2 modules → eval · 2 calls, last T']);
    assert.equal(lensesOf(at(8, session))[0]?.target?.path, '');
  });

  it('tell processes apart: what runs before what has ended, by rank', () => {
    const ranks = [1, 0].map((rank) => live({ rank, worldSize: 2, process: 10 + rank }));
    for (const { link } of ranks) call(link);
    const sessions = ranks.map(({ session }) => session);
    assert.deepEqual(titles(...sessions), [
      '$(circle-outline) net (rank 0) → eval · once, T',
      '$(circle-outline) net (rank 1) → eval · once, T',
    ]);
    ranks[1]?.link.close();
    assert.deepEqual(titles(...sessions), [
      '$(circle-outline) net (rank 1) → eval · once, T',
      '$(circle-outline) net (rank 0) → eval · once, T · ended',
    ]);
  });

  it('have few lenses, also in many processes, the latest run first', () => {
    const runs = [1, 2, 3, 4, 5].map((process) => live({ process }));
    for (const { link } of runs) call(link);
    const sessions = runs.map(({ session }) => session);
    assert.deepEqual(titles(...sessions), [
      '$(circle-outline) net (process 5) → eval · once, T',
      '$(circle-outline) net (process 4) → eval · once, T',
      '$(circle-outline) net (process 3) → eval · once, T',
      'and 2 more models',
    ]);
    assert.equal(lensesOf(at(8, ...sessions))[3]?.target, undefined);
  });

  it('have no lens where the line is not known', () => {
    const { session, link } = live();
    call(link, { line: 8 });
    call(link, { line: 9 });
    const lines = switchesByLine([session], (_, { line }) => (line === 8 ? undefined : 20));
    assert.deepEqual([...lines.keys()], [20]);
  });

  it('say in a hover which mode the model is in now, and what the line did to each module', () => {
    const { session, link } = live({ rank: 0 });
    call(link, { path: 'bn' });
    call(link, { path: 'bn', time: 61 });
    call(link, { training: true });
    link.say({ name: 'modes', params: { model: 1, changed: [{ path: 'drop', training: false }] } });
    const hover = (): ReturnType<typeof hoverOf> =>
      hoverOf(at(8, session), (model, path) => countModes(model.modules)(path));
    const { models, more } = hover();
    assert.equal(more, '');
    const [{ title, mode, program, switches }] = models as [(typeof models)[0]];
    assert.deepEqual([title, mode, program], ['net', 'mixed 1/2', 'train.py, rank 0, process 7']);
    assert.deepEqual(switches.map(untimed), ['model → train · once, T', 'bn → eval · 2 calls, last T · now train']);
    tellModel(link, 1, 'net', liveNet.slice(0, 1));
    link.close();
    assert.equal(untimed(hover().models[0]?.switches[1] ?? ''), 'bn → eval · 2 calls, last T · now gone');
    assert.equal(hover().models[0]?.program, 'train.py, rank 0, process 7, ended');
  });

  it('keep a hover short', () => {
    const { session, link } = live();
    for (let index = 0; index < 20; index++) call(link, { path: `layer${String(index)}` });
    const many = hoverOf(Array<LineSwitches>(10).fill(at(8, session)[0]!), () => countModes([])(''));
    assert.equal(many.models.length, 8);
    assert.equal(many.more, 'and 2 more models');
    assert.equal(many.models[0]?.switches.length, 9);
    assert.equal(many.models[0].switches.at(-1), 'and 12 more');
  });
});
