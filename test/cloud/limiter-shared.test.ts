/** Another tool uses half of the account's quota for ten minutes: how the limiter finds its place beside it. */
import { describe, expect, test } from 'vitest';
import * as halving from '../../src/cloud/limiter/limiter.ts';
import { seeded } from './limiter-load.ts';
import { breed } from './limiter-mutants.ts';
import type { Limiter } from './limiter-world.ts';

interface Neighbour {
  readonly spacing: 'even' | 'none';
  /** The other tool sends five calls a second, this many at once. */
  readonly burst: number;
  /** Whether the server counts what it refuses. */
  readonly countsRefused: boolean;
}

const leavesAt = 600_000;
const perSecond = 10;

/** Calls that we sent in a period, and those of them that were refused, while our queue never empties. */
function beside({ spacing, burst, countsRefused }: Neighbour, limiter: Limiter = halving) {
  const random = seeded(11);
  let now = 0;
  let state = limiter.startLimiter({ perSecond, spacing }, now);
  let wakeAt = Infinity;
  let asked = 0;
  /** Ours, few at a time, and the other tool's, latest first. */
  const agenda: { at: number; run: () => void }[] = [];
  const others: number[] = [];
  const counted: number[] = [];
  const ours: { at: number; taken: boolean }[] = [];
  let othersRefused = 0;

  const arrive = (): boolean => {
    while ((counted[0] ?? now) <= now - 1_000) counted.shift();
    const taken = counted.length < perSecond;
    if (taken || countsRefused) counted.push(now);
    return taken;
  };
  const happen = (event: halving.LimiterEvent) => {
    const step = limiter.stepLimiter(state, now, event);
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
        if (!taken) happen({ kind: 'throttled', limit: 'account' });
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
      if (!arrive()) othersRefused++;
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
  return {
    between,
    othersRefusedPerSecond: othersRefused / (leavesAt / 1_000),
    limit: limiter.limiterSnapshot(state, now).perSecond,
  };
}

const neighbours: readonly Neighbour[] = [
  { spacing: 'even', burst: 1, countsRefused: false },
  { spacing: 'even', burst: 5, countsRefused: false },
  { spacing: 'none', burst: 1, countsRefused: false },
  { spacing: 'none', burst: 5, countsRefused: false },
  { spacing: 'even', burst: 1, countsRefused: true },
  { spacing: 'even', burst: 5, countsRefused: true },
  { spacing: 'none', burst: 5, countsRefused: true },
];

/**
 * The recovery of AWS' adaptive retry mode in this limiter: seven tenths are left after a refusal (β), and the rate
 * comes back along a cubic (C = 0.4) through the rate that was refused.
 */
const cubic = () =>
  breed({
    name: 'CUBIC',
    changes: [
      ['Math.max(slowestPerSecond, rate / 2)', 'Math.max(slowestPerSecond, rate * 0.7)'],
      ['recoverAt: at + recoveryEveryMs,', 'recoverAt: at + 250, top: halves ? rate : throttled.top,'],
      [
        'rate = Math.min(ceiling, rate + ceiling * recoveryPart);',
        'const seconds = (throttled.recoverAt - throttled.halvedAt) / 1_000 - Math.cbrt((throttled.top * 0.3) / 0.4);\n' +
          'rate = Math.max(rate, Math.min(ceiling, 0.4 * seconds ** 3 + throttled.top));',
      ],
      ['recoverAt: throttled.recoverAt + recoveryEveryMs }', 'recoverAt: throttled.recoverAt + 250 }'],
    ],
  });

describe('beside a tool that uses half of the quota', () => {
  test.each(neighbours)(
    'less is refused, of ours and of its, than with the recovery of AWS: $spacing, $burst at once, $countsRefused',
    async (neighbour) => {
      const refusedPerSecond = (limiter: Limiter) => {
        const { between, othersRefusedPerSecond } = beside(neighbour, limiter);
        const { perSecond: sent, refused } = between(10_000, leavesAt);
        return { ours: sent * refused, others: othersRefusedPerSecond };
      };
      const [here, there] = [refusedPerSecond(halving), refusedPerSecond(await cubic())];
      expect(here.ours).toBeLessThan(there.ours / 10);
      expect(here.others).toBeLessThan(there.others / 1.5);
    },
  );

  test.each(neighbours)('spacing $spacing, $burst at once, refused ones counted: $countsRefused', (neighbour) => {
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
