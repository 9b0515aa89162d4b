/**
 * Saves of all accounts of this process, together: what comes while a transaction runs goes with the next one. Each part
 * is written only while its account is in the epoch in which its owner read the ledger.
 *
 * Told as saved means committed: when the answer to a commit is lost, the database is asked what became of it.
 */
import { AbortedTransactionError, type Kysely, sql } from 'kysely';
import type { LedgerChanges } from '../../domain/ports/store-port.ts';
import type { Clock } from '../../domain/ports/time-port.ts';
import { isNothing, type Saving, saveAll } from '../ledger-store.ts';
import { StoreProblem } from '../store-problem.ts';
import type { Tables } from '../tables.ts';

/** What tells of no event can wait for others: at rest that is one record an account and poll. */
const lingerMs = 250;
/** Records of one transaction, so that none is long. */
const mostRows = 2_000;
/** A transaction whose process was stopped half way is ended by the server, so that another can have the account. */
const limits = { lock_timeout: '5s', statement_timeout: '15s', idle_in_transaction_session_timeout: '10s' };
const askAgainMs = 1_000;

interface SavesOptions {
  readonly db: Kysely<Tables>;
  readonly clock: Clock;
  /** The database's name for people. */
  readonly name: string;
}

export interface Saves {
  /**
   * Resolves when it is committed, or with false if another has the account by now. Rejects if it could not be written;
   * then nothing of it was.
   */
  save(account: string, epoch: number, changes: LedgerChanges): Promise<boolean>;
  /** Resolves when what was asked for so far is done; refuses more. */
  close(): Promise<void>;
}

interface Waiting extends Saving {
  readonly epoch: number;
  readonly resolve: (saved: boolean) => void;
  readonly reject: (error: Error) => void;
}

export function openSaves({ db, clock, name }: SavesOptions): Saves {
  let waiting: Waiting[] = [];
  let running: Promise<void> | undefined;
  let takeBack: (() => void) | undefined;
  let closed = false;

  function wake(afterMs: number): void {
    if (running) return;
    if (afterMs > 0) {
      takeBack ??= clock.after(afterMs, () => wake(0));
      return;
    }
    takeBack?.();
    takeBack = undefined;
    running = drain().finally(() => {
      running = undefined;
      if (waiting.length > 0) wake(0);
    });
  }

  async function drain(): Promise<void> {
    while (waiting.length > 0) {
      const parts = nextParts();
      try {
        await commit(parts);
      } catch (error) {
        // One that cannot be stored must not keep the others from it.
        if (parts.length > 1) for (const part of parts) await commit([part]).catch(rejecting([part]));
        else rejecting(parts)(error);
      }
    }
  }

  /** The first of each account: what comes after it may change the same rows. */
  function nextParts(): Waiting[] {
    const parts: Waiting[] = [];
    const later: Waiting[] = [];
    const accounts = new Set<string>();
    let rows = 0;
    for (const part of waiting) {
      const fits = parts.length === 0 || rows < mostRows;
      if (fits && !accounts.has(part.account)) {
        parts.push(part);
        rows += part.changes.tasks.length + part.changes.events.length;
      } else later.push(part);
      accounts.add(part.account);
    }
    waiting = later;
    return parts;
  }

  /** Throws if nothing was saved. */
  async function commit(parts: readonly Waiting[]): Promise<void> {
    let xact: string | undefined;
    let mine: readonly Waiting[] = [];
    try {
      await db.transaction().execute(async (write) => {
        const set = Object.entries(limits).map(([key, value]) => sql`set_config(${key}, ${value}, true)`);
        await sql`select ${sql.join(set)}`.execute(write);
        // The row's key is kept until the end: whoever takes the account over waits for this transaction.
        const { rows } = await sql<{ account: string; xact: string }>`
          select lease.account, pg_current_xact_id()::text as xact
          from relaykeeper.lease join unnest(
            ${parts.map(({ account }) => account)}::text[], ${parts.map(({ epoch }) => epoch)}::bigint[]
          ) as mine(account, epoch) on lease.account = mine.account and lease.epoch = mine.epoch
          for key share of lease`.execute(write);
        const owned = new Set(rows.map(({ account }) => account));
        mine = parts.filter(({ account }) => owned.has(account));
        await saveAll(write, mine);
        xact = rows[0]?.xact;
      });
    } catch (error) {
      if (xact === undefined || error instanceof AbortedTransactionError || !(await wasCommitted(xact))) throw error;
    }
    for (const part of parts) part.resolve(mine.includes(part));
  }

  async function wasCommitted(xact: string): Promise<boolean> {
    for (;;) {
      try {
        const { rows } = await sql<{ status: string | null }>`select pg_xact_status(${xact}::xid8) as status`.execute(
          db,
        );
        // In progress: the server has yet to notice that nobody is there.
        if (rows[0]?.status !== 'in progress') return rows[0]?.status === 'committed';
      } catch (error) {
        if (closed) throw error;
      }
      await clock.sleep(askAgainMs);
    }
  }

  return {
    save: (account, epoch, changes) =>
      new Promise((resolve, reject) => {
        if (isNothing(changes)) return resolve(true);
        if (closed) return reject(new StoreProblem(`${name} was closed`));
        waiting.push({ account, epoch, changes, resolve, reject });
        wake(changes.events.length > 0 ? 0 : lingerMs);
      }),
    close: async () => {
      closed = true;
      wake(0);
      await running;
    },
  };
}

const rejecting = (parts: readonly Waiting[]) => (error: unknown) => {
  for (const { reject } of parts) reject(error instanceof Error ? error : new Error(String(error)));
};
