/**
 * A pair of every sixth kind of trouble, the others with other commits; of those that only replicas have every eighth.
 * Thousands, of every kind: `npm run sim -- --non-interference --pairs 5000`, and with `--replicas 3`.
 */
import { describe, expect, test } from 'vitest';
import { commitHash } from './dice.ts';
import { kinds } from './lasting-trouble.ts';
import { playPair } from './non-interference.ts';

describe('lasting trouble of one costs others nothing beyond the bounds', () => {
  const turn = Number.parseInt(commitHash().slice(-2), 16);
  const all = Object.keys(kinds);
  const ofReplicas = all.filter((kind) => kinds[kind]?.befalls);
  const ofOne = all.filter((kind) => !ofReplicas.includes(kind));
  const every = (nth: number, some: readonly string[]) => some.filter((_, place) => place % nth === turn % nth);
  test.each([
    ...every(6, ofOne).map((kind) => [kind, 1] as const),
    ...every(8, ofReplicas).map((kind) => [kind, 3] as const),
  ])('%s, in %i replicas', { timeout: 120_000 }, async (kind, replicas) => {
    const { delaysMs, violations } = await playPair(3, kind, replicas);
    expect(violations).toEqual([]);
    expect(delaysMs.length).toBeGreaterThan(3);
  });
});
