/**
 * What PostgreSQL has besides the common tables: leases, replicas, operators' requests, and in every row of the ledger
 * the transaction that wrote it, so that a replica can read what is new.
 *
 * All of it lies in a schema of its own, since the database may be shared. Bodies are JSON as everywhere; what is asked
 * for by SQL has a column.
 */
import { type Kysely, sql } from 'kysely';
import { StoreProblem } from '../store-problem.ts';
import { fingerprintKeyOf, readMeta, schemaVersion, steps, type Tables, writeMeta } from '../tables.ts';

/** Any number that is only ours: it keeps replicas that start together from making the tables twice. */
const migrationLock = 0x524c594b;
const halfWayWithin = '10s';

/** By the database's clock, Unix milliseconds. */
export const databaseNow = sql<number>`floor(extract(epoch from clock_timestamp()) * 1000)::bigint`;

type Step = (db: Kysely<Tables>) => Promise<void>;

/** Step n leads from version n to n + 1 of what is PostgreSQL's own. Published ones are never changed: add another. */
const ownSteps: readonly Step[] = [
  async (db) => {
    for (const table of ['task_record', 'hold', 'account_record']) {
      // `tx` is the newest transaction that wrote the row.
      await sql`alter table ${sql.table(`relaykeeper.${table}`)} add column tx bigint not null default 0`.execute(db);
      await sql`create index ${sql.ref(`${table}_tx`)} on ${sql.table(`relaykeeper.${table}`)} (tx)`.execute(db);
    }
    await sql`create function relaykeeper.mark_transaction() returns trigger language plpgsql as
      ${sql.lit('begin new.tx := pg_current_xact_id()::text::bigint; return new; end')}`.execute(db);
    for (const table of ['task_record', 'hold', 'account_record'])
      await sql`create trigger mark_transaction before insert or update on ${sql.table(`relaykeeper.${table}`)}
        for each row execute function relaykeeper.mark_transaction()`.execute(db);
    await sql`create table relaykeeper.lease (
      account text primary key,
      epoch bigint not null,
      holder text not null,
      expires_at bigint not null,
      unique (account, epoch)
    )`.execute(db);
    await sql`create table relaykeeper.replica (
      id text primary key,
      name text not null,
      version text not null,
      config_hash text not null,
      accounts text not null,
      started_at bigint not null,
      seen_at bigint not null
    )`.execute(db);
    await sql`create table relaykeeper.request (
      id text primary key,
      account text not null,
      body text not null,
      asked_at bigint not null,
      taken_in bigint,
      answer text
    )`.execute(db);
    await sql`create index request_open on relaykeeper.request (account) where answer is null`.execute(db);
  },
];

/**
 * The tables as this version needs them, and the fingerprint key. Replicas that start together wait for each other; one
 * of the version before goes on with what a newer one only added to.
 */
export async function prepare(db: Kysely<Tables>, name: string): Promise<Uint8Array> {
  return db.transaction().execute(async (write) => {
    // One that was stopped or cut off half way is ended by the server, so that the others need not wait for it.
    await sql`select set_config('idle_in_transaction_session_timeout', ${halfWayWithin}, true),
      pg_advisory_xact_lock(${migrationLock})`.execute(write);
    const found = await sql`select 1 from pg_namespace where nspname = 'relaykeeper'`.execute(write);
    // Even with `if not exists` it would ask for a right that only the first start needs.
    if (found.rows.length === 0) await sql`create schema relaykeeper`.execute(write);
    const { common, own } = await versionsIn(write, name);
    for (const step of steps.slice(common)) await step(write, 'postgres');
    for (const step of ownSteps.slice(own)) await step(write);
    if (common < schemaVersion) await writeMeta(write, 'schema-version', String(schemaVersion));
    if (own < ownSteps.length) {
      await writeMeta(write, 'own-version', String(ownSteps.length));
      await writeMeta(write, 'usable-from', String(ownSteps.length));
    }
    return Buffer.from(await fingerprintKeyOf(write), 'hex');
  });
}

/** For one that only reads: it makes nothing. */
export async function readKey(db: Kysely<Tables>, name: string): Promise<Uint8Array> {
  await versionsIn(db, name);
  const key = await readMeta(db, 'fingerprint-key').catch(() => undefined);
  if (key === undefined) throw new StoreProblem(`there is no store in ${name} yet: \`relaykeeper run\` creates one`);
  return Buffer.from(key, 'hex');
}

async function versionsIn(
  db: Kysely<Tables>,
  name: string,
): Promise<{ readonly common: number; readonly own: number }> {
  const found = await sql<{ meta: string | null }>`select to_regclass('relaykeeper.meta')::text as meta`.execute(db);
  if (found.rows[0]?.meta === null) return { common: 0, own: 0 };
  const versionOf = async (key: Parameters<typeof readMeta>[1]) => Number((await readMeta(db, key)) ?? 0);
  const usableFrom = await versionOf('usable-from');
  if (usableFrom > ownSteps.length) throw new StoreProblem(tooNew(name, usableFrom));
  return { common: await versionOf('schema-version'), own: await versionOf('own-version') };
}

const tooNew = (name: string, usableFrom: number) =>
  `${name} was prepared by a newer relaykeeper (its tables need version ${usableFrom}, this one knows up to ${ownSteps.length}): ` +
  'update this one, or restore the database from before the upgrade';
