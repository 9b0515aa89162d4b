/** Another tool uses half of the account's quota for ten minutes: how the limiter finds its place beside it. */
import { describe, expect, test } from 'vitest';
import {
  type LimiterEvent,
  type LimiterState,
  limiterSnapshot,
  startLimiter,
  stepLimiter,
} from '../../src/cloud/limiter/limiter.ts';
import { seeded } from './limiter-load.ts';

interface Neighbour {
  readonly spacing: 'even' | 'none';
  /** The other tool sends five calls a second, this many at once. */
  readonly burst: number;
  /** Whether the server counts what it refuses. */
  readonly countsRefused: boolean;
}

const leavesAt = 600_000;
const perSecond = 10;

/** Calls that we sent in a stretch, and those of them that were refused, while our queue never empties. */
function beside({ spacing, burst, countsRefused }: Neighbour) {
  const random = seeded(11);
  let now = 0;
  let state: LimiterState = startLimiter({ perSecond, spacing }, now);
  let wakeAt = Infinity;
  let asked = 0;
  /** Ours, few at a time, and the other tool's, latest first. */
  const agenda: { at: number; run: () => void }[] = [];
  const others: number[] = [];
  const counted: number[] = [];
  const ours: { at: number; taken: boolean }[] = [];

  const arrive = (): boolean => {
    while ((counted[0] ?? now) <= now - 1_000) counted.shift();
    const taken = counted.length < perSecond;
    if (taken || countsRefused) counted.push(now);
    return taken;
  };
  const happen = (event: LimiterEvent) => {
    const step = stepLimiter(state, now, event);
    state = step.state;
    wakeAt = step.wakeAt ?? Infinity;
    for (const { id } of step.admitted) agenda.push({ at: now + 10 + 20 * random(), run: () => answer(id, arrive()) });
  };
  const ask = () => happen({ kind: 'asked', id: asked++, lane: 'poll' });
  const answer = (id: number, taken: boolean) => {
    ours.push({ at: now, taken });
    agenda.push({
      at: now + 20,
      run: () => {
        if (!taken) happen({ kind: 'throttled' });
        happen({ kind: 'done', id, outcome: 'answered' });
        ask();
      },
    });
  };

  for (let at = 0; at < leavesAt; at += 200 * burst) {
    for (let call = 0; call < burst; call++) others.push(at + 50 * random());
  }
  others.sort((a, b) => b - a);
  for (let call = 0; call < 20; call++) ask();
  while (now < leavesAt + 200_000) {
    agenda.sort((a, b) => b.at - a.at);
    const ourAt = agenda.at(-1)?.at ?? Infinity;
    const otherAt = others.at(-1) ?? Infinity;
    now = Math.max(now, Math.min(ourAt, otherAt, wakeAt));
    if (otherAt <= now) {
      others.pop();
      arrive();
    } else if (ourAt <= now) agenda.pop()?.run();
    else happen({ kind: 'woken' });
  }
  const between = (from: number, until: number) => {
    const calls = ours.filter(({ at }) => at >= from && at < until);
    return {
      perSecond: calls.length / ((until - from) / 1_000),
      refused: calls.filter(({ taken }) => !taken).length / calls.length,
    };
  };
  return { between, limit: limiterSnapshot(state, now).perSecond };
}

describe('beside a tool that uses half of the quota', () => {
  test.each<Neighbour>([
    { spacing: 'even', burst: 1, countsRefused: false },
    { spacing: 'even', burst: 5, countsRefused: false },
    { spacing: 'none', burst: 1, countsRefused: false },
    { spacing: 'none', burst: 5, countsRefused: false },
    { spacing: 'even', burst: 1, countsRefused: true },
    { spacing: 'even', burst: 5, countsRefused: true },
    { spacing: 'none', burst: 5, countsRefused: true },
  ])('spacing $spacing, $burst at once, refused ones counted: $countsRefused', (neighbour) => {
    const { between, limit } = beside(neighbour);
    const together = between(10_000, leavesAt);
    expect(together.refused).toBeLessThan(0.02);
    expect(together.perSecond).toBeGreaterThan(2.5);
    expect(together.perSecond).toBeLessThan(5);
    const alone = between(leavesAt + 100_000, leavesAt + 200_000);
    expect(alone.perSecond).toBeGreaterThan(9.4);
    expect(alone.refused).toBe(0);
    expect(limit).toBe(perSecond);
  });
});
