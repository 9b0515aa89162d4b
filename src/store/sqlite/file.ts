/**
 * The only code that touches the file: SQLite and its lock, behind functions of plain values.
 *
 * `node:sqlite` is synchronous: on the main thread a slow disk, a big commit or a checkpoint (half a second after
 * 100,000 records) would stop timers, health checks and the limiter. So what is asked can cross to a thread
 * (thread.ts). What an error means to a person is in sqlite-problem.ts.
 *
 * Nobody may open and close the database or the lock file by other means in this process: on POSIX systems closing
 * any descriptor of a file drops the process's locks on it.
 */
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';

type Access = 'create' | 'existing' | 'read-only';

/** What is wrong with the file beyond what SQLite or the system call say. */
export type Fault =
  | 'missing'
  | 'not-a-file'
  | 'cut'
  | 'foreign'
  | 'damaged'
  | 'moved'
  | 'lock-moved'
  | 'log-taken'
  | 'not-owner'
  | 'ended';

export interface FileFailure {
  readonly message: string;
  readonly fault: Fault | undefined;
  /** SQLite's extended result code. */
  readonly errcode: number | undefined;
  /** The system's, such as EACCES. */
  readonly code: string | undefined;
}

/** In the header of every file of ours: "RLYK". */
const applicationId = 0x524c594b;
/** SQLite's smallest page; it takes anything shorter for a new database. */
const smallestBytes = 512;
/** How long to wait for another process's (a person's) lock on the database, milliseconds. */
const busyTimeoutMs = 5_000;
/** Files up to this size are checked whole at a take-over, of bigger ones only the tables that decisions rest on. */
const fullCheckBytes = 64 * 1024 * 1024;
/** The write-ahead log is cut to this after a checkpoint. */
const walKeptBytes = 16 * 1024 * 1024;
const cacheKiB = 8 * 1024;
const maxStatementsKept = 100;

class FileFault extends Error {
  readonly fault: Fault;
  constructor(fault: Fault, detail = '') {
    super(detail);
    this.fault = fault;
  }
}

type Identity = ReturnType<typeof identify>;

/** A file as the system knows it: the same name can become another file. */
function identify(file: string) {
  const { dev, ino } = statSync(file);
  return { file, dev, ino };
}

function isStill({ file, dev, ino }: Identity, minBytes = 0): boolean {
  const now = statSync(file, { throwIfNoEntry: false });
  return now?.ino === ino && now.dev === dev && now.size >= minBytes;
}

const nothingOpen = () => ({
  database: undefined as DatabaseSync | undefined,
  databaseIdentity: undefined as Identity | undefined,
  /** Of the write-ahead log and its index. */
  logIdentities: [] as readonly Identity[],
  /** They were taken away and what they had was saved; not yet reported. */
  rescued: false,
  lock: undefined as DatabaseSync | undefined,
  lockIdentity: undefined as Identity | undefined,
  statements: new Map<string, StatementSync>(),
});
type State = ReturnType<typeof nothingOpen>;

/** Opens nothing yet. Each function throws what SQLite or the system throws. */
export function sqliteFile() {
  const state = nothingOpen();
  return {
    /** Takes the lock if it is free; gives whether this process has it. */
    lock: (file: string) => takeLock(state, file),
    open: (file: string, access: Access) => open(state, file, access),
    /** Looks for damage; see `fullCheckBytes`. */
    check: (tables: readonly string[]) => check(state, tables),
    begin: (write: boolean) => begin(state, write),
    commit: () => {
      opened(state).exec('commit');
      // Reported as done means on disk, under a name: not in a log that was deleted meanwhile.
      mindLog(state);
    },
    rollback: () => {
      // SQLite has often rolled back by itself (disk full, I/O error); a second one would hide the first error.
      if (opened(state).isTransaction) opened(state).exec('rollback');
    },
    /** Gives free pages back to the file system, at most so many. */
    shrink: (pages: number) => opened(state).exec(`pragma incremental_vacuum(${Math.trunc(pages)})`),
    query: (sql: string, parameters: readonly unknown[]) => query(state, sql, parameters as readonly SQLInputValue[]),
    /** Whether all files are still those that were opened. */
    look: () => look(state),
    close: () => close(state),
  };
}

export type SqliteFile = ReturnType<typeof sqliteFile>;

/** Plain values, that one thread can give to another. */
export type FileEnd = { readonly answer: unknown } | { readonly failure: FileFailure };

/** One of its functions, by name. Never throws. */
export function attempt<K extends keyof SqliteFile>(
  file: SqliteFile,
  name: K,
  parameters: Parameters<SqliteFile[K]>,
): FileEnd {
  const run = file[name] as (...parameters: Parameters<SqliteFile[K]>) => unknown;
  try {
    return { answer: run(...parameters) };
  } catch (error) {
    return { failure: failureOf(error) };
  }
}

function opened({ database }: State): DatabaseSync {
  if (database === undefined) throw new FileFault('ended', 'it is not open');
  return database;
}

/**
 * An exclusive transaction on a file of its own, kept for life: the system ends it with the process, kill -9
 * included. Nothing is ever written to the file.
 */
