import { describe, expect, test } from 'vitest';
import { createClockOffset } from '../../src/cloud/offset.ts';

const t0 = Date.UTC(2026, 0, 1, 12);
/** The header of a cloud whose clock is `aheadMs` ahead of ours, cut to whole seconds as HTTP does. */
const date = (at: number, aheadMs: number) => new Date(Math.floor((at + aheadMs) / 1000) * 1000).toUTCString();

function offset() {
  const reported: number[] = [];
  const made = createClockOffset((ms) => reported.push(ms));
  const sample = (aheadMs: number, at = t0, delayMs = 40) =>
    made.sample(date(at + delayMs / 2, aheadMs), at, at + delayMs);
  return { ...made, sample, reported };
}

describe('the cloud’s clock', () => {
  test.each([
    [0, 0],
    [1_400, 0],
    [-1_400, 0],
    [1_200_000, 1_200_000],
    [-3_600_000, -3_600_000],
    [5_300, 5_300],
  ])('%i ms ahead is learned as %i, within half a second', (aheadMs, learnedMs) => {
    for (let phaseMs = 0; phaseMs < 1_000; phaseMs += 50) {
      const { sample, offsetMs } = offset();
      for (let i = 0; i < 9; i++) sample(aheadMs, t0 + phaseMs + i * 137);
      const toleranceMs = learnedMs === 0 ? 0 : 500;
      expect(Math.abs(offsetMs() - learnedMs)).toBeLessThanOrEqual(toleranceMs);
    }
  });

  test('one sample is enough to begin with', () => {
    const { sample, offsetMs } = offset();
    sample(1_200_000);
    expect(Math.abs(offsetMs() - 1_200_000)).toBeLessThanOrEqual(500);
  });

  test('four wild samples of nine change nothing, five do', () => {
    const { sample, offsetMs } = offset();
    for (let i = 0; i < 9; i++) sample(0);
    for (let i = 0; i < 4; i++) sample(90_000);
    expect(offsetMs()).toBe(0);
    sample(90_000);
    expect(offsetMs()).toBeGreaterThan(89_000);
  });

  describe('a slow answer may have been dated at any moment of its way', () => {
    /** Nine samples of a cloud that is so far ahead, each answered after `tookMs` and dated `datedMs` after it was sent. */
    const learn = (aheadMs: number, tookMs: number, datedMs: number, { sample } = createClockOffset(() => {})) => {
      for (let i = 0; i < 9; i++) {
        const sentAt = t0 + i * 5_137;
        expect(sample(date(sentAt + datedMs, aheadMs), sentAt, sentAt + tookMs)).toBe(true);
      }
    };
    test.each([
      ['at once', 7_000, 0],
      ['at its end', 7_000, 7_000],
      ['at its end', 4_200, 4_200],
      ['at once', 10_000, 100],
    ])('%s, of %i ms: that is no difference of the clocks', (_when, tookMs, datedMs) => {
      const reported: number[] = [];
      const made = createClockOffset((ms) => reported.push(ms));
      learn(0, tookMs, datedMs, made);
      expect([made.offsetMs(), reported.filter((ms) => ms !== 0)]).toEqual([0, []]);
    });
    test('and takes nothing back of what quick ones have reported', () => {
      const made = createClockOffset(() => {});
      learn(-40_000, 40, 20, made);
      const before = made.offsetMs();
      learn(-40_000, 7_000, 0, made);
      expect([Math.abs(before + 40_000) <= 500, made.offsetMs()]).toEqual([true, before]);
    });
    test('a difference beyond that is reported all the same', () => {
      const made = createClockOffset(() => {});
      learn(60_000, 7_000, 0, made);
      expect(Math.abs(made.offsetMs() - 60_000)).toBeLessThanOrEqual(4_000);
    });
  });

  test('what was said before a refused time is forgotten', () => {
    const { sample, offsetMs, forget } = offset();
    for (let i = 0; i < 9; i++) sample(0);
    forget();
    sample(1_200_000);
    expect(offsetMs()).toBeGreaterThan(1_199_000);
  });

  test('a change is reported once, small ones are not', () => {
    const { sample, reported } = offset();
    for (let i = 0; i < 20; i++) sample(1_200_000, t0 + i * 333);
    expect(reported).toHaveLength(1);
    for (let i = 0; i < 9; i++) sample(0);
    expect(reported).toHaveLength(2);
    expect(reported[1]).toBe(0);
  });

  test.each([
    ['of 1970', 'Thu, 01 Jan 1970 00:00:00 GMT'],
    ['of 2100', 'Fri, 01 Jan 2100 00:00:00 GMT'],
    ['three hours behind', date(t0, -3 * 3_600_000)],
    ['a day ahead', date(t0, 86_400_000)],
  ])('a Date %s is none where the cloud took our time', (_what, header) => {
    const { sample, offsetMs } = createClockOffset(() => {});
    for (let i = 0; i < 20; i++) expect(sample(header, t0, t0 + 40, t0)).toBe(false);
    expect(offsetMs()).toBe(0);
    // Our own clock is a day off, and the cloud took the time that we had learned.
    const dayOff = t0 - 86_400_000;
    expect(sample(date(t0, 0), dayOff, dayOff + 40)).toBe(true);
    expect(sample(date(t0, 0), dayOff, dayOff + 40, dayOff + offsetMs())).toBe(true);
    expect(offsetMs()).toBeGreaterThan(86_300_000);
  });

  test.each([[undefined], ['yesterday'], [''], ['Fri, 31 Dec 9999 23:59:59 GMT']])('%s is no time', (header) => {
    const { offsetMs } = offset();
    const made = createClockOffset(() => {});
    expect(made.sample(header, t0, t0)).toBe(false);
    expect(offsetMs()).toBe(0);
  });
});
