/**
 * Cron expressions as ticks: when a schedule comes next, and whether it comes often enough to be one. Knows no clock.
 *
 * node-cron parses the expression and says whether a moment fits; the search is ours, because its own starts at the
 * present moment only and looks a century ahead.
 */
import { createTask, parse } from 'node-cron';
import type { Schedule } from '../domain/ports/time-port.ts';
import { instantOf } from '../domain/words/hours.ts';

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;
/** A schedule that rests for longer is a mistake: nobody means to look at his tasks so rarely. */
const longestRestMs = 366 * dayMs;
/** How far ahead a tick is searched: over a gap that the years tested by `comesEveryYear` happen not to have. */
const searchedMs = 2 * longestRestMs;
/** How long before and after its day in UTC a date begins and ends somewhere in the world. */
const earliestZoneMs = 14 * 60 * minuteMs;
const latestZoneMs = 12 * 60 * minuteMs;
/** A poll asks for the next tick and for the one after it, again and again until they have come. */
const remembered = 2;

/**
 * Ticks of a cron expression (five fields, or six with seconds in front) in an IANA time zone. Throws if either is not
 * valid: the settings have checked both before. `next` gives infinity if none is found within two years.
 */
export function cronSchedule(expression: string, timezone: string): Schedule {
  const search = searchOf(expression, timezone);
  let known: readonly { readonly from: number; readonly tick: number }[] = [];
  let latest = Number.NaN;
  const next = (at: number): number => {
    const found = known.find(({ from, tick }) => from <= at && at < tick);
    if (found) return found.tick;
    const tick = search.after(at);
    known = [{ from: at, tick }, ...known].slice(0, remembered);
    return tick;
  };
  return {
    next,
    previous: (at) => {
      if (!(latest <= at && at < next(latest))) latest = search.before(at);
      return latest;
    },
  };
}

/** More than clocks are put forward or back. */
const jumpMs = 2 * 60 * minuteMs;

/**
 * The same by the clock on the wall, for what has to come each time: a time that the clock skips comes as much later as
 * it skips, one that it shows twice comes the first time only. For schedules that come some times a day at most.
 */
export function wallSchedule(expression: string, timezone: string): Schedule {
  const wall = cronSchedule(expression, 'UTC');
  let known = { from: Number.POSITIVE_INFINITY, to: Number.NEGATIVE_INFINITY };
  /** Around the moment, in the order of the wall: a jump can change that of the instants. */
  function* near(at: number, step: 'next' | 'previous'): Generator<number> {
    const forward = step === 'next';
    const [earliest, latest] = [at - latestZoneMs - jumpMs, at + earliestZoneMs + jumpMs];
    let found = false;
    for (let tick = forward ? wall.next(earliest) : wall.previous(latest); Number.isFinite(tick); ) {
      if (found && (forward ? tick > latest : tick < earliest)) return;
      const instant = instantOf(timezone, tick);
      found ||= forward ? instant > at : instant <= at;
      yield instant;
      tick = forward ? wall.next(tick) : wall.previous(tick - 1);
    }
  }
  const previousOf = (at: number) => {
    let last = Number.NEGATIVE_INFINITY;
    for (const instant of near(at, 'previous')) if (instant <= at && instant > last) last = instant;
    return last;
  };
  const nextOf = (at: number) => {
    let first = Number.POSITIVE_INFINITY;
    for (const instant of near(at, 'next')) if (instant > at && instant < first) first = instant;
    return first;
  };
  const around = (at: number) => {
    if (!(known.from <= at && at < known.to)) known = { from: previousOf(at), to: nextOf(at) };
    return known;
  };
  return { next: (at) => around(at).to, previous: (at) => around(at).from };
}

/**
 * Dates are asked first, by the calendar alone. Of one that fits, a moment a minute is asked wherever on earth it may
 * be, and only in minutes that can fit: hour and date are the same throughout a minute, and zones differ from UTC by
 * whole quarters of an hour.
 */
