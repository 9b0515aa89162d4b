/**
 * One door: it lets connections in, keeps them within their bounds, and has the requests of each one served, one after
 * the other.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Limits } from '../between-threads.ts';
import { codeOf } from '../problem.ts';
import type { Counts } from './counts.ts';
import { type Crowd, createCrowd, type Guest } from './crowd.ts';
import { leadThrough, socketBehind, type Turn } from './passage.ts';
import { type Shared, serve } from './serve.ts';
import { type DoorServer, isTls } from './servers.ts';

export function attend({ server, door }: DoorServer, limits: Limits, nextTurn: Turn, shared: Shared): Crowd {
  const crowd = createCrowd(limits);
  const guestOf = followGuests(server, crowd);
  leadThrough(server, nextTurn, (socket) => (guestOf(socket)?.pending ?? 0) >= limits.pipelined);
  server.setTimeout(limits.silenceMs);
  server.on('request', (req: IncomingMessage, res: ServerResponse) => {
    const guest = guestOf(socketBehind(req.socket));
    if (!guest) return;
    guest.pending++;
    // A request beyond the bound stays unanswered: the answer before it closes the connection.
    if (guest.pending > limits.pipelined) return;
    const closes = guest.pending === limits.pipelined;
    // A client that goes away in the middle of an answer must not take the thread along.
    req.on('error', () => {});
    res.on('error', () => {});
    const turn = async () => {
      crowd.progressed(guest);
      await serve(shared, door, guest, req, res, closes);
      // The one that closes the connection keeps its place: no more are taken.
      if (!closes) guest.pending--;
      crowd.progressed(guest);
    };
    guest.served = guest.served.then(turn).catch(() => void guest.socket.destroy());
  });
  server.on('clientError', (error, socket: Socket) => {
    const guest = guestOf(socketBehind(socket));
    if (guest) refuse(error, socket, guest, shared.counts);
    // Still in its handshake: there is no way yet to say anything.
    else socket.destroy();
  });
  return crowd;
}

/**
 * Takes each connection into the crowd, and finds its guest again by its socket. A TLS connection has two sockets, and
 * only the outer one is there before the handshake: they have one peer.
 */
function followGuests(server: Server, crowd: Crowd): (socket: Socket | undefined) => Guest | undefined {
  const known = new WeakMap<Socket, Guest>();
  const shaking = new Map<string, Guest>();
  const peerOf = (socket: Socket) => `${socket.remoteAddress} ${socket.remotePort}`;
  server.on('connection', (socket: Socket) => {
    const guest = crowd.enter(socket);
    if (!guest) return;
    known.set(socket, guest);
    if (!isTls(server)) return;
    const peer = peerOf(socket);
    shaking.set(peer, guest);
    socket.once('close', () => shaking.delete(peer));
  });
  server.on('secureConnection', (socket: Socket) => {
    const guest = shaking.get(peerOf(socket));
    if (guest) known.set(socket, guest);
  });
  return (socket) => socket && known.get(socket);
}

const statusOfError: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

/** Bytes that are no request, or take too long to become one. Says so, unless an answer is half written. */
function refuse(error: Error, socket: Socket, guest: Guest, counts: Counts): void {
  const status = statusOfError[codeOf(error)] ?? '400 Bad Request';
  if (codeOf(error) !== 'ECONNRESET') counts.add('none', Number.parseInt(status, 10));
  if (socket.writable && guest.answeringSince === undefined)
    socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`);
  socket.destroySoon();
}
