/** What is wrong with a store's file, for a person. */
import { dirname } from 'node:path';
import { asProblem, oneLine } from '../store-problem.ts';
import { SqliteError } from './dialect.ts';
import type { Fault } from './file.ts';

export const problemOf = (error: unknown, file: string): Error =>
  asProblem(error, (thrown) => sentenceOf(thrown, file));

function sentenceOf(error: unknown, file: string): string | undefined {
  if (error instanceof SqliteError) {
    const { fault, errcode, code } = error.failure;
    if (fault !== undefined) return faultSentences[fault](file, error.message);
    if (errcode !== undefined) return sqliteSentence(errcode, file, error.message);
    return code && systemSentence(code, file, file);
  }
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') {
    return systemSentence(error.code, file, 'path' in error && typeof error.path === 'string' ? error.path : file);
  }
  return undefined;
}

const startAnew = (file: string) =>
  `Restore a backup, or start with an empty memory (attempts, holds and history are lost): mkdir old && mv ${file}* old/`;

const faultSentences: Readonly<Record<Fault, (file: string, detail: string) => string>> = {
  missing: (file) => `there is no store at ${file} yet: \`relaykeeper run\` creates one`,
  'not-a-file': (file) =>
    `${file} is not a file: set \`store: sqlite:…\` to the file that should hold the store, not to a directory`,
  cut: (file, detail) =>
    `${file} is only ${detail} bytes long, so its contents are lost: a store is never that short. ${startAnew(file)}`,
  foreign: (file) =>
    `${file} is a SQLite database of another program and is left alone: name another file in \`store: sqlite:…\``,
  damaged: (file, detail) => `${file} is damaged (${oneLine(detail)}). ${startAnew(file)}`,
  moved: (file) =>
    `${file} was moved, deleted or replaced while in use, and nothing is written to the old one: restart relaykeeper`,
  'lock-moved': (file) =>
    `${file}.lock was moved or deleted, so another process could act at the same time: restart relaykeeper`,
  'log-taken': (file) =>
    `${file}-wal or -shm was moved, deleted or replaced while in use; its contents are saved in ${file}: find out who did it`,
  'not-owner': (file) => `another process owns ${file}: this one stands by and writes nothing`,
  ended: (file, detail) => `the store ${file} cannot be used any more (${oneLine(detail)}): restart relaykeeper`,
};

/** SQLITE_CORRUPT. */
export const isDamage = ({ failure }: SqliteError) => ((failure.errcode ?? 0) & 0xff) === 11;

/** SQLITE_IOERR_WRITE. */
const writeRefused = 778;

/** https://sqlite.org/rescode.html; the low byte of an extended code is its primary one. */
function sqliteSentence(errcode: number, file: string, detail: string): string {
  const detailed = `${oneLine(detail)}, SQLite code ${errcode}`;
  switch (errcode & 0xff) {
    case 5:
    case 6:
      return `${file} is locked by another program (${detailed}): close it; see \`fuser ${file}\``;
    case 8:
    case 3:
      return systemSentence('EACCES', file, file);
    case 10:
      // SQLite keeps it to itself why the system refused a write; a file that has grown to the limit (EFBIG) is one reason.
      return `reading or writing ${file} failed (${detailed}): look at its disk (\`dmesg\`, \`df ${dirname(file)}\`)${errcode === writeRefused ? ', and at the limit on the size of files (`ulimit -f`)' : ''}`;
    case 11:
      return faultSentences.damaged(file, detail);
    case 13:
      return systemSentence('ENOSPC', file, file);
    case 14:
      return `${file} cannot be opened (${detailed}): look at the permissions of ${dirname(file)}`;
    case 26:
      return `${file} is not a SQLite database: name another file in \`store: sqlite:…\`, or, if this one was the store, it is damaged. ${startAnew(file)}`;
    default:
      return `${file}: ${detailed}`;
  }
}

function systemSentence(code: string, file: string, path: string): string {
  switch (code) {
    case 'EACCES':
    case 'EPERM':
      return `this user (uid ${uid()}) may not write ${path}: chown -R ${uid()} ${dirname(file)}`;
    case 'EROFS':
      return `${path} is on a read-only file system: mount it writable, or name another place in \`store: sqlite:…\``;
    case 'ENOSPC':
    case 'EDQUOT':
      return `no space is left for ${file}: free some (\`df ${dirname(file)}\`)`;
    case 'ENOTDIR':
    case 'EEXIST':
      return `${path} cannot be created: a part of the path is a file, not a directory`;
    case 'ENOENT':
      return `${path} cannot be created: name another place in \`store: sqlite:…\``;
    default:
      return `${path}: ${code}`;
  }
}

/** `os.userInfo` throws for a user id without a name, which a container's often is. */
const uid = () => process.getuid?.() ?? 'unknown';
