/** Answers on their way out: piece by piece as the client reads them, and only so many bytes in all. */
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** What is handed over at a time: TLS makes a copy of it for each client. */
const pieceBytes = 64 * 1024;

export interface Unread {
  add(body: Uint8Array, reader: Socket): void;
  remove(body: Uint8Array, reader: Socket): void;
}

/** Readers of one body share it. When there are too many bytes, the readers of the oldest are cut off. */
export function createUnread(mostBytes: number): Unread {
  const readers = new Map<Uint8Array, Set<Socket>>();
  let bytes = 0;

  function forget(body: Uint8Array): void {
    if (readers.delete(body)) bytes -= body.length;
  }

  return {
    add(body, reader) {
      const others = readers.get(body);
      if (others) {
        others.add(reader);
        return;
      }
      readers.set(body, new Set([reader]));
      bytes += body.length;
      for (const [oldest, slow] of readers) {
        if (bytes <= mostBytes || oldest === body) break;
        forget(oldest);
        for (const socket of slow) socket.destroy();
      }
    },
    remove(body, reader) {
      const others = readers.get(body);
      others?.delete(reader);
      if (others?.size === 0) forget(body);
    },
  };
}

/** Resolves when the answer is handed over to the system, or the client is gone. */
export function writeOut(res: ServerResponse, body: Uint8Array | undefined): Promise<void> {
  return new Promise((resolve) => {
    let at = 0;
    const next = () => {
      while (body && at < body.length) {
        const piece = body.subarray(at, at + pieceBytes);
        at += piece.length;
        if (!res.write(piece)) return void res.once('drain', next);
      }
      res.end();
    };
    res.once('close', resolve);
    next();
  });
}
