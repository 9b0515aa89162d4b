/** What a store's trouble is called: the cause and what to do. What goes on meanwhile, the line that quotes it says. */
import pg from 'pg';
import { expect, test } from 'vitest';
import { postgresProblem } from '../../src/store/postgres/postgres-problem.ts';
import { SqliteError } from '../../src/store/sqlite/dialect.ts';
import { problemOf } from '../../src/store/sqlite/sqlite-problem.ts';

const sqlite = (message: string, errcode: number) =>
  problemOf(new SqliteError({ message, errcode, fault: undefined, code: undefined }), '/var/lib/x/relaykeeper.db');
const system = (code: string) =>
  problemOf(
    new SqliteError({ message: code, errcode: undefined, fault: undefined, code }),
    '/var/lib/x/relaykeeper.db',
  );

function postgres(sqlState: string): Error {
  const error = new pg.DatabaseError('as the server says it', 0, 'error');
  error.code = sqlState;
  return postgresProblem(error, 'postgres://db/x');
}

test.each([
  ['SQLite finds no space', sqlite('database or disk is full', 13)],
  ['the system finds no space', system('ENOSPC')],
  ['the quota is used up', system('EDQUOT')],
])('%s: it ends with what to do, and says nothing of restarts', (_cause, problem) => {
  expect(problem.message).toBe('no space is left for /var/lib/x/relaykeeper.db: free some (`df /var/lib/x`)');
});

test.each([
  ['53100', 'its disk is full: free some'],
  // At the start nothing looks again: the process ends.
  ['25006', 'it takes no writes: it is a standby, or was made read-only'],
])('PostgreSQL, SQLSTATE %s: the same', (sqlState, sentence) => {
  expect(postgres(sqlState).message).toBe(`postgres://db/x: ${sentence}`);
});

test.each([
  ['a write that the system refuses may be a limit on the size of files, beside the disk', 778, true],
  ['a read that fails is no such limit', 266, false],
  ['nor is a sync that fails', 1034, false],
])('%s', (_sentence, errcode, limit) => {
  const { message } = sqlite('disk I/O error', errcode);
  expect(message).toContain(`SQLite code ${errcode}`);
  expect(message).toContain('`dmesg`');
  expect(message.includes('`ulimit -f`')).toBe(limit);
});
