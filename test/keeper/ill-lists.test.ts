/** A cloud group whose list is in trouble: what it costs the others, looks included. */
import { describe, expect, test } from 'vitest';
import type { Effect, Fault } from '../../src/simulator/faults.ts';
import { begin, policiesOf } from '../domain/story.ts';
import { defaultPolicy, Stage, type StageOptions, tasks } from '../sim/stage.ts';

const calm = { ...policiesOf({ ...defaultPolicy, storm: false, budget: false, attempts: 100 }), storm: false } as const;
const inVain = { stopped: true, life: { restartsInVain: Number.POSITIVE_INFINITY } };

const stageOf = (more: Partial<StageOptions> = {}) =>
  new Stage({
    policies: calm,
    tasks: [...tasks(30), ...tasks(2, { cloudGroup: 'studio', ...inVain }, 'x')],
    ...more,
  });

/** One after the other is stopped, 20 s apart, and `meanwhile` goes on; gives how long each waited, seconds. */
async function waits(stage: Stage, count: number, meanwhile: (turn: number) => void = () => {}) {
  const waited: number[] = [];
  await stage.run(60);
  for (const [turn, { taskId = '' }] of tasks(count).entries()) {
    meanwhile(turn);
    const stoppedAt = stage.seconds;
    stage.act({ kind: 'stop', taskId });
    await stage.run(20);
    waited.push((stage.restarts(taskId)[0]?.at ?? Number.POSITIVE_INFINITY) - stoppedAt);
  }
  return waited;
}

describe('looks at it fail, and the list of all does not', () => {
  const stayAway = { 'Retry-After': '60' };
  const rows: readonly [sentence: string, effect: Effect][] = [
    ['asked to stay away for a minute', { kind: 'error', code: 'ServiceUnavailableTemp', headers: stayAway }],
    ['a bare 429', { kind: 'answer', status: 429, body: '', headers: stayAway }],
    ['no answer', { kind: 'stall', when: 'before' }],
  ];
  test.each(rows)('%s: no poll waits for it', async (_sentence, effect) => {
    const stage = stageOf();
    stage.fault({ effect, match: { action: 'list', cloudGroup: 'studio' } });
    expect(Math.max(...(await waits(stage, 12)))).toBeLessThan(17);
  });
});

describe('a list that fails again and again', () => {
  const rows: readonly [sentence: string, effect: Effect, turns: number][] = [
    ['hangs every other poll', { kind: 'stall', when: 'before' }, 1],
    ['hangs every other minute', { kind: 'stall', when: 'before' }, 3],
  ];
  test.each(rows)('%s: a few polls wait for it, and then none', async (_sentence, effect, turns) => {
    const stage = stageOf({ cloudGroups: ['vip', 'studio'] });
    const waited = await waits(stage, 18, (turn) => {
      const { faults } = stage.world;
      faults.splice(0, faults.length);
      if (Math.floor(turn / turns) % 2 === 0) stage.fault({ effect, match: { action: 'list', cloudGroup: 'studio' } });
    });
    expect(waited.filter((seconds) => seconds > 17).length).toBeLessThanOrEqual(3);
    expect(stage.statusOf('x00000')).toBe('停用');
    expect(stage.restarts('x00000').length).toBeGreaterThan(2);
  });
});

describe('a cloud group that failed once and answers late since then', () => {
  const slow = (seconds: number): Effect => ({ kind: 'slow-down', ms: [seconds * 1_000, seconds * 1_000] });
  const ofStudio = { action: 'list', cloudGroup: 'studio' };
  const failsOnce: Fault = { effect: { kind: 'error', code: 'InternalError' }, match: ofStudio, count: 2 };
  const stageWith = (gap: number, more: Partial<StageOptions> = {}) =>
    stageOf({
      cloudGroups: ['vip', 'studio'],
      tasks: [...tasks(30), ...tasks(20, { cloudGroup: 'studio' }, 'x')],
      pollEveryMs: gap * 1_000,
      ...more,
    });
  const rows: readonly [sentence: string, effect: Effect, gap: number, late: number][] = [
    ['by a second', slow(1), 15, 1],
    ['by half of the gap between polls', slow(7), 15, 7],
    ['page by page', { kind: 'page-cap', most: 1 }, 15, 1],
    ['with polls two minutes apart', slow(7), 120, 7],
  ];
  test.each(rows)('%s: one poll more, and it is with the others again', async (_sentence, effect, gap, late) => {
    const stage = stageWith(gap);
    await stage.run(4 * gap);
    stage.fault(failsOnce);
    await stage.run(2 * gap);
    stage.fault({ effect, match: ofStudio });
    stage.act({ kind: 'stop', taskId: 'x00000' });
    const isRestarted = () => stage.restarts('x00000').length > 0;
    expect(await stage.until(isRestarted, 3 * gap)).toBeLessThan(2 * gap + late + 2);
    // As before it failed: a poll takes as long as its slowest answer.
    if (gap < 20) expect(Math.max(...(await waits(stage, 3)))).toBeLessThan(gap + late + 2);
  });

  test.each([30, -30])('a step of the clock by %i minutes while it answers blinds nobody', async (minutes) => {
    const stage = stageWith(15, { verifyEveryMs: 600_000 });
    await stage.run(50);
    stage.act({ kind: 'stop', taskId: 'x00000' });
    await stage.run(14);
    expect(stage.restarts('x00000')).toHaveLength(1);
    stage.fault(failsOnce);
    await stage.run(15);
    stage.fault({ effect: slow(7), match: ofStudio });
    await stage.run(14); // the poll is over, and the answer that shows the restarted task under way
    stage.clock.step(minutes * 60_000);
    await stage.run(40);
    stage.act({ kind: 'stop', taskId: 'x00000' });
    expect(await stage.until(() => stage.restarts('x00000').length > 1, 120)).toBeLessThan(60);
  });
});

