/** What a person does with a store besides running on it: check it, back it up. */
import { existsSync, renameSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { type Counts, pagesOf, type Table, tables } from './copy.ts';
import type { RawStore } from './raw.ts';
import { accountRecord, decode, decodeEvent, hold, taskRecord } from './records.ts';
import { applicationId } from './sqlite/file.ts';
import { problemOf } from './sqlite/sqlite-problem.ts';
import { StoreProblem } from './store-problem.ts';

const mostTold = 20;

const readers = {
  task_record: (body) => decode(taskRecord, body),
  hold: (body) => decode(hold, body),
  account_record: (body) => decode(accountRecord, body),
  event: decodeEvent,
} as const satisfies Record<Table, (body: string) => { readonly ok: boolean }>;

/** Every row read as the daemon reads it. Gives how many there are, and what cannot be read. */
export async function checkStore(
  store: RawStore,
): Promise<{ readonly counts: Counts; readonly wrong: readonly string[] }> {
  const wrong: string[] = [];
  const counts = { task_record: 0, hold: 0, account_record: 0, event: 0 };
  for (const table of tables)
    for await (const rows of pagesOf(store, table)) {
      counts[table] += rows.length;
      for (const { account, body } of rows) {
        const decoded = readers[table](String(body));
        if (!decoded.ok) wrong.push(`${table} of account ${account}: ${decoded.why}`);
      }
    }
  const more = wrong.length - mostTold;
  return { counts, wrong: more > 0 ? [...wrong.slice(0, mostTold), `and ${more} more`] : wrong };
}

/**
 * A copy of a store's file as it is at this moment, also while a daemon runs on it. Appears under its name when it is
 * whole and was found sound. Rejects with `StoreProblem`.
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
