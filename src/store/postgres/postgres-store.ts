/**
 * The store on PostgreSQL, shared by any number of replicas. Loaded only where it is configured.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { history, maxEventsKept, pruneEvents } from '../event-log.ts';
import { ledgerStore } from '../ledger-store.ts';
import type { SharedStoreOptions, Store } from '../store.ts';
import { StoreProblem } from '../store-problem.ts';
import { refuseUnfinished } from '../tables.ts';
import { watch } from '../watched.ts';
import { connectTo, sqlState } from './connection.ts';
import { openLeases } from './leases.ts';
import { newsOf } from './news.ts';
import { postgresProblem } from './postgres-problem.ts';
import { prepare, readKey } from './postgres-tables.ts';
import { askOwner, forgetAnswered, serveRequests } from './requests.ts';
import type { Sight } from './rows.ts';
import { openSaves } from './saves.ts';

/** Saves have one, loads and history the others. */
const ledgerConnections = 4;
/** Apart from the others, so that no save keeps a lease waiting. */
const leaseConnections = 1;
const fingerprintKeyBytes = 32;
/** No owner's: of an account that was never read as its owner. */
const noEpoch = -1;
/** A database that is being started, or fails over, is waited for. */
const startPatienceMs = 30_000;
const startRetryMs = 1_000;

/** Rejects with `StoreProblem` if the database cannot be used. */
export async function openPostgres(options: SharedStoreOptions): Promise<Store> {
  const { place, clock, onTrace, readOnly = false, maxEvents = maxEventsKept } = options;
  const name = place.url;
  const watching = watch((error) => postgresProblem(error, name), clock, onTrace);
  const { run } = watching;
  const ledgers = connectTo(place, ledgerConnections);
  const { db } = ledgers;
  const key = await run('open', async () => {
    if (readOnly) return readKey(db, name);
    const giveUpAt = clock.monotonic() + (options.patienceMs ?? startPatienceMs);
    for (;;) {
      try {
        const made = await prepare(db, name, () => randomBytes(fingerprintKeyBytes).toString('hex'));
        await refuseUnfinished(db, name);
        return made;
      } catch (error) {
        if (isFinal(error) || clock.monotonic() >= giveUpAt) {
          await ledgers.close();
          throw error;
        }
      }
      await clock.sleep(startRetryMs);
    }
  });

  let served: ((sight: Sight) => void) | undefined;
  const leasesAt = connectTo(place, leaseConnections);
  const leases = readOnly
    ? undefined
    : openLeases({
        db: leasesAt.db,
        clock,
        id: randomUUID(),
        name: process.pid === 1 ? hostname() : `${hostname()}:${process.pid}`,
        version: options.replica?.version ?? 'unknown',
        configHash: options.replica?.configHash ?? (() => ''),
        run: (work) => run('lock', work),
        onSight: (sight) => served?.(sight),
      });
  const saves = openSaves({ db, clock, name });
  const ledger = ledgerStore({ db, name, editor: `psql ${name}` }, clock);
  const past = history(db, (error) => onTrace({ operation: 'events', durationMs: 0, error, up: true }));
  /** The epoch in which this process read each account: what it saves rests on that. */
  const readIn = new Map<string, number>();
  const refuse = async (): Promise<never> => {
    throw new StoreProblem(`${name} was opened only to read`);
  };

  return {
    kind: 'postgres',
    ledgerStore: {
      load: async (account, budgetSince) => {
        const epoch = leases?.epochOf(account);
        const stored = await run('load', () => ledger.load(account, budgetSince));
        if (epoch !== undefined) readIn.set(account, epoch);
        return stored;
      },
      save: async (account, changes) => {
        const epoch = readIn.get(account) ?? noEpoch;
        const saved = await run('save', () => saves.save(account, epoch, changes));
        // No fault of the store: it is not told as one.
        if (!saved) throw new StoreProblem(`${name}: another replica owns account ${account}`);
      },
    },
    history: { events: (query) => run('events', () => past.events(query)) },
    ownership: leases
      ? { acquire: leases.acquire, remainingMs: leases.remainingMs }
      : { acquire: refuse, remainingMs: () => 0 },
    shared: leases && {
      replicas: leases.replicas,
      news: (accounts, since) => run('load', () => newsOf(db, accounts, since)),
      // Not watched: it waits for a person's answer, and an operation of the store that lasts so long counts as stuck.
      ask: (account, request) => askOwner({ db, clock }, account, request),
      serve: (options) => {
        served = serveRequests({ db, clock, epochOf: leases.epochOf, ...options });
      },
    },
    fingerprintKey: () => key,
    prune: async (now) => {
      if (readOnly) return 0;
      await run('prune', () => forgetAnswered(db));
      return run('prune', () => pruneEvents(db, now, maxEvents, async () => {}));
    },
    up: () => watching.failingSince() === undefined,
    failingSince: watching.failingSince,
    close: async () => {
      await saves.close();
      await leases?.close();
      await Promise.all([ledgers.close(), leasesAt.close()]);
    },
  };
}

/** Waiting would not mend it. */
const isFinal = (error: unknown): boolean => {
  const state = sqlState(error);
  return error instanceof StoreProblem || /^(28|3D|42|22)/.test(state ?? '') || !(error instanceof Error);
};
