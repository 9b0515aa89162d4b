/**
 * The two doors, TCP (`listen`) and the unix socket, in a thread of their own: accepting, TLS, parsing, deadlines,
 * bounds, and writing answers out. What is asked is asked of the main thread.
 *
 * Apart because no budget within one loop holds against what arrives at once: 500 clients that open TLS connections one
 * after the other delayed every turn of the loop that served them by up to 360 ms, and by 70 ms from a thread (p99 45
 * and 9 ms, on two busy cores). The thread costs 17 MB.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { MessagePort } from 'node:worker_threads';
import type { Door } from './access.ts';
import { createAsks } from './asks.ts';
import {
  type Answer,
  type Ask,
  type Count,
  type DoorsOptions,
  type FromDoors,
  type Joined,
  type KeyPair,
  type Limits,
  maxBodyBytes,
  type ToDoors,
} from './between-threads.ts';
import { createCrowd, type Guest } from './crowd.ts';
import { leadThrough, socketBehind } from './passage.ts';
import { codeOf, problemOf, problemType } from './problem.ts';
import { shapeFor } from './shapes.ts';
import { createStreams } from './streams.ts';
import { createUnread, writeOut } from './unread.ts';

const maxHeaderBytes = 16 * 1024;
/** What the routes look at; nothing else crosses over to the main thread. */
const headersPassedOn = [
  'authorization',
  'cookie',
  'origin',
  'host',
  'accept-language',
  'last-event-id',
  'content-type',
  'content-length',
] as const;

