import fc from 'fast-check';
import { Counter, Histogram, Registry } from 'prom-client';
import { describe, expect, test } from 'vitest';
import { catalogue, prefix } from '../../src/telemetry/catalogue.ts';
import { cutLabel, numberText } from '../../src/telemetry/exposition.ts';
import { createCounter, createHistogram } from '../../src/telemetry/series.ts';

describe('label values are cut at 128 bytes, on a character', () => {
  test.each([
    ['short', 'vip', 'vip'],
    ['exactly 128 letters', 'a'.repeat(128), 'a'.repeat(128)],
    ['129 letters', 'a'.repeat(129), 'a'.repeat(128)],
    ['43 characters of three bytes', '体'.repeat(43), '体'.repeat(42)],
    ['42 of them and two letters', `${'体'.repeat(42)}ab`, `${'体'.repeat(42)}ab`],
    ['a character of four bytes across the edge', `${'a'.repeat(126)}🎬`, 'a'.repeat(126)],
    ['a character of two bytes ending at the edge', `${'a'.repeat(126)}é!`, `${'a'.repeat(126)}é`],
  ])('%s', (_, text, expected) => {
    expect(cutLabel(text)).toBe(expected);
  });

  test('any text: within the bytes, a beginning of the text, and as long as can be', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (text) => {
        const cut = cutLabel(text);
        expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(128);
        expect(text.startsWith(cut)).toBe(true);
        const next = [...text.slice(cut.length)][0];
        if (next !== undefined) expect(Buffer.byteLength(cut + next)).toBeGreaterThan(128);
      }),
    );
  });
});

test.each([
  [Number.POSITIVE_INFINITY, '+Inf'],
  [Number.NEGATIVE_INFINITY, '-Inf'],
  [Number.NaN, 'NaN'],
  [0.25, '0.25'],
  [1e21, '1e+21'],
])('%s is written %s', (value, expected) => {
  expect(numberText(value)).toBe(expected);
});

const textOf = (series: { bytes(): Uint8Array }) => new TextDecoder().decode(series.bytes());

/** Labels stand in another order in prom-client's lines, and mean the same. */
const inOrder = (text: string) =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [, name, labels, rest] = /^([^#{ ]+)\{(.*)\} (\S+)$/s.exec(line) ?? [];
      if (labels === undefined) return line;
      return `${name}{${labels
        .match(/\w+="(?:[^"\\]|\\.)*"/g)
        ?.toSorted()
        .join()}} ${rest}`;
    })
    .toSorted();

describe('lines are those of prom-client', () => {
  const label = fc.string({ unit: 'binary-ascii', maxLength: 20 });
  const counts = fc.array(fc.tuple(label, label, fc.integer({ min: 0, max: 1e6 })), { maxLength: 12 });

  test('for counters, with odd characters in their labels', async () => {
    await fc.assert(
      fc.asyncProperty(counts, async (adds) => {
        const registry = new Registry();
        const theirs = new Counter({
          name: `${prefix}outages_total`,
          help: catalogue.outages_total.help,
          labelNames: ['account', 'group'],
          registers: [registry],
        });
        const ours = createCounter('outages_total');
        for (const [account, group, by] of adds) {
          ours.add([account, group], by);
          theirs.inc({ account, group }, by);
        }
        expect(inOrder(textOf(ours))).toEqual(inOrder(await registry.metrics()));
      }),
      { numRuns: 60 },
    );
  });

  test('for histograms, on, between and above the bounds', async () => {
    const observations = fc.array(fc.constantFrom(0, 4.9, 5, 5.1, 60, 86_400, 86_401, 1e9), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(observations, label, async (values, group) => {
        const registry = new Registry();
        const theirs = new Histogram({
          name: `${prefix}outage_duration_seconds`,
          help: catalogue.outage_duration_seconds.help,
          labelNames: ['account', 'group'],
          buckets: [...catalogue.outage_duration_seconds.buckets],
          registers: [registry],
        });
        const ours = createHistogram('outage_duration_seconds');
        ours.zero(['main', group]);
        theirs.zero({ account: 'main', group });
        for (const value of values) {
          ours.observe(['main', group], value);
          theirs.observe({ account: 'main', group }, value);
        }
        expect(inOrder(textOf(ours))).toEqual(inOrder(await registry.metrics()));
      }),
      { numRuns: 60 },
    );
  });
});

test('what has not changed since the last scrape is not written anew', () => {
  const counter = createCounter('outages_total');
  const histogram = createHistogram('outage_duration_seconds');
  for (const [series, change] of [
    [counter, () => counter.add(['main', 'vip'])],
    [histogram, () => histogram.observe(['main', 'vip'], 1)],
  ] as const) {
    change();
    const before = series.bytes();
    expect(series.bytes()).toBe(before);
    change();
    expect(textOf(series)).not.toBe(new TextDecoder().decode(before));
  }
});

test('a counter refuses to shrink, a histogram what is no number', () => {
  expect(() => createCounter('outages_total').add(['main', 'vip'], -1)).toThrow(/only grows/);
  expect(() => createCounter('outages_total').add(['main', 'vip'], Number.NaN)).toThrow(RangeError);
  expect(() => createHistogram('outage_duration_seconds').observe(['main', 'vip'], Number.NaN)).toThrow(RangeError);
});
