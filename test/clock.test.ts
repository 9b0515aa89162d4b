import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../src/clock.ts';

const day = 24 * 60 * 60 * 1000;

describe('systemClock', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'performance', 'Date'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  /** Whether the promise has settled by now. */
  const watch = (promise: Promise<void>) => {
    const seen = { done: false };
    void promise.then(() => {
      seen.done = true;
    });
    return seen;
  };

  it.each([
    { what: 'a short sleep', ms: 250 },
    { what: 'one of exactly the longest timer', ms: 2 ** 31 - 1 },
    { what: 'one of a millisecond more than the longest timer', ms: 2 ** 31 },
    { what: 'one of 100 days', ms: 100 * day },
  ])('$what ends when its time has come and not before', async ({ ms }) => {
    const sleep = watch(systemClock.sleep(ms));
    await vi.advanceTimersByTimeAsync(ms - 1);
    expect(sleep.done).toBe(false);
    await vi.advanceTimersByTimeAsync(2);
    expect(sleep.done).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('an infinite sleep ends by its signal only, and leaves no timer', async () => {
    const stop = new AbortController();
    const sleep = watch(systemClock.sleep(Number.POSITIVE_INFINITY, stop.signal));
    await vi.advanceTimersByTimeAsync(90 * day);
    expect(sleep.done).toBe(false);
    stop.abort();
    await vi.advanceTimersByTimeAsync(0);
    expect(sleep.done).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  it.each([0, -5])('a sleep of %s ms ends in the next turn', async (ms) => {
    const sleep = watch(systemClock.sleep(ms));
    await vi.advanceTimersByTimeAsync(1);
    expect(sleep.done).toBe(true);
  });

  it('a sleep whose signal has already spoken sets no timer', async () => {
    const sleep = watch(systemClock.sleep(1000, AbortSignal.abort()));
    expect(vi.getTimerCount()).toBe(0);
    await vi.advanceTimersByTimeAsync(0);
    expect(sleep.done).toBe(true);
  });

  it('a sleep takes its listener off the signal when it ends', async () => {
    const { signal } = new AbortController();
    const removed = vi.spyOn(signal, 'removeEventListener');
    const sleep = systemClock.sleep(5, signal);
    await vi.advanceTimersByTimeAsync(5);
    await sleep;
    expect(removed).toHaveBeenCalledTimes(1);
  });

  it('after: runs once, or not at all when taken back, in the later slices too', async () => {
    const run = vi.fn();
    systemClock.after(60 * day, run);
    const takenBack = systemClock.after(60 * day, run);
    await vi.advanceTimersByTimeAsync(30 * day);
    takenBack();
    await vi.advanceTimersByTimeAsync(200 * day);
    expect(run).toHaveBeenCalledTimes(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('a step of the wall clock does not change a wait', async () => {
    const sleep = watch(systemClock.sleep(40 * day));
    vi.setSystemTime(Date.now() + 365 * day);
    await vi.advanceTimersByTimeAsync(39 * day);
    expect(sleep.done).toBe(false);
    await vi.advanceTimersByTimeAsync(2 * day);
    expect(sleep.done).toBe(true);
  });

  it('now is the wall clock in Unix milliseconds; monotonic does not follow its steps', () => {
    vi.setSystemTime(Date.UTC(2026, 0, 1));
    expect(systemClock.now()).toBe(Date.UTC(2026, 0, 1));
    const before = systemClock.monotonic();
    vi.setSystemTime(Date.UTC(2020, 0, 1));
    expect(systemClock.monotonic()).toBe(before);
  });
});

it('no sleep ends early, fractions of a millisecond included', async () => {
  for (let n = 0; n < 20; n++) {
    const before = systemClock.monotonic();
    await systemClock.sleep(1.9);
    expect(systemClock.monotonic() - before).toBeGreaterThanOrEqual(1.9);
  }
});

it('yield lets other work of the process go first', async () => {
  const order: string[] = [];
  setImmediate(() => order.push('other'));
  await systemClock.yield();
  order.push('after the yield');
  expect(order).toEqual(['other', 'after the yield']);
});
