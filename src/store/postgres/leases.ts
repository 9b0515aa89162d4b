/**
 * Who may act, over several replicas: each looks at the rows of all accounts once a second, keeps what is its own, takes
 * what is free and should be its own, and gives away what another should have. What is allowed is in lease.ts, whose each
 * should be in assign.ts.
 */
import type { Owned, Ownership, ReplicaSeen, Shared } from '../../domain/ports/store-port.ts';
import type { Clock } from '../../domain/ports/time-port.ts';
import { assign, type Candidate } from './assign.ts';
import {
  claim,
  coveredMs,
  mayWrite,
  release,
  renew,
  renewEveryMs,
  shorten,
  type Tenure,
  tenureFrom,
  terms,
  unclaimed,
} from './lease.ts';
import type { Change, LeaseRows, ReplicaRow, Snapshot } from './rows.ts';

const lookEveryMs = 1_000;
/** While the database fails: longer each time, up to this. */
const longestRestMs = 2_000;
/** A replica that was not heard of for so long is gone; its leases have run out by then. */
const goneAfterMs = terms.leaseMs;
/** Accounts that have an owner are moved only to a replica that has lived so long: one that keeps ending gets none. */
const settledAfterMs = 10_000;
/** The end waits so long for the leases to be freed; then they run out by themselves. */
const leaveWithinMs = 1_500;

/** What the others get to know of this process. */
export interface Self {
  /** Unlike any other process's. */
  readonly id: string;
  /** What people call it. */
  readonly name: string;
  readonly version: string;
  readonly configHash: () => string;
}

interface LeasesOptions extends Self {
  readonly rows: LeaseRows;
  readonly clock: Clock;
  /** Runs and traces one operation of the store. */
  readonly run: <T>(work: () => Promise<T>) => Promise<T>;
  readonly onSnapshot: (snapshot: Snapshot) => void;
}

interface Leases extends Ownership, Pick<Shared, 'replicas'> {
  /** The epoch in which the account is this replica's, if it is. */
  epochOf(account: string): number | undefined;
  /** Frees what is still ours and says good-bye. */
  close(): Promise<void>;
}

interface OwnLease {
  tenure: Tenure;
  readonly lost: AbortController;
  /** Its keeper has ended, and all is saved. */
  free: boolean;
  takeBackExpiry: () => void;
}

