/** Some pairs of each kind of trouble; thousands of them: `npm run sim -- --non-interference --pairs 5000`. */
import { describe, expect, test } from 'vitest';
import { kinds, playPair } from './non-interference.ts';

const green = Object.keys(kinds).filter((kind) => kinds[kind]?.red === undefined);
const red = Object.keys(kinds).filter((kind) => kinds[kind]?.red !== undefined);

describe('lasting trouble of one costs others nothing beyond the bounds', () => {
  test.each(green)('%s', { timeout: 30_000 }, async (kind) => {
    const { delaysMs, violations } = await playPair(3, kind);
    expect(violations).toEqual([]);
    expect(delaysMs.length).toBeGreaterThan(3);
  });
});

describe('known to cost more, and how much at most', () => {
  // One that is mended must leave the list: its test fails then.
  test.each(red)('%s', { timeout: 30_000 }, async (kind) => {
    const { beyond, violations } = await playPair(kinds[kind]?.red?.seed ?? 0, kind);
    expect(violations).toEqual([]);
    expect(beyond).toBeGreaterThan(0);
  });
});