describe('fifty cloud groups by name, and none answers for ten minutes', () => {
  const away = { 'Retry-After': '60' };
  const breaks: Effect = { kind: 'reset', when: 'before' };
  const hangs: Effect = { kind: 'stall', when: 'before' };
  const fails: Effect = { kind: 'error', code: 'InternalError' };
  // Four polls: the list, six parts of it, and patiently five times more.
  const rows: readonly [sentence: string, effect: Effect, perSecond: number, mostInAMinute: number][] = [
    ['the connection breaks', breaks, 10, 60],
    ['no answer', hangs, 10, 30],
    ['no answer, and one call a second', hangs, 1, 30],
    ['an error', fails, 10, 60],
    ['an error, and one call a second', fails, 1, 60],
    ['asked to stay away for a minute', { ...fails, code: 'ServiceUnavailableTemp', headers: away }, 10, 8],
  ];
  test.each(rows)('%s: it costs few calls, and its end is soon seen', async (_sentence, effect, perSecond, most) => {
    const names = Array.from({ length: 50 }, (_, nth) => `g${nth}`);
    const stage = stageOf({
      perSecond,
      cloudGroups: names,
      tasks: names.flatMap((cloudGroup) => tasks(1, { cloudGroup }, cloudGroup)),
    });
    await stage.run(60);
    const before = stage.arrivals.length;
    stage.fault({ effect, match: { action: 'list' } });
    await stage.run(600);
    const times = stage.arrivals.slice(before).map(({ at }) => at);
    const inMinuteFrom = (from: number) => times.filter((at) => at >= from && at < from + 60_000).length;
    expect(Math.max(...times.map(inMinuteFrom))).toBeLessThanOrEqual(most);

    stage.world.faults.splice(0);
    const polls = stage.told('poll-completed').length;
    const isSeen = () => stage.told('poll-completed').length > polls;
    // A gap, a request that hangs, and a few calls; or what was asked for.
    expect(await stage.until(isSeen, 700)).toBeLessThan(effect.kind === 'error' && effect.headers ? 62 : 30);
  });
});

test.each<[sentence: string, effect: Effect]>([
  ['hang', { kind: 'stall', when: 'before' }],
  ['are refused', { kind: 'error', code: 'AccessDenied' }],
  ['fail', { kind: 'error', code: 'InternalError' }],
])('of sixty cloud groups by name the first fifty %s: the others heal as ever', async (_sentence, effect) => {
  const names = Array.from({ length: 60 }, (_, nth) => `g${nth}`);
  const well = tasks(12, { cloudGroup: 'g55' });
  const stage = stageOf({
    cloudGroups: names,
    tasks: [...names.flatMap((name) => tasks(1, { cloudGroup: name }, name)), ...well],
  });
  for (const cloudGroup of names.slice(0, 50)) stage.fault({ effect, match: { action: 'list', cloudGroup } });
  // Until it is known which they are: a poll or two.
  await stage.run(120);
  expect(Math.max(...(await waits(stage, 6)))).toBeLessThan(20);
});

describe('looks that cost more than they were to cost', () => {
  const rows: readonly [sentence: string, effect: Effect][] = [
    ['each list is an error', { kind: 'error', code: 'InternalError' }],
    ['each connection breaks', { kind: 'reset', when: 'before' }],
    ['each list is refused', { kind: 'error', code: 'AccessDenied' }],
  ];
  test.each(rows)('%s: they keep to the share of polling all the same', async (_sentence, effect) => {
    const names = Array.from({ length: 8 }, (_, nth) => `g${nth}`);
    const stage = stageOf({
      perSecond: 1,
      pollEveryMs: 300_000,
      tasks: names.flatMap((cloudGroup) => tasks(1, { cloudGroup, ...inVain }, cloudGroup)),
    });
    await stage.until(() => stage.restarts().length === 8, 60);
    stage.fault({ effect, match: { action: 'list' } });
    const before = stage.gate.admitted('verify');
    await stage.run(150);
    const looked = stage.gate.admitted('verify') - before;
    // Half of one a second, and a look more.
    expect(looked).toBeGreaterThan(10);
    expect(looked).toBeLessThanOrEqual(150 / 2 + 8);
  });
});

test('a list too long for looks leaves them to the others', async () => {
  const stage = stageOf({
    perSecond: 2,
    pollEveryMs: 60_000,
    tasks: [
      ...tasks(5),
      ...tasks(3_000, { cloudGroup: 'studio' }, 'y'),
      ...tasks(1, { cloudGroup: 'studio', ...inVain }, 'x'),
    ],
  });
  await stage.run(80);
  expect(stage.restarts('x00000')).toHaveLength(1);
  stage.act({ kind: 'stop', taskId: 't00001' });
  await stage.run(70);
  const restartedAt = stage.restarts('t00001')[0]?.at ?? 0;
  // By the next poll it would be a minute later.
  expect(stage.told('restart-worked')[0]?.at ?? Number.POSITIVE_INFINITY).toBeLessThan(
    begin + (restartedAt + 20) * 1_000,
  );
});
