/** A thread for a SQLite file: takes requests from dialect.ts and answers them in order. */
import { parentPort } from 'node:worker_threads';
import { type FileFailure, type FileRequest, type FileResult, failureOf, sqliteFile } from './file.ts';

export type ThreadAnswer = { readonly id: number } & (
  | { readonly result: FileResult }
  | { readonly failure: FileFailure }
);

const answer = sqliteFile();

parentPort?.on('message', ({ id, request }: { readonly id: number; readonly request: FileRequest }) => {
  let reply: ThreadAnswer;
  try {
    reply = { id, result: answer(request) };
  } catch (error) {
    reply = { id, failure: failureOf(error) };
  }
  parentPort?.postMessage(reply);
  if (request.op === 'close') parentPort?.close();
});
