/** Answers on their way out: piece by piece as the client reads them, and only so many bytes in all. */
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** What is handed over at a time: TLS makes a copy of it for each client. */
const pieceBytes = 64 * 1024;

/**
 * Resolves when the answer is handed over to the system, or the client is gone; true: none of those who got this body
 * together reads it any more.
 */
export type WriteOut = (res: ServerResponse, body: Uint8Array | undefined, reader: Socket) => Promise<boolean>;

/** Readers of one body share it. When there are too many bytes, the readers of the oldest are cut off. */
export function writeAtMost(mostBytes: number): WriteOut {
  const readers = new Map<Uint8Array, Set<Socket>>();
  let bytes = 0;

  function forget(body: Uint8Array): void {
    if (readers.delete(body)) bytes -= body.length;
  }

  return async (res, body = new Uint8Array(), reader) => {
    const others = readers.get(body) ?? new Set();
    if (others.size === 0) bytes += body.length;
    readers.set(body, others.add(reader));
    for (const [oldest, slow] of readers) {
      if (bytes <= mostBytes || oldest === body) break;
      forget(oldest);
      for (const socket of slow) socket.destroy();
    }
    await writeOut(res, body);
    others.delete(reader);
    const isLast = others.size === 0 && readers.get(body) === others;
    if (isLast) forget(body);
    return isLast;
  };
}

function writeOut(res: ServerResponse, body: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    let at = 0;
    const next = () => {
      while (at < body.length) {
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
