/** A thread for a SQLite file: takes what is asked from dialect.ts and answers in order. */
import { parentPort } from 'node:worker_threads';
import { attempt, type FileEnd, type SqliteFile, sqliteFile } from './file.ts';

export interface ThreadRequest<K extends keyof SqliteFile = keyof SqliteFile> {
  readonly id: number;
  readonly name: K;
  readonly parameters: Parameters<SqliteFile[K]>;
}

export type ThreadAnswer = { readonly id: number } & FileEnd;

const file = sqliteFile();

parentPort?.on('message', ({ id, name, parameters }: ThreadRequest) => {
  parentPort?.postMessage({ id, ...attempt(file, name, parameters) } satisfies ThreadAnswer);
  if (name === 'close') parentPort?.close();
});
