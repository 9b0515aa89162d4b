/**
 * Where lines go: a descriptor that may be full, slow, stuck or gone at any time. A writer never waits for it.
 *
 * A write is asynchronous, one at a time, and what waits for it is bounded: a line that finds no room, or that the
 * system refuses (disk full, terminal gone, no reader), is dropped and counted. The next one is tried all the same, so
 * the lines come back when the sink does.
 */
import { closeSync, constants, fstatSync, openSync, write } from 'node:fs';
import { isatty } from 'node:tty';
import type { Clock } from '../domain/ports/time-port.ts';

interface SinkOptions {
  /** 1 or 2. */
  readonly fd: number;
  readonly clock: Clock;
  readonly onDropped?: (lines: number) => void;
}

const maxWaitingBytes = 4 * 1024 * 1024;
/** What one write is given at most: as much as a pipe holds. */
const writtenBytes = 64 * 1024;
/** How soon a pipe that was full is tried again. */
const retryMs = 50;
const lineFeed = 10;

export function openSink({ fd, clock, onDropped = () => {} }: SinkOptions) {
  const target = unblocked(fd);
  let waiting: string[] = [];
  let waitingBytes = 0;
  let writing = false;
  /** The last byte that was taken ended no line. */
  let cut = false;
  const onDrained: (() => void)[] = [];

  function writeNext(): void {
    const piece = take();
    writing = piece !== undefined;
    if (piece) put(piece);
    else for (const drained of onDrained.splice(0)) drained();
  }

  function take(): Buffer | undefined {
    let bytes = 0;
    let lines = 0;
    for (const text of waiting) {
      if (lines > 0 && bytes + Buffer.byteLength(text) > writtenBytes) break;
      bytes += Buffer.byteLength(text);
      lines++;
    }
    if (lines === 0) return undefined;
    const taken = waiting.slice(0, lines);
    waiting = waiting.slice(lines);
    waitingBytes -= bytes;
    // Half a line stays alone: the next must not be glued to it.
    return Buffer.from((cut ? '\n' : '') + taken.join(''));
  }

  function put(rest: Buffer): void {
    write(target, rest, (error, written) => {
      if (error?.code === 'EAGAIN') return void clock.after(retryMs, () => put(rest));
      if (error) {
        onDropped(linesIn(rest));
        return writeNext();
      }
      cut = rest[written - 1] !== lineFeed;
      if (written < rest.length) put(rest.subarray(written));
      else writeNext();
    });
  }

  return {
    /** One line or several, with their line feeds. */
    write(text: string) {
      const bytes = Buffer.byteLength(text);
      if (waitingBytes + bytes > maxWaitingBytes) return onDropped(1);
      waiting.push(text);
      waitingBytes += bytes;
      if (writing) return;
      writing = true;
      // Lines of one turn are written together.
      queueMicrotask(writeNext);
    },
    /** Resolves when nothing waits any more, at the latest after `withinMs`; what then still waits is left. */
    drained(withinMs: number): Promise<void> {
      if (!writing) return Promise.resolve();
      return new Promise((resolve) => {
        const takeBack = clock.after(withinMs, resolve);
        onDrained.push(() => {
          takeBack();
          resolve();
        });
      });
    },
  };
}

/** A line feed in front is that of a line lost before. */
const linesIn = (bytes: Buffer): number =>
  bytes.subarray(1).reduce((lines, byte) => lines + (byte === lineFeed ? 1 : 0), 0);

/**
 * A pipe or a terminal, opened once more so that a write to it never blocks a thread: the description that we were
 * given is shared with other processes, who may expect theirs to block. (Sockets cannot be opened again; Node has made
 * them non-blocking by then.) Where that is not possible, a stuck write costs one thread of Node's pool.
 */
function unblocked(fd: number): number {
  let own: number | undefined;
  try {
    const given = fstatSync(fd);
    if (!given.isFIFO() && !isatty(fd)) return fd;
    own = openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    const opened = fstatSync(own);
    if (opened.ino === given.ino && opened.dev === given.dev) return own;
  } catch {
    // Another user's terminal, a pipe whose reader has gone, a system without /proc.
  }
  if (own !== undefined) closeSync(own);
  return fd;
}
