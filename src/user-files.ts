/**
 * The one door to files that people name: the configuration, secrets, tokens, certificates. A path can lead anywhere,
 * so only regular files are read, within a bound, and nothing waits for what may never come: a pipe nobody writes to,
 * a terminal, a network file system that is gone.
 */
import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { mkdir, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemClock } from './clock.ts';
import { fewAtOnce } from './few-at-once.ts';

/** The bytes of a file; throws or rejects if it cannot be read, is no regular file, or is larger than `maxBytes`. */
export type ReadFile = (path: string, maxBytes: number) => Uint8Array | Promise<Uint8Array>;
/** What a file held when it was read, or why it could not be read. */
export type Held = { readonly text: string } | { readonly why: string };
type Timers = Pick<typeof systemClock, 'after'>;
export type ReadFileNow = (path: string, maxBytes: number) => Uint8Array;

/** Opening a pipe does not wait for its other end, and a terminal does not become ours. Links are followed, as in ConfigMaps. */
const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

/** Why a file was not read, in words; what the operating system says has a code instead. */
class NotRead extends Error {}

export class TooLarge extends NotRead {
  constructor(maxBytes: number) {
    super(`it is larger than ${maxBytes / 1024} KiB`);
  }
}

function mustBeRegular(found: Stats): void {
  if (found.isFile()) return;
  throw new NotRead(`it is ${kindOf(found)}: only a regular file is read`);
}

function kindOf(found: Stats): string {
  if (found.isFIFO()) return 'a named pipe';
  if (found.isDirectory()) return 'a directory';
  return found.isSocket() ? 'a socket' : 'a device';
}

/** Holds the thread that calls it: for the start, when nothing runs yet, and for threads of their own. */
export const readFileNow: ReadFileNow = (path, maxBytes) => {
  const file = openSync(path, flags);
  try {
    const found = fstatSync(file);
    mustBeRegular(found);
    const content = boundedContent(found, maxBytes);
    while (content.take(readSync(file, content.room(), 0, content.room().length, null)));
    return content.bytes();
  } finally {
    closeSync(file);
  }
};

/** The same beside everything else; rejects if there is no answer within 5 s. */
export const readUserFile = (path: string, maxBytes: number): Promise<Uint8Array> =>
  beside(path, `${maxBytes}`, async () => {
    const file = await open(path, flags);
    try {
      const found = await file.stat();
      mustBeRegular(found);
      const content = boundedContent(found, maxBytes);
      while (content.take((await file.read(content.room(), 0, content.room().length, null)).bytesRead));
      return content.bytes();
    } finally {
      await file.close();
    }
  });

/** What was read of a file so far: as much memory as it says that it has, or more as it turns out to have more. */
function boundedContent({ size }: Stats, maxBytes: number) {
  let bytes = Buffer.alloc(Math.min(size, maxBytes) + 1);
  let length = 0;
  return {
    /** Never empty. */
    room: () => bytes.subarray(length),
    /** So many were read; false at the end. Throws beyond the bound. */
    take(read: number): boolean {
      length += read;
      if (length > maxBytes) throw new TooLarge(maxBytes);
      if (length === bytes.length) bytes = Buffer.concat([bytes], Math.min(2 * length, maxBytes) + 1);
      return read > 0;
    },
    bytes: () => bytes.subarray(0, length),
  };
}

/**
 * With those above it, for nobody else. One by one: Node's own `recursive` goes round for ever where the system says that
 * nothing of that name can be (in /proc, or below an automount).
 */
export async function makeDirectory(directory: string): Promise<void> {
  if (await stat(directory).catch(() => undefined)) return;
  await makeDirectory(dirname(directory));
  await mkdir(directory, { mode: 0o700 }).catch((error: unknown) => {
    // Another process was quicker; or it is a link to nowhere, which opening it shows.
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  });
}

