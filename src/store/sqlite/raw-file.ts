/** A store's file for whoever tends it: its tables, and a copy of it. */
import { closeSync, existsSync, openSync, renameSync, rmSync } from 'node:fs';
import { Kysely } from 'kysely';
import type { Clock } from '../../domain/ports/time-port.ts';
import type { RawStore } from '../store.ts';
import { StoreProblem } from '../store-problem.ts';
import type { Database, Tables } from '../tables.ts';
import { watch } from '../watched.ts';
import { inlineSqlite, sqliteDialect } from './dialect.ts';
import { fileLock } from './ownership.ts';
import { isDamage, problemOf } from './sqlite-problem.ts';

/** Rejects with `StoreProblem` if another process owns it, or if it is no store; so does all that is asked of its tables. */
export async function rawFile(file: string, clock: Clock, create: boolean): Promise<RawStore> {
  const said = (error: unknown) => problemOf(error, file);
  const sqlite = inlineSqlite(clock.yield, said);
  const db: Database = new Kysely<Tables>({ dialect: sqliteDialect(sqlite) });
  try {
    if (!create) await sqlite.ask('open', file, 'existing');
    const lock = fileLock({ sqlite, db, file, clock, watch: watch(said, clock, () => {}) });
    if ((await lock.tryNow()) === undefined)
      throw new StoreProblem(`another process owns ${file}: stop that one first`);
  } catch (error) {
    await sqlite.close();
    throw error;
  }
  return { name: file, db, numberEvents: async () => {}, close: sqlite.close };
}

/**
 * The file as it is at this moment, also while a daemon runs on it. The copy appears under its name when it is whole and
 * was found sound. Rejects with `StoreProblem`.
 */
export async function backUp(file: string, to: string, clock: Clock): Promise<void> {
  if (existsSync(to)) throw new StoreProblem(`${to} is there already: name a new file`);
  const unfinished = `${to}.unfinished`;
  try {
    rmSync(unfinished, { force: true });
    makePrivate(unfinished);
    // One read of the file, beside which its owner goes on writing to the log.
    await ask(file, clock, 'vacuum into ?', [unfinished]);
    const [found] = await ask(unfinished, clock, 'pragma integrity_check(1)');
    const [verdict] = Object.values(found ?? {});
    if (verdict !== 'ok') throw new StoreProblem(`${to} is damaged (${verdict}): look at its disk`);
    renameSync(unfinished, to);
  } catch (error) {
    rmSync(unfinished, { force: true });
    throw problemOf(error, to);
  }
}

/** For nobody else to read, as the store itself, also while it grows. Where it cannot be made SQLite fails too, and says why. */
function makePrivate(file: string): void {
  try {
    closeSync(openSync(file, 'wx', 0o600));
  } catch {}
}

/** The rows of a query on a file that is only read. What is wrong with this file is said of it, all else thrown as it came. */
async function ask(file: string, clock: Clock, sql: string, parameters: readonly unknown[] = []) {
  let isOpen = false;
  const sqlite = inlineSqlite(clock.yield, (error) => (isOpen && !isDamage(error) ? error : problemOf(error, file)));
  try {
    await sqlite.ask('open', file, 'read-only');
    isOpen = true;
    return (await sqlite.ask('query', sql, parameters)).rows;
  } finally {
    await sqlite.close();
  }
}
