/**
 * The tables, and the steps that lead to them.
 *
 * Facts are JSON in `body`; only what a query needs has a column of its own, so a new field in a record is no
 * migration. One schema for every database: what only SQLite understands is marked.
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

/** The tables that decisions rest on; `event` is history, but for the budget. */
export const stateTables = ['meta', 'task_record', 'hold', 'account_record'] as const;

type Dialect = 'sqlite' | 'postgres';
type Step = (db: Kysely<Tables>, dialect: Dialect) => Promise<void>;

/** Step n leads from version n to n + 1. Published ones are never changed: add another. */
export const steps: readonly Step[] = [
  async ({ schema }, dialect) => {
    await schema
      .createTable('meta')
      .addColumn('key', 'text', (column) => column.primaryKey())
      .addColumn('value', 'text', (column) => column.notNull())
      .execute();
    await schema
      .createTable('task_record')
      .addColumn('account', 'text', (column) => column.notNull())
      .addColumn('task_id', 'text', (column) => column.notNull())
      .addColumn('body', 'text', (column) => column.notNull())
      .addPrimaryKeyConstraint('task_record_key', ['account', 'task_id'])
      .execute();
    await schema
      .createTable('hold')
      .addColumn('account', 'text', (column) => column.notNull())
      .addColumn('id', 'text', (column) => column.notNull())
      .addColumn('body', 'text', (column) => column.notNull())
      .addPrimaryKeyConstraint('hold_key', ['account', 'id'])
      .execute();
    await schema
      .createTable('account_record')
      .addColumn('account', 'text', (column) => column.primaryKey())
      .addColumn('body', 'text', (column) => column.notNull())
      .execute();
    await createEvents(schema, dialect);
  },
];

async function createEvents(schema: Kysely<Tables>['schema'], dialect: Dialect): Promise<void> {
  const events = schema.createTable('event');
  const numbered =
    dialect === 'sqlite'
      ? events.addColumn('seq', 'integer', (column) => column.primaryKey().autoIncrement())
      : events.addColumn('seq', 'bigint', (column) => column.primaryKey().generatedByDefaultAsIdentity());
  await numbered
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('account', 'text', (column) => column.notNull())
    .addColumn('type', 'text', (column) => column.notNull())
    .addColumn('task_id', 'text')
    .addColumn('group_name', 'text')
    .addColumn('attempt_id', 'text')
    .addColumn('body', 'text', (column) => column.notNull())
    .execute();
  await schema.createIndex('event_of_task').on('event').columns(['task_id', 'seq']).execute();
  await schema.createIndex('event_at').on('event').column('at').execute();
  // For the budget: small, since they hold only the rows of one type.
  await schema
    .createIndex('event_failed')
    .on('event')
    .columns(['account', 'at'])
    .where(sql<boolean>`type = 'restart-failed'`)
    .execute();
  await schema
    .createIndex('event_given_back')
    .on('event')
    .columns(['account', 'attempt_id'])
    .where(sql<boolean>`type = 'restart-given-back'`)
    .execute();
}

export const schemaVersion = steps.length;

/** The last two are PostgreSQL's: the version of its own tables, and the oldest one whose programs can use them. */
type MetaKey = 'schema-version' | 'fingerprint-key' | 'epoch' | 'copy-unfinished' | 'own-version' | 'usable-from';

export async function readMeta(db: Kysely<Tables>, key: MetaKey): Promise<string | undefined> {
  const row = await db.selectFrom('meta').select('value').where('key', '=', key).executeTakeFirst();
  return row?.value;
}

export async function writeMeta(db: Kysely<Tables>, key: MetaKey, value: string): Promise<void> {
  await db
    .insertInto('meta')
    .values({ key, value })
    .onConflict((conflict) => conflict.column('key').doUpdateSet({ value }))
    .execute();
}

const fingerprintKeyBytes = 32;

/** The key of source fingerprints, in hexadecimal digits: made with the store, once. */
export async function fingerprintKeyOf(db: Kysely<Tables>): Promise<string> {
  const known = await readMeta(db, 'fingerprint-key');
  if (known !== undefined) return known;
  const made = randomBytes(fingerprintKeyBytes).toString('hex');
  await writeMeta(db, 'fingerprint-key', made);
  return made;
}

/** A half copy is nobody's memory. */
export async function refuseUnfinished(db: Kysely<Tables>, name: string): Promise<void> {
  const from = await readMeta(db, 'copy-unfinished');
  if (from !== undefined)
    throw new StoreProblem(
      `${name} is an unfinished copy of ${from}: run \`relaykeeper store copy\` again, or name another store`,
    );
}

/** 0: nothing is there yet. */
export async function readVersion(db: Kysely<Tables>): Promise<number> {
  const tables = await db.introspection.getTables();
  if (!tables.some(({ name }) => name === 'meta')) return 0;
  return Number((await readMeta(db, 'schema-version')) ?? 0);
}
