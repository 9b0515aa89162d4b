import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cloudTime, unixMs } from '../../src/domain/words/cloud-time.ts';
import { openingAt as openingByCloud } from '../../src/domain/words/hours.ts';
import type { Day, Hours } from '../../src/domain/words/policy.ts';

const week: readonly Day[] = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];
const workdays = week.slice(0, 5);
const minuteOf = (clock: string) => Number(clock.slice(0, 2)) * 60 + Number(clock.slice(3));
const plan = (days: readonly Day[], from: string, to: string, timezone: string): Hours => ({
  days,
  fromMinute: minuteOf(from),
  toMinute: minuteOf(to),
  timezone,
});
/** A plan is the same by any clock: in numbers here. */
function openingAt(hours: readonly Hours[], at: number) {
  const { open, since, until } = openingByCloud(hours, cloudTime(at));
  return { open, since: unixMs(since), until: unixMs(until) };
}

/** `2026-01-05T08:00+08:00`: the offset is written out, so a row says by itself which instant it means. */
const instant = (text: string) => Date.parse(text);

test('without hours it is always open, for ever', () => {
  expect(openingAt([], 0)).toEqual({
    open: true,
    since: Number.NEGATIVE_INFINITY,
    until: Number.POSITIVE_INFINITY,
  });
});

