import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { emptyAccountRecord } from '../../src/domain/memory/ledger.ts';
import { mapTimes, notAfter } from '../../src/domain/memory/times.ts';
import { accountRecord, decode, decodeEvent, encode, encodeEvent, hold, taskRecord } from '../../src/store/records.ts';
import { anyAccountRecord, anyHold, anyRecord, eventOf, eventTypes, found, record } from './shapes.ts';

describe('what is stored comes back as it was', () => {
  it.each(eventTypes)('event %s', (type) => {
    fc.assert(
      fc.property(eventOf(type), (event) => {
        expect(decodeEvent(encodeEvent(event))).toEqual({ ok: true, value: event });
      }),
      { numRuns: 30 },
    );
  });

  it('task records', () => {
    fc.assert(
      fc.property(anyRecord, (value) => {
        expect(decode(taskRecord, encode(value))).toEqual({ ok: true, value });
      }),
    );
  });

  it('account records', () => {
    fc.assert(
      fc.property(anyAccountRecord, (value) => {
        expect(decode(accountRecord, encode(value))).toEqual({ ok: true, value });
      }),
    );
  });

  it('holds', () => {
    fc.assert(
      fc.property(anyHold, (value) => {
        expect(decode(hold, encode(value))).toEqual({ ok: true, value });
      }),
    );
  });
});

describe('numbers that JSON cannot hold', () => {
  it('"never" is stored as null and comes back as Infinity', () => {
    const body = encodeEvent({
      type: 'restart-withheld',
      at: 1,
      account: 'main',
      taskId: 't',
      group: 'vip',
      reason: 'abandoned',
      until: Number.POSITIVE_INFINITY,
    });
    expect(JSON.parse(body).until).toBeNull();
    expect(decodeEvent(body)).toMatchObject({ ok: true, value: { until: Number.POSITIVE_INFINITY } });
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('%s anywhere else throws', (bad) => {
    expect(() => encode(record('t', bad))).toThrow(`attempts is ${bad}`);
    expect(() => encodeEvent(found('t', bad))).toThrow(`at is ${bad}`);
  });

  it('a text with "null" in it is just a text', () => {
    const titled = { ...record('t'), item: { ...record('t').item, title: '{"a":null}' } };
    expect(decode(taskRecord, encode(titled))).toEqual({ ok: true, value: titled });
  });
});

it.each([
  ['{', 'it is not JSON'],
  ['[]', 'it: '],
  [encode(record('t')).replace('"attempts":0', '"attempts":"many"'), 'attempts: '],
  [encode(record('t')).replace('"status":"stopped"', '"status":"dancing"'), 'item.status: '],
])('a record that is not one is reported with its first fault: %s', (body, why) => {
  expect(decode(taskRecord, body)).toEqual({ ok: false, why: expect.stringContaining(why) });
});

it('a record is read in a few times what its JSON alone takes: 100,000 of them stand between a start and its first restart', () => {
  const body = encode(record('t'));
  const shortest = (read: () => void) =>
    Math.min(
      ...Array.from({ length: 20 }, () => {
        const before = performance.now();
        for (let n = 0; n < 200; n++) read();
        return performance.now() - before;
      }),
    );
  expect(shortest(() => decode(taskRecord, body)) / shortest(() => JSON.parse(body))).toBeLessThan(8);
});

describe('stored times in the future', () => {
  const now = 1_700_000_000_000;

  it('in a task record are taken as now, and past ones are left', () => {
    fc.assert(
      fc.property(anyRecord, (value) => {
        const kept = mapTimes('task', value, notAfter(now));
        // Every number that is a time of ours, found by its size; the cloud's own three are as they were.
        const { item, overdueTold, ...rest } = kept;
        for (const time of [item.requestedAt, ...timesIn(rest)]) expect(time).toBeLessThanOrEqual(now);
        expect([item.startsAt, item.endsAt, overdueTold]).toEqual([
          value.item.startsAt,
          value.item.endsAt,
          value.overdueTold,
        ]);
        expect(timesIn(rest)).toEqual(timesIn({ ...value, item: 0, overdueTold: 0 }).map((at) => Math.min(at, now)));
      }),
    );
  });

  it('in an account record are taken as now; a throttle keeps its length', () => {
    fc.assert(
      fc.property(anyAccountRecord, (value) => {
        const { throttle, circuits, ...rest } = mapTimes('account', value, notAfter(now));
        for (const time of timesIn(rest)) expect(time).toBeLessThanOrEqual(now);
        for (const time of timesIn(circuits)) expect(time).toBeLessThanOrEqual(now + 600_000);
        if (circuits.restart.kind === 'open') expect(circuits.restart.lastProbeAt).toBeLessThanOrEqual(now);
        if (throttle === undefined || value.throttle === undefined) return;
        expect(throttle.setAt).toBe(Math.min(value.throttle.setAt, now));
        expect(throttle.until - throttle.setAt).toBe(value.throttle.until - value.throttle.setAt);
      }),
    );
  });

  it('a record of the past is not touched', () => {
    expect(mapTimes('task', record('t'), notAfter(now))).toStrictEqual(record('t'));
    expect(mapTimes('account', emptyAccountRecord, notAfter(now))).toEqual(emptyAccountRecord);
  });
});

/** All numbers that look like Unix milliseconds, in the order in which they stand. */
function timesIn(value: unknown): number[] {
  if (typeof value === 'number') return value > 1e12 ? [value] : [];
  if (typeof value !== 'object' || value === null) return [];
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.flatMap(([, inner]) => timesIn(inner));
}
