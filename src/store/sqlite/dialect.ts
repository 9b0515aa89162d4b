/**
 * SQLite for Kysely, on this thread or on one of its own. The rest of `store/` speaks SQL that PostgreSQL understands
 * too, but for a few lines that say so.
 */
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';
import { attempt, type FileFailure, type SqliteFile, sqliteFile } from './file.ts';
import type { ThreadAnswer, ThreadRequest } from './thread.ts';

/** A request to the file went wrong. sqlite-problem.ts says it to a person. */
export class SqliteError extends Error {
  readonly failure: FileFailure;
  constructor(failure: FileFailure) {
    super(failure.message);
    this.name = 'SqliteError';
    this.failure = failure;
  }
}

export interface Sqlite {
  /** One of the file's functions; they are answered in order. Rejects with `SqliteError`. */
  ask<K extends keyof SqliteFile>(
    name: K,
    ...parameters: Parameters<SqliteFile[K]>
  ): Promise<ReturnType<SqliteFile[K]>>;
  /** Closes the files, frees the lock, ends the thread. Safe to call twice. */
  close(): Promise<void>;
}

/** On the calling thread. `pause` lets other work go first, between two requests; `said`: an error as it is thrown. */
export function inlineSqlite(pause: () => Promise<void>, said = (error: SqliteError): Error => error): Sqlite {
  const file = sqliteFile();
  const ask: Sqlite['ask'] = async <K extends keyof SqliteFile>(name: K, ...parameters: Parameters<SqliteFile[K]>) => {
    const end = attempt(file, name, parameters);
    if (name === 'query') await pause();
    if ('failure' in end) throw said(new SqliteError(end.failure));
    return end.answer as ReturnType<SqliteFile[K]>;
  };
  return { ask, close: () => ask('close') };
}

/** On a thread of its own. `onEnd` is called if the thread ends without having been asked to. */
export function threadedSqlite(onEnd: (error: Error) => void): Sqlite {
  // It keeps nothing: without the limit its young generation alone grows to 16 MB and more.
  const worker = new Worker(new URL(`./thread${extname(import.meta.url)}`, import.meta.url), {
    resourceLimits: { maxYoungGenerationSizeMb: 4 },
  });
  const open = new Map<number, PromiseWithResolvers<unknown>>();
  let lastId = 0;
  let ended: SqliteError | undefined;
  let closing: Promise<void> | undefined;

  worker.on('message', (answer: ThreadAnswer) => {
    const waiting = open.get(answer.id);
    open.delete(answer.id);
    if ('answer' in answer) waiting?.resolve(answer.answer);
    else waiting?.reject(new SqliteError(answer.failure));
  });
  const end = (message: string) => {
    if (ended !== undefined) return;
    ended = new SqliteError({ message, fault: 'ended', errcode: undefined, code: undefined });
    for (const waiting of open.values()) waiting.reject(ended);
    open.clear();
    if (closing === undefined) onEnd(ended);
  };
  worker.on('error', (error) => end(error instanceof Error ? error.message : String(error)));
  worker.on('exit', () => end('it is closed'));

  const ask: Sqlite['ask'] = async <K extends keyof SqliteFile>(name: K, ...parameters: Parameters<SqliteFile[K]>) => {
    if (ended !== undefined) throw ended;
    const waiting = Promise.withResolvers<unknown>();
    lastId += 1;
    // First: it throws at a value that cannot cross, and then nothing waits.
    worker.postMessage({ id: lastId, name, parameters } satisfies ThreadRequest<K>);
    open.set(lastId, waiting);
    return waiting.promise as Promise<ReturnType<SqliteFile[K]>>;
  };
  const close = async () => {
    try {
      if (ended === undefined) await ask('close');
    } finally {
      await worker.terminate();
    }
  };
  return {
    ask,
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

/** One connection; Kysely's own lock lets one transaction at a time have it. */
export function sqliteDialect(sqlite: Sqlite): Dialect {
  const connection: DatabaseConnection = {
    async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
      const { rows, changes } = await sqlite.ask('query', sql, parameters);
      return { rows: rows as R[], numAffectedRows: changes };
    },
    streamQuery() {
      throw new Error('reading by stream is not supported: read by pages');
    },
  };
  const driver: Driver = {
    init: async () => {},
    acquireConnection: async () => connection,
    releaseConnection: async () => {},
    async beginTransaction(_, settings) {
      // A write lock from the start: one that is wanted only half way can be refused for good.
      await sqlite.ask('begin', settings.accessMode !== 'read only');
    },
    async commitTransaction() {
      await sqlite.ask('commit');
    },
    async rollbackTransaction() {
      await sqlite.ask('rollback');
    },
    destroy: () => sqlite.close(),
  };
  return {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => driver,
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  };
}
