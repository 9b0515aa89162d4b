/**
 * The limiter under a queue that never empties, in virtual time, as fast as it can be computed: for the million
 * calls and for the share of the ideal.
 */
import * as responseWindow from '../../src/cloud/limiter/limiter.ts';
import type { Lane, RateLimit } from '../../src/domain/ports/gate-port.ts';
import { type Limiter, lanes } from './limiter-world.ts';

/** How one call fares: milliseconds until it leaves, until it counts at the server, until its end is known here. */
export interface Trip {
  readonly saveMs: number;
  readonly upMs: number;
  readonly downMs: number;
  /** No answer comes: `downMs` later our end gives up, or before the call has even counted if it is negative. */
  readonly lost: boolean;
}

export interface Profile {
  readonly name: string;
  readonly trip: (random: () => number, sentAt: number) => Trip;
}

/** A round trip shared out between the two ways at random, anew for each call. */
const split = (random: () => number, roundTripMs: number): Trip => {
  const upMs = roundTripMs * random();
  return { saveMs: 0, upMs, downMs: roundTripMs - upMs, lost: false };
};

export const profiles: readonly Profile[] = [
  { name: 'fixed 20 ms', trip: (random) => split(random, 20) },
  { name: '20–60 ms', trip: (random) => split(random, 20 + 40 * random()) },
  { name: '150–350 ms', trip: (random) => split(random, 150 + 200 * random()) },
  { name: '50 ms, 2 % at 1,500 ms', trip: (random) => split(random, random() < 0.02 ? 1_500 : 50) },
];

/** Sees every call leave and gathers them: long up, nothing down, then nothing up; loses some, delays the sending of some. */
export const adversary: Profile = {
  name: 'heavy adversary',
  trip: (random, sentAt) => {
    const saveMs = random() < 0.1 ? 200 * random() : 0;
    const lost = random() < 0.01;
    if (lost) return { saveMs, upMs: 4_000 * random(), downMs: -3_000 * random(), lost };
    const gathersEveryMs = [250, 1_000, 1_000, 1_700][Math.floor(4 * random())] ?? 1_000;
    const upMs =
      random() < 0.6 ? gathersEveryMs - ((sentAt + saveMs) % gathersEveryMs) : random() < 0.5 ? 0 : 900 * random();
    return { saveMs, upMs, downMs: random() < 0.7 ? 0 : 400 * random(), lost };
  },
};

/** mulberry32: small, seeded, good enough to choose delays. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface Load {
  /** At the server, in order: all of them, and those that count in the limits of single actions. */
  readonly arrivals: readonly number[];
  readonly restarts: readonly number[];
  readonly lists: readonly number[];
  /** In order of admission. */
  readonly sent: readonly Sent[];
}

/** Sends `calls` calls through a limiter, one waiting in each of the lanes; timers are up to `lateMs` late. */
export function load(
  profile: Profile,
  options: RateLimit & { calls: number; seed: number; lateMs?: number; from?: readonly Lane[] },
  limiter: Limiter = responseWindow,
): Load {
  const { calls, seed, lateMs = 0, from = lanes, ...limit } = options;
  const random = seeded(seed);
  const arrived: { lane: Lane; at: number }[] = [];
  const sent: Sent[] = [];
  const out: { id: number; endsAt: number; lost: boolean }[] = [];
  // A fraction, as real clocks have it.
  let now = 1_000 * random();
  let state = limiter.startLimiter(limit, now);
  let wakeAt: number | undefined;
  let asked = 0;

  const happen = (event: responseWindow.LimiterEvent) => {
    const step = limiter.stepLimiter(state, now, event);
    state = step.state;
    wakeAt = step.wakeAt === undefined ? undefined : step.wakeAt + lateMs * random();
    for (const { id, lane } of step.admitted) {
      const { saveMs, upMs, downMs, lost } = profile.trip(random, now);
      arrived.push({ lane, at: now + saveMs + upMs });
      sent.push({ sentAt: now + saveMs, roundTripMs: upMs + downMs });
      out.push({ id, endsAt: Math.max(now + saveMs, now + saveMs + upMs + downMs), lost });
    }
    // Whoever went asks again.
    for (const { lane } of step.admitted) ask(lane);
  };
  const ask = (lane: Lane) => happen({ kind: 'asked', id: asked++, lane });

  for (const lane of from) ask(lane);
  while (sent.length < calls) {
    let next = out[0];
    for (const call of out) if (next === undefined || call.endsAt < next.endsAt) next = call;
    if (next !== undefined && next.endsAt <= (wakeAt ?? Infinity)) {
      out.splice(out.indexOf(next), 1);
      now = Math.max(now, next.endsAt);
      happen({ kind: 'done', id: next.id, outcome: next.lost ? 'lost' : 'answered' });
    } else {
      now = Math.max(now, wakeAt ?? now);
      happen({ kind: 'woken' });
    }
  }
  const of = (...mine: readonly Lane[]) =>
    arrived.flatMap(({ lane, at }) => (mine.includes(lane) ? [at] : [])).sort((a, b) => a - b);
  return { arrivals: of(...lanes), restarts: of('restart'), lists: of('verify', 'poll'), sent };
}

/** One call as its sender saw it, in milliseconds. */
export interface Sent {
  readonly sentAt: number;
  readonly roundTripMs: number;
}

/**
 * Calls per second over the bound L / (W + mean round trip). Little's law: that is the time for which calls occupy
 * their permits (round trip and W), over the time of all L. Counted between the second second and the last sending, it
 * depends neither on where bursts begin nor on calls cut off at the end. Above 1: more calls were on their way or in
 * the second behind their answers than L, which no client can know to be safe.
 */
export function shareOfBound(calls: readonly Sent[], perSecond: number): number {
  const from = Math.min(...calls.map(({ sentAt }) => sentAt)) + 2_000;
  const until = Math.max(...calls.map(({ sentAt }) => sentAt));
  let occupiedMs = 0;
  for (const { sentAt, roundTripMs } of calls) {
    const freeAt = sentAt + roundTripMs + 1_000;
    occupiedMs += Math.max(0, Math.min(freeAt, until) - Math.max(sentAt, from));
  }
  return occupiedMs / (perSecond * (until - from));
}
