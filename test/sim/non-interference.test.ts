/**
 * A pair of every third kind of trouble, crowds left out, the others with other commits; and of two that only replicas
 * have. Thousands, of every kind: `npm run sim -- --non-interference --pairs 5000`, and with `--replicas 3`.
 */
import { describe, expect, test } from 'vitest';
import { commitHash } from './dice.ts';
import { playPair } from './non-interference.ts';
import { ofReplicas } from './non-interference-replicas.ts';
import { crowds, kinds } from './non-interference-troubles.ts';

/** They go the way of another kind here, with another code. */
const alike: ReadonlySet<string> = new Set([
  ...['quota', 'forbidden', 'not-found', 'common', 'network', 'unknown', 'billing', 'clock', 'retired'],
  'throttled for the account',
  'a cloud group whose restarts are forbidden',
  'a cloud group whose key is wrong',
  'a cloud group over quota',
  'unlistable group: denied',
  'unlistable group: not found',
  'unlistable group: CommonErr',
  'unlistable group: half an answer',
  'unlistable group: its key is wrong',
  'unlistable group: a bare 429, and asked to come back in a minute',
  'unlistable group: throttled for the account',
  'unlistable group: byte by byte',
]);

describe('lasting trouble of one costs others nothing beyond the bounds', () => {
  const names = Object.keys(kinds).filter((kind) => !alike.has(kind) && !(kind in crowds) && !(kind in ofReplicas));
  const turn = Number.parseInt(commitHash().slice(-2), 16);
  const everyOther = (all: readonly string[], nth: number) => all.filter((_, place) => place % nth === turn % nth);
  test.each(everyOther(names, 3))('%s', { timeout: 120_000 }, async (kind) => {
    const { delaysMs, violations } = await playPair(3, kind);
    expect(violations).toEqual([]);
    expect(delaysMs.length).toBeGreaterThan(3);
  });
  test.each(everyOther(Object.keys(ofReplicas), 8))('three replicas: %s', { timeout: 120_000 }, async (kind) => {
    const { delaysMs, violations } = await playPair(3, kind, 3);
    expect(violations).toEqual([]);
    expect(delaysMs.length).toBeGreaterThan(3);
  });
});
