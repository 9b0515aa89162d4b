/** A store's file for whoever tends it: its tables, and a copy of it. */
import { existsSync, renameSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { Kysely } from 'kysely';
import type { Clock } from '../../domain/ports/time-port.ts';
import type { RawStore } from '../store.ts';
import { StoreProblem } from '../store-problem.ts';
import type { Database, Tables } from '../tables.ts';
import { watch } from '../watched.ts';
import { inlineSqlite, sqliteDialect } from './dialect.ts';
import { applicationId } from './file.ts';
import { fileLock } from './ownership.ts';
import { problemOf } from './sqlite-problem.ts';

/** Rejects with `StoreProblem` if another process owns it, or if it is no store. */
export async function rawFile(file: string, clock: Clock, create: boolean): Promise<RawStore> {
  const sqlite = inlineSqlite(clock.yield);
  const db: Database = new Kysely<Tables>({ dialect: sqliteDialect(sqlite) });
  const said = (error: unknown) => problemOf(error, file);
  try {
    if (!create && !existsSync(file)) throw new StoreProblem(`there is no store at ${file}`);
    const lock = fileLock({ sqlite, db, file, clock, watch: watch(said, clock, () => {}) });
    if ((await lock.tryNow()) === undefined)
      throw new StoreProblem(`another process owns ${file}: stop that one first`);
    return { name: file, db, numberEvents: async () => {}, close: () => sqlite.close() };
  } catch (error) {
    await sqlite.close();
    throw said(error);
  }
}

/**
 * The file as it is at this moment, also while a daemon runs on it. The copy appears under its name when it is whole and
 * was found sound. Throws `StoreProblem`.
 */
export function backUp(file: string, to: string): void {
  if (existsSync(to)) throw new StoreProblem(`${to} is there already: name a new file`);
  if (!existsSync(file)) throw new StoreProblem(`there is no store at ${file}`);
  const unfinished = `${to}.unfinished`;
  rmSync(unfinished, { force: true });
  try {
    const source = new DatabaseSync(file, { readOnly: true, timeout: 10_000 });
    try {
      if (source.prepare('pragma application_id').get()?.application_id !== applicationId)
        throw new StoreProblem(`${file} is a SQLite database of another program`);
      // One read of the file, beside which its owner goes on writing to the log.
      source.prepare('vacuum into ?').run(unfinished);
    } finally {
      source.close();
    }
    mustBeSound(unfinished, to);
    renameSync(unfinished, to);
  } catch (error) {
    rmSync(unfinished, { force: true });
    throw problemOf(error, to);
  }
}

function mustBeSound(file: string, name: string): void {
  const made = new DatabaseSync(file, { readOnly: true });
  try {
    const verdict = Object.values(made.prepare('pragma integrity_check(1)').get() ?? {})[0];
    if (verdict !== 'ok') throw new StoreProblem(`${name} is damaged (${verdict}): look at its disk`);
  } finally {
    made.close();
  }
}
