/**
 * The tables, and the steps that lead to them.
 *
 * Facts are JSON in `body`; only what a query needs has a column of its own, so a new field in a record is no
 * migration. One schema for every database, but for what the dialect says.
 */
import { randomBytes } from 'node:crypto';
import { type Generated, type Kysely, sql, type Transaction } from 'kysely';
import { StoreProblem } from './store-problem.ts';

export interface Tables {
  readonly meta: { readonly key: string; readonly value: string };
  readonly task_record: { readonly account: string; readonly task_id: string; readonly body: string };
  readonly hold: { readonly account: string; readonly id: string; readonly body: string };
  readonly account_record: { readonly account: string; readonly body: string };
  readonly event: {
    readonly seq: Generated<number>;
    readonly at: number;
    readonly account: string;
    readonly type: string;
    readonly task_id: string | null;
    readonly group_name: string | null;
    readonly attempt_id: string | null;
    readonly body: string;
  };
}

export type Database = Kysely<Tables>;
export type Write = Transaction<Tables>;

/** The tables that decisions rest on, by what names a row; `event` is history, but for the budget. */
export const keys = {
  meta: ['key'],
  task_record: ['account', 'task_id'],
  hold: ['account', 'id'],
  account_record: ['account'],
} as const satisfies Readonly<Record<Exclude<keyof Tables, 'event'>, readonly string[]>>;

/** How an engine says what only it understands. */
interface Dialect {
  /** What stands before the name of a table. */
  readonly schema: '' | 'relaykeeper.';
  /** The type of a key that numbers its rows. */
  readonly numbered: string;
}

/** Step n leads from version n to n + 1. Published ones are never changed: add another. */
const steps: readonly ((dialect: Dialect) => readonly string[])[] = [
  ({ schema, numbered }) => [
    `create table ${schema}meta (key text primary key, value text not null)`,
    `create table ${schema}task_record (account text not null, task_id text not null, body text not null,
      constraint task_record_key primary key (account, task_id))`,
    `create table ${schema}hold (account text not null, id text not null, body text not null,
      constraint hold_key primary key (account, id))`,
    `create table ${schema}account_record (account text primary key, body text not null)`,
    `create table ${schema}event (seq ${numbered}, at bigint not null, account text not null, type text not null,
      task_id text, group_name text, attempt_id text, body text not null)`,
    `create index event_of_task on ${schema}event (task_id, seq)`,
    `create index event_at on ${schema}event (at)`,
    // For the budget: small, since they hold only the rows of one type.
    `create index event_failed on ${schema}event (account, at) where type = 'restart-failed'`,
    `create index event_given_back on ${schema}event (account, attempt_id) where type = 'restart-given-back'`,
  ],
];

export const schemaVersion = steps.length;

/** Leads the tables from `version` to today's, and then through an engine's own statements. Gives the fingerprint key. */
export async function migrate(
  db: Database,
  version: number,
  dialect: Dialect,
  own: readonly string[] = [],
): Promise<string> {
  const common = steps.slice(version).flatMap((step) => step(dialect));
  for (const statement of [...common, ...own]) await sql.raw(statement).execute(db);
  if (version < schemaVersion) await writeMeta(db, 'schema-version', String(schemaVersion));
  return fingerprintKeyOf(db);
}

/** The last two are PostgreSQL's: the version of its own tables, and the oldest one whose programs can use them. */
type MetaKey = 'schema-version' | 'fingerprint-key' | 'epoch' | 'copy-unfinished' | 'own-version' | 'usable-from';

export async function readMeta(db: Database, key: MetaKey): Promise<string | undefined> {
  const row = await db.selectFrom('meta').select('value').where('key', '=', key).executeTakeFirst();
  return row?.value;
}

export async function writeMeta(db: Database, key: MetaKey, value: string): Promise<void> {
  await db
    .insertInto('meta')
    .values({ key, value })
    .onConflict((conflict) => conflict.column('key').doUpdateSet({ value }))
    .execute();
}

const fingerprintKeyBytes = 32;

/** The key of source fingerprints, in hexadecimal digits: made with the store, once. */
async function fingerprintKeyOf(db: Database): Promise<string> {
  const known = await readMeta(db, 'fingerprint-key');
  if (known !== undefined) return known;
  const made = randomBytes(fingerprintKeyBytes).toString('hex');
  await writeMeta(db, 'fingerprint-key', made);
  return made;
}

/** A half copy is nobody's memory. */
export async function refuseUnfinished(db: Database, name: string): Promise<void> {
  const from = await readMeta(db, 'copy-unfinished');
  if (from !== undefined)
    throw new StoreProblem(
      `${name} is an unfinished copy of ${from}: run \`relaykeeper store copy\` again, or name another store`,
    );
}

/** 0: nothing is there yet. */
export async function readVersion(db: Database): Promise<number> {
  const tables = await db.introspection.getTables();
  if (!tables.some(({ name }) => name === 'meta')) return 0;
  return Number((await readMeta(db, 'schema-version')) ?? 0);
}