describe('open and closed, since and until', () => {
  const shanghai = 'Asia/Shanghai';
  const berlin = 'Europe/Berlin';
  const newYork = 'America/New_York';
  type Row = readonly [
    sentence: string,
    hours: readonly Hours[],
    at: string,
    open: 'open' | 'closed',
    since: string,
    until: string,
  ];
  // 2026-01-05 is a Monday.
  const rows: readonly Row[] = [
    [
      'a weekday in Shanghai, at its first minute',
      [plan(workdays, '08:00', '23:30', shanghai)],
      '2026-01-05T08:00+08:00',
      'open',
      '2026-01-05T08:00+08:00',
      '2026-01-05T23:30+08:00',
    ],
    [
      'a minute before it is closed, since Friday',
      [plan(workdays, '08:00', '23:30', shanghai)],
      '2026-01-05T07:59+08:00',
      'closed',
      '2026-01-02T23:30+08:00',
      '2026-01-05T08:00+08:00',
    ],
    [
      'at the last minute it is closed already',
      [plan(workdays, '08:00', '23:30', shanghai)],
      '2026-01-05T23:30+08:00',
      'closed',
      '2026-01-05T23:30+08:00',
      '2026-01-06T08:00+08:00',
    ],
    [
      'the week wraps: Friday night to Monday morning',
      [plan(workdays, '08:00', '23:30', shanghai)],
      '2026-01-10T12:00+08:00',
      'closed',
      '2026-01-09T23:30+08:00',
      '2026-01-12T08:00+08:00',
    ],
    [
      'one day a week, seen from the day after',
      [plan(['mon'], '08:00', '09:00', shanghai)],
      '2026-01-06T00:00+08:00',
      'closed',
      '2026-01-05T09:00+08:00',
      '2026-01-12T08:00+08:00',
    ],
    [
      'the day is the zone’s day: Sunday 20:00 UTC is Monday in Shanghai',
      [plan(['mon'], '00:00', '09:00', shanghai)],
      '2026-01-04T20:00Z',
      'open',
      '2026-01-05T00:00+08:00',
      '2026-01-05T09:00+08:00',
    ],
    [
      'to before from ends the next day',
      [plan(['fri'], '22:00', '02:00', shanghai)],
      '2026-01-10T01:59+08:00',
      'open',
      '2026-01-09T22:00+08:00',
      '2026-01-10T02:00+08:00',
    ],
    [
      'and belongs to the day it begins: no Friday morning',
      [plan(['fri'], '22:00', '02:00', shanghai)],
      '2026-01-09T01:00+08:00',
      'closed',
      '2026-01-03T02:00+08:00',
      '2026-01-09T22:00+08:00',
    ],
    [
      'Sunday night goes on into Monday',
      [plan(['sun'], '22:00', '02:00', shanghai)],
      '2026-01-05T01:00+08:00',
      'open',
      '2026-01-04T22:00+08:00',
      '2026-01-05T02:00+08:00',
    ],
    [
      'to 24:00 is midnight',
      [plan(['mon'], '20:00', '24:00', shanghai)],
      '2026-01-05T23:59+08:00',
      'open',
      '2026-01-05T20:00+08:00',
      '2026-01-06T00:00+08:00',
    ],
    [
      'to 24:00 and from 00:00 touch and are one',
      [plan(['mon'], '20:00', '24:00', shanghai), plan(['tue'], '00:00', '03:00', shanghai)],
      '2026-01-06T01:00+08:00',
      'open',
      '2026-01-05T20:00+08:00',
      '2026-01-06T03:00+08:00',
    ],
    [
      'entries of two zones that overlap are one',
      [plan(['mon'], '08:00', '12:00', shanghai), plan(['mon'], '03:00', '06:00', 'UTC')],
      '2026-01-05T10:00+08:00',
      'open',
      '2026-01-05T08:00+08:00',
      '2026-01-05T14:00+08:00',
    ],
    [
      'Berlin, the night clocks go forward: an hour shorter',
      [plan(['sat'], '22:00', '06:00', berlin)],
      '2026-03-29T05:59+02:00',
      'open',
      '2026-03-28T22:00+01:00',
      '2026-03-29T06:00+02:00',
    ],
    [
      'Berlin, the night clocks go back: an hour longer',
      [plan(['sat'], '22:00', '06:00', berlin)],
      '2026-10-25T05:59+01:00',
      'open',
      '2026-10-24T22:00+02:00',
      '2026-10-25T06:00+01:00',
    ],
    [
      'Berlin, the morning after clocks went forward',
      [plan(week, '08:00', '20:00', berlin)],
      '2026-03-29T03:00+02:00',
      'closed',
      '2026-03-28T20:00+01:00',
      '2026-03-29T08:00+02:00',
    ],
    [
      'Berlin, the morning after clocks went back',
      [plan(week, '08:00', '20:00', berlin)],
      '2026-10-25T02:30+01:00',
      'closed',
      '2026-10-24T20:00+02:00',
      '2026-10-25T08:00+01:00',
    ],
    [
      'New York, the night clocks go forward',
      [plan(['sat'], '22:00', '06:00', newYork)],
      '2026-03-08T05:59-04:00',
      'open',
      '2026-03-07T22:00-05:00',
      '2026-03-08T06:00-04:00',
    ],
    [
      'New York, the night clocks go back',
      [plan(['sat'], '22:00', '06:00', newYork)],
      '2026-11-01T05:59-05:00',
      'open',
      '2026-10-31T22:00-04:00',
      '2026-11-01T06:00-05:00',
    ],
    // A time that clocks skip is as much later as they skip; one they show twice is the first.
    [
      'Berlin, from a time that clocks skip: not before they go on',
      [plan(['sun'], '02:30', '10:00', berlin)],
      '2026-03-29T03:30+02:00',
      'open',
      '2026-03-29T03:30+02:00',
      '2026-03-29T10:00+02:00',
    ],
    [
      'New York, from a time that clocks skip: not an hour early',
      [plan(['sun'], '02:30', '10:00', newYork)],
      '2026-03-08T01:45-05:00',
      'closed',
      '2026-03-01T10:00-05:00',
      '2026-03-08T03:30-04:00',
    ],
    [
      'Berlin, to a time that clocks skip: no longer than to when they go on',
      [plan(['sat'], '22:00', '02:30', berlin)],
      '2026-03-29T01:59+01:00',
      'open',
      '2026-03-28T22:00+01:00',
      '2026-03-29T03:00+02:00',
    ],
    [
      'New York, to a time that clocks skip: closed from when they go on',
      [plan(['sat', 'sun'], '22:00', '02:15', newYork)],
      '2026-03-08T03:00-04:00',
      'closed',
      '2026-03-08T03:00-04:00',
      '2026-03-08T22:00-04:00',
    ],
    [
      'Lord Howe, whose clocks skip half an hour',
      [plan(['sat'], '22:00', '02:20', 'Australia/Lord_Howe')],
      '2026-10-04T02:30+11:00',
      'closed',
      '2026-10-04T02:00+10:30',
      '2026-10-10T22:00+11:00',
    ],
    [
      'Berlin, all of it within what clocks skip: never open that night',
      [plan(['sun'], '02:10', '02:50', berlin)],
      '2026-03-29T03:15+02:00',
      'closed',
      '2026-03-22T02:50+01:00',
      '2026-04-05T02:10+02:00',
    ],
    [
      'Berlin, from a time that clocks show twice: the first',
      [plan(['sun'], '02:30', '10:00', berlin)],
      '2026-10-25T02:30+02:00',
      'open',
      '2026-10-25T02:30+02:00',
      '2026-10-25T10:00+01:00',
    ],
    [
      'New York, from a time that clocks show twice: the first',
      [plan(['sun'], '01:30', '10:00', newYork)],
      '2026-11-01T01:30-04:00',
      'open',
      '2026-11-01T01:30-04:00',
      '2026-11-01T10:00-05:00',
    ],
  ];
  test.each(rows)('%s', (_sentence, hours, at, open, since, until) => {
    const said = openingAt(hours, instant(at));
    expect({ ...said, since: new Date(said.since), until: new Date(said.until) }).toEqual({
      open: open === 'open',
      since: new Date(instant(since)),
      until: new Date(instant(until)),
    });
  });
});

