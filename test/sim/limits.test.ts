/** How fast stopped tasks are back within a vendor's limits: keeper, client and pretend cloud in virtual time. */
import { describe, expect, test } from 'vitest';
import { cronSchedule } from '../../src/settings/schedule.ts';
import type { Arrival } from '../../src/simulator/arrivals.ts';
import { policiesOf } from '../domain/story.ts';
import { defaultPolicy, isRestart, Stage, tasks } from './stage.ts';

const roundTripMs = 20;
const isList = (arrival: Arrival) => !isRestart(arrival);

describe('40 of 100 tasks stopped, default settings', () => {
  const start = async (vendor: 'volcengine' | 'byteplus', restart: number) => {
    const stage = new Stage({
      policies: policiesOf(defaultPolicy),
      tasks: [...tasks(60), ...tasks(40, { stopped: true, life: { startsInMs: [500, 1_500] } }, 'down')],
      roundTripMs,
      provider: vendor,
      restart,
      pollEveryMs: 5_000,
    });
    const seconds = await stage.until(() => stage.areActive(), 120);
    const throttled = stage.arrivals.filter(({ outcome }) => /FlowLimit/.test(outcome)).length;
    const restarts = stage.restarts().length;
    await stage.run(30);
    const lists = stage.arrivals.filter(isList).map(({ at }) => at);
    const longestUnlistedMs = Math.max(...lists.slice(1).map((at, index) => at - (lists[index] ?? at)));
    await stage.stop();
    return { seconds, throttled, restarts, longestUnlistedMs };
  };

  test('where the cloud takes one restart a second: all up within 44 s, lists undisturbed', async () => {
    const { seconds, throttled, restarts, longestUnlistedMs } = await start('byteplus', 1);
    expect(seconds).toBeLessThanOrEqual(44);
    expect(throttled).toBeLessThanOrEqual(2);
    expect(restarts).toBe(40);
    expect(longestUnlistedMs).toBeLessThanOrEqual(5_100);
  });

  test('where it takes ten: no slower than before there were limits for actions', async () => {
    const { seconds, throttled, restarts } = await start('volcengine', 10);
    expect({ throttled, restarts }).toEqual({ throttled: 0, restarts: 40 });
    expect(seconds).toBeLessThanOrEqual(15);
  });
});

describe('1,000 tasks, default settings: from the stop to the restart', { timeout: 60_000 }, () => {
  /** Milliseconds until each of 30 stops, at every phase of the gap between polls, was answered with a restart. */
  const healed = async (hook: boolean) => {
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
    const restarts = stage.restarts();
    await stage.stop();
    return stops
      .map(
        ({ taskId, at }) =>
          1_000 * ((restarts.find((restart) => restart.taskId === taskId)?.at ?? 1e6) - at) + roundTripMs / 2,
      )
      .sort((a, b) => a - b);
  };
  const of = (sorted: readonly number[], quantile: number) => sorted[Math.ceil(sorted.length * quantile) - 1] ?? 1e9;

  test('by polls alone: at most 2.6 s at the median, 5.2 s and two round trips for 99 of 100', async () => {
    const took = await healed(false);
    expect(of(took, 0.5)).toBeLessThanOrEqual(2_600);
    expect(of(took, 0.99)).toBeLessThanOrEqual(5_200 + 2 * roundTripMs);
  });

  test('with the callback: at most 0.3 s and two round trips for 99 of 100', async () => {
    expect(of(await healed(true), 0.99)).toBeLessThanOrEqual(300 + 2 * roundTripMs);
  });
});

describe('polls take at most their share of the limit', { timeout: 60_000 }, () => {
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
