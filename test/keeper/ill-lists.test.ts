/** A cloud group whose list is in trouble: what it costs the others, looks included. */
import { describe, expect, test } from 'vitest';
import type { Effect } from '../../src/simulator/faults.ts';
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
  const rows: readonly [sentence: string, effect: Effect][] = [
    ['by a second', slow(1)],
    ['by half of the gap between polls', slow(7)],
    ['page by page', { kind: 'page-cap', most: 1 }],
  ];
  test.each(rows)('%s: what stops in it is restarted, and nobody waits for it', async (_sentence, effect) => {
    const stage = stageOf({
      cloudGroups: ['vip', 'studio'],
      tasks: [...tasks(30), ...tasks(20, { cloudGroup: 'studio' }, 'x')],
    });
    await stage.run(60);
    const match = { action: 'list', cloudGroup: 'studio' };
    stage.fault({ effect: { kind: 'error', code: 'InternalError' }, match, count: 2 });
    await stage.run(30);
    stage.fault({ effect, match });
    stage.act({ kind: 'stop', taskId: 'x00000' });
    expect(await stage.until(() => stage.restarts('x00000').length > 0, 60)).toBeLessThan(45);
    expect(Math.max(...(await waits(stage, 3)))).toBeLessThan(17);
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