function takeLock(state: State, file: string): boolean {
  if (state.lock !== undefined) return true;
  try {
    closeSync(openSync(file, 'wx', 0o600));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  const connection = new DatabaseSync(file, { timeout: 0 });
  try {
    connection.exec('begin exclusive');
  } catch (error) {
    connection.close();
    if (isBusy(error)) return false;
    throw error;
  }
  state.lock = connection;
  state.lockIdentity = identify(file);
  return true;
}

function open(state: State, file: string, access: Access): void {
  // A standby that takes over has it open already.
  if (
    state.database !== undefined &&
    state.databaseIdentity?.file === file &&
    isStill(state.databaseIdentity, smallestBytes) &&
    state.logIdentities.every((one) => isStill(one))
  )
    return;
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined && access !== 'create') throw new FileFault('missing');
  if (found === undefined) create(file);
  else if (!found.isFile()) throw new FileFault('not-a-file');
  else if (found.size < smallestBytes) throw new FileFault('cut', String(found.size));
  accessSync(file, access === 'read-only' ? constants.R_OK : constants.R_OK | constants.W_OK);

  const connection = new DatabaseSync(file, { readOnly: access === 'read-only', timeout: busyTimeoutMs });
  try {
    if (connection.prepare('pragma application_id').get()?.application_id !== applicationId) {
      throw new FileFault('foreign');
    }
    // FULL: an intent must survive a power cut before its call is sent.
    connection.exec(`pragma synchronous = full; pragma foreign_keys = on; pragma cache_size = -${cacheKiB}`);
    if (access !== 'read-only')
      connection.exec(
        // Reading makes the log and its index, if they are not there yet.
        `pragma journal_mode = wal; pragma journal_size_limit = ${walKeptBytes}; select count(*) from sqlite_schema`,
      );
  } catch (error) {
    connection.close();
    throw error;
  }
  state.statements.clear();
  state.database?.close();
  state.database = connection;
  state.databaseIdentity = identify(file);
  state.logIdentities = access === 'read-only' ? [] : [`${file}-wal`, `${file}-shm`].filter(existsSync).map(identify);
}

/**
 * A new, empty database, complete with its header before it gets its name. So an empty file under that name is never
 * a beginning: it is a loss.
 */
function create(file: string): void {
  const unfinished = `${file}.new`;
  // A write-ahead log whose database is gone must not be applied to the new one.
  for (const left of [unfinished, `${unfinished}-journal`, `${file}-wal`, `${file}-shm`]) rmSync(left, { force: true });
  closeSync(openSync(unfinished, 'wx', 0o600));
  const connection = new DatabaseSync(unfinished);
  try {
    connection.exec(
      `pragma auto_vacuum = incremental; pragma application_id = ${applicationId}; pragma journal_mode = wal`,
    );
  } finally {
    connection.close();
  }
  renameSync(unfinished, file);
  const directory = openSync(dirname(file), 'r');
  fsyncSync(directory);
  closeSync(directory);
}

function check(state: State, tables: readonly string[]): void {
  const connection = opened(state);
  const whole = state.databaseIdentity !== undefined && statSync(state.databaseIdentity.file).size <= fullCheckBytes;
  for (const argument of whole ? ['1'] : tables) {
    const [found] = connection.prepare(`pragma quick_check(${argument})`).all();
    const [verdict] = Object.values(found ?? {});
    if (verdict !== 'ok') throw new FileFault('damaged', String(verdict));
  }
}

/**
 * The log's name is gone, but as long as we have it open it can be read: what it holds is moved to the database, and a
 * new one is begun. A standby only opens the new one.
 */
function mindLog(state: State): void {
  const { databaseIdentity, logIdentities } = state;
  if (databaseIdentity === undefined || logIdentities.every((one) => isStill(one))) return;
  if (!isStill(databaseIdentity, smallestBytes)) throw new FileFault('moved');
  if (state.lock !== undefined) {
    const [moved] = opened(state).prepare('pragma wal_checkpoint(truncate)').all();
    if (moved?.busy !== 0) throw new FileFault('moved');
    state.rescued = true;
  }
  open(state, databaseIdentity.file, 'existing');
}

/** Throws if a file is another than the one that was opened. */
function mindFiles(state: State): void {
  if (state.lockIdentity !== undefined && !isStill(state.lockIdentity)) throw new FileFault('lock-moved');
  if (state.databaseIdentity !== undefined && !isStill(state.databaseIdentity, smallestBytes))
    throw new FileFault('moved');
  mindLog(state);
}

function look(state: State): void {
  // Within a transaction nothing can be moved; the look after it does.
  if (state.database === undefined || state.database.isTransaction) return;
  mindFiles(state);
  if (!state.rescued) return;
  state.rescued = false;
  throw new FileFault('log-taken');
}

/** A write begins only under the lock, and only while the files are still those that were opened. */
function begin(state: State, write: boolean): void {
  if (!write) {
    opened(state).exec('begin');
    return;
  }
  if (state.lockIdentity === undefined) throw new FileFault('not-owner');
  mindFiles(state);
  opened(state).exec('begin immediate');
}

function query(state: State, sql: string, parameters: readonly SQLInputValue[]) {
  let statement = state.statements.get(sql);
  if (statement === undefined) {
    if (state.statements.size >= maxStatementsKept) state.statements.clear();
    statement = opened(state).prepare(sql);
    state.statements.set(sql, statement);
  }
  if (statement.columns().length > 0) return { rows: statement.all(...parameters), changes: undefined };
  return { rows: [], changes: BigInt(statement.run(...parameters).changes) };
}

function close(state: State): void {
  state.statements.clear();
  state.database?.close();
  state.database = undefined;
  // Last: until here nobody else may begin.
  state.lock?.close();
  state.lock = undefined;
  state.lockIdentity = undefined;
}

function errcodeOf(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error ? Number(error.errcode) : undefined;
}

const isBusy = (error: unknown) => ((errcodeOf(error) ?? 0) & 0xff) === 5;

function failureOf(error: unknown): FileFailure {
  return {
    message: error instanceof Error ? error.message : String(error),
    fault: error instanceof FileFault ? error.fault : undefined,
    errcode: errcodeOf(error),
    code: error instanceof Error && 'code' in error ? String(error.code) : undefined,
  };
}
