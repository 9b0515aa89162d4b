import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as limiter from '../../src/cloud/limiter/limiter.ts';
import {
  type LimiterEvent,
  type LimiterState,
  limiterSnapshot,
  startLimiter,
  stepLimiter,
} from '../../src/cloud/limiter/limiter.ts';
import type { Lane, Outcome, RateLimit } from '../../src/domain/ports/gate-port.ts';
import { broken, play, promises, scenarios } from './limiter-world.ts';

describe('against an adversary in virtual time', () => {
  test.each(promises)('%s', (promised) => {
    fc.assert(
      fc.property(scenarios, (scenario) => {
        expect(broken(promised, play(limiter, scenario), scenario.slewPpm)).toEqual([]);
      }),
      { numRuns: promised === 'safe' ? 2_000 : 500 },
    );
  });
});

/** One limiter with its state kept, which gets events at times. */
function run(
  limits: number | Omit<RateLimit, 'spacing'>,
  spacing: RateLimit['spacing'] = 'none',
  startsSilent = false,
) {
  const limit = typeof limits === 'number' ? { perSecond: limits } : limits;
  let state: LimiterState = startLimiter({ ...limit, spacing }, 0, startsSilent);
  let nextId = 1;
  const happen = (now: number, event: LimiterEvent) => {
    const step = stepLimiter(state, now, event);
    state = step.state;
    return { went: step.admitted.map(({ id }) => id), wakeAt: step.wakeAt };
  };
  return {
    happen,
    ask: (now: number, lane: Lane = 'other') => happen(now, { kind: 'asked', id: nextId++, lane }),
    done: (now: number, id: number, outcome: Outcome) => happen(now, { kind: 'done', id, outcome }),
    limitAt: (now: number) => limiterSnapshot(state, now).perSecond,
    at: (now: number) => limiterSnapshot(state, now),
    countedInMs: (now: number) => limiter.countedInMs(state, now),
  };
}

describe('a permit comes back', () => {
  test.each<[string, Outcome, number]>([
    ['one window after the response, and a millisecond for slewed clocks', 'answered', 1_101],
    ['five seconds after our end was closed', 'lost', 5_100],
    ['at once if the call never left', 'never-left', 100],
    ['at once if it was not used', 'unused', 100],
  ])('%s', (_, outcome, freeAt) => {
    const one = run(1);
    expect(one.ask(0).went).toEqual([1]);
    expect(one.ask(50)).toEqual({ went: [], wakeAt: undefined });
    if (freeAt === 100) return expect(one.done(100, 1, outcome).went).toEqual([2]);
    expect(one.done(100, 1, outcome)).toEqual({ went: [], wakeAt: freeAt });
    expect(one.happen(freeAt - 0.001, { kind: 'woken' })).toEqual({ went: [], wakeAt: freeAt });
    expect(one.happen(freeAt, { kind: 'woken' }).went).toEqual([2]);
  });

  // Whoever takes over then waits for a window: so much earlier than the permit.
  test.each<[string, Outcome, number]>([
    ['an answered call is counted', 'answered', 0],
    ['a call without an answer is counted four seconds after our end was closed', 'lost', 3_999],
    ['a call that never left counts for nothing', 'never-left', 0],
    ['a permit that was not used counts for nothing', 'unused', 0],
  ])('before that %s', (_, outcome, inMs) => {
    const one = run(2);
    expect(one.countedInMs(0)).toBe(0);
    one.ask(0);
    expect(one.countedInMs(50)).toBe(Number.POSITIVE_INFINITY);
    one.done(100, 1, outcome);
    expect(one.countedInMs(100)).toBe(inMs);
    expect(one.countedInMs(100 + inMs)).toBe(0);
  });

  test('only once', () => {
    const one = run(2);
    one.ask(0);
    one.done(10, 1, 'answered');
    expect(() => one.done(20, 1, 'answered')).toThrow('permit 1 was given back twice');
    expect(() => one.done(5_000, 1, 'lost')).toThrow('permit 1 was given back twice');
    one.ask(5_000);
    one.done(5_000, 2, 'unused');
    expect(() => one.done(5_001, 2, 'unused')).toThrow('permit 2 was given back twice');
  });
});

