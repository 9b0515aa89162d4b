/**
 * The statements about leases and replicas: one to look, one to say "I am here", one to keep or free what is ours, one to
 * take what is free. Each is whole by itself, on whatever connection.
 */
import { sql } from 'kysely';
import type { Database } from '../tables.ts';
import type { Lease } from './lease.ts';
import { databaseNow } from './postgres-tables.ts';

export interface ReplicaRow {
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly configHash: string;
  readonly accounts: readonly string[];
  /** By the database's clock, Unix milliseconds. */
  readonly startedAt: number;
  readonly seenAt: number;
}

export interface Snapshot {
  /** The database's clock. */
  readonly now: number;
  readonly leases: ReadonlyMap<string, Lease>;
  readonly replicas: readonly ReplicaRow[];
  /** Operators' requests that wait for an answer, oldest first. */
  readonly requests: readonly { readonly id: string; readonly account: string; readonly takenIn: number | null }[];
}

/** A change of a lease's row, made only while the row is as it was read. */
export interface Change {
  readonly account: string;
  readonly from: Lease;
  readonly to: Lease;
}

type Present = Pick<ReplicaRow, 'id' | 'name' | 'version' | 'configHash' | 'accounts'>;

/** Each may fail, and may have been done all the same. */
export type LeaseRows = ReturnType<typeof leaseRows>;

export const leaseRows = (db: Database) => ({
  look: () => look(db),
  /** Says that this replica lives and what it wants, and makes the rows of accounts that have none. */
  async sayPresent({ id, name, version, configHash, accounts }: Present): Promise<void> {
    await sql`with known as (
        insert into relaykeeper.lease (account, epoch, holder, expires_at)
        select account, 0, '', 0 from unnest(${accounts}::text[]) as mine(account)
        on conflict do nothing)
      insert into relaykeeper.replica (id, name, version, config_hash, accounts, started_at, seen_at)
      values (${id}, ${name}, ${version}, ${configHash}, ${JSON.stringify(accounts)}, ${databaseNow}, ${databaseNow})
      on conflict (id) do update set config_hash = excluded.config_hash, accounts = excluded.accounts,
        seen_at = excluded.seen_at`.execute(db);
  },
  async sayGone(id: string): Promise<void> {
    await sql`delete from relaykeeper.replica where id = ${id}`.execute(db);
  },
  /**
   * Renewals and releases. Gives the accounts changed. It waits for nobody, since a ledger being saved holds the row's key
   * alone.
   */
  async keep(changes: readonly Change[]): Promise<ReadonlySet<string>> {
    if (changes.length === 0) return new Set();
    return accountsOf(
      await sql<Changed>`update relaykeeper.lease set expires_at = wanted.expires_at
        from ${columns(changes)} where ${isAsRead} returning lease.account`.execute(db),
    );
  },
  /** Take-overs. One whose last owner still has a save under way is left for the next turn. */
  async take(changes: readonly Change[]): Promise<ReadonlySet<string>> {
    if (changes.length === 0) return new Set();
    return accountsOf(
      await sql<Changed>`with free as (
          select lease.account, wanted.epoch, wanted.holder, wanted.expires_at
          from relaykeeper.lease join ${columns(changes)} on ${isAsRead} for update of lease skip locked)
        update relaykeeper.lease set epoch = free.epoch, holder = free.holder, expires_at = free.expires_at
        from free where lease.account = free.account returning lease.account`.execute(db),
    );
  },
});

/** Requests looked at in one go: what is beyond has its turn a second later. */
const mostRequests = 100;

/** As its query gives it. */
interface Seen extends Omit<Snapshot, 'leases'> {
  readonly leases: readonly (Lease & { readonly account: string })[];
}

export async function look(db: Database): Promise<Snapshot> {
  const { rows } = await sql<Seen>`select
    ${databaseNow} as now,
    (select coalesce(json_agg(json_build_object(
      'account', account, 'epoch', epoch, 'holder', holder, 'expiresAt', expires_at)), '[]')
      from relaykeeper.lease) as leases,
    (select coalesce(json_agg(json_build_object(
      'id', id, 'name', name, 'version', version, 'configHash', config_hash, 'accounts', accounts::json,
      'startedAt', started_at, 'seenAt', seen_at)), '[]')
      from relaykeeper.replica) as replicas,
    (select coalesce(json_agg(json_build_object('id', id, 'account', account, 'takenIn', taken_in)), '[]')
      from (select id, account, taken_in from relaykeeper.request where answer is null
        order by asked_at, id limit ${mostRequests}) as waiting) as requests`.execute(db);
  const [row] = rows;
  if (!row) throw new Error('the database answered with no row');
  return { ...row, leases: new Map(row.leases.map(({ account, ...lease }) => [account, lease])) };
}

const columns = (changes: readonly Change[]) => sql`unnest(
  ${changes.map(({ account }) => account)}::text[],
  ${changes.map(({ from }) => from.epoch)}::bigint[],
  ${changes.map(({ from }) => from.expiresAt)}::bigint[],
  ${changes.map(({ to }) => to.epoch)}::bigint[],
  ${changes.map(({ to }) => to.holder)}::text[],
  ${changes.map(({ to }) => to.expiresAt)}::bigint[]
) as wanted(account, was_epoch, was_expires, epoch, holder, expires_at)`;

const isAsRead = sql`lease.account = wanted.account and lease.epoch = wanted.was_epoch
  and lease.expires_at = wanted.was_expires`;

type Changed = { readonly account: string };
const accountsOf = ({ rows }: { readonly rows: readonly Changed[] }): ReadonlySet<string> =>
  new Set(rows.map(({ account }) => account));
