/** Cron expressions: when they come, how long the search takes, and which are none. */
import { getTasks } from 'node-cron';
import { describe, expect, it, vi } from 'vitest';
import { comesEveryYear, cronSchedule, wallSchedule } from '../../src/settings/schedule.ts';
import { readCron } from '../../src/settings/values.ts';
import { load } from './support.ts';

const utc = (text: string) => Date.parse(`${text}Z`);

describe('cronSchedule', () => {
  it.each([
    ['every 15 s', '*/15 * * * * *', 'UTC', '2026-03-01T10:00:01', '2026-03-01T10:00:15'],
    ['strictly after a tick', '*/15 * * * * *', 'UTC', '2026-03-01T10:00:15', '2026-03-01T10:00:30'],
    ['a millisecond before a tick', '*/15 * * * * *', 'UTC', '2026-03-01T10:00:14.999', '2026-03-01T10:00:15'],
    ['over the end of the year', '*/15 * * * * *', 'UTC', '2026-12-31T23:59:45', '2027-01-01T00:00:00'],
    ['five fields mean second 0', '*/5 * * * *', 'UTC', '2026-03-01T10:00:01', '2026-03-01T10:05:00'],
    ['seconds out of order', '45,15 * * * * *', 'UTC', '2026-03-01T10:00:00', '2026-03-01T10:00:15'],
    ['one time a day in Shanghai', '0 30 8 * * *', 'Asia/Shanghai', '2026-03-01T00:30:00', '2026-03-02T00:30:00'],
    ['a zone of 45 minutes', '0 0 9 * * *', 'Asia/Kathmandu', '2026-03-01T00:00:00', '2026-03-01T03:15:00'],
    ['Mondays', '0 0 0 * * mon', 'UTC', '2026-03-01T00:00:00', '2026-03-02T00:00:00'],
    ['Sunday as 7', '0 0 0 * * 7', 'UTC', '2026-03-02T00:00:00', '2026-03-08T00:00:00'],
    ['a day that is a weekday too', '0 15 6 13 * fri', 'UTC', '2026-02-14T00:00:00', '2026-03-13T06:15:00'],
    ['the last day of a month', '0 0 3 L * *', 'UTC', '2026-02-01T00:00:00', '2026-02-28T03:00:00'],
    ['the second Friday', '0 0 3 * * 5#2', 'UTC', '2026-03-01T00:00:00', '2026-03-13T03:00:00'],
    // 02:30 does not exist in Berlin on 2026-03-29.
    ['an hour that the spring skips', '0 30 2 * * *', 'Europe/Berlin', '2026-03-28T01:30:00', '2026-03-30T00:30:00'],
    // 02:30 happens twice in Berlin on 2026-10-25: at 00:30 and at 01:30 UTC.
    ['an hour that the autumn repeats', '0 30 2 * * *', 'Europe/Berlin', '2026-10-25T00:30:00', '2026-10-25T01:30:00'],
  ])('%s', (_what, expression, timezone, at, tick) => {
    expect(new Date(cronSchedule(expression, timezone).next(utc(at))).toISOString()).toBe(
      new Date(utc(tick)).toISOString(),
    );
  });

  it('a schedule without a tick in two years never comes', () => {
    expect(cronSchedule('0 0 0 29 2 *', 'UTC').next(utc('2025-03-01T00:00:00'))).toBe(Number.POSITIVE_INFINITY);
  });

  it('throws for what is no expression or no time zone', () => {
    expect(() => cronSchedule('61 * * * * *', 'UTC')).toThrow(/second/);
    expect(() => cronSchedule('* * * * * *', 'Mars/Olympus')).toThrow(/time zone/);
  });

  it('in UTC loads nothing of Intl, whose tables take 8 MiB', () => {
    const asked = vi.spyOn(Intl, 'DateTimeFormat');
    const zones = ['UTC', 'Asia/Tokyo'].map((timezone) => {
      cronSchedule('*/5 * * * * *', timezone).next(utc('2026-03-01T10:00:00'));
      const calls = asked.mock.calls.length;
      asked.mockClear();
      return calls > 0;
    });
    asked.mockRestore();
    expect(zones).toEqual([false, true]);
  });

  it('leaves no timer and nothing in the library behind', () => {
    const before = process.getActiveResourcesInfo();
    cronSchedule('* * * * * *', 'UTC').next(utc('2026-03-01T00:00:00'));
    expect(process.getActiveResourcesInfo()).toEqual(before);
    expect(getTasks().size).toBe(0);
  });
});

