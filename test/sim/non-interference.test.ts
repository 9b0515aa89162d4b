/** A pair of each kind of trouble; thousands of them: `npm run sim -- --non-interference --pairs 5000`. */
import { describe, expect, test } from 'vitest';
import { playPair } from './non-interference.ts';
import { kinds } from './non-interference-troubles.ts';

describe('lasting trouble of one costs others nothing beyond the bounds', () => {
  test.each(Object.keys(kinds))('%s', { timeout: 30_000 }, async (kind) => {
    const { delaysMs, violations } = await playPair(3, kind);
    expect(violations).toEqual([]);
    expect(delaysMs.length).toBeGreaterThan(3);
  });
});
