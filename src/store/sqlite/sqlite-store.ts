/** The store in a SQLite file, which one process at a time has. */
import { accessSync, constants, opendirSync } from 'node:fs';
import { dirname } from 'node:path';
import { Kysely } from 'kysely';
import { makeDirectory } from '../../user-files.ts';
import { history, maxEventsKept, pruneEvents } from '../event-log.ts';
import { ledgerStore } from '../ledger-store.ts';
import type { Store, StoreOptions, StorePlace } from '../store.ts';
import { StoreProblem } from '../store-problem.ts';
import { type Database, readMeta, readVersion, refuseUnfinished, type Tables } from '../tables.ts';
import { watch } from '../watched.ts';
import { inlineSqlite, SqliteError, sqliteDialect, threadedSqlite } from './dialect.ts';
import { type FileParts, fileLock, type Lock, refuseNewer } from './ownership.ts';
import { problemOf } from './sqlite-problem.ts';

/** How long a standby waits at its start for the owner to make the store. */
const standbyPatienceMs = 5_000;
const standbyRetryMs = 100;
/** How often the owner looks whether its files are still there: nothing may be written for minutes. */
const lookEveryMs = 1_000;
/** Pages of 4 KiB given back to the file system after each pruned slice. */
const shrunkPages = 1_000;

/** `file`: its directory is made if it is missing. `<file>.lock` is beside it. */
export const sqliteAt = (file: string): StorePlace => ({
  name: file,
  open: (options) => open(file, options),
  tables: async (clock, create) => (await import('./raw-file.ts')).rawFile(file, clock, create),
  backUp: async (to, clock) => (await import('./raw-file.ts')).backUp(file, to, clock),
});

/**
 * Rejects with `StoreProblem` if there is no usable store at `file`. If the lock is free this process has it from now
 * on; else it stands by: it can read, and `ownership.acquire` waits.
 */
async function open(file: string, options: StoreOptions): Promise<Store> {
  const { clock, readOnly = false, threaded = !readOnly } = options;
  const watching = watch((error) => problemOf(error, file), clock, options.onTrace);
  return watching.run('open', async () => {
    if (!readOnly) await prepareDirectory(file);
    let lock: Lock | undefined;
    const sqlite = threaded ? threadedSqlite((error) => lock?.lose(problemOf(error, file))) : inlineSqlite(clock.yield);
    const db: Database = new Kysely<Tables>({ dialect: sqliteDialect(sqlite) });
    try {
      const parts = { sqlite, db, file, clock, watch: watching };
      lock = fileLock(parts);
      const key = await enter(parts, lock, readOnly);
      return storeOf(parts, lock, key, options);
    } catch (error) {
      await sqlite.close();
      throw error;
    }
  });
}

async function prepareDirectory(file: string): Promise<void> {
  const directory = dirname(file);
  await makeDirectory(directory);
  opendirSync(directory).closeSync();
  // The database, its log and the lock are all made here.
  accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK);
}

/** As owner if the lock is free, else as a reader. Returns the fingerprint key. */
async function enter({ sqlite, db, file, clock }: FileParts, lock: Lock, readOnly: boolean): Promise<string> {
  const giveUpAt = clock.monotonic() + standbyPatienceMs;
  for (;;) {
    try {
      if (readOnly || (await lock.tryNow()) === undefined) {
        await sqlite.ask('open', file, readOnly ? 'read-only' : 'existing');
      }
      const version = await readVersion(db);
      refuseNewer(version, file);
      const key = version > 0 ? await readMeta(db, 'fingerprint-key') : undefined;
      if (key !== undefined) {
        await refuseUnfinished(db, file);
        return key;
      }
    } catch (error) {
      // The owner is about to make it.
      if (!(error instanceof SqliteError && error.failure.fault === 'missing') || readOnly) throw error;
    }
    if (readOnly || clock.monotonic() >= giveUpAt) {
      throw new StoreProblem(`${file} has not been set up by the process that owns it: look at that one, or try again`);
    }
    await clock.sleep(standbyRetryMs);
  }
}

function storeOf(
  { sqlite, db, file, clock, watch }: FileParts,
  lock: Lock,
  fingerprintKey: string,
  options: StoreOptions,
): Store {
  const { readOnly = false, maxEvents = maxEventsKept } = options;
  const { run, failingSince } = watch;
  const isAlone = () => lock.remainingMs('') > 0;
  const ledger = ledgerStore({ db, name: file, editor: `sqlite3 ${file}`, isAlone }, clock);
  let closed = readOnly || options.threaded === false;
  const lookAgain = () =>
    clock.after(lookEveryMs, async () => {
      if (closed) return;
      // Its trace says so.
      if (isAlone()) await run('lock', () => loseIfMoved(lock, file, sqlite.ask('look'))).catch(() => undefined);
      takeBackLook = lookAgain();
    });
  let takeBackLook = closed ? () => {} : lookAgain();
  return {
    kind: 'sqlite',
    shared: undefined,
    ledgerStore: {
      load: (account, budgetSince, signal) => run('load', () => ledger.load(account, budgetSince), account, signal),
      save: (account, changes) => run('save', () => loseIfMoved(lock, file, ledger.save(account, changes))),
    },
    history: history(db, watch),
    ownership: {
      acquire: async (account, signal) => {
        if (readOnly) throw new StoreProblem(`${file} is open for reading only`);
        return lock.acquire(account, signal);
      },
      remainingMs: lock.remainingMs,
    },
    fingerprintKey,
    prune: async (now) => {
      if (!isAlone()) return 0;
      const shrink = () => db.connection().execute(() => sqlite.ask('shrink', shrunkPages));
      return run('prune', () => pruneEvents(db, now, maxEvents, shrink));
    },
    failingSince,
    close: async () => {
      closed = true;
      takeBackLook();
      lock.lose(new StoreProblem(`${file} was closed`));
      // After whatever is being saved now.
      await db.connection().execute(() => sqlite.close());
    },
  };
}

/** A file that is no longer under its name is nobody's memory: whoever saves to it has lost ownership. */
async function loseIfMoved(lock: Lock, file: string, saving: Promise<unknown>): Promise<void> {
  try {
    await saving;
  } catch (error) {
    const fault = error instanceof SqliteError ? error.failure.fault : undefined;
    if (fault === 'moved' || fault === 'lock-moved') lock.lose(problemOf(error, file));
    throw error;
  }
}
