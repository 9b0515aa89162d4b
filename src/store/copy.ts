/**
 * A whole store to another place, on the same engine or the other: every row, compared by content when it is done. A copy
 * that was cut short goes on where it was; until it is whole nobody can run on it.
 */
import { createHash } from 'node:crypto';
import { sql } from 'kysely';
import type { RawStore } from './store.ts';
import { StoreProblem } from './store-problem.ts';
import { type Database, keys, readMeta, type Tables, writeMeta } from './tables.ts';

const pageRows = 500;

const stateTables = ['task_record', 'hold', 'account_record'] as const;
export const tables = [...stateTables, 'event'] as const;
export type Table = (typeof tables)[number];

type Row = Readonly<Record<string, unknown>>;
export type Counts = Readonly<Record<Table, number>>;

/** Gives how many rows each table has. Rejects with `StoreProblem` if `to` has another ledger, or differs in the end. */
export async function copyStore(from: RawStore, to: RawStore): Promise<Counts> {
  const key = await readMeta(from.db, 'fingerprint-key');
  if (key === undefined) throw new StoreProblem(`there is nothing in ${from.name}`);
  const there = await readMeta(to.db, 'fingerprint-key');
  if (there !== key && !(await isEmpty(to.db)))
    throw new StoreProblem(`${to.name} has a ledger of its own, which would be lost: name an empty place`);
  if ((await readMeta(to.db, 'copy-unfinished')) === undefined && (await wentOn(from.db, to.db)))
    throw new StoreProblem(
      `${to.name} is a copy of ${from.name} that has been used since, and what came since would be lost: name an empty place, or copy the other way`,
    );
  await writeMeta(to.db, 'copy-unfinished', from.name);
  await writeMeta(to.db, 'fingerprint-key', key);
  await copyEvents(from, to);
  for (const table of stateTables) {
    await to.db.deleteFrom(table).execute();
    for await (const rows of pagesOf(from, table)) await insert(to.db, table, rows);
  }
  const [had, has] = [await contentOf(from), await contentOf(to)];
  for (const table of tables)
    if (had[table].digest !== has[table].digest)
      throw new StoreProblem(
        `${to.name} differs from ${from.name} in ${table} (${has[table].rows} rows against ${had[table].rows}): stop whatever writes to one of them, and copy again`,
      );
  await to.db.deleteFrom('meta').where('key', '=', 'copy-unfinished').execute();
  return Object.fromEntries(tables.map((table) => [table, has[table].rows])) as Counts;
}

async function isEmpty(db: Database): Promise<boolean> {
  for (const table of tables)
    if ((await db.selectFrom(table).select('account').limit(1).executeTakeFirst()) !== undefined) return false;
  return true;
}

/** Whether the newest event in `to` is none of `from`. */
async function wentOn(from: Database, to: Database): Promise<boolean> {
  const newest = await endOf(to, 'desc');
  const oldest = await endOf(from, 'asc');
  if (!newest || (oldest && newest.seq < oldest.seq)) return false;
  const same = await from.selectFrom('event').select('body').where('seq', '=', newest.seq).executeTakeFirst();
  return same?.body !== newest.body;
}

const endOf = (db: Database, order: 'asc' | 'desc') =>
  db.selectFrom('event').select(['seq', 'body']).orderBy('seq', order).limit(1).executeTakeFirst();

/** They are many, are only ever added, and are in order: what is there already stays. */
async function copyEvents(from: RawStore, to: RawStore): Promise<void> {
  const first = await endOf(from.db, 'asc');
  await to.db
    .deleteFrom('event')
    .where('seq', '<', first?.seq ?? Number.MAX_SAFE_INTEGER)
    .execute();
  const last = await endOf(to.db, 'desc');
  for await (const rows of pagesOf(from, 'event', last?.seq)) await insert(to.db, 'event', rows);
  await to.numberEvents();
}

const insert = (db: Database, table: keyof Tables, rows: readonly Row[]) =>
  db.transaction().execute((write) =>
    write
      .insertInto(table)
      .values(rows as never)
      .execute(),
  );

/** All rows in the order of their key, which is the engine's own. */
export async function* pagesOf({ db }: RawStore, table: Table, afterSeq?: number): AsyncGenerator<readonly Row[]> {
  const columns = table === 'event' ? ['seq'] : keys[table];
  const order = sql.join(columns.map((column) => sql.ref(column)));
  let after: readonly unknown[] | undefined = afterSeq === undefined ? undefined : [afterSeq];
  for (;;) {
    const page = db.selectFrom<keyof Tables>(table).selectAll().orderBy(order).limit(pageRows);
    const beyond = after && sql<boolean>`(${order}) > (${sql.join(after)})`;
    const rows: readonly Row[] = await (beyond ? page.where(beyond) : page).execute();
    if (rows.length > 0) yield rows.map(ofTheLedger);
    const last = rows.at(-1);
    if (!last || rows.length < pageRows) return;
    after = columns.map((column) => last[column]);
  }
}

/** PostgreSQL adds a column of its own to each row. */
const ofTheLedger = ({ tx: _, ...row }: Row): Row => row;

type Content = Readonly<Record<Table, { readonly rows: number; readonly digest: string }>>;

/** The same in whatever order the rows come: the hashes of all rows added up. */
export async function contentOf(store: RawStore): Promise<Content> {
  const found: [string, { rows: number; digest: string }][] = [];
  for (const table of tables) {
    let [rows, sum] = [0, 0n];
    for await (const page of pagesOf(store, table))
      for (const row of page) {
        rows++;
        sum = BigInt.asUintN(256, sum + digestOf(row));
      }
    found.push([table, { rows, digest: `${rows} ${sum.toString(16)}` }]);
  }
  return Object.fromEntries(found) as Content;
}

function digestOf(row: Row): bigint {
  const fields = Object.entries(row).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return BigInt(`0x${createHash('sha256').update(JSON.stringify(fields)).digest('hex')}`);
}
