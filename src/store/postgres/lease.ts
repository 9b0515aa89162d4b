/**
 * The lease protocol, pure: what a replica may do with an account's row, judged by the database's clock, and how long
 * it may act for the account, judged by its own monotonic one.
 *
 * A replica asks the database for the row and the time, decides with the functions below, and writes the row that they
 * give on the condition that it is still the one that was read. The time was read before that, so a lease that had run
 * out then has run out, and one that is extended ends no later than everybody sees. test/store/lease.test.ts explores
 * every interleaving of three replicas.
 */

export interface Lease {
  /** Counts the owners; every write of an owner is refused unless this is still its epoch. */
  readonly epoch: number;
  /** The replica that has it, or had it last. */
  readonly holder: string;
  /** Unix milliseconds by the database's clock. */
  readonly expiresAt: number;
}

/** What the owner itself knows of its lease. */
export interface Tenure {
  readonly epoch: number;
  /** By the owner's monotonic clock: a call has to be over by then. */
  readonly until: number;
}

export interface Terms {
  readonly leaseMs: number;
  /** How long after its timeout a call may still be counted, and what the owner's clock may be slow by over a whole lease. */
  readonly marginMs: number;
}

export const terms: Terms = { leaseMs: 30_000, marginMs: 4_100 };
export const renewEveryMs = 10_000;
/**
 * Of a statement about leases. Two of them renew one: with later answers no time is left in it for a call. And where the
 * network swallowed one, another is sent that soon.
 */
export const answerWithinMs = 8_000;

/** Of an account that nobody ever owned. */
export const unclaimed: Lease = { epoch: 0, holder: '', expiresAt: 0 };

/** Another's lease is taken only when it has run out. Undefined: not now. */
export function claim(lease: Lease, now: number, me: string, { leaseMs } = terms): Lease | undefined {
  if (lease.expiresAt > now) return undefined;
  return { epoch: lease.epoch + 1, holder: me, expiresAt: now + leaseMs };
}

/** One that has run out is claimed anew: somebody else may have seen it so. */
export function renew(lease: Lease, now: number, me: string, { leaseMs } = terms): Lease | undefined {
  if (lease.holder !== me || lease.expiresAt <= now) return undefined;
  return { ...lease, expiresAt: now + leaseMs };
}

/** Only with no call on its way: whoever comes next waits for one limiter window and no longer. */
export function release(lease: Lease, now: number, me: string): Lease | undefined {
  if (lease.holder !== me || lease.expiresAt <= now) return undefined;
  return { ...lease, expiresAt: now };
}

/**
 * Unless a lease ends later than any can: it was written before the database's clock was set back. Then it lasts as long as
 * a new one, which is longer than its owner believes to have it.
 */
export function shorten(lease: Lease, now: number, { leaseMs } = terms): Lease | undefined {
  if (lease.expiresAt <= now + leaseMs) return undefined;
  return { ...lease, expiresAt: now + leaseMs };
}

/** The holder is asked too: a server that lost commits when it took over has given an epoch to two. */
export const mayWrite = (lease: Lease, epoch: number, me: string): boolean =>
  lease.epoch === epoch && lease.holder === me;

/** `askedAt`: when the database was asked for the row that was then claimed or renewed, by our monotonic clock. */
export function tenureFrom(lease: Lease, askedAt: number, { leaseMs, marginMs } = terms): Tenure {
  return { epoch: lease.epoch, until: askedAt + leaseMs - marginMs };
}

/** A call may be sent if its timeout is shorter than this. */
export const coveredMs = (tenure: Tenure | undefined, monotonicNow: number): number =>
  tenure === undefined ? 0 : Math.max(0, tenure.until - monotonicNow);