test('the same plan, asked again at other moments', () => {
  const hours = [plan(['mon'], '08:00', '09:00', 'UTC')];
  const asked = ['07:59', '08:00', '09:00', '08:59'].map((clock) => openingAt(hours, instant(`2026-01-05T${clock}Z`)));
  expect(asked.map(({ open }) => open)).toEqual([false, true, false, true]);
});

test('a plan without a gap is open and stays so for days', () => {
  const hours = [plan(week, '00:00', '24:00', 'Europe/Berlin')];
  const now = instant('2026-03-29T01:30+01:00');
  expect(openingAt(hours, now).open).toBe(true);
  expect(openingAt(hours, now).until).toBeGreaterThan(now + 7 * 86_400_000);
});

describe('against a clock on the wall, minute by minute', () => {
  const minuteMs = 60_000;
  const clocks = new Map<string, Intl.DateTimeFormat>();
  /** Day and minute that a clock in the zone shows. */
  const shown = (timezone: string, at: number) => {
    const clock =
      clocks.get(timezone) ??
      new Intl.DateTimeFormat('en-GB', {
        timeZone: timezone,
        weekday: 'short',
        hour: '2-digit',
        minute: '2-digit',
        hourCycle: 'h23',
      });
    clocks.set(timezone, clock);
    const said = clock.format(at).replace(',', '');
    const [weekday = '', time = ''] = said.split(' ');
    return { day: week.indexOf(weekday.toLowerCase() as Day), minute: minuteOf(time) };
  };
  const openByTheWall = (hours: readonly Hours[], at: number) =>
    hours.some(({ days, fromMinute, toMinute, timezone }) => {
      const { day, minute } = shown(timezone, at);
      const today = days.includes(week[day] ?? 'mon');
      const yesterday = days.includes(week[(day + 6) % 7] ?? 'mon');
      if (toMinute > fromMinute) return today && minute >= fromMinute && minute < toMinute;
      return (today && minute >= fromMinute) || (yesterday && minute < toMinute);
    });

  // Times from 04:00 on: before that a clock that is put back shows some twice.
  const minutes = fc.integer({ min: 16, max: 95 }).map((quarter) => quarter * 15);
  const someHours = fc.record({
    days: fc.subarray([...week], { minLength: 1 }),
    fromMinute: minutes,
    toMinute: fc.oneof(minutes, fc.constant(1440)),
    timezone: fc.constantFrom('Europe/Berlin', 'America/New_York', 'Asia/Shanghai', 'UTC', 'Asia/Kolkata'),
  });
  const aroundAChange = fc
    .constantFrom('2026-03-29T01:00Z', '2026-10-25T01:00Z', '2026-03-08T07:00Z', '2026-11-01T06:00Z')
    .chain((change) =>
      fc.integer({ min: -2 * 1440, max: 2 * 1440 }).map((offset) => Date.parse(change) + offset * minuteMs),
    );
  test('since, until and everything between agree', () => {
    fc.assert(
      fc.property(
        fc.array(
          someHours.filter(({ fromMinute, toMinute }) => fromMinute !== toMinute),
          { minLength: 1, maxLength: 2 },
        ),
        aroundAChange,
        (hours, at) => {
          const { open, since, until } = openingAt(hours, at);
          expect(since).toBeLessThanOrEqual(at);
          expect(until).toBeGreaterThan(at);
          const farMs = 2 * 86_400_000;
          for (let t = Math.max(since, at - farMs); t < Math.min(until, at + farMs); t += minuteMs)
            if (openByTheWall(hours, t) !== open)
              throw new Error(`at ${new Date(t).toISOString()} the wall says otherwise`);
          if (at - since <= farMs) expect(openByTheWall(hours, since - minuteMs)).toBe(!open);
          if (until - at <= farMs) expect(openByTheWall(hours, until)).toBe(!open);
        },
      ),
      { numRuns: 60 },
    );
  });
});
