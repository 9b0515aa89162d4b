/** Single values: what is read, and that what is almost right is not. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { durationMs } from '../../src/domain/words/duration.ts';
import { nearest } from '../../src/settings/nearest.ts';
import {
  readAddress,
  readCron,
  readDays,
  readListen,
  readSocket,
  readStore,
  readTimeOfDay,
  readTimezone,
} from '../../src/settings/values.ts';

const value = (read: { ok: boolean; value?: unknown }) => (read.ok ? read.value : undefined);

test.each([
  ['15s', 15_000],
  ['1h30m', 5_400_000],
  ['500ms', 500],
  ['1d', 86_400_000],
  ['72h', 259_200_000],
  ['1d2h3m4s5ms', 93_784_005],
  ['0s', 0],
  ['', undefined],
  ['15', undefined],
  ['1.5h', undefined],
  ['30m1h', undefined],
  ['1h 30m', undefined],
  ['-15s', undefined],
  ['15S', undefined],
  ['15s\n', undefined],
])('the duration %j is %j ms', (text, ms) => expect(durationMs(text)).toBe(ms));

test('a duration put together from its units is their sum', () => {
  const part = fc.nat(10_000);
  fc.assert(
    fc.property(part, part, part, part, part, (d, h, m, s, ms) => {
      const sum = (((d * 24 + h) * 60 + m) * 60 + s) * 1000 + ms;
      return durationMs(`${d}d${h}h${m}m${s}s${ms}ms`) === sum;
    }),
  );
});

test.each([
  ['00:00', 0],
  ['08:30', 510],
  ['23:59', 1439],
  ['24:00', 1440],
  ['24:01', undefined],
  ['8:00', undefined],
  ['08:60', undefined],
])('the time of day %j is minute %j', (text, minute) => expect(value(readTimeOfDay(text))).toBe(minute));

test.each([
  ['mon', 'mon'],
  ['mon-fri', 'mon tue wed thu fri'],
  ['sat-mon', 'sat sun mon'],
  ['mon-sun', 'mon tue wed thu fri sat sun'],
  ['sun-sun', 'sun'],
  ['Mon', undefined],
  ['mon-', undefined],
  ['mon,tue', undefined],
])('the days %j are %j', (text, days) => {
  const read = readDays(text);
  expect(read.ok ? read.value.join(' ') : undefined).toBe(days);
});

test.each([
  ['127.0.0.1:9847', '127.0.0.1', 9847],
  ['0.0.0.0:0', '0.0.0.0', 0],
  ['[::1]:9847', '::1', 9847],
  ['localhost:65535', 'localhost', 65_535],
])('listens on %j', (text, host, port) => expect(value(readListen(text))).toEqual({ host, port }));
test.each(['', '9847', ':9847', '127.0.0.1', '127.0.0.1:65536', '::1:9847', 'http://127.0.0.1:9847', 'a b:1'])(
  'does not listen on %j',
  (text) => expect(readListen(text).ok).toBe(false),
);

test.each([
  ['https://open.byteplusapi.com', 'https://open.byteplusapi.com'],
  ['http://127.0.0.1:8080/', 'http://127.0.0.1:8080'],
])('the endpoint %j', (text, address) => expect(value(readAddress(text, 'no-path'))).toBe(address));
test.each([
  'live.volcengineapi.com',
  'ftp://host',
  'https://',
  'https://host/?',
  'https://host/#',
  'https://u@host',
  'https://host/x',
  'https:host',
])('no endpoint: %j', (text) => expect(readAddress(text, 'no-path').ok).toBe(false));
test('an external address keeps its path and loses the slash at its end', () => {
  expect(value(readAddress('https://h/relay/', 'with-path'))).toBe('https://h/relay');
});

test.each([
  ['sqlite:data/x.db', { kind: 'sqlite', path: 'data/x.db' }],
  ['sqlite:/var/lib/x.db', { kind: 'sqlite', path: '/var/lib/x.db' }],
  ['postgres://keeper@db/relaykeeper', { kind: 'postgres', url: 'postgres://keeper@db/relaykeeper' }],
  [
    'postgresql://keeper:p%40ss@db:5433/x?sslmode=verify-full',
    { kind: 'postgres', url: 'postgres://keeper@db:5433/x?sslmode=verify-full', password: 'p@ss' },
  ],
  ['sqlite:', undefined],
  ['sqlite::memory:', undefined],
  ['sqlite://host/x', undefined],
  ['data/x.db', undefined],
  ['postgres://h/d', undefined],
  ['postgres://keeper@/d', undefined],
  ['postgres://keeper@h', undefined],
  ['postgres://keeper@h/d?sslmode=prefer', undefined],
  ['postgres://keeper@h/d?password=x', undefined],
  ['postgres:keeper@h/d', undefined],
])('the store %j is %j', (text, place) => expect(value(readStore(text, ['sqlite']))).toEqual(place));
test('the name of an engine is one that there is', () => {
  expect(value(readStore('memory:x', ['sqlite', 'memory']))).toEqual({ kind: 'memory', path: 'x' });
  expect(value(readStore('memory:x', ['sqlite']))).toBeUndefined();
  expect(readStore('x', ['sqlite', 'memory'])).toMatchObject({
    wrong: expect.stringMatching(/`sqlite:` or `memory:`/),
  });
  expect(readStore('memory://x', ['memory'])).toMatchObject({ wrong: expect.stringMatching(/`memory:data/) });
});

test('the longest socket path counts bytes', () => {
  expect([readSocket('s'.repeat(103)).ok, readSocket('s'.repeat(104)).ok, readSocket('勿'.repeat(35)).ok]).toEqual([
    true,
    false,
    false,
  ]);
});

test.each(['*/15 * * * * *', '* * * * *', '@daily'])('the schedule %j', (text) => expect(readCron(text).ok).toBe(true));
test.each(['', '* * * *', '* * * * * * *', '60 * * * * *', '0 0 0 31 4 *', 'every minute'])('no schedule: %j', (text) =>
  expect(readCron(text).ok).toBe(false),
);

test.each(['UTC', 'Asia/Shanghai', 'America/New_York'])('the timezone %j', (text) =>
  expect(readTimezone(text).ok).toBe(true),
);
test.each(['', 'Asia/Beijing', '+08:00', 'Mars/Olympus'])('no timezone: %j', (text) =>
  expect(readTimezone(text).ok).toBe(false),
);

describe('the nearest word', () => {
  const known = ['verifyWithin', 'verifyEvery', 'startLead', 'endGuard', 'mode', 'confirm'];
  test.each([
    ['verifyWithn', 'verifyWithin'],
    ['verify_within', 'verifyWithin'],
    ['verify-every', 'verifyEvery'],
    ['STARTLEAD', 'startLead'],
    ['mdoe', 'mode'],
    ['conf', 'confirm'],
    ['verify', undefined],
    ['colour', undefined],
    ['', undefined],
    ['x'.repeat(10_000), undefined],
  ])('%j is meant to be %j', (word, meant) => expect(nearest(word, known)).toBe(meant));
});
