/**
 * A thousand tasks that stop at once, and an account that another tool uses too: how near to the physical limit the
 * whole daemon comes. Judged at the cloud's side, on the virtual clock; the bound is the limiter's, L / (W + round trip).
 */
import { expect, test } from 'vitest';
import { setParameters } from '../../src/simulator/world.ts';
import { policiesOf } from '../domain/story.ts';
import { defaultPolicy, isRestart, Stage, tasks } from './stage.ts';

const perSecond = 10;
const roundTripMs = 40;
const many = 1_000;
/** Milliseconds that so many calls take at least. */
const boundMs = (calls: number) => (calls * (1_000 + roundTripMs)) / perSecond;

const usual = policiesOf(defaultPolicy);
const unguardedPolicy = { ...defaultPolicy, storm: false, budget: false } as const;
const unguarded = { ...policiesOf(unguardedPolicy), storm: false } as const;

/** Runs until all that stopped were restarted, each once: how long that took of the bound, and the lists meanwhile. */
async function restarted(stage: Stage, from: number) {
  const asked = () => new Set(stage.restarts().map(({ taskId }) => taskId)).size;
  expect(await stage.until(() => asked() === many, 400)).toBeLessThan(400);
  const arrivals = stage.arrivals.filter(({ at }) => at >= from);
  const calls = arrivals.filter(isRestart);
  expect(calls).toHaveLength(many);
  const [first, last] = [calls[0]?.at ?? Number.NaN, calls.at(-1)?.at ?? Number.NaN];
  const lists = arrivals.filter((arrival) => !isRestart(arrival) && arrival.at >= first && arrival.at <= last).length;
  // Permits that lists took meanwhile are not counted against it.
  const ofBound = (last - first - boundMs(lists)) / boundMs(many);
  expect(stage.world.arrivals.worstSecond).toBeLessThanOrEqual(perSecond);
  await stage.stop();
  return { ofBound, lists, listsPerSecond: lists / ((last - first) / 1_000), firstAfterMs: first - from };
}

test('1,000 stop at once, storm and budget off: each restarted once, within 1.10 × the bound from the list that shows them', {
  timeout: 180_000,
}, async () => {
  const lives = { life: { startsInMs: [2_000, 8_000] } } as const;
  const stage = new Stage({ policies: unguarded, roundTripMs, tasks: tasks(many, lives) });
  await stage.run(100);
  for (const taskId of stage.world.tasks.keys()) stage.act({ kind: 'stop', taskId });
  const from = stage.clock.now();
  // Meanwhile rate and queue are told as they are: each restart is asked for when the one before it has gone.
  let mostQueued = 0;
  let waitedSeconds = 0;
  for (let second = 0; second < 60; second++) {
    await stage.run(1);
    const { queued, perSecond: rate, permitsOut } = stage.gate.snapshot();
    expect(rate).toBe(perSecond);
    expect(permitsOut).toBeLessThanOrEqual(perSecond);
    mostQueued = Math.max(mostQueued, queued.restart);
    if (queued.restart > 0) waitedSeconds++;
  }
  expect(mostQueued).toBe(1);
  expect(waitedSeconds).toBeGreaterThan(40);
  const { ofBound, lists } = await restarted(stage, from);
  expect(ofBound).toBeLessThan(1.1);
  // Nobody stands behind a mass restart: the list was still read.
  expect(lists).toBeGreaterThan(10);
});

test('1,000 of 20,000 stop at once: restarted within 1.10 × the bound, and polls take no more than their share', {
  timeout: 180_000,
}, async () => {
  const all = tasks(20_000, { life: { startsInMs: [2_000, 8_000] } }).map((task, index) => ({
    ...task,
    cloudGroup: `g${index % 200}`,
  }));
  const stage = new Stage({ policies: usual, roundTripMs, tasks: all, pollEveryMs: 5_000 });
  // Two polls of 40 pages each: by then the gap that the share asks for is known.
  expect(await stage.until(() => stage.arrivals.length > 81, 200)).toBeLessThan(200);
  const from = stage.clock.now();
  for (let index = 0; index < 1_000; index++)
    stage.act({ kind: 'stop', taskId: all[(index * 7_919) % all.length]?.taskId ?? '' });
  const { ofBound, listsPerSecond, firstAfterMs } = await restarted(stage, from);
  expect(ofBound).toBeLessThan(1.1);
  expect(listsPerSecond).toBeLessThanOrEqual(0.5 * perSecond);
  // From the stop on: at most a gap between polls, and the poll itself.
  expect(firstAfterMs).toBeLessThan(2 * 2 * boundMs(40));
});

test('another tool uses half of the quota: few refused after ten seconds, less than the rest is taken, the rate comes back', {
  timeout: 180_000,
}, async () => {
  const { backoff } = defaultPolicy;
  const stage = new Stage({
    // Whoever stopped goes again soon, so that there is always something to restart.
    policies: {
      ...policiesOf({ ...unguardedPolicy, attempts: 1_000, backoff: { ...backoff, maxMs: backoff.initialMs } }),
      storm: false,
    },
    roundTripMs,
    tasks: tasks(300, { stopped: true, life: { startsInMs: [1_000, 2_000], survivesMs: [3_000, 9_000] } }),
  });
  const between = (from: number, to: number) => {
    const begin = stage.clock.now() - stage.seconds * 1_000;
    const ours = stage.arrivals.filter(({ at }) => at >= begin + from * 1_000 && at < begin + to * 1_000);
    const refused = ours.filter(({ outcome }) => /FlowLimitExceeded$/.test(outcome));
    return { perSecond: ours.length / (to - from), refused: refused.length / ours.length };
  };
  setParameters(stage.world, { limits: { othersPerSecond: 5 } });
  await stage.run(400);
  const beside = between(10, 400);
  expect(beside.refused).toBeLessThan(0.02);
  expect(beside.perSecond).toBeLessThan(5);
  expect(beside.perSecond).toBeGreaterThan(1.5);
  setParameters(stage.world, { limits: { othersPerSecond: 0 } });
  await stage.run(300);
  const alone = between(500, 700);
  expect(alone.refused).toBe(0);
  expect(stage.gate.snapshot().perSecond).toBe(perSecond);
  expect(alone.perSecond).toBeGreaterThan(0.9 * (perSecond / (1 + roundTripMs / 1_000)));
  await stage.stop();
});