describe('the pace', () => {
  test('evenly spaced, calls of a full bag go W / L apart', () => {
    const four = run(4, 'even');
    expect(four.ask(0).went).toEqual([1]);
    expect(four.ask(0)).toEqual({ went: [], wakeAt: 250 });
    expect(four.happen(249.99, { kind: 'woken' })).toEqual({ went: [], wakeAt: 250 });
    expect(four.happen(260, { kind: 'woken' }).went).toEqual([2]);
    expect(four.ask(400)).toEqual({ went: [], wakeAt: 510 });
  });

  test('a call that did not leave keeps nobody at a distance', () => {
    const four = run(4, 'even');
    four.ask(0);
    four.ask(10);
    expect(four.done(20, 1, 'unused').went).toEqual([2]);
  });

  test('without spacing they go at once', () => {
    const four = run(4);
    expect([1, 2, 3, 4, 5].map(() => four.ask(0).went.length)).toEqual([1, 1, 1, 1, 0]);
  });

  test('a new limiter is silent for a window, its permits all out', () => {
    const ten = run(10, 'none', true);
    expect(ten.ask(0)).toEqual({ went: [], wakeAt: 1_001 });
    expect(ten.at(1_000.9)).toMatchObject({ permitsOut: 10, queued: { other: 1 } });
    expect(ten.happen(1_001, { kind: 'woken' }).went).toEqual([1]);
  });

  test('a clock that goes back stands still here', () => {
    const one = run(1);
    one.ask(500);
    one.done(600, 1, 'answered');
    expect(one.ask(100)).toEqual({ went: [], wakeAt: 1_601 });
    expect(one.happen(1_600, { kind: 'woken' }).went).toEqual([]);
  });

  test.each([0, 0.5, -3, Number.NaN, Infinity])('a limit of %d calls per second is refused', (perSecond) => {
    expect(() => run(perSecond)).toThrow('it must be at least 1');
  });

  test('a fraction is rounded down: three calls in a second are more than 2.9', () => {
    expect(run(2.9).limitAt(0)).toBe(2);
  });

  test('ten thousand may wait, one more is a mistake', () => {
    const one = run(1, 'none', true);
    for (let asked = 0; asked < 10_000; asked++) one.ask(0);
    expect(() => one.ask(0)).toThrow('more than 10000 calls wait');
  });
});

describe('throttled', () => {
  test('the rate is halved at once, at most every second, never below one, then recovers by a tenth every ten seconds', () => {
    const ten = run(10);
    const refuse = (now: number) => ten.happen(now, { kind: 'throttled', limit: 'account' });
    const limits: [string, number, number][] = [];
    const note = (why: string, now: number) => limits.push([why, now, ten.limitAt(now)]);
    refuse(0);
    note('halved at once', 0);
    refuse(999);
    note('not twice in a second', 999);
    refuse(1_000);
    note('again, and 2.5 lets two go', 1_000);
    refuse(2_000);
    note('1.25 lets one go', 2_000);
    refuse(3_000);
    refuse(4_000);
    note('never below one', 4_000);
    note('ten seconds after the last refusal not yet', 13_999);
    note('then one more', 14_000);
    note('and one more', 24_000);
    note('nearly there', 93_999);
    note('all back', 94_000);
    note('and no more than that', 500_000);
    expect(limits).toEqual([
      ['halved at once', 0, 5],
      ['not twice in a second', 999, 5],
      ['again, and 2.5 lets two go', 1_000, 2],
      ['1.25 lets one go', 2_000, 1],
      ['never below one', 4_000, 1],
      ['ten seconds after the last refusal not yet', 13_999, 1],
      ['then one more', 14_000, 2],
      ['and one more', 24_000, 3],
      ['nearly there', 93_999, 9],
      ['all back', 94_000, 10],
      ['and no more than that', 500_000, 10],
    ]);
  });

  test('a tenth of three is too little to let one more go, four of them are enough', () => {
    const three = run(3);
    three.happen(0, { kind: 'throttled', limit: 'account' });
    three.happen(1_000, { kind: 'throttled', limit: 'account' });
    expect([11_000, 21_000, 31_000, 41_000].map(three.limitAt)).toEqual([1, 1, 1, 2]);
  });

  test('whoever waits is woken when the rate recovers', () => {
    const two = run(2);
    two.happen(0, { kind: 'throttled', limit: 'account' });
    two.ask(0);
    expect(two.ask(0)).toEqual({ went: [], wakeAt: 10_000 });
  });
});

describe('limits of single actions', () => {
  const start = () => run({ perSecond: 10, restart: 1, list: 4 });

  test('a restart that waits for its own limit lets polls go, and polls that wait for theirs others', () => {
    const limited = start();
    expect(limited.ask(0, 'restart').went).toEqual([1]);
    expect(limited.ask(0, 'restart').went).toEqual([]);
    for (const id of [3, 4]) expect(limited.ask(0, 'poll').went).toEqual([id]);
    for (const id of [5, 6]) expect(limited.ask(0, 'verify').went).toEqual([id]);
    expect(limited.ask(0, 'verify').went).toEqual([]);
    expect(limited.ask(0, 'other').went).toEqual([8]);
    // The restart's permit is back a window after its answer, whatever the lists are doing.
    expect(limited.happen(50, { kind: 'done', id: 1, outcome: 'answered' })).toEqual({ went: [], wakeAt: 1_051 });
    expect(limited.happen(1_051, { kind: 'woken' }).went).toEqual([2]);
  });

  test('a refusal slows the limit that it speaks of, and no other', () => {
    const limited = start();
    const rates = (now: number) => {
      const { perSecond, restartPerSecond, listPerSecond } = limited.at(now);
      return [perSecond, restartPerSecond, listPerSecond];
    };
    limited.happen(0, { kind: 'throttled', limit: 'list' });
    expect(rates(0)).toEqual([10, 1, 2]);
    limited.happen(0, { kind: 'throttled', limit: 'restart' });
    expect(rates(0)).toEqual([10, 1, 2]);
    limited.happen(0, { kind: 'throttled', limit: 'account' });
    expect(rates(0)).toEqual([5, 1, 2]);
    expect(rates(60_000)).toEqual([10, 1, 4]);
  });

  test('a reload changes each by itself: less at once, more after a window', () => {
    const limited = start();
    limited.happen(0, { kind: 'configured', limit: { perSecond: 10, restart: 3, list: 2, spacing: 'none' } });
    expect(limited.at(1_000)).toMatchObject({ perSecond: 10, restartPerSecond: 1, listPerSecond: 2 });
    expect(limited.at(1_001)).toMatchObject({ perSecond: 10, restartPerSecond: 3, listPerSecond: 2 });
  });

  test.each([{ restart: 0 }, { list: 0.5 }])('a limit below one is refused: %o', (own) => {
    expect(() => startLimiter({ perSecond: 10, spacing: 'none', ...own }, 0)).toThrow('it must be at least 1');
  });
});

