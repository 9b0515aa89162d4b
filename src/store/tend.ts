/** Reads a whole store as the daemon would. */
import { type Counts, pagesOf, type Table, tables } from './copy.ts';
import { accountRecord, decode, decodeEvent, hold, taskRecord } from './records.ts';
import type { RawStore } from './store.ts';

const mostNamed = 20;

const readers = {
  task_record: (body) => decode(taskRecord, body),
  hold: (body) => decode(hold, body),
  account_record: (body) => decode(accountRecord, body),
  event: decodeEvent,
} as const satisfies Record<Table, (body: string) => { readonly ok: boolean }>;

/** Every row read as the daemon reads it. Gives how many there are, and what cannot be read. */
export async function checkStore(
  store: RawStore,
): Promise<{ readonly counts: Counts; readonly wrong: readonly string[] }> {
  const wrong: string[] = [];
  const counts = { task_record: 0, hold: 0, account_record: 0, event: 0 };
  for (const table of tables)
    for await (const rows of pagesOf(store, table)) {
      counts[table] += rows.length;
      for (const { account, body } of rows) {
        const decoded = readers[table](String(body));
        if (!decoded.ok) wrong.push(`${table} of account ${account}: ${decoded.why}`);
      }
    }
  const more = wrong.length - mostNamed;
  return { counts, wrong: more > 0 ? [...wrong.slice(0, mostNamed), `and ${more} more`] : wrong };
}
