/**
 * Saves of all accounts of this process, together: what comes while a transaction runs goes with the next one. Each part
 * is written only while its account is in the epoch in which its owner read the ledger.
 *
 * Told as saved means committed: when the answer to a commit is lost, the database is asked what became of it.
 */
import type { LedgerChanges } from '../../domain/ports/store-port.ts';
import type { Clock } from '../../domain/ports/time-port.ts';
import { isNothing } from '../ledger-store.ts';
import { StoreProblem } from '../store-problem.ts';
import type { Part, SaveTransactions } from './save-transactions.ts';

/** What tells of no event can wait for others: at rest that is one record an account and poll. */
const lingerMs = 250;
/** Records of one transaction, so that none is long. */
const mostRows = 2_000;
const askAgainMs = 1_000;

interface SavesOptions {
  readonly transactions: SaveTransactions;
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

interface Waiting extends Part {
  readonly resolve: (saved: boolean) => void;
  readonly reject: (error: Error) => void;
}

export function openSaves({ transactions, clock, name }: SavesOptions): Saves {
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
    let transaction: string | undefined;
    let mine: ReadonlySet<string> = new Set();
    try {
      await transactions.write(parts, (begun, owned) => {
        transaction = begun;
        mine = owned;
      });
    } catch (error) {
      if (transaction === undefined || !(await wasCommitted(transaction))) throw error;
    }
    for (const part of parts) part.resolve(mine.has(part.account));
  }

  async function wasCommitted(transaction: string): Promise<boolean> {
    for (;;) {
      try {
        const fate = await transactions.fateOf(transaction);
        if (fate !== 'in progress') return fate === 'committed';
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
