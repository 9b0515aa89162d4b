/**
 * A store as its tables, for copying, checking and backing up: the caller makes sure first that nobody else acts on it.
 */
import { existsSync } from 'node:fs';
import { Kysely, sql } from 'kysely';
import type { Clock } from '../domain/ports/time-port.ts';
import type { PostgresPlace } from './postgres/connection.ts';
import { inlineSqlite, sqliteDialect } from './sqlite/dialect.ts';
import { fileLock } from './sqlite/ownership.ts';
import { problemOf } from './sqlite/sqlite-problem.ts';
import { StoreProblem } from './store-problem.ts';
import type { Database, Tables } from './tables.ts';
import { watch } from './watched.ts';

export interface RawStore {
  /** Where it is, for people. */
  readonly name: string;
  readonly db: Database;
  /** What stands before the name of a table in plain SQL. */
  readonly schema: '' | 'relaykeeper.';
  /** The next event gets the number after the last one. */
  numberEvents(): Promise<void>;
  close(): Promise<void>;
}

/** Rejects with `StoreProblem` if another process owns it, or if it is no store. `create`: makes it if it is not there. */
export async function rawFile(file: string, clock: Clock, create: boolean): Promise<RawStore> {
  const sqlite = inlineSqlite(clock.yield);
  const db: Database = new Kysely<Tables>({ dialect: sqliteDialect(sqlite) });
  const said = (error: unknown) => problemOf(error, file);
  try {
    if (!create && !existsSync(file)) throw new StoreProblem(`there is no store at ${file}`);
    const lock = fileLock({ sqlite, db, file, clock, watch: watch(said, clock, () => {}) });
    if ((await lock.tryNow()) === undefined)
      throw new StoreProblem(`another process owns ${file}: stop that one first`);
    return { name: file, db, schema: '', numberEvents: async () => {}, close: () => sqlite.close() };
  } catch (error) {
    await sqlite.close();
    throw said(error);
  }
}

/** What opens the files of each engine whose stores are copied, backed up and checked; an engine needs no such line. */
export const rawFiles: Readonly<Record<string, typeof rawFile>> = { sqlite: rawFile };

/** The same of a database, whose driver is loaded only now. */
export async function rawDatabase(place: PostgresPlace, create: boolean): Promise<RawStore> {
  const [{ connectTo }, { prepare, readKey }, { look }, { postgresProblem }] = await Promise.all([
    import('./postgres/connection.ts'),
    import('./postgres/postgres-tables.ts'),
    import('./postgres/rows.ts'),
    import('./postgres/postgres-problem.ts'),
  ]);
  const name = place.url;
  const { db, close } = connectTo(place, 2);
  try {
    await (create ? prepare(db, name) : readKey(db, name));
    const { leases, now } = await look(db);
    const owned = [...leases].find(([, { expiresAt }]) => expiresAt > now);
    if (owned) throw new StoreProblem(`a replica owns account ${owned[0]} in ${name}: stop all of them first`);
  } catch (error) {
    await close();
    throw postgresProblem(error, name);
  }
  return {
    name,
    db,
    schema: 'relaykeeper.',
    numberEvents: async () => {
      await sql`select setval(pg_get_serial_sequence('relaykeeper.event', 'seq'), greatest(1, (select max(seq) from relaykeeper.event)))`.execute(
        db,
      );
    },
    close,
  };
}
