/**
 * The way of a connection's bytes to its parser: a piece at a time, in turn with every other connection.
 *
 * Node's HTTP server parses all that a read brings, up to 64 KiB, before anything can be said about it: 1,700 small
 * requests of 3 kB of memory each. With some hundred such connections in one turn of the loop the thread of the doors
 * filled its 96 MB and died.
 */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { isTls } from './servers.ts';

/** Resolves in a turn of the loop that no other piece has. */
export type Turn = () => Promise<void>;

/** At most 50 requests; a request of the largest size takes 32 turns. */
const pieceBytes = 1024;

/** What `server` takes in place of `socket`. Reading ends for good when `isFull` says so; writing goes on. */
function passage(socket: Socket, nextTurn: Turn, isFull: () => boolean): Duplex {
  let wanted = () => {};
  const way = new Duplex({
    read: () => wanted(),
    write: (chunk, _encoding, done) => void socket.write(chunk, done),
    final: (done) => void socket.end(done),
    destroy(error, done) {
      socket.destroy();
      done(error);
    },
  });

  async function carry(): Promise<void> {
    for await (const chunk of socket.iterator({ destroyOnReturn: false }))
      for (let at = 0; at < chunk.length; at += pieceBytes) {
        await nextTurn();
        if (isFull()) return;
        const taken = new Promise<void>((resolve) => {
          wanted = resolve;
        });
        way.push(chunk.subarray(at, at + pieceBytes));
        await taken;
      }
    way.push(null);
  }
  carry().catch(() => way.destroy());
  socket.once('close', () => way.destroy());
  socket.on('timeout', () => way.emit('timeout'));
  // Node's HTTP server calls both where they are there.
  const called: Duplex & Partial<Pick<Socket, 'setTimeout' | 'destroySoon'>> = way;
  called.setTimeout = (ms) => socket.setTimeout(ms);
  called.destroySoon = () => void way.end(() => way.destroy());
  return way;
}

const sockets = new WeakMap<Duplex, Socket>();

/** The connection itself, for what a server calls its socket. */
export const socketBehind = (way: Duplex): Socket | undefined => sockets.get(way);

/** From here on the server's connections come by passages. */
export function leadThrough(server: Server, nextTurn: Turn, isFull: (socket: Socket) => boolean): void {
  const event = isTls(server) ? 'secureConnection' : 'connection';
  const [takeIn] = server.listeners(event);
  if (!takeIn) throw new Error(`the HTTP server listens to no ${event}`);
  server.off(event, takeIn as () => void);
  server.on(event, (socket: Socket) => {
    const way = passage(socket, nextTurn, () => isFull(socket));
    sockets.set(way, socket);
    takeIn.call(server, way);
  });
}
