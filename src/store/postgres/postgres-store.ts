/**
 * The store on PostgreSQL, shared by any number of replicas. Loaded only where it is configured.
 */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { sql } from 'kysely';
import { lastOf } from '../../user-files.ts';
import { history, maxEventsKept, pruneEvents } from '../event-log.ts';
import { ledgerStore } from '../ledger-store.ts';
import type { PostgresPlace, Store, StoreOptions, StorePlace } from '../store.ts';
import { StoreProblem } from '../store-problem.ts';
import { type Database, refuseUnfinished } from '../tables.ts';
import { watch } from '../watched.ts';
import { connectTo, sqlState } from './connection.ts';
import { answerWithinMs } from './lease.ts';
import { newsOf } from './news.ts';
import { postgresProblem } from './postgres-problem.ts';
import { prepare, readKey } from './postgres-tables.ts';
import { openReplica } from './replica.ts';
import { forgetOld, requestRows } from './request-rows.ts';
import { leaseRows } from './rows.ts';
import { saveTransactions } from './save-transactions.ts';
import { settledOn } from './settled.ts';

/** For loads, history and requests. */
const ledgerConnections = 3;
/** Each apart from the others: nothing keeps a save waiting, and no save a lease. The second is for what goes apart. */
const saveConnections = 2;
const leaseConnections = 1;
/** A database that is being started, or fails over, is waited for. */
const startPatienceMs = 30_000;
const startRetryMs = 1_000;

export const postgresAt = (place: PostgresPlace): StorePlace => ({
  name: place.url,
  open: (options) => open(place, options),
  tables: async (_clock, create) => (await import('./raw-database.ts')).rawDatabase(place, create),
  backUp: { instead: 'use `pg_dump --schema=relaykeeper`, or `relaykeeper store copy` to a file' },
});

/** Rejects with `StoreProblem` if the database cannot be used. */
async function open(given: PostgresPlace, options: StoreOptions): Promise<Store> {
  const { clock, onTrace, readOnly = false, maxEvents = maxEventsKept } = options;
  const place = { ...given, password: lastOf(given.password, clock), ca: given.ca && lastOf(given.ca, clock) };
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
        const made = await prepare(db, name);
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

  const savesAt = connectTo(place, saveConnections);
  const leasesAt = connectTo(place, leaseConnections, answerWithinMs);
  const id = randomUUID();
  /** `epoch`: the reader's own, which the server has to know of. What owners before it saved was committed before that. */
  const load = (account: string, budgetSince: number, epoch?: number) => {
    const mustKnow = async (view: Database) => {
      const { rows } = await sql<{
        epoch: number;
      }>`select epoch from relaykeeper.lease where account = ${account}`.execute(view);
      if (epoch !== undefined && rows[0]?.epoch !== epoch)
        throw new StoreProblem(`${name}: it does not show that account ${account} is ours: is it a standby that lags?`);
    };
    return ledgerStore({ db, name, editor: `psql ${name}`, mustKnow }, clock).load(account, budgetSince);
  };
  const replica = readOnly
    ? undefined
    : openReplica({
        statements: {
          ...leaseRows(leasesAt.db),
          ...requestRows(db, id),
          ...saveTransactions(savesAt.db, id),
          load,
          news: (accounts, since) => newsOf(db, clock, accounts, since),
        },
        clock,
        id,
        name: process.pid === 1 ? hostname() : `${hostname()}:${process.pid}`,
        version: options.replica?.version ?? 'unknown',
        configHash: options.replica?.configHash ?? (() => ''),
        place: name,
        newId: randomUUID,
        run,
      });
  const refuse = async (): Promise<never> => {
    throw new StoreProblem(`${name} is open for reading only`);
  };

  return {
    kind: 'postgres',
    ledgerStore: replica?.ledgerStore ?? {
      load: (account, budgetSince) => run('load', () => load(account, budgetSince), account),
      save: refuse,
    },
    history: history(db, watching, settledOn(db, clock)),
    ownership: replica?.ownership ?? { acquire: refuse, remainingMs: () => 0 },
    shared: replica?.shared,
    fingerprintKey: key,
    prune: async (now) => {
      if (readOnly) return 0;
      await run('prune', () => forgetOld(db));
      return run('prune', () => pruneEvents(db, now, maxEvents, async () => {}));
    },
    failingSince: watching.failingSince,
    close: async () => {
      await replica?.close();
      await Promise.all([ledgers, savesAt, leasesAt].map(({ close }) => close()));
    },
  };
}

/** Waiting would not mend it. */
const isFinal = (error: unknown): boolean => {
  const state = sqlState(error);
  return error instanceof StoreProblem || /^(28|3D|42|22)/.test(state ?? '') || !(error instanceof Error);
};
