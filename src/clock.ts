/**
 * Time: the only file that reads a clock or sets a timer, and where a cron expression becomes ticks.
 *
 * It stands apart so that everything else can be run on a virtual clock; test/architecture.test.ts keeps it so.
 */
import { createTask, parse } from 'node-cron';
import type { Clock, Schedule } from './domain/ports/time-port.ts';

/** A Node timer over 2³¹−1 ms fires at once, so longer waits are cut into slices of at most this many milliseconds. */
const longestTimerMs = 2 ** 31 - 1;

const minuteMs = 60_000;

/** How far ahead a schedule is searched; one without a tick in a year is taken as having none. */
const searchedMs = 366 * 24 * 60 * minuteMs;

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

/**
 * Ticks of a cron expression (five fields, or six with seconds in front) in an IANA time zone. Throws if either is
 * not valid: the settings have checked both before.
 *
 * node-cron parses the expression and tells whether a moment fits; the search is ours, because its own starts at the
 * present moment only. Hour and date are the same throughout a minute, and zones differ from UTC by whole quarters of
 * an hour, so one moment a minute is asked, and only in minutes that can fit.
 */
export function cronSchedule(expression: string, timezone: string): Schedule {
  const fields = parse(expression);
  // Throws a RangeError for an unknown zone; node-cron would only at the first match.
  Intl.DateTimeFormat('en', { timeZone: timezone });
  const seconds = fields.second.toSorted((a, b) => a - b);
  const minutesOfQuarter = new Set(fields.minute.map((minute) => minute % 15));
  const task = createTask(expression, () => {}, { timezone });
  // Takes it out of the library's list of all tasks; matching goes on working.
  task.destroy();

  return {
    next: (at) => {
      const from = Math.floor(at / minuteMs) * minuteMs;
      for (let minute = from; minute < from + searchedMs; minute += minuteMs) {
        if (!minutesOfQuarter.has((minute / minuteMs) % 15)) continue;
        const second = seconds.find((candidate) => minute + candidate * 1000 > at);
        if (second === undefined) continue;
        const tick = minute + second * 1000;
        if (task.match(new Date(tick))) return tick;
      }
      return Number.POSITIVE_INFINITY;
    },
  };
}
