/** A thread for a SQLite file: takes what is asked from dialect.ts and answers in order. */
import { parentPort } from 'node:worker_threads';
import { answerOf, type FileFailure, failureOf, type SqliteFile, sqliteFile } from './file.ts';

export interface ThreadRequest<K extends keyof SqliteFile = keyof SqliteFile> {
  readonly id: number;
  readonly name: K;
  readonly parameters: Parameters<SqliteFile[K]>;
}

export type ThreadAnswer = { readonly id: number } & ({ readonly answer: unknown } | { readonly failure: FileFailure });

const file = sqliteFile();

parentPort?.on('message', ({ id, name, parameters }: ThreadRequest) => {
  let reply: ThreadAnswer;
  try {
    reply = { id, answer: answerOf(file, name, parameters) };
  } catch (error) {
    reply = { id, failure: failureOf(error) };
  }
  parentPort?.postMessage(reply);
  if (name === 'close') parentPort?.close();
});
