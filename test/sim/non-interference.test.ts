/**
 * A pair of every third kind of trouble, the others with other commits; and of two that only replicas have. Thousands, of
 * every kind: `npm run sim -- --non-interference --pairs 5000`, and with `--replicas 3`.
 */
import { describe, expect, test } from 'vitest';
import { commitHash } from './dice.ts';
import { ofAnswers } from './lasting-trouble.ts';
import { fromOutside } from './lasting-trouble-outside.ts';
import { ofReplicas } from './lasting-trouble-replicas.ts';
import { playPair } from './non-interference.ts';

describe('lasting trouble of one costs others nothing beyond the bounds', () => {
  const turn = Number.parseInt(commitHash().slice(-2), 16);
  const everyOther = (kinds: object, nth: number) =>
    Object.keys(kinds).filter((_, place) => place % nth === turn % nth);
  test.each([
    ...everyOther({ ...ofAnswers, ...fromOutside }, 3).map((kind) => [kind, 1] as const),
    ...everyOther(ofReplicas, 8).map((kind) => [kind, 3] as const),
  ])('%s, in %i replicas', { timeout: 120_000 }, async (kind, replicas) => {
    const { delaysMs, violations } = await playPair(3, kind, replicas);
    expect(violations).toEqual([]);
    expect(delaysMs.length).toBeGreaterThan(3);
  });
});