/** Changes when the file is written, or when a link leads elsewhere. Rejects as `readUserFile` does. */
export const versionOfUserFile = (path: string): Promise<string> =>
  beside(path, 'version', async () => {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(':');
  });

/** Of several, whether they are there or not. */
export const versionsOf = async (files: readonly string[]): Promise<string> =>
  (await Promise.all(files.map((file) => versionOfUserFile(file).catch(fileTrouble)))).join('|');

/**
 * Looks at files from time to time, and calls `onChange` when one of them was written, leads elsewhere, came or went since
 * `since`, which is asked for before they are first read: then no change is missed. False: it was not taken, and the next
 * look, which waits for its end, calls again. It must not reject. Gives back the way to stop.
 */
export function followUserFiles(
  files: readonly string[],
  since: Promise<string>,
  everyMs: number,
  clock: Timers,
  onChange: () => Promise<boolean>,
) {
  let stopped = files.length === 0;
  let takeBack = () => {};
  const look = async (seen: string) => {
    const found = await versionsOf(files);
    const taken = found === seen || stopped || (await onChange());
    if (!stopped) takeBack = clock.after(everyMs, () => void look(taken ? found : seen));
  };
  if (!stopped) void since.then(look);
  return () => {
    stopped = true;
    takeBack();
  };
}

/** What is needed for a connection does not wait longer for a file, milliseconds. */
const readWithinMs = 500;

/**
 * What opened one connection opens the next while its file is gone, empty or hangs: connections come and go all the time,
 * and without one no lease is renewed, no call is made and nothing is restarted. What comes late is there for the one after.
 */
export function lastOf(read: () => Promise<string>, clock: Pick<typeof systemClock, 'sleep'>): () => Promise<string> {
  let last = '';
  const renew = async () => {
    last = (await read()) || last;
  };
  return async () => {
    const renewed = renew();
    const over = new AbortController();
    if (last === '') await renewed;
    else await Promise.race([renewed.catch(() => {}), clock.sleep(readWithinMs, over.signal)]);
    over.abort();
    return last;
  };
}

const answersWithinMs = 5_000;
/** Node's pool, which looks up names of hosts, writes the log and unpacks answers too; without the variable it has 4. */
const poolThreads = Number(process.env.UV_THREADPOOL_SIZE) || 4;
/** Each holds a thread for as long as its file system is gone: what calls need must be left. */
const mostAtOnce = Math.max(2, Math.floor(poolThreads / 3));
/** A folder is mostly of one file system: while that is gone, the files of other folders are read. */
const mostOfFolder = Math.max(1, Math.floor(poolThreads / 12));
const [ofAll, ofFolder, ofFile] = [fewAtOnce(mostAtOnce), fewAtOnce(mostOfFolder), fewAtOnce(1)];
/** By what is asked: one that hangs is not asked a second time. */
const asked = new Map<string, Promise<unknown>>();

function beside<T>(path: string, what: string, run: () => Promise<T>): Promise<T> {
  const question = `${what} ${path}`;
  const same = asked.get(question) as Promise<T> | undefined;
  // Whoever waits for a turn of the file or of its folder takes none of all.
  const running = same ?? ofFile(() => ofFolder(() => ofAll(run), dirname(path)), path);
  if (!same) {
    asked.set(question, running);
    const forget = () => asked.delete(question);
    running.then(forget, forget);
  }
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const takeBack = systemClock.after(answersWithinMs, () =>
    reject(new NotRead(`there is no answer within ${answersWithinMs / 1000} s: is its file system gone?`)),
  );
  running.then(resolve, reject).finally(takeBack);
  return promise;
}

const words: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EISDIR: 'it is a directory: only a regular file is read',
  ENXIO: 'it is a socket or a device: only a regular file is read',
  ELOOP: 'it is a link that leads in a circle',
};

/** Why a file could not be read, without its path. */
export function fileTrouble(error: unknown): string {
  if (error instanceof NotRead) return error.message;
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'unknown error';
  return words[code] ?? code;
}
