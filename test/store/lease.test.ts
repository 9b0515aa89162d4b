/** The lease protocol over every interleaving of three replicas, and what the exploration finds if a rule of it is missing. */
import { describe, expect, it } from 'vitest';
import { lostHoldMs, windowMs } from '../../src/cloud/limiter/limiter.ts';
import * as lease from '../../src/store/postgres/lease.ts';
import { explore, type Protocol, protocol, type Work } from './lease-model.ts';

const minute = 60_000;

describe('a lease that ends later than any can', () => {
  const row = (expiresAt: number) => ({ epoch: 4, holder: 'b', expiresAt });
  it.each([
    [-1, undefined],
    [lease.terms.leaseMs, undefined],
    [lease.terms.leaseMs + 1, lease.terms.leaseMs],
    [3_600_000, lease.terms.leaseMs],
  ])('in %i ms: %j', (left, leftThen) => {
    const now = 1_000_000;
    expect(lease.shorten(row(now + left), now)).toEqual(leftThen === undefined ? undefined : row(now + leftThen));
  });
});

/** Clocks may be slewed by 500 ppm each: the owner's, and the database's. */
const slewMs = (2 * 500 * lease.terms.leaseMs) / 1e6;

it('the margin covers what the limiter assumes of calls without an answer', () => {
  // Its successor waits out the window itself.
  expect(lease.terms.marginMs).toBeGreaterThanOrEqual(lostHoldMs - windowMs + slewMs);
});

describe('the lease protocol', () => {
  it.each<Work>(['calls', 'requests'])(
    'has one actor at any time, over two take-overs: %s',
    { timeout: minute },
    (work) => {
      const { broken, epochs, states } = explore(protocol, work);
      expect(broken).toBeUndefined();
      expect(epochs).toBe(3);
      expect(states).toBeGreaterThan(100_000);
    },
  );

  it.each<[string, Work, Partial<Protocol>, string]>([
    ['no epoch check', 'calls', { mayWrite: () => true }, 'a ledger is written by its owner alone'],
    [
      'expiry by the local clock',
      'calls',
      { databaseTime: (_now, own) => own, skew: [0, 3, 3] },
      'two owners never have calls out at once',
    ],
    [
      'a lease that counts from the answer',
      'calls',
      { tenureFrom: (row, _askedAt, terms) => lease.tenureFrom(row, 0, terms) },
      'two owners never have calls out at once',
    ],
    [
      'calls that outlast the lease',
      'calls',
      { coveredMs: (tenure) => (tenure ? Number.POSITIVE_INFINITY : 0) },
      'two owners never have calls out at once',
    ],
    [
      'no wait after the take-over',
      'calls',
      { waitAfterTakeOver: 0 },
      'the calls of two owners are a limiter window apart',
    ],
    ['permits not waited out', 'calls', { releasesWithCallsOut: true }, 'two owners never have calls out at once'],
    [
      'calls that were given up not waited out',
      'calls',
      { forgetsWhatItGaveUp: true },
      'two owners never have calls out at once',
    ],
    [
      'a margin without the time for late calls',
      'calls',
      {
        tenureFrom: (row, askedAt, { leaseMs } = lease.terms) =>
          lease.tenureFrom(row, askedAt, { leaseMs, marginMs: 0 }),
      },
      'the calls of two owners are a limiter window apart',
    ],
    [
      'a lease taken from its owner',
      'calls',
      { claim: (row, now, me, terms) => lease.claim({ ...row, expiresAt: now }, now, me, terms) },
      'two owners never have calls out at once',
    ],
    [
      'a request taken by everybody who sees it',
      'requests',
      { takesRequestsOnce: false },
      'a request is executed once',
    ],
  ])('without its rule: %s', { timeout: minute }, (_, work, wrong, law) => {
    const { broken } = explore({ ...protocol, ...wrong }, work);
    expect(broken?.law).toBe(law);
  });
});
