import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createGate } from '../../src/cloud/limiter/gate.ts';
import type { Lane, Permit } from '../../src/domain/ports/gate-port.ts';
import type { Clock } from '../../src/domain/ports/time-port.ts';
import { refusals, worstSecond } from './judges.ts';

/** Time that passes on demand. Timers may be made to fire off their time; the wall clock must not be asked. */
function virtualTime(offMs: () => number = () => 0) {
  let now = 5_000.25;
  const timers = new Map<object, { at: number; run: () => void }>();
  let mostTimers = 0;
  const clock: Clock = {
    now: () => {
      throw new Error('the gate asked for the time of day');
    },
    monotonic: () => now,
    sleep: (ms) => new Promise((resolve) => clock.after(ms, resolve)),
    after: (ms, run) => {
      const key = {};
      timers.set(key, { at: now + Math.max(0, ms), run });
      return () => timers.delete(key);
    },
    yield: () => Promise.resolve(),
  };
  /** Only the gate's timers are off; those of the test keep time. */
  const gateClock: Pick<Clock, 'monotonic' | 'after'> = {
    monotonic: clock.monotonic,
    after: (ms, run) => {
      const key = {};
      // Early or not, some time passes.
      timers.set(key, { at: now + Math.max(0.1, ms + offMs()), run });
      gateTimers.add(key);
      mostTimers = Math.max(mostTimers, [...gateTimers].filter((timer) => timers.has(timer)).length);
      return () => timers.delete(key);
    },
  };
  const gateTimers = new Set<object>();
  /** Lets promises settle. */
  const settle = async () => {
    for (let turns = 0; turns < 10; turns++) await Promise.resolve();
  };
  return {
    clock,
    gateClock,
    settle,
    mostTimers: () => mostTimers,
    pending: () => timers.size,
    async pass(ms: number) {
      const until = now + ms;
      for (;;) {
        await settle();
        const next = [...timers].filter(([, { at }]) => at <= until).sort(([, a], [, b]) => a.at - b.at)[0];
        if (next === undefined) break;
        timers.delete(next[0]);
        now = Math.max(now, next[1].at);
        next[1].run();
      }
      now = until;
      await settle();
    },
  };
}

function gateOf(
  perSecond: number,
  options: { spacing?: 'even' | 'none'; offMs?: () => number; startsSilent?: boolean } = {},
) {
  const { spacing = 'none', offMs, startsSilent = false } = options;
  const time = virtualTime(offMs);
  const waits: [Lane, number][] = [];
  const gate = createGate({
    perSecond,
    spacing,
    clock: time.gateClock,
    startsSilent,
    onWait: (lane, waitedMs) => waits.push([lane, waitedMs]),
  });
  const went: string[] = [];
  const ask = (name: string, lane: Lane = 'other', signal?: AbortSignal) => {
    const asked = gate.acquire(lane, signal);
    asked.then(
      () => went.push(name),
      () => went.push(`${name} withdrew`),
    );
    return asked;
  };
  return { gate, time, waits, went, ask };
}

describe('the gate', () => {
  test('lets calls go in the order of asking as permits come back, and tells how long each has waited', async () => {
    const { time, waits, went, ask } = gateOf(1);
    const first = await ask('first');
    void ask('second');
    await time.pass(40);
    first.done('answered');
    await time.pass(1_000);
    expect(went).toEqual(['first']);
    await time.pass(2);
    expect(went).toEqual(['first', 'second']);
    // Answered at 5,040.25, so free at 5,041 + 1,001; the timer counts whole milliseconds: 6,042.25.
    expect(waits).toEqual([
      ['other', 0],
      ['other', 1_042],
    ]);
  });

  test('is silent for a window when it is new and when the account was taken over', async () => {
    const { gate, time, went, ask } = gateOf(2, { startsSilent: true });
    void ask('new');
    await time.pass(1_000);
    expect(went).toEqual([]);
    await time.pass(2);
    expect(went).toEqual(['new']);
    gate.takenOver();
    void ask('taken over');
    await time.pass(1_000);
    expect(went).toEqual(['new']);
    await time.pass(2);
    expect(went).toEqual(['new', 'taken over']);
  });

  test.each([0, -0.9, -5, 30])('sets one timer at a time; timers %d ms off let nobody go early', async (offMs) => {
    const { time, went, ask } = gateOf(5, { spacing: 'even', offMs: () => offMs });
    for (let call = 0; call < 5; call++) void ask(`${call}`);
    for (let call = 1; call < 5; call++) {
      await time.pass(199.9);
      expect(went.length).toBeLessThanOrEqual(call);
      await time.pass(0.1);
    }
    await time.pass(200);
    expect(went).toEqual(['0', '1', '2', '3', '4']);
    expect(time.mostTimers()).toBe(1);
    expect(time.pending()).toBe(0);
  });

  test('a permit given back twice is a mistake that shows', async () => {
    const { ask } = gateOf(2);
    const permit = await ask('one');
    permit.done('answered');
    expect(() => permit.done('answered')).toThrow('given back twice');
    const unused = await ask('two');
    unused.done('unused');
    expect(() => unused.done('lost')).toThrow('given back twice');
  });

  test('halves when throttled', async () => {
    const { gate, ask } = gateOf(4);
    gate.throttled('account');
    void ask('one');
    void ask('two');
    void ask('three');
    expect(gate.snapshot()).toEqual({
      perSecond: 2,
      restartPerSecond: 4,
      listPerSecond: 4,
      slowed: [{ limit: 'account', perSecond: 2, configured: 4, forMs: 0 }],
      queued: { restart: 0, verify: 0, poll: 0, other: 1 },
      permitsOut: 2,
    });
  });

  test('tells for how long it has been slowed, from the first refusal until it has recovered', async () => {
    const { gate, time } = gateOf(4);
    gate.throttled('list');
    await time.pass(2_000);
    gate.throttled('list');
    expect(gate.snapshot().slowed).toEqual([{ limit: 'list', perSecond: 1, configured: 4, forMs: 2_000 }]);
    await time.pass(600_000);
    expect(gate.snapshot().slowed).toEqual([]);
  });

  test('takes a reload: a raise wakes whoever waits when its window has passed', async () => {
    const { gate, time, went, ask } = gateOf(1);
    void ask('one');
    void ask('two');
    await time.pass(100);
    gate.configure({ perSecond: 2, spacing: 'none' });
    await time.pass(1_000);
    expect(went).toEqual(['one']);
    await time.pass(2);
    expect(went).toEqual(['one', 'two']);
  });

  test('its snapshot tells the truth under load', async () => {
    const { gate, time, ask } = gateOf(3);
    const full = { perSecond: 3, restartPerSecond: 3, listPerSecond: 3, slowed: [], permitsOut: 3 };
    const permits: Permit[] = [];
    const lanes: Lane[] = ['poll', 'poll', 'poll', 'poll', 'restart', 'verify', 'other', 'other', 'poll'];
    for (const lane of lanes) void ask(lane, lane).then((permit) => permits.push(permit));
    await time.settle();
    expect(gate.snapshot()).toEqual({ ...full, queued: { restart: 1, verify: 1, poll: 2, other: 2 } });
    permits[0]?.done('unused');
    permits[1]?.done('answered');
    await time.settle();
    expect(gate.snapshot()).toEqual({ ...full, queued: { restart: 0, verify: 1, poll: 2, other: 2 } });
    await time.pass(1_002);
    expect(gate.snapshot()).toEqual({ ...full, queued: { restart: 0, verify: 0, poll: 2, other: 2 } });
    for (const permit of permits.slice(2)) permit.done('answered');
    await time.pass(1_002);
    expect(gate.snapshot()).toEqual({ ...full, queued: { restart: 0, verify: 0, poll: 0, other: 1 } });
  });
});

