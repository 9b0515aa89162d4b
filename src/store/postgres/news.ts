/**
 * Reads what other replicas wrote since the last look, for many accounts at once.
 *
 * Each row names the transaction that wrote it last. A look contains every transaction older than the oldest one that
 * still ran when the look began, so the next look starts there: it may see a few rows twice, and misses none.
 */
import { sql } from 'kysely';
import type { News, NewsMark } from '../../domain/ports/store-port.ts';
import type { Clock } from '../../domain/ports/time-port.ts';
import { loadTasks } from '../ledger-store.ts';
import { accountRecord, decode, hold, taskRecord } from '../records.ts';
import type { Database } from '../tables.ts';
import { oldestRunning } from './postgres-tables.ts';

interface Row {
  readonly account: string;
  readonly body: string;
}

/** Rows read in one turn of the thread. */
const turnRows = 500;

/** `since`: by account, from its last news; an account without one is read whole, a page at a time. */
export function newsOf(
  db: Database,
  clock: Clock,
  accounts: readonly string[],
  since: ReadonlyMap<string, NewsMark>,
): Promise<News> {
  const known = accounts.filter((account) => since.has(account));
  return db
    .transaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only')
    .execute(async (view) => {
      const oldest = await sql<{ mark: NewsMark }>`select ${oldestRunning} as mark`.execute(view);
      const newer = (table: string, of: readonly string[]) =>
        sql<Row>`select kept.account, kept.body from ${sql.table(`relaykeeper.${table}`)} as kept
          join unnest(${of}::text[], ${of.map((account) => since.get(account) ?? 0)}::bigint[]) as asked(account, mark)
            on kept.account = asked.account and kept.tx >= asked.mark`.execute(view);
      const records = await newer('account_record', accounts);
      // They are few, and one that was removed leaves no row.
      const holds =
        await sql<Row>`select account, body from relaykeeper.hold where account = any(${accounts}::text[])`.execute(
          view,
        );
      const changed = await newer('task_record', known);
      const tasks: News['tasks'][number][] = [];
      for (let from = 0; from < changed.rows.length; from += turnRows) {
        tasks.push(...readable(changed.rows.slice(from, from + turnRows), taskRecord));
        await clock.yield();
      }
      for (const account of accounts) {
        if (since.has(account)) continue;
        const read = (_taskId: string, body: string) => readable([{ account, body }], taskRecord);
        for (const row of await loadTasks({ view, account, clock }, read)) tasks.push(row);
      }
      return {
        mark: oldest.rows[0]?.mark ?? 0,
        tasks,
        records: readable(records.rows, accountRecord),
        holds: readable(holds.rows, hold),
      };
    });
}

/** What cannot be read is the owner's to report. */
function readable<T>(rows: readonly Row[], type: Parameters<typeof decode<T>>[0]): readonly (readonly [string, T])[] {
  return rows.flatMap(({ account, body }) => {
    const decoded = decode(type, body);
    return decoded.ok ? [[account, decoded.value] as const] : [];
  });
}