/** Milliseconds that it computes, whatever else the machine does. */
function computes(run: () => void): number {
  const before = process.threadCpuUsage();
  run();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1_000;
}

describe('a schedule that comes once a year', () => {
  const from = Date.UTC(2026, 2, 9);
  it.each([
    ['0 30 2 8 3 *', 'UTC'],
    ['0 30 2 8 3 *', 'Asia/Shanghai'],
    ['* * 23 31 12 *', 'Pacific/Apia'],
    ['*/7 * 3 L 2 *', 'America/St_Johns'],
  ])('%s in %s is found once and then remembered, with the one after it', (expression, timezone) => {
    const schedule = cronSchedule(expression, timezone);
    const tick = schedule.next(from);
    const after = schedule.next(tick);
    expect(after).toBeGreaterThan(tick);
    const asked = computes(() => {
      for (let n = 0; n < 10_000; n++) expect([schedule.next(from + n), schedule.next(tick)]).toEqual([tick, after]);
    });
    // One search of a year for each question took minutes.
    expect(asked).toBeLessThan(3_000);
  });
  it('what is remembered holds for the moments before the tick only', () => {
    const schedule = cronSchedule('0 0 * * * *', 'UTC');
    const hour = 3_600_000;
    expect(schedule.next(from)).toBe(from + hour);
    expect(schedule.next(from + hour - 1)).toBe(from + hour);
    expect(schedule.next(from + hour)).toBe(from + 2 * hour);
    expect(schedule.next(from - 1)).toBe(from);
    expect(schedule.next(from - hour)).toBe(from);
  });
});

describe('what is no schedule', () => {
  const bad = (schedule: string, timezone = 'UTC') => {
    const loaded = load(
      `accounts: [{name: a, poll: {schedule: "${schedule}", timezone: ${timezone}}}]\ngroups: [{name: vip}]\n`,
    );
    return loaded.ok ? [] : loaded.errors.map(({ path, message }) => `${path}: ${message}`);
  };
  it.each([
    ['a leap day', '0 0 0 29 2 *', 'UTC'],
    ['a leap day as a last day but none', '0 0 0 29 2 1', 'UTC'],
    ['New Year on a Monday', '0 0 0 1 1 1', 'UTC'],
    ['an hour that the spring skips, on the day on which it does', '0 30 2 * 3 0L', 'Europe/Berlin'],
    ['the fifth Monday of a short month', '0 0 0 * 2 1#5', 'UTC'],
  ])('%s', (_what, schedule, timezone) => {
    expect(bad(schedule, timezone)).toEqual([
      expect.stringMatching(/^accounts\[0\]\.poll\.schedule: does not come at least once a year/),
    ]);
  });
  it.each([
    ['once a year', '0 30 2 8 3 *', 'UTC'],
    ['the same hour where no clock is changed', '0 30 2 * 3 0L', 'Asia/Shanghai'],
    ['the last day of February', '0 0 0 L 2 *', 'UTC'],
  ])('%s is one', (_what, schedule, timezone) => expect(bad(schedule, timezone)).toEqual([]));
  it.each([
    ['20,000 seconds', `${Array.from({ length: 20_000 }, (_, n) => n % 60).join(',')} * * * * *`],
    ['20,000 days of the week', `* * * * * ${'mon,'.repeat(20_000)}mon`],
    ['a long way to say nothing', `*${' '.repeat(300)}* * * * *`],
  ])('%s is refused by its length', (_what, text) => {
    expect(
      computes(() => expect(readCron(text)).toMatchObject({ wrong: expect.stringContaining('256') })),
    ).toBeLessThan(50);
  });
  it('the check itself takes no time worth telling', () => {
    expect(computes(() => comesEveryYear(cronSchedule('0 30 2 29 2 *', 'Asia/Shanghai')))).toBeLessThan(500);
  });
});

