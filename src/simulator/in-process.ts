/**
 * The pretend cloud without a port: a request goes in, and what the client would see comes out, after the time that
 * it would take. `provider: simulator` uses it inside the daemon.
 */
import type { Clock } from '../domain/ports/time-port.ts';
import { answer, uplinkMs } from './answer.ts';
import type { Headers, Reply, Request } from './exchange.ts';
import type { World } from './world.ts';

/** In the words of the client's transport. */
type Seen =
  | {
      readonly kind: 'response';
      readonly status: number;
      readonly date: string | undefined;
      readonly retryAfter: string | undefined;
      readonly body: Buffer;
    }
  /** More than `maxBytes` of (decompressed) body. */
  | { readonly kind: 'too-large'; readonly status: number; readonly date: string | undefined }
  /**
   * `reset`: the connection broke before the whole answer had arrived. `timeout`: the client gave up while waiting, and the
   * request arrives at the cloud all the same, up to `lingersMs` later.
   */
  | { readonly kind: 'lost'; readonly why: 'reset' | 'timeout' };

/** What is still under way so long after its connection was closed was dropped with it. */
const lingersMs = 4_000;

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

/** Plays one exchange, until the client gives up. Never rejects. */
export function answerInProcess(seat: Seat, request: Request, givenUp: Promise<void>): Promise<Seen> {
  const { world, clock, time, maxBytes } = seat;
  let closedAt = Number.POSITIVE_INFINITY;
  const closed = givenUp.then((): Seen => {
    closedAt = clock.monotonic();
    return gaveUp;
  });
  const exchange = async (): Promise<Seen> => {
    await clock.sleep(uplinkMs(world, request, time()));
    if (clock.monotonic() > closedAt + lingersMs) return gaveUp;
    const reply = answer(world, request, time());
    const afterMs = lastsMs(reply);
    // A reply that never comes is ended by the client's patience alone.
    if (afterMs === undefined) return closed;
    await clock.sleep(afterMs);
    return seen(reply, maxBytes);
  };
  return Promise.race([exchange(), closed]);
}

const gaveUp: Seen = { kind: 'lost', why: 'timeout' };

/** From the arrival to the end of the answer; undefined if there is none. */
function lastsMs(reply: Reply): number | undefined {
  if (reply.kind === 'stall') return undefined;
  if (reply.kind !== 'drip') return reply.afterMs;
  return reply.afterMs + Math.ceil(Buffer.byteLength(reply.body) / reply.bytes) * reply.everyMs;
}

/** What a client that reads at most `maxBytes` makes of a reply, once it has arrived. */
function seen(reply: Reply, maxBytes: number): Seen {
  switch (reply.kind) {
    case 'response':
    case 'drip':
      return bounded(reply.status, reply.headers, [reply.body], maxBytes);
    case 'stream':
      return bounded(reply.status, reply.headers, reply.pieces(), maxBytes);
    case 'truncated':
    case 'reset':
      return { kind: 'lost', why: 'reset' };
    case 'stall':
      return gaveUp;
    default:
      return reply satisfies never;
  }
}

function bounded(status: number, headers: Headers, pieces: Iterable<string>, maxBytes: number): Seen {
  const date = headers.Date ?? headers.date;
  const taken: Buffer[] = [];
  let bytes = 0;
  for (const piece of pieces) {
    const next = Buffer.from(piece);
    bytes += next.length;
    if (bytes > maxBytes) return { kind: 'too-large', status, date };
    taken.push(next);
  }
  const [first, ...others] = taken;
  const body = first && others.length === 0 ? first : Buffer.concat(taken);
  return { kind: 'response', status, date, retryAfter: headers['Retry-After'], body };
}
