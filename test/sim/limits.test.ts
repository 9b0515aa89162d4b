/** How fast stopped tasks are back within a vendor's limits: keeper, client and pretend cloud in virtual time. */
import { describe, expect, test } from 'vitest';
import { cronSchedule } from '../../src/settings/schedule.ts';
import type { Arrival } from '../../src/simulator/arrivals.ts';
import { policiesOf } from '../domain/story.ts';
import { defaultPolicy, isRestart, Stage, tasks } from './stage.ts';

const roundTripMs = 20;
const isList = (arrival: Arrival) => !isRestart(arrival);

test.each([
  ['one restart a second: all up within 44 s', 'byteplus', 1, 44, 2],
  ['ten: no slower than before there were limits for actions', 'volcengine', 10, 15, 0],
] as const)(
  '40 of 100 stopped where the cloud takes %s, and lists are undisturbed',
  async (_, provider, restart, most, throttled) => {
    const stage = new Stage({
      policies: policiesOf(defaultPolicy),
      tasks: [...tasks(60), ...tasks(40, { stopped: true, life: { startsInMs: [500, 1_500] } }, 'down')],
      roundTripMs,
      provider,
      restart,
      pollEveryMs: 5_000,
    });
    expect(await stage.until(() => stage.areActive(), 120)).toBeLessThanOrEqual(most);
    expect(stage.arrivals.filter(({ outcome }) => /FlowLimit/.test(outcome)).length).toBeLessThanOrEqual(throttled);
    expect(stage.restarts()).toHaveLength(40);
    await stage.run(30);
    const lists = stage.arrivals.filter(isList).map(({ at }) => at);
    expect(Math.max(...lists.slice(1).map((at, index) => at - (lists[index] ?? at)))).toBeLessThanOrEqual(5_100);
    await stage.stop();
  },
);

/** From each of 30 stops, at every phase of the gap between polls, to the restart, as its cloud answered it. */
test.each([
  ['by polls alone: at most 2.6 s at the median, 5.2 s and two round trips for 99 of 100', false, 2_600, 5_240],
  ['with the callback: at most 0.3 s and two round trips for 99 of 100', true, 340, 340],
])('1,000 tasks, default settings, %s', { timeout: 180_000 }, async (_, hook, half, nearlyAll) => {
  const stage = new Stage({
    policies: policiesOf({ ...defaultPolicy, budget: false }),
    tasks: tasks(1_000),
    roundTripMs,
    pollEveryMs: 5_000,
  });
  await stage.run(20 + 5 / 60);
  const stops: { taskId: string; at: number }[] = [];
  for (let index = 0; index < 30; index++) {
    const taskId = `t${String(index * 32).padStart(5, '0')}`;
    stops.push({ taskId, at: stage.seconds });
    stage.act({ kind: 'stop', taskId });
    if (hook) stage.keeper.pollSoon();
    await stage.run(5 + 5 / 30);
  }
  const took = stops
    .map(({ taskId, at }) => 1_000 * ((stage.restarts(taskId)[0]?.at ?? 1e6) - at) + roundTripMs / 2)
    .sort((a, b) => a - b);
  await stage.stop();
  const of = (quantile: number) => took[Math.ceil(took.length * quantile) - 1] ?? 1e9;
  expect(of(0.5)).toBeLessThanOrEqual(half);
  expect(of(0.99)).toBeLessThanOrEqual(nearlyAll);
});

describe('polls take at most their share of the limit', { timeout: 180_000 }, () => {
  test('ticks are left out evenly where a poll costs more, and the gap that is told is the one that is kept', async () => {
    const stage = new Stage({ policies: policiesOf(defaultPolicy), tasks: tasks(5_200), pollEveryMs: 1_000 });
    expect(stage.keeper.pollGapMs()).toBe(1_000);
    await stage.run(60);
    // Eleven calls a poll; half of ten a second pays for them in 2.2 s.
    expect(stage.keeper.pollGapMs()).toBe(3_000);
    const lists = stage.arrivals.filter((one) => isList(one) && one.at > stage.clock.now() - 45_000);
    const starts = lists.map(({ at }) => at).filter((at, index, all) => at - (all[index - 1] ?? 0) > 500);
    expect(lists.length).toBe(15 * 11);
    expect(new Set(starts.slice(1).map((at, index) => Math.round((at - (starts[index] ?? at)) / 100)))).toEqual(
      new Set([30]),
    );
    await stage.stop();
  });

  test('callbacks without end do not make it more than one poll more', async () => {
    const stage = new Stage({ policies: policiesOf(defaultPolicy), tasks: tasks(5_200), pollEveryMs: 5_000 });
    await stage.run(20);
    const before = stage.arrivals.length;
    for (let calls = 0; calls < 300; calls++) {
      stage.keeper.pollSoon();
      await stage.run(0.1);
    }
    const made = stage.arrivals.length - before;
    expect(made).toBeGreaterThan(30 * 5 - 2 * 11);
    expect(made).toBeLessThanOrEqual(30 * 5 + 2 * 11);
    await stage.stop();
  });

  test('the gap that is told is that of the present moment: at night the one over the night, whenever the process began', async () => {
    const stage = new Stage({ policies: policiesOf(defaultPolicy), tasks: tasks(10), pollEveryMs: 3_600_000 });
    const schedule = cronSchedule('*/15 * 8-22 * * *', 'UTC');
    const toAt = (hour: number, minute: number) => {
      const of = new Date(stage.clock.now());
      const at = Date.UTC(of.getUTCFullYear(), of.getUTCMonth(), of.getUTCDate() + 1, hour, minute);
      return stage.run((at - stage.clock.now()) / 1_000);
    };
    await toAt(23, 30);
    await stage.keeper.configure({ ...stage.settings(), schedule });
    expect(stage.keeper.pollGapMs()).toBe(9 * 3_600_000 + 15_000);
    expect(stage.keeper.situation().pollGapMs).toBe(9 * 3_600_000 + 15_000);
    await toAt(8, 1);
    expect(stage.keeper.pollGapMs()).toBe(15_000);
    await stage.stop();
  });
});
