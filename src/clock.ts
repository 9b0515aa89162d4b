/**
 * Time: the only file that reads a clock or sets a timer.
 *
 * Everything else can run on a virtual clock because of that; test/architecture.test.ts checks it.
 */
import type { Clock } from './domain/ports/time-port.ts';

/** A Node timer over 2³¹−1 ms fires at once, so longer waits are cut into slices of at most this many milliseconds. */
const longestTimerMs = 2 ** 31 - 1;

/** The clock of this machine. A negative wait counts as none; an infinite one never ends. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const end = () => {
        signal?.removeEventListener('abort', cutShort);
        resolve();
      };
      const takeBack = runAfter(ms, end);
      const cutShort = () => {
        takeBack();
        end();
      };
      signal?.addEventListener('abort', cutShort, { once: true });
    }),
  after: runAfter,
  yield: () => new Promise((resolve) => setImmediate(resolve)),
};

/** Counts the slices down by the monotonic clock, so a step of the wall clock neither shortens nor lengthens the wait. */
function runAfter(ms: number, run: () => void): () => void {
  const endsAt = performance.now() + Math.max(ms, 0);
  let timer: NodeJS.Timeout | undefined;
  const nextSlice = () => {
    const leftMs = endsAt - performance.now();
    if (leftMs <= 0) return run();
    // Node cuts fractions off, and counts from the time its loop last looked at the clock: a timer can be a little early.
    timer = setTimeout(nextSlice, Math.min(Math.ceil(leftMs), longestTimerMs));
  };
  timer = setTimeout(nextSlice, Math.min(Math.ceil(Math.max(ms, 0)), longestTimerMs));
  return () => clearTimeout(timer);
}