/** `turn` resolves in the next turn of the thread's loop. */
export async function runDoors(port: MessagePort, options: DoorsOptions, turn: () => Promise<void>): Promise<void> {
  const say = (message: FromDoors) => port.postMessage(message);
  const counts = createCounts();
  const state = { closing: false, second: 0 };
  // One piece in each turn of the loop, whoever's it is.
  let lastPiece = Promise.resolve();
  const nextTurn = () => {
    lastPiece = lastPiece.then(turn);
    return lastPiece;
  };
  const asks = createAsks(options.limits, (id, ask) => say({ kind: 'ask', id, ask, counts: counts.take() }));
  const streams = createStreams(options.limits, (listeners) => say({ kind: 'listening', listeners }));
  const unread = createUnread(options.limits.unreadBytes);

  /** One request of a connection after the other: the next is asked when the answer before is out. */
  async function serve(guest: Guest, door: Door, req: IncomingMessage, res: ServerResponse, last: boolean) {
    const body = await readBody(req);
    if (!body || guest.socket.destroyed) return;
    const answer = await new Promise<Answer>((resolve) => {
      guest.asking = asks.add(askOf(door, guest, req, body), resolve);
      if (!guest.asking) resolve(busy);
    });
    guest.asking = false;
    if (guest.socket.destroyed || res.destroyed) return;
    if (answer.joined && req.method !== 'HEAD') return stream(guest, res, answer, answer.joined);
    const { status, headers, body: shaped } = await shapeFor(answer, req);
    if (guest.socket.destroyed || res.destroyed) return;
    counts.add(answer.handler, status);
    for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
    if (status !== 304) res.setHeader('content-length', shaped.length);
    // A connection that is kept open would hold up the end until its deadline.
    if (last || state.closing || body.length > maxBodyBytes) res.setHeader('connection', 'close');
    res.statusCode = status;
    guest.answeringSince = state.second;
    unread.add(shaped, guest.socket);
    await writeOut(res, req.method === 'HEAD' ? undefined : shaped);
    unread.remove(shaped, guest.socket);
    guest.answeringSince = undefined;
  }

  async function stream(guest: Guest, res: ServerResponse, answer: Answer, joined: Joined): Promise<void> {
    const room = !state.closing && streams.hasRoom(guest.address);
    const { status, headers, body } = room ? answer : busy;
    counts.add(answer.handler, status);
    res.writeHead(status, { ...headers, connection: 'close' });
    res.write(body);
    if (!room) return void res.end();
    await streams.follow(res, guest.address, joined, state.second);
  }

  const openings: { readonly door: Door; readonly server: Server; readonly at: object }[] = [
    { door: 'listen', server: await serverFor(options), at: { host: options.host, port: options.port } },
  ];
  if (options.socket !== undefined)
    openings.push({
      door: 'socket',
      server: createServer(serverOptions(options.limits)),
      at: { path: options.socket },
    });
  const crowds = openings.map(({ door, server }) => attend(server, door));

  function attend(server: Server, door: Door) {
    const crowd = createCrowd(options.limits);
    const guestOf = followGuests(server, crowd.enter);
    const { pipelined } = options.limits;
    leadThrough(server, nextTurn, (socket) => (guestOf(socket)?.pending ?? 0) >= pipelined);
    const turns = new WeakMap<Guest, Promise<void>>();
    server.setTimeout(options.limits.silenceMs);
    server.on('request', (req: IncomingMessage, res: ServerResponse) => {
      const guest = guestOf(socketBehind(req.socket));
      if (!guest) return;
      guest.pending++;
      // What is sent beyond the bound stays unanswered: the answer before it closes the connection.
      if (guest.pending > pipelined) return;
      // Whoever goes away amid an answer must not take the thread along.
      req.on('error', () => {});
      res.on('error', () => {});
      const last = guest.pending === pipelined;
      const turn = (turns.get(guest) ?? Promise.resolve()).then(async () => {
        crowd.progressed(guest);
        await serve(guest, door, req, res, last);
        // The one that closes the connection keeps its place: no more are taken.
        if (!last) guest.pending--;
        crowd.progressed(guest);
      });
      turns.set(
        guest,
        turn.catch(() => void guest.socket.destroy()),
      );
    });
    server.on('clientError', (error, socket: Socket) => {
      const guest = guestOf(socketBehind(socket));
      if (guest) refuse(error, socket, guest.answeringSince !== undefined, counts);
      // Still in its handshake: there is no way yet to say anything.
      else socket.destroy();
    });
    return crowd;
  }

  function onSecond(): void {
    state.second++;
    streams.onSecond(state.second);
    for (const crowd of crowds)
      for (const { answeringSince, socket } of crowd.guests())
        if (answeringSince !== undefined && state.second - answeringSince > options.limits.readWithinSeconds)
          socket.destroy();
  }

  port.on('message', (message: ToDoors) => {
    switch (message.kind) {
      case 'answer':
        return asks.answered(message.id, message.answer);
      case 'happened':
        return streams.happened(message.happening);
      case 'gap':
        return streams.gap();
      case 'second':
        return onSecond();
      case 'pair': {
        const [tcp] = openings;
        if (tcp && 'setSecureContext' in tcp.server) (tcp.server as TlsServer).setSecureContext(inPem(message.pair));
        return;
      }
      case 'close':
        state.closing = true;
        streams.end();
        void Promise.all(openings.map(({ server }) => closed(server))).then(() => {
          say({ kind: 'closed' });
          port.close();
        });
        return;
      case 'cut':
        for (const { server } of openings) server.closeAllConnections();
        for (const crowd of crowds) for (const { socket } of crowd.guests()) socket.destroy();
        return;
      default:
        message satisfies never;
    }
  });
  await open(openings, say);
}

async function open(
  openings: readonly { readonly door: Door; readonly server: Server; readonly at: object }[],
  say: (message: FromDoors) => void,
): Promise<void> {
  for (const { door, server, at } of openings) {
    const refused = await new Promise<string | undefined>((resolve) => {
      server.once('error', (error) => resolve(codeOf(error)));
      server.listen(at, () => resolve(undefined));
    });
    if (refused !== undefined) {
      for (const one of openings) one.server.close();
      return say({ kind: 'refused', door, code: refused });
    }
    server.removeAllListeners('error');
    // Too many open files, for one: the door stays open and somebody should know.
    server.on('error', (error) => say({ kind: 'trouble', error: String(error) }));
  }
  const address = openings[0]?.server.address();
  say({ kind: 'opened', port: typeof address === 'object' && address ? address.port : 0 });
}

