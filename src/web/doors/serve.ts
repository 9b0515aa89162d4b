/** One request: its body is read, the main thread is asked, the answer is written out. */
import type { IncomingMessage, ServerResponse } from 'node:http';

import { type Answer, type Ask, type Door, type Joined, maxBodyBytes } from '../between-threads.ts';
import { problemOf, problemType } from '../problem.ts';
import type { Asks } from './asks.ts';
import type { Counts } from './counts.ts';
import type { Guest } from './crowd.ts';
import { shapeFor } from './shapes.ts';
import type { Streams } from './streams.ts';
import type { WriteOut } from './unread.ts';

/** What the requests of both doors share. */
export interface Shared {
  readonly asks: Asks;
  readonly streams: Streams;
  readonly writeOut: WriteOut;
  readonly counts: Counts;
  /** The daemon ends: each connection closes with its answer. */
  closing: boolean;
  /** Seconds since the thread began, which has no other clock. */
  second: number;
}

/** Resolves when the answer is out, or the client has gone. `closes`: the connection closes with this answer. */
export async function serve(
  shared: Shared,
  door: Door,
  guest: Guest,
  req: IncomingMessage,
  res: ServerResponse,
  closes: boolean,
): Promise<void> {
  const { asks, counts, writeOut } = shared;
  const isGone = () => guest.socket.destroyed || res.destroyed;
  const body = await readBody(req);
  if (!body || isGone()) return;
  const answer = await new Promise<Answer>((resolve) => {
    guest.asking = asks.add(askOf(door, guest, req, body), resolve);
    if (!guest.asking) resolve(busy);
  });
  guest.asking = false;
  if (isGone()) return;
  if (answer.joined && req.method !== 'HEAD') return stream(shared, guest, res, answer, answer.joined);
  const shape = await shapeFor(answer, req);
  if (isGone()) return;
  counts.add(answer.handler, shape.status);
  for (const [name, value] of Object.entries(shape.headers)) res.setHeader(name, value);
  if (shape.status !== 304) res.setHeader('content-length', shape.body.length);
  // A connection that is kept open would hold up the end until its deadline.
  if (closes || shared.closing || body.length > maxBodyBytes) res.setHeader('connection', 'close');
  res.statusCode = shape.status;
  guest.answeringSince = shared.second;
  const written = req.method === 'HEAD' ? undefined : shape.body;
  const isRead = await writeOut(res, written, guest.socket);
  // This thread leaves so little else to be collected that a scrape, 2 MB with 200 groups, would stay for minutes.
  if (isRead && written === answer.body && answer.handler === '/metrics') answer.body.buffer.transfer(0);
  guest.answeringSince = undefined;
}

/** The answer is the beginning of a stream of events, if there is room for one more listener. */
async function stream(
  { streams, counts, closing, second }: Shared,
  guest: Guest,
  res: ServerResponse,
  answer: Answer,
  joined: Joined,
): Promise<void> {
  const room = !closing && streams.hasRoom(guest.address);
  const { status, headers, body } = room ? answer : busy;
  counts.add(answer.handler, status);
  res.writeHead(status, { ...headers, connection: 'close' });
  res.write(body);
  if (!room) return void res.end();
  await streams.follow(res, guest.address, joined, second);
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

/** What the routes look at; nothing else crosses over to the main thread. */
const headersPassedOn = [
  'authorization',
  'cookie',
  'origin',
  'host',
  'accept',
  'accept-language',
  'last-event-id',
  'content-type',
  'content-length',
] as const;

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

const busyProblem = problemOf({
  code: 'busy',
  message: 'too many requests are in progress',
  hint: 'Try again in a second, and ask less at once.',
});
const busy: Answer = {
  handler: 'none',
  status: busyProblem.status,
  headers: { 'content-type': problemType, 'cache-control': 'no-store', 'retry-after': '1' },
  body: new TextEncoder().encode(`${JSON.stringify(busyProblem)}\n`),
};