describe('a reload', () => {
  const reload = (perSecond: number): LimiterEvent => ({ kind: 'configured', limit: { perSecond, spacing: 'none' } });

  test('a smaller limit holds at once, with the permits of before still out', () => {
    const ten = run(10);
    for (let id = 1; id <= 6; id++) ten.ask(0);
    ten.happen(10, reload(5));
    expect(ten.at(10)).toMatchObject({ perSecond: 5, permitsOut: 6 });
    expect(ten.ask(10).went).toEqual([]);
    expect(ten.done(20, 1, 'never-left').went).toEqual([]);
    expect(ten.done(20, 2, 'never-left').went).toEqual([7]);
  });

  test('a larger one when a window has passed', () => {
    const one = run(1);
    one.ask(0);
    one.ask(0);
    expect(one.happen(100, reload(2))).toEqual({ went: [], wakeAt: 1_101 });
    expect(one.happen(1_101, { kind: 'woken' }).went).toEqual([2]);
  });

  test('the same limit again does not put a raise off', () => {
    const one = run(1);
    one.happen(0, reload(4));
    one.happen(900, reload(4));
    expect([1_000, 1_001].map(one.limitAt)).toEqual([1, 4]);
  });

  test('down and up again within a second counts as up from the smaller', () => {
    const ten = run(10);
    ten.happen(0, reload(3));
    ten.happen(100, reload(10));
    expect([1_100, 1_101].map(ten.limitAt)).toEqual([3, 10]);
  });

  test('what the cloud has taught us outlives it', () => {
    const ten = run(10);
    ten.happen(0, { kind: 'throttled', limit: 'account' });
    ten.happen(100, reload(20));
    expect([100, 1_101, 9_999, 10_000, 80_000].map(ten.limitAt)).toEqual([5, 5, 5, 7, 20]);
  });
});

describe('lanes', () => {
  test('a restart asked for while 200 list pages are queued is the next call', () => {
    const ten = run(10);
    for (let page = 1; page <= 200; page++) ten.ask(0, 'poll');
    ten.done(5, 1, 'answered');
    expect(ten.ask(500, 'restart').went).toEqual([]);
    expect(ten.happen(1_006, { kind: 'woken' }).went).toEqual([201]);
  });

  test.each<[string, readonly Lane[], Partial<Record<Lane, number>>]>([
    ['restarts alone take all', ['restart'], { restart: 30 }],
    ['endless restarts leave a third to the poll', ['restart', 'poll'], { restart: 20, poll: 10 }],
    ['and to verify before the poll', ['restart', 'verify', 'poll'], { restart: 20, verify: 10 }],
    ['one in nine to other', ['restart', 'other'], { restart: 27, other: 3 }],
    ['both floors together', ['restart', 'poll', 'other'], { restart: 17, poll: 10, other: 3 }],
    ['verify before poll before other', ['verify', 'poll', 'other'], { verify: 27, other: 3 }],
  ])('%s', (_, waiting, shares) => {
    const endless = run(1);
    const lanesOf = new Map<number, Lane>();
    let id = 0;
    const ask = (lane: Lane) => {
      lanesOf.set(++id, lane);
      return endless.ask(0, lane).went;
    };
    let out = ask('restart')[0] ?? 0;
    for (const lane of waiting) for (let calls = 0; calls < 30; calls++) ask(lane);
    const went: Lane[] = [];
    while (went.length < 30) {
      out = endless.done(1, out, 'unused').went[0] ?? 0;
      went.push(lanesOf.get(out) ?? 'other');
    }
    const counted: Partial<Record<Lane, number>> = {};
    for (const lane of went) counted[lane] = (counted[lane] ?? 0) + 1;
    expect(counted).toEqual(shares);
  });
});