describe('a call that is withdrawn', () => {
  test('before it asked: rejects with the reason, costs nothing', async () => {
    const { gate, ask } = gateOf(1);
    await expect(ask('one', 'other', AbortSignal.abort('shutdown'))).rejects.toBe('shutdown');
    expect(gate.snapshot().permitsOut).toBe(0);
  });

  test('while it waits: rejects with the reason, and the next in line goes in its place', async () => {
    const { gate, went, ask, time } = gateOf(1);
    const first = await ask('first');
    const lease = new AbortController();
    const second = ask('second', 'restart', lease.signal);
    void ask('third');
    lease.abort(new Error('lease lost'));
    await expect(second).rejects.toThrow('lease lost');
    expect(gate.snapshot().queued).toEqual({ restart: 0, verify: 0, poll: 0, other: 1 });
    first.done('never-left');
    await time.settle();
    expect(went).toEqual(['first', 'second withdrew', 'third']);
  });

  test('the last one that waits takes its timer with it', async () => {
    const { ask, time } = gateOf(1);
    const first = await ask('first');
    first.done('answered');
    const shutdown = new AbortController();
    const second = ask('second', 'poll', shutdown.signal);
    expect(time.pending()).toBe(1);
    shutdown.abort('shutdown');
    await expect(second).rejects.toBe('shutdown');
    expect(time.pending()).toBe(0);
  });

  test('after it was admitted: keeps its permit, and leaves no listener behind', async () => {
    const { gate, ask } = gateOf(2);
    const shutdown = new AbortController();
    const permit = await ask('one', 'other', shutdown.signal);
    expect(getEventListeners(shutdown.signal, 'abort')).toEqual([]);
    shutdown.abort();
    expect(gate.snapshot().permitsOut).toBe(1);
    permit.done('unused');
    expect(gate.snapshot().permitsOut).toBe(0);
  });
});

test('whatever the delays and timers do, the server counts no more than the limit in any second', async () => {
  const delayMs = fc.oneof(fc.constantFrom(0, 400, 1_000), fc.double({ min: 0, max: 1_500, noNaN: true }));
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.constantFrom('even' as const, 'none' as const),
      fc.array(fc.double({ min: -2, max: 20, noNaN: true }), { minLength: 1, maxLength: 5 }),
      fc.array(fc.tuple(delayMs, delayMs, delayMs), { maxLength: 25 }),
      async (perSecond, spacing, offs, calls) => {
        let timers = 0;
        const { gate, time } = gateOf(perSecond, { spacing, offMs: () => offs[timers++ % offs.length] ?? 0 });
        const arrivals: number[] = [];
        const send = async ([saveMs, upMs, downMs]: readonly [number, number, number]) => {
          const permit = await gate.acquire('poll');
          await time.clock.sleep(saveMs);
          await time.clock.sleep(upMs);
          arrivals.push(time.clock.monotonic());
          await time.clock.sleep(downMs);
          permit.done('answered');
        };
        const sent = calls.map(send);
        await time.pass(150_000);
        await Promise.all(sent);
        expect(arrivals.length).toBe(calls.length);
        expect(worstSecond(arrivals)).toBeLessThanOrEqual(perSecond);
        expect(refusals(arrivals, perSecond)).toEqual({ sliding: 0, fixed: 0, bucket: 0 });
      },
    ),
    { numRuns: 100 },
  );
});