describe('the tick before a moment', () => {
  it.each([
    ['a tick is its own', '*/15 * * * * *', 'UTC', '2026-11-25T12:00:15Z', '2026-11-25T12:00:15Z'],
    ['just before it, the one before', '*/15 * * * * *', 'UTC', '2026-11-25T12:00:14.999Z', '2026-11-25T12:00:00Z'],
    ['over a night', '*/15 * 8-22 * * *', 'UTC', '2026-11-25T23:30:00Z', '2026-11-25T22:59:45Z'],
    ['over a day in another zone', '0 0 9 * * 1', 'Asia/Shanghai', '2026-11-29T23:00:00Z', '2026-11-23T01:00:00Z'],
    ['over a year', '0 0 0 1 1 *', 'Pacific/Kiritimati', '2026-12-31T09:59:59Z', '2025-12-31T10:00:00Z'],
    ['at the other end of the world', '0 0 0 1 1 *', 'Etc/GMT+12', '2026-01-01T12:00:00Z', '2026-01-01T12:00:00Z'],
  ])('%s', (_, expression, timezone, at, expected) => {
    expect(new Date(cronSchedule(expression, timezone).previous(Date.parse(at))).toISOString()).toBe(
      new Date(expected).toISOString(),
    );
  });

  it('asked in any order, it and the next one are neighbours', () => {
    const schedule = cronSchedule('7,30 */7 3-5,22 * * *', 'Europe/Berlin');
    for (const hours of [50, 3, 17, 17.01, 1_000, 0]) {
      const at = Date.parse('2026-03-28T00:00:00Z') + hours * 3_600_000;
      const before = schedule.previous(at);
      expect(before).toBeLessThanOrEqual(at);
      expect(schedule.next(before)).toBe(schedule.next(at));
      expect(schedule.next(before - 1)).toBe(before);
    }
  });
});

describe('wallSchedule: by the clock on the wall, each time once', () => {
  it.each([
    [
      'on a plain day',
      '0 30 3 * * 2',
      'Asia/Shanghai',
      '2026-12-01T00:00:00',
      '2026-11-30T19:30:00',
      '2026-12-07T19:30:00',
    ],
    [
      'at the very moment',
      '0 30 3 * * 2',
      'Asia/Shanghai',
      '2026-11-30T19:30:00',
      '2026-11-30T19:30:00',
      '2026-12-07T19:30:00',
    ],
    [
      'a millisecond before',
      '0 30 3 * * 2',
      'Asia/Shanghai',
      '2026-11-30T19:29:59.999',
      '2026-11-23T19:30:00',
      '2026-11-30T19:30:00',
    ],
    // Berlin skips 02:00 to 03:00 on 2026-03-29: 02:30 comes at 03:30 of the new time, 01:30 UTC.
    [
      'skipped in spring',
      '0 30 2 * * *',
      'Europe/Berlin',
      '2026-03-29T01:00:00',
      '2026-03-28T01:30:00',
      '2026-03-29T01:30:00',
    ],
    [
      'after the skipped',
      '0 30 2 * * *',
      'Europe/Berlin',
      '2026-03-29T01:30:00',
      '2026-03-29T01:30:00',
      '2026-03-30T00:30:00',
    ],
    // 03:00 of the new time, 01:00 UTC, comes before the 02:30 that was skipped.
    [
      'skipped among others',
      '0 0,30 2,3 * * *',
      'Europe/Berlin',
      '2026-03-29T01:15:00',
      '2026-03-29T01:00:00',
      '2026-03-29T01:30:00',
    ],
    // Berlin shows 02:00 to 03:00 twice on 2026-10-25: at 00:30 UTC, and not again at 01:30.
    [
      'shown twice in autumn',
      '0 30 2 * * *',
      'Europe/Berlin',
      '2026-10-25T01:30:00',
      '2026-10-25T00:30:00',
      '2026-10-26T01:30:00',
    ],
    // In New York, and on the southern half of the world, where the dates differ.
    [
      'skipped in New York',
      '0 30 2 * * 0',
      'America/New_York',
      '2026-03-08T07:00:00',
      '2026-03-01T07:30:00',
      '2026-03-08T07:30:00',
    ],
    [
      'a half hour on Lord Howe',
      '0 15 2 * * *',
      'Australia/Lord_Howe',
      '2026-10-03T15:00:00',
      '2026-10-02T15:45:00',
      '2026-10-03T15:45:00',
    ],
    [
      'at the edge of the world',
      '0 0 0 1 * *',
      'Pacific/Kiritimati',
      '2026-05-31T09:59:59',
      '2026-04-30T10:00:00',
      '2026-05-31T10:00:00',
    ],
  ])('%s', (_what, expression, timezone, at, previous, next) => {
    const schedule = wallSchedule(expression, timezone);
    const shown = [schedule.previous(utc(at)), schedule.next(utc(at))].map((tick) => new Date(tick).toISOString());
    expect(shown).toEqual([previous, next].map((tick) => new Date(utc(tick)).toISOString()));
    // Asked again, from what is remembered.
    expect([schedule.previous(utc(at)), schedule.next(utc(at))]).toEqual([utc(previous), utc(next)]);
  });
});
