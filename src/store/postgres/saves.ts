/**
 * Saves of all accounts of this process, together: what comes while a transaction runs goes with the next one. Each
 * part is written only while its account is in the epoch in which its owner read the ledger.
 *
 * Long saves, and those refused last time, go separately, one at a time: so whoever has locked one account's rows does
 * not delay the restarts of others, which wait for their intents to be saved.
 *
 * Reported as saved means committed: when the answer to a commit is lost, the database is asked what became of it.
 */
import type { LedgerChanges } from '../../domain/ports/store-port.ts';
import type { Clock } from '../../domain/ports/time-port.ts';
import { isNothing } from '../ledger-store.ts';
import { StoreProblem } from '../store-problem.ts';
import type { Part, SaveTransactions } from './save-transactions.ts';

/** What has no event can wait for others: at rest that is one record an account and poll. */
const lingerMs = 250;
/** Records of one transaction, so that none is long. */
const mostRows = 2_000;
/** More of one account go apart. */
const fewRows = 200;
const askAgainMs = 1_000;

interface SavesOptions {
  readonly transactions: SaveTransactions;
  readonly clock: Clock;
  readonly name: string;
}

interface Saves {
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
  let closed = false;
  /** Accounts whose last save failed for a cause of their own, as far as can be known. */
  const refused = new Set<string>();

  /** `most`: rows of a transaction to which more may be added. */
  function openLane(most: number) {
    let waiting: Waiting[] = [];
    let parts: readonly Waiting[] = [];
    let running: Promise<void> | undefined;
    let takeBack: (() => void) | undefined;

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
        [parts, waiting] = nextParts(waiting, most);
        try {
          await commit(parts);
        } catch (error) {
          if (parts.length > 1) await eachAlone(parts);
          else for (const part of parts) refuse(part, error);
        }
        parts = [];
      }
    }

    return {
      has: (name: string) => [...parts, ...waiting].some(({ account }) => account === name),
      add: (part: Waiting) => {
        waiting.push(part);
        wake(part.changes.events.length > 0 ? 0 : lingerMs);
      },
      end: () => {
        wake(0);
        return running;
      },
    };
  }

  const together = openLane(mostRows);
  const apart = openLane(0);

  /** An account's saves are done in their order, so in one lane while any is under way. */
  function laneFor({ account, changes }: Part) {
    if (together.has(account)) return together;
    return apart.has(account) || refused.has(account) || rowsOf(changes) > fewRows ? apart : together;
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
    for (const { account, resolve } of parts) {
      refused.delete(account);
      resolve(mine.has(account));
    }
  }

  /** One that cannot be stored must not keep the others from it. If none can, the fault is nobody's own. */
  async function eachAlone(parts: readonly Waiting[]): Promise<void> {
    for (const part of parts) await commit([part]).catch((error: unknown) => refuse(part, error));
    const accounts = parts.map(({ account }) => account);
    if (accounts.every((account) => refused.has(account))) for (const account of accounts) refused.delete(account);
  }

  function refuse({ account, reject }: Waiting, error: unknown): void {
    refused.add(account);
    reject(error instanceof Error ? error : new Error(String(error)));
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
        const part = { account, epoch, changes, resolve, reject };
        laneFor(part).add(part);
      }),
    close: async () => {
      closed = true;
      await Promise.all([together.end(), apart.end()]);
    },
  };
}

const rowsOf = ({ tasks, events }: LedgerChanges): number => tasks.length + events.length;

/** The first of each account, up to so many rows, and what is left: what comes after it may change the same rows. */
function nextParts(waiting: readonly Waiting[], most: number): [Waiting[], Waiting[]] {
  const parts: Waiting[] = [];
  const later: Waiting[] = [];
  const accounts = new Set<string>();
  let rows = 0;
  for (const part of waiting) {
    const fits = parts.length === 0 || rows < most;
    if (fits && !accounts.has(part.account)) {
      parts.push(part);
      rows += rowsOf(part.changes);
    } else later.push(part);
    accounts.add(part.account);
  }
  return [parts, later];
}
