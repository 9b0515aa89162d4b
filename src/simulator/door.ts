/**
 * The HTTP door of the pretend cloud: plays the machine's replies on real sockets, the broken ones included.
 *
 * It uses node:http and no framework, because half of its work is to break the protocol on purpose.
 */
import { createServer, type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable, type Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Clock } from '../domain/ports/time-port.ts';
import { answer, uplinkMs } from './answer.ts';
import type { Headers, Reply, Request } from './exchange.ts';
import { steadyTime } from './in-process.ts';
import type { World } from './world.ts';

interface DoorOptions {
  readonly world: World;
  readonly clock: Clock;
  /** 0: any free one. */
  readonly port: number;
  readonly host?: string;
}

export interface Door {
  readonly url: string;
  /** Breaks what is still open. */
  close(): Promise<void>;
}

/** No request of this API is anywhere near it. */
const mostRequestBytes = 1024 * 1024;

/** Rejects if the port is taken. */
export async function openDoor({ world, clock, port, host = '127.0.0.1' }: DoorOptions): Promise<Door> {
  const closing = new AbortController();
  const time = steadyTime(clock);
  const server = createServer((incoming, outgoing) => {
    receive(incoming).then(
      (request) => {
        if (request !== undefined) return exchange(request, outgoing);
        outgoing.writeHead(413, { connection: 'close' }).end();
      },
      // The client went away while it was sending: nothing has arrived.
      () => outgoing.destroy(),
    );
  });

  const exchange = async (request: Request, outgoing: ServerResponse) => {
    await clock.sleep(uplinkMs(world, request, time()), closing.signal);
    const reply = answer(world, request, time());
    if (reply.kind !== 'stall') await clock.sleep(reply.afterMs, closing.signal);
    if (outgoing.destroyed || closing.signal.aborted) return;
    await play(reply, outgoing, (ms) => clock.sleep(ms, closing.signal));
  };

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const { port: takenPort } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${takenPort}`,
    close: () => {
      closing.abort();
      return new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

/** Undefined: too long. */
async function receive(incoming: IncomingMessage): Promise<Request | undefined> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of incoming) {
    bytes += piece.length;
    if (bytes > mostRequestBytes) return undefined;
    pieces.push(piece);
  }
  const headers = Object.entries(incoming.headers).map(([name, value]) => [name, [value].flat().join(', ')]);
  return {
    method: incoming.method ?? '',
    target: incoming.url ?? '/',
    headers: Object.fromEntries(headers),
    body: Buffer.concat(pieces).toString('utf8'),
  };
}

type Sleep = (ms: number) => Promise<void>;

/** Sends one reply, or breaks off where it says so. */
async function play(reply: Reply, outgoing: ServerResponse, sleep: Sleep): Promise<void> {
  const { socket } = outgoing;
  switch (reply.kind) {
    case 'stall':
      return;
    case 'reset':
      socket?.resetAndDestroy();
      return;
    case 'response':
      outgoing.writeHead(reply.status, withLength(reply.headers, reply.body));
      outgoing.end(reply.body);
      return;
    case 'truncated':
      outgoing.writeHead(reply.status, withLength(reply.headers, reply.body));
      outgoing.flushHeaders();
      outgoing.write(Buffer.from(reply.body).subarray(0, reply.sentBytes), () => socket?.destroy());
      return;
    case 'drip':
      return drip(reply, outgoing, sleep);
    case 'stream':
      return stream(reply, outgoing);
    default:
      reply satisfies never;
  }
}

const withLength = (headers: Headers, body: string) => ({ ...headers, 'content-length': Buffer.byteLength(body) });

async function drip(reply: Extract<Reply, { kind: 'drip' }>, outgoing: ServerResponse, sleep: Sleep): Promise<void> {
  const { socket } = outgoing;
  const headers = withLength(reply.headers, reply.body);
  const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const headText = `HTTP/1.1 ${reply.status} ${STATUS_CODES[reply.status] ?? ''}\r\n${head.join('')}\r\n`;
  // Written past node:http: it would send the head in one piece.
  const [atOnce, slowly] = reply.headersToo ? ['', headText + reply.body] : [headText, reply.body];
  socket?.write(atOnce);
  const bytes = Buffer.from(slowly);
  for (let sent = 0; sent < bytes.length && socket && !socket.destroyed; sent += reply.bytes) {
    socket.write(bytes.subarray(sent, sent + reply.bytes));
    await sleep(reply.everyMs);
  }
  socket?.end();
}

async function stream(reply: Extract<Reply, { kind: 'stream' }>, outgoing: ServerResponse): Promise<void> {
  outgoing.writeHead(reply.status, { ...reply.headers, ...(reply.gzip ? { 'content-encoding': 'gzip' } : {}) });
  const squeezed: Transform[] = reply.gzip ? [createGzip()] : [];
  try {
    await pipeline([Readable.from(reply.pieces()), ...squeezed, outgoing]);
  } catch {
    // The client had enough and closed: that is what this reply is for.
  }
}
