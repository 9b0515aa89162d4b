/**
 * The transaction of a save. The accounts' rows are locked by their keys until its end: whoever takes one of them over
 * waits for it.
 */
import { sql } from 'kysely';
import { type Saving, saveAll } from '../ledger-store.ts';
import type { Database } from '../tables.ts';

/** A transaction whose process was stopped half way is ended by the server, so that another can have the account. */
const limits = { lock_timeout: '5s', statement_timeout: '15s', idle_in_transaction_session_timeout: '10s' };

/** What one account saves, and the epoch in which its owner read it. */
export interface Part extends Saving {
  readonly epoch: number;
}

export type SaveTransactions = ReturnType<typeof saveTransactions>;

/** `id`: whose saves they are. */
export const saveTransactions = (db: Database, id: string) => ({
  /**
   * Writes the parts whose account is in their epoch. Before it commits, `begun` gets the transaction's name and the
   * accounts of those parts. Rejects if nothing was saved, or if nobody knows: then its fate can be asked for.
   */
  write: (parts: readonly Part[], begun: (transaction: string, owned: ReadonlySet<string>) => void): Promise<void> =>
    db.transaction().execute(async (write) => {
      const set = Object.entries(limits).map(([key, value]) => sql`set_config(${key}, ${value}, true)`);
      await sql`select ${sql.join(set)}`.execute(write);
      const { rows } = await sql<{ account: string; xact: string }>`
        select lease.account, pg_current_xact_id()::text as xact
        from relaykeeper.lease join unnest(
          ${parts.map(({ account }) => account)}::text[], ${parts.map(({ epoch }) => epoch)}::bigint[]
        ) as mine(account, epoch)
          on lease.account = mine.account and lease.epoch = mine.epoch and lease.holder = ${id}
        for key share of lease`.execute(write);
      const owned = new Set(rows.map(({ account }) => account));
      await saveAll(
        write,
        parts.filter(({ account }) => owned.has(account)),
      );
      if (rows[0]) begun(rows[0].xact, owned);
    }),
  /** In progress: the server has yet to notice that nobody is there. */
  async fateOf(transaction: string): Promise<string | undefined> {
    const { rows } = await sql<{
      status: string | null;
    }>`select pg_xact_status(${transaction}::xid8) as status`.execute(db);
    return rows[0]?.status ?? undefined;
  },
});
