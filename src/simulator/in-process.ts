/**
 * The pretend cloud without a port: a request goes in, and what the client would see comes out, after the time that
 * it would take. `provider: simulator` uses it inside the daemon; a transport on top of it only maps `Seen`.
 */
import type { Clock } from '../domain/ports/time-port.ts';
import { answer, uplinkMs } from './answer.ts';
import type { Headers, Reply, Request } from './exchange.ts';
import type { World } from './world.ts';

export type Seen =
  | { readonly kind: 'response'; readonly status: number; readonly headers: Headers; readonly body: string }
  /** More than `maxBytes` of (decompressed) body. */
  | { readonly kind: 'too-large'; readonly status: number; readonly headers: Headers }
  /** The connection broke before the whole answer had arrived. */
  | { readonly kind: 'broken' }
  /** The signal aborted while waiting. The request arrives at the cloud all the same, up to `lingersMs` later. */
  | { readonly kind: 'gave-up' };

/** What is still under way so long after its connection was closed was dropped with it. */
export const lingersMs = 4_000;

interface Seat {
  readonly world: World;
  readonly clock: Clock;
  /** The world's time; see `steadyTime`. */
  readonly time: () => number;
  readonly maxBytes: number;
}

/**
 * Time for a world: starts at the clock's, then only grows, because a step of this machine's clock is not one of
 * the cloud's.
 */
export function steadyTime(clock: Clock): () => number {
  const offsetMs = clock.now() - clock.monotonic();
  return () => clock.monotonic() + offsetMs;
}

/** Plays one exchange. Never rejects. */
export async function answerInProcess(seat: Seat, request: Request, signal: AbortSignal): Promise<Seen> {
  const { world, clock, time, maxBytes } = seat;
  const over = new AbortController();
  let closedAt = Number.POSITIVE_INFINITY;
  const givenUp = new Promise<Seen>((resolve) => {
    const close = () => {
      closedAt = clock.monotonic();
      resolve(gaveUp);
    };
    if (signal.aborted) close();
    else signal.addEventListener('abort', close, { once: true, signal: over.signal });
  });
  const exchange = async (): Promise<Seen> => {
    await clock.sleep(uplinkMs(world, request, time()));
    if (clock.monotonic() > closedAt + lingersMs) return gaveUp;
    const reply = answer(world, request, time());
    const afterMs = lastsMs(reply);
    // A reply that never comes is ended by the client's patience alone.
    if (afterMs === undefined) return givenUp;
    await clock.sleep(afterMs, signal);
    return signal.aborted ? gaveUp : seen(reply, maxBytes);
  };
  const end = await Promise.race([exchange(), givenUp]);
  over.abort();
  return end;
}

const gaveUp: Seen = { kind: 'gave-up' };

/** From the arrival to the end of the answer; undefined if there is none. */
export function lastsMs(reply: Reply): number | undefined {
  if (reply.kind === 'stall') return undefined;
  if (reply.kind !== 'drip') return reply.afterMs;
  return reply.afterMs + Math.ceil(Buffer.byteLength(reply.body) / reply.bytes) * reply.everyMs;
}

/** What a client that reads at most `maxBytes` makes of a reply, once it has arrived. */
export function seen(reply: Reply, maxBytes: number): Seen {
  switch (reply.kind) {
    case 'response':
    case 'drip':
      return bounded(reply.status, reply.headers, [reply.body], maxBytes);
    case 'stream':
      return bounded(reply.status, reply.headers, reply.pieces(), maxBytes);
    case 'truncated':
    case 'reset':
      return { kind: 'broken' };
    case 'stall':
      return gaveUp;
    default:
      return reply satisfies never;
  }
}

function bounded(status: number, headers: Headers, pieces: Iterable<string>, maxBytes: number): Seen {
  const taken: string[] = [];
  let bytes = 0;
  for (const piece of pieces) {
    bytes += Buffer.byteLength(piece);
    if (bytes > maxBytes) return { kind: 'too-large', status, headers };
    taken.push(piece);
  }
  return { kind: 'response', status, headers, body: taken.join('') };
}
