/**
 * What other replicas wrote since the last look, of many accounts at once.
 *
 * Every row has the transaction that wrote it newest. All that are older than the oldest one still running when a look
 * begins are in that look; so the next one asks from there on, and sees a few rows twice rather than one never.
 */
import { type Kysely, sql } from 'kysely';
import type { News, NewsMark } from '../../domain/ports/store-port.ts';
import { accountRecord, decode, hold, taskRecord } from '../records.ts';
import type { Tables } from '../tables.ts';

interface Row {
  readonly account: string;
  readonly body: string;
}

/** `since`: by account, from its last news; an account without one is read whole. */
export function newsOf(
  db: Kysely<Tables>,
  accounts: readonly string[],
  since: ReadonlyMap<string, NewsMark>,
): Promise<News> {
  const marks = accounts.map((account) => since.get(account) ?? 0);
  const newer = (table: string) => sql<Row>`select kept.account, kept.body
    from ${sql.table(`relaykeeper.${table}`)} as kept
    join unnest(${accounts}::text[], ${marks}::bigint[]) as asked(account, mark)
      on kept.account = asked.account and kept.tx >= asked.mark`;
  return db
    .transaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only')
    .execute(async (view) => {
      const oldest = await sql<{
        mark: NewsMark;
      }>`select pg_snapshot_xmin(pg_current_snapshot())::text::bigint as mark`.execute(view);
      const tasks = await newer('task_record').execute(view);
      const records = await newer('account_record').execute(view);
      // They are few, and one that was removed leaves no row.
      const holds =
        await sql<Row>`select account, body from relaykeeper.hold where account = any(${accounts}::text[])`.execute(
          view,
        );
      return {
        mark: oldest.rows[0]?.mark ?? 0,
        tasks: readable(tasks.rows, (body) => decode(taskRecord, body)),
        records: readable(records.rows, (body) => decode(accountRecord, body)),
        holds: readable(holds.rows, (body) => decode(hold, body)),
      };
    });
}

/** What cannot be read is the owner's to tell. */
function readable<T>(
  rows: readonly Row[],
  read: (body: string) => ReturnType<typeof decode<T>>,
): readonly (readonly [string, T])[] {
  return rows.flatMap(({ account, body }) => {
    const decoded = read(body);
    return decoded.ok ? [[account, decoded.value] as const] : [];
  });
}