export function openLeases(options: LeasesOptions): Leases {
  const { rows, clock, id, run } = options;
  const ours = new Map<string, OwnLease>();
  /** Accounts that are waited for, and who waits. */
  const wanted = new Map<string, (owned: Owned) => void>();
  let closed = false;
  let snapshot: Snapshot | undefined;
  let sightAt = 0;
  let saidAt = Number.NEGATIVE_INFINITY;
  let said = '';
  let renewedAt = Number.NEGATIVE_INFINITY;
  let wake = new AbortController();
  /** Resolves when the turn that begins next has ended. */
  let turned = Promise.withResolvers<void>();

  const accounts = () =>
    [...new Set([...[...ours.keys()].filter((name) => !ours.get(name)?.free), ...wanted.keys()])].sort();

  async function loop(): Promise<void> {
    let failures = 0;
    while (!closed) {
      const { resolve } = turned;
      turned = Promise.withResolvers<void>();
      if (wake.signal.aborted) wake = new AbortController();
      try {
        await run(turn);
        failures = 0;
      } catch {
        failures++; // its trace says so
      }
      resolve();
      const restMs = Math.min(lookEveryMs * 2 ** failures, longestRestMs);
      if (!closed) await clock.sleep(restMs, wake.signal);
    }
  }

  async function turn(): Promise<void> {
    const askedAt = clock.monotonic();
    const wants = JSON.stringify([accounts(), options.configHash()]);
    if (said !== wants || askedAt - saidAt >= renewEveryMs) {
      const { name, version } = options;
      await rows.sayPresent({ id, name, version, configHash: options.configHash(), accounts: accounts() });
      [said, saidAt] = [wants, askedAt];
    }
    const lookedAt = clock.monotonic();
    snapshot = await rows.look();
    sightAt = lookedAt;
    const { now } = snapshot;
    for (const [account, { tenure }] of ours) {
      const lease = snapshot.leases.get(account);
      if (!lease || !mayWrite(lease, tenure.epoch, id)) lose(account, 'another replica has the account');
      // By the database's clock, which may have been set: whoever sees it so may claim it.
      else if (lease.expiresAt <= now) lose(account, 'its lease has run out');
    }
    await keepOwn(snapshot, lookedAt);
    // The database's clock was set, or it lost what was said: nobody counts on this replica until it is said again.
    if (snapshot.replicas.some((one) => one.id === id && isThere(now)(one))) await takeFree(snapshot, lookedAt);
    else said = '';
    options.onSnapshot(snapshot);
  }

  async function keepOwn({ leases, now }: Snapshot, askedAt: number): Promise<void> {
    const renews = askedAt - renewedAt >= renewEveryMs;
    const changes: Change[] = [];
    for (const [account, from] of leases) {
      const own = ours.get(account);
      const to = own?.free ? release(from, now, id) : own && renews ? renew(from, now, id) : shorten(from, now);
      if (to) changes.push({ account, from, to });
    }
    const done = await rows.keep(changes);
    if (renews) renewedAt = askedAt;
    for (const { account, to } of changes) {
      const one = ours.get(account);
      if (!one || !done.has(account)) continue;
      // It may have become free since it was renewed: then the next turn frees its row.
      if (to.expiresAt <= now) lose(account, 'it was handed over');
      else if (renews) extend(account, one, tenureFrom(to, askedAt));
    }
  }

  async function takeFree(seen: Snapshot, askedAt: number): Promise<void> {
    const { leases, now } = seen;
    const whose = assigned(seen);
    const changes: Change[] = [];
    for (const account of wanted.keys()) {
      if (ours.has(account) || whose.get(account) !== id) continue;
      const from = leases.get(account) ?? unclaimed;
      // The answer to a claim can be lost: then the row is ours, and nothing was done with it yet.
      const to = claim(from, now, id) ?? renew(from, now, id);
      if (to) changes.push({ account, from, to });
    }
    const done = await rows.take(changes);
    for (const { account, to } of changes) if (done.has(account)) begin(account, tenureFrom(to, askedAt));
    for (const [account, { lost }] of ours)
      if ((whose.get(account) ?? id) !== id && !lost.signal.aborted)
        lost.abort(new Error('another replica has fewer accounts: it is handed over'));
  }

  function assigned({ leases, replicas, now }: Snapshot): ReadonlyMap<string, string> {
    const candidates = replicas.filter(isThere(now)).map(
      (one): Candidate => ({
        id: one.id,
        accounts: new Set(one.accounts),
        settled: Math.abs(now - one.startedAt) >= settledAfterMs,
      }),
    );
    const owners = new Map<string, string>();
    for (const [account, { holder, expiresAt }] of leases) if (expiresAt > now) owners.set(account, holder);
    return assign([...leases.keys()], candidates, owners);
  }

  function begin(account: string, tenure: Tenure): void {
    const grant = wanted.get(account);
    wanted.delete(account);
    const one: OwnLease = {
      tenure,
      lost: new AbortController(),
      free: grant === undefined,
      takeBackExpiry: () => {},
    };
    ours.set(account, one);
    extend(account, one, tenure);
    const handOver = async () => {
      if (ours.get(account) !== one) return;
      one.free = true;
      wake.abort();
      // This turn may have passed the account already.
      await Promise.race([turned.promise, clock.sleep(leaveWithinMs)]);
    };
    grant?.({ epoch: tenure.epoch, lost: one.lost.signal, handOver });
  }

  function extend(account: string, one: OwnLease, tenure: Tenure): void {
    one.tenure = tenure;
    one.takeBackExpiry();
    one.takeBackExpiry = clock.after(tenure.until - clock.monotonic(), () => lose(account, 'its lease has run out'));
  }

  function lose(account: string, why: string): void {
    const one = ours.get(account);
    ours.delete(account);
    one?.takeBackExpiry();
    one?.lost.abort(new Error(why));
  }

  const ended = loop();

  return {
    acquire: (account, signal) =>
      new Promise((resolve, reject) => {
        const giveUp = () => {
          wanted.delete(account);
          reject(signal.reason);
        };
        if (signal.aborted) return giveUp();
        signal.addEventListener('abort', giveUp, { once: true });
        wanted.set(account, (owned) => {
          signal.removeEventListener('abort', giveUp);
          resolve(owned);
        });
        wake.abort();
      }),
    remainingMs: (account) => coveredMs(ours.get(account)?.tenure, clock.monotonic()),
    epochOf: (account) => ours.get(account)?.tenure.epoch,
    replicas: () => ({
      all: snapshot === undefined ? [] : shown(snapshot, id),
      ageMs: clock.monotonic() - sightAt,
    }),
    close: async () => {
      closed = true;
      wake.abort();
      await Promise.race([ended, clock.sleep(leaveWithinMs)]);
      for (const one of ours.values()) one.free = true;
      const leave = async () => {
        await keepOwn(await rows.look(), clock.monotonic());
        await rows.sayGone(id);
      };
      await Promise.race([leave().catch(() => undefined), clock.sleep(leaveWithinMs)]);
      for (const account of [...ours.keys()]) lose(account, 'the store was closed');
    },
  };
}

/** One that was seen long after the present moment was so before the database's clock was set back. */
const isThere = (now: number) => (one: ReplicaRow) => Math.abs(now - one.seenAt) < goneAfterMs;

function shown({ replicas, leases, now }: Snapshot, id: string): readonly ReplicaSeen[] {
  return replicas
    .filter(isThere(now))
    .map(({ accounts: _, seenAt: __, ...one }) => ({
      ...one,
      isThis: one.id === id,
      owned: [...leases]
        .filter(([, { holder, expiresAt }]) => holder === one.id && expiresAt > now)
        .map(([account, { expiresAt }]) => ({ account, leftMs: expiresAt - now }))
        .sort((a, b) => (a.account < b.account ? -1 : 1)),
    }))
    .sort((a, b) => a.startedAt - b.startedAt || (a.id < b.id ? -1 : 1));
}