const inPem = ({ cert, key }: KeyPair) => ({ cert: Buffer.from(cert), key: Buffer.from(key) });

async function serverFor({ pair, limits }: DoorsOptions): Promise<Server> {
  if (!pair) return createServer(serverOptions(limits));
  const { createServer: createTlsServer } = await import('node:https');
  return createTlsServer({ ...serverOptions(limits), ...inPem(pair), handshakeTimeout: limits.headersMs });
}

const serverOptions = (limits: Limits) => ({
  maxHeaderSize: maxHeaderBytes,
  headersTimeout: limits.headersMs,
  requestTimeout: limits.requestMs,
  keepAliveTimeout: limits.keepAliveMs,
  connectionsCheckingInterval: limits.checkEveryMs,
});

/** A TLS connection has two sockets, and only the outer one is there before the handshake: they have one peer. */
function followGuests(server: Server, enter: (socket: Socket) => Guest | undefined) {
  const known = new WeakMap<Socket, Guest>();
  const shaking = new Map<string, Guest>();
  const peerOf = (socket: Socket) => `${socket.remoteAddress} ${socket.remotePort}`;
  server.on('connection', (socket: Socket) => {
    const guest = enter(socket);
    if (!guest) return;
    known.set(socket, guest);
    if (!('setSecureContext' in server)) return;
    const peer = peerOf(socket);
    shaking.set(peer, guest);
    socket.once('close', () => shaking.delete(peer));
  });
  server.on('secureConnection', (socket: Socket) => {
    const guest = shaking.get(peerOf(socket));
    if (guest) known.set(socket, guest);
  });
  return (socket: Socket | undefined) => socket && known.get(socket);
}

/** Up to one byte over the bound, which is then refused; undefined: the client has gone. */
async function readBody(req: IncomingMessage): Promise<Uint8Array | undefined> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const piece of req.iterator({ destroyOnReturn: false })) {
      pieces.push(piece);
      size += piece.length;
      if (size > maxBodyBytes) break;
    }
  } catch {
    return undefined;
  }
  return Buffer.concat(pieces).subarray(0, maxBodyBytes + 1);
}

function askOf(door: Door, { address }: Guest, req: IncomingMessage, body: Uint8Array): Ask {
  const headers: Record<string, string> = {};
  for (const name of headersPassedOn) {
    const value = req.headers[name];
    if (value !== undefined) headers[name] = String(value);
  }
  const method = req.method === 'HEAD' ? 'GET' : (req.method ?? '');
  const carries = method !== 'GET' && body.length > 0;
  return { door, from: address, method, target: req.url ?? '', headers, body: carries ? body : undefined };
}

const busy: Answer = {
  handler: 'none',
  status: 503,
  headers: { 'content-type': problemType, 'cache-control': 'no-store', 'retry-after': '1' },
  body: new TextEncoder().encode(
    `${JSON.stringify(
      problemOf({
        code: 'busy',
        message: 'too many requests are in work',
        hint: 'Try again in a second, and ask less at once.',
      }),
    )}\n`,
  ),
};

const statusOfError: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

/** What is no request, or takes too long to become one. */
function refuse(error: Error, socket: Socket, amidAnswer: boolean, counts: Counts): void {
  const status = statusOfError[codeOf(error)] ?? '400 Bad Request';
  if (codeOf(error) !== 'ECONNRESET') counts.add('none', Number.parseInt(status, 10));
  if (socket.writable && !amidAnswer) socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`);
  socket.destroySoon();
}

interface Counts {
  add(handler: string, code: number): void;
  take(): readonly Count[];
}

function createCounts(): Counts {
  const counts = new Map<string, { handler: string; code: number; requests: number }>();
  return {
    add(handler, code) {
      const key = `${code} ${handler}`;
      const count = counts.get(key) ?? { handler, code, requests: 0 };
      count.requests++;
      counts.set(key, count);
    },
    take() {
      const taken = [...counts.values()];
      counts.clear();
      return taken;
    },
  };
}

function closed(server: Server): Promise<void> {
  const over = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  return over;
}