function searchOf(expression: string, timezone: string): Readonly<Record<'after' | 'before', (at: number) => number>> {
  const { second, minute, dayOfMonth, month, dayOfWeek } = parse(expression);
  // Throws a RangeError for an unknown zone; node-cron would only at the first match.
  if (timezone !== 'UTC') Intl.DateTimeFormat('en', { timeZone: timezone });
  const seconds = second.toSorted((a, b) => a - b);
  const minutesOfQuarter = new Set(minute.map((one) => one % 15));
  const fits = matcher(expression, timezone);
  const dateFits = matcher(`* * * ${dayOfMonth.join(',')} ${month.join(',')} ${dayOfWeek.join(',')}`, 'UTC');

  /** `step` 1: the first after the moment; -1: the last at or before it. */
  const search = (at: number, step: 1 | -1): number => {
    const isBeyond = (tick: number) => (step === 1 ? tick > at : tick <= at);
    const nearestFirst = step === 1 ? seconds : seconds.toReversed();
    let start = Math.floor(at / minuteMs) * minuteMs;
    const firstDay = Math.floor((at - (step === 1 ? latestZoneMs : -earliestZoneMs)) / dayMs) * dayMs;
    for (let day = firstDay; Math.abs(day - at) < searchedMs; day += step * dayMs) {
      if (!dateFits(day)) continue;
      const [first, last] = [day - earliestZoneMs, day + dayMs + latestZoneMs - minuteMs];
      start = step === 1 ? Math.max(start, first) : Math.min(start, last);
      for (; first <= start && start <= last; start += step * minuteMs) {
        if (!minutesOfQuarter.has((start / minuteMs) % 15)) continue;
        const second = nearestFirst.find((candidate) => isBeyond(start + candidate * 1000));
        if (second !== undefined && fits(start + second * 1000)) return start + second * 1000;
      }
    }
    return step * Number.POSITIVE_INFINITY;
  };
  return { after: (at) => search(at, 1), before: (at) => search(at, -1) };
}

/**
 * Of UTC without node-cron, unless it is to count days in their month: it asks Intl, whose tables take 8 MiB from their
 * first use on.
 */
function matcher(expression: string, timezone: string): (at: number) => boolean {
  const { second, minute, hour, dayOfMonth, month, dayOfWeek } = parse(expression);
  if (timezone === 'UTC' && [...dayOfMonth, ...dayOfWeek].every((day) => typeof day === 'number'))
    return (at) => {
      const date = new Date(at);
      return (
        second.includes(date.getUTCSeconds()) &&
        minute.includes(date.getUTCMinutes()) &&
        hour.includes(date.getUTCHours()) &&
        dayOfMonth.includes(date.getUTCDate()) &&
        month.includes(date.getUTCMonth() + 1) &&
        dayOfWeek.includes(date.getUTCDay())
      );
    };
  const task = createTask(expression, () => {}, { timezone });
  // Takes it out of the library's list of all tasks; matching goes on working.
  task.destroy();
  return (at) => task.match(new Date(at));
}

/** The day after a leap day would have been, so that a schedule for 29 February has its longest rest before it. */
const firstTested = Date.UTC(2025, 2, 1);
/** Twice around the leap years. */
const yearsTested = 8;

/** Whether it comes in each of eight years; the same answer whenever it is asked. */
export function comesEveryYear({ next }: Schedule): boolean {
  return Array.from({ length: yearsTested }, (_, year) => firstTested + year * longestRestMs).every(
    (from) => next(from) <= from + longestRestMs,
  );
}

/** Its first ticks from a fixed moment on, at most `count` and within two years: what it looks like, whenever it is asked. */
export function sampleTicks({ next }: Schedule, count: number): readonly number[] {
  const ticks: number[] = [];
  for (let at = next(firstTested); ticks.length < count && at <= firstTested + 2 * longestRestMs; at = next(at))
    ticks.push(at);
  return ticks;
}
