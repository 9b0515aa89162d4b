/**
 * When a group's tasks should run, by the wall clock of a time zone.
 *
 * Every window of the days around a moment is turned into two instants, windows that touch are merged, and the
 * moment is looked up. Days are walked in the zone, so a window that a change to summer time shortens is shorter.
 */
import { type CloudTime, cloudTime, unixMs } from './cloud-time.ts';
import type { Day, Hours } from './policy.ts';

const dayMs = 86_400_000;
const minuteMs = 60_000;
const weekdays: readonly Day[] = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
/** A week and a day each way: enough to find the next window of any weekly plan. */
const reachDays = 8;

/** Always open is `{open: true, since: -Infinity, until: Infinity}`. `until` is when that changes. */
export interface Opening {
  readonly open: boolean;
  readonly since: CloudTime;
  readonly until: CloudTime;
}

const always: Opening = {
  open: true,
  since: cloudTime(Number.NEGATIVE_INFINITY),
  until: cloudTime(Number.POSITIVE_INFINITY),
};
const lastAnswer = new WeakMap<readonly Hours[], Opening>();

/** Whether tasks should run at `at`, since when and until when that is so. */
export function openingAt(hours: readonly Hours[], at: CloudTime): Opening {
  if (hours.length === 0) return always;
  const last = lastAnswer.get(hours);
  if (last && last.since <= at && at < last.until) return last;
  const opening = lookUp(merge(hours.flatMap((entry) => windowsAround(entry, unixMs(at)))), unixMs(at));
  lastAnswer.set(hours, opening);
  return opening;
}

type Window = readonly [from: number, to: number];

function lookUp(windows: readonly Window[], at: number): Opening {
  const opening = (open: boolean, since: number, until: number): Opening => ({
    open,
    since: cloudTime(since),
    until: cloudTime(until),
  });
  let closedSince = at - reachDays * dayMs;
  for (const [from, to] of windows) {
    if (at < from) return opening(false, closedSince, from);
    if (at < to) return opening(true, from, to);
    closedSince = to;
  }
  return opening(false, closedSince, at + reachDays * dayMs);
}

function merge(windows: readonly Window[]): Window[] {
  const merged: [number, number][] = [];
  for (const [from, to] of [...windows].sort((a, b) => a[0] - b[0])) {
    const last = merged.at(-1);
    if (last && from <= last[1]) last[1] = Math.max(last[1], to);
    else merged.push([from, to]);
  }
  return merged;
}

function windowsAround(entry: Hours, at: number): Window[] {
  const offsetMs = zoneOffsetMs(entry.timezone, at);
  const today = Math.floor((at + offsetMs) / dayMs) * dayMs;
  const windows: Window[] = [];
  for (let day = -reachDays; day <= reachDays; day++) {
    const midnight = today + day * dayMs;
    const weekday = weekdays[new Date(midnight).getUTCDay()];
    if (weekday === undefined || !entry.days.includes(weekday)) continue;
    const nextDay = entry.toMinute <= entry.fromMinute ? dayMs : 0;
    const from = instantOf(entry.timezone, midnight + entry.fromMinute * minuteMs);
    const to = instantOf(entry.timezone, midnight + nextDay + entry.toMinute * minuteMs, 'end');
    if (to > from) windows.push([from, to]);
  }
  return windows;
}

/**
 * The instant at which clocks in the zone show `wall` (milliseconds as if it were UTC). A time that they show twice
 * is the first of the two. One that they skip comes as much later as they skip, so that a window never begins early; an
 * end comes when they skip it, so that none lasts longer than its hours.
 */
export function instantOf(timezone: string, wall: number, edge: 'begin' | 'end' = 'begin'): number {
  const offsetBefore = zoneOffsetMs(timezone, wall - dayMs);
  const offsetAfter = zoneOffsetMs(timezone, wall + dayMs);
  const [early, late] = [wall - offsetBefore, wall - offsetAfter];
  const earlyShowsIt = zoneOffsetMs(timezone, early) === offsetBefore;
  const lateShowsIt = zoneOffsetMs(timezone, late) === offsetAfter;
  if (lateShowsIt && !earlyShowsIt) return late;
  return edge === 'end' && !earlyShowsIt ? skipAfter(timezone, late, early) : early;
}

/** When clocks in the zone go on, to the minute: between these two instants. */
function skipAfter(timezone: string, before: number, after: number): number {
  const offsetMs = zoneOffsetMs(timezone, before);
  let [last, first] = [before, after];
  while (first - last > minuteMs) {
    const middle = Math.floor((last + first) / 2 / minuteMs) * minuteMs;
    if (zoneOffsetMs(timezone, middle) === offsetMs) last = middle;
    else first = middle;
  }
  return first;
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** How far clocks in the zone are ahead of UTC at an instant, milliseconds. */
function zoneOffsetMs(timezone: string, at: number): number {
  let format = formats.get(timezone);
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: timezone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    formats.set(timezone, format);
  }
  const shown: Record<string, number> = {};
  for (const { type, value } of format.formatToParts(at)) shown[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = shown;
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(at / 1000) * 1000;
}
