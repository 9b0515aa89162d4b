/**
 * One of the processes that share a store: leases, saves and requests put together. It decides; what it needs of the
 * database are the statements, each of which may be slow, fail, or be done although it seemed to fail.
 *
 * What it saves rests on the epoch in which it read the account, not on whose that is now.
 */
import type { StoredLedger } from '../../domain/memory/ledger.ts';
import type { News, NewsMark, Shared } from '../../domain/ports/store-port.ts';
import type { Clock } from '../../domain/ports/time-port.ts';
import { fewAtOnce } from '../../few-at-once.ts';
import type { Store } from '../store.ts';
import { StoreProblem } from '../store-problem.ts';
import type { Watch } from '../watched.ts';
import { openLeases, type Self } from './leases.ts';
import type { RequestRows } from './request-rows.ts';
import { askOwner, serveRequests } from './requests.ts';
import type { LeaseRows, Snapshot } from './rows.ts';
import type { SaveTransactions } from './save-transactions.ts';
import { openSaves } from './saves.ts';

/** Ledgers read at once: whoever takes many accounts over leaves connections for what is shown and asked. */
const mostLoads = 2;
/** No owner's: of an account that was never read as its owner. */
const noEpoch = -1;

export interface Statements extends LeaseRows, RequestRows, SaveTransactions {
  /** `epoch`: if the reader owns the account; rejects if the server does not know of it. */
  load(account: string, budgetSince: number, epoch?: number): Promise<StoredLedger>;
  news(accounts: readonly string[], since: ReadonlyMap<string, NewsMark>): Promise<News>;
}

interface ReplicaOptions extends Self {
  readonly statements: Statements;
  readonly clock: Clock;
  /** The database's address for people. */
  readonly place: string;
  /** Never gives the same twice, here or in another process. */
  readonly newId: () => string;
  /** Runs and traces one operation of the store. */
  readonly run: Watch['run'];
}

/** `close` saves what waits, frees the leases and says good-bye. */
export function openReplica(
  options: ReplicaOptions,
): Pick<Store, 'ledgerStore' | 'ownership' | 'close'> & { readonly shared: Shared } {
  const { statements, clock, place, newId, run } = options;
  let served: ((snapshot: Snapshot) => void) | undefined;
  const leases = openLeases({
    ...options,
    rows: statements,
    run: (work) => run('lock', work),
    onSnapshot: (snapshot) => served?.(snapshot),
  });
  const saves = openSaves({ transactions: statements, clock, name: place });
  const readIn = new Map<string, number>();
  // Who waits for a turn is no operation of the store yet: that it lasts is no fault.
  const loadInTurn = fewAtOnce(mostLoads);

  return {
    ledgerStore: {
      load: (account, budgetSince, signal) =>
        loadInTurn(async () => {
          signal?.throwIfAborted();
          const epoch = leases.epochOf(account);
          const stored = await run('load', () => statements.load(account, budgetSince, epoch), account, signal);
          if (epoch !== undefined) readIn.set(account, epoch);
          return stored;
        }),
      save: async (account, changes) => {
        const epoch = readIn.get(account) ?? noEpoch;
        const saved = await run('save', () => saves.save(account, epoch, changes));
        // No fault of the store: it is not reported as one.
        if (!saved) throw new StoreProblem(`${place}: another replica owns account ${account}`);
      },
    },
    ownership: { acquire: leases.acquire, remainingMs: leases.remainingMs },
    shared: {
      replicas: leases.replicas,
      news: (accounts, since) => run('load', () => statements.news(accounts, since)),
      // Not watched: it waits for a person's answer, and an operation of the store that lasts so long counts as stuck.
      ask: (account, request) => askOwner({ rows: statements, clock, id: newId() }, account, request),
      serve: (parts) => {
        served = serveRequests({ rows: statements, epochOf: leases.epochOf, ...parts });
      },
    },
    close: async () => {
      await saves.close();
      await leases.close();
    },
  };
}
