import { describe, expect, test } from 'vitest';
import { refusals, worstSecond } from './judges.ts';
import { adversary, load, profiles, shareOfBound } from './limiter-load.ts';
import { breed, mutants } from './limiter-mutants.ts';

const spacings = ['even', 'none'] as const;

describe('a million calls: worst second 10, nothing refused', () => {
  const calls = 100_000;
  const cells = spacings.flatMap((spacing) => [...profiles, adversary].map((profile) => ({ spacing, profile })));

  test('a million they are', () => expect(cells.length * calls).toBe(1_000_000));

  test.each(cells)('$profile.name, spacing $spacing', ({ spacing, profile }) => {
    const { arrivals } = load(profile, { perSecond: 10, spacing, calls, seed: 7, lateMs: 1 });
    expect(arrivals.length).toBeGreaterThanOrEqual(calls);
    expect(worstSecond(arrivals)).toBe(10);
    expect(refusals(arrivals, 10)).toEqual({ sliding: 0, fixed: 0, bucket: 0 });
  });

  test.each([
    ['a permit comes back one second after sending', adversary],
    ['the smallest round trip seen is credited', profiles[2] ?? adversary],
    ['one permit more than the limit', profiles[0] ?? adversary],
  ])('the same load is too much for a limiter where %s', async (name, profile) => {
    const mutant = mutants.find((candidate) => candidate.name === name);
    if (mutant === undefined) throw new Error(`no mutant: ${name}`);
    const { arrivals } = load(profile, { perSecond: 10, spacing: 'none', calls: 10_000, seed: 7 }, await breed(mutant));
    expect(worstSecond(arrivals)).toBeGreaterThan(10);
    expect(refusals(arrivals, 10).sliding).toBeGreaterThan(0);
  });
});

describe('restarts at one a second beside lists at fifteen, in an account of sixteen', () => {
  const cells = spacings.flatMap((spacing) => [...profiles, adversary].map((profile) => ({ spacing, profile })));

  test.each(cells)('$profile.name, spacing $spacing', ({ spacing, profile }) => {
    const limit = { perSecond: 16, restart: 1, list: 15, spacing };
    const { arrivals, restarts, lists, sent } = load(profile, {
      ...limit,
      from: ['restart', 'poll', 'poll'],
      calls: 20_000,
      seed: 7,
      lateMs: 1,
    });
    for (const [times, most] of [
      [arrivals, 16],
      [restarts, 1],
      [lists, 15],
    ] as const) {
      expect(worstSecond(times)).toBeLessThanOrEqual(most);
      expect(refusals(times, most)).toEqual({ sliding: 0, fixed: 0, bucket: 0 });
    }
    // Neither keeps the other waiting: whoever is left of the account's limit goes.
    if (profile === adversary) return;
    expect(shareOfBound(sent, 16)).toBeGreaterThan(0.93);
    const seconds = ((sent.at(-1)?.sentAt ?? 0) - (sent[0]?.sentAt ?? 0)) / 1_000;
    const meanRoundTripMs = sent.reduce((sum, { roundTripMs }) => sum + roundTripMs, 0) / sent.length;
    expect(restarts.length / seconds).toBeGreaterThan(0.9 / (1 + meanRoundTripMs / 1_000));
  });
});

describe('share of the bound 1 / (1 + mean round trip), 3,000 calls', () => {
  const cells = spacings.flatMap((spacing) =>
    profiles.map((profile) => ({ spacing, profile, atLeast: spacing === 'none' ? 0.99 : 0.95 })),
  );

  test.each(cells)('$profile.name, spacing $spacing: at least $atLeast', ({ spacing, profile, atLeast }) => {
    const { sent } = load(profile, { perSecond: 10, spacing, calls: 3_000, seed: 7 });
    const share = shareOfBound(sent, 10);
    expect(share).toBeGreaterThanOrEqual(atLeast);
    expect(share).toBeLessThanOrEqual(1);

    // The same from the first call to the last, the ten that a full bag starts with left out.
    const tookMs = (sent.at(-1)?.sentAt ?? 0) - (sent[0]?.sentAt ?? 0);
    const meanRoundTripMs = sent.reduce((sum, { roundTripMs }) => sum + roundTripMs, 0) / sent.length;
    expect((sent.length - 10) / tookMs).toBeGreaterThanOrEqual((atLeast * 10) / (1_000 + meanRoundTripMs));
  });
});
