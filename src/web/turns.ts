/**
 * The share of the main thread that web work may take: one request after the other, and a rest that is a multiple of
 * what the last one took.
 *
 * The doors take turns (health, operator's socket, scrape, everybody else), so that none of them waits for a flood at
 * another. A turn is timed by the clock on the wall: when the thread has much else to do, requests seem dearer and the
 * rests grow.
 */
import type { Clock } from '../domain/ports/time-port.ts';

export const lanes = ['socket', 'scrape', 'listen'] as const;
export type WebLane = (typeof lanes)[number];

/** Web work takes at most a quarter of the thread; after a rest, 50 ms at once. */
const share = 0.25;
const burstMs = 50;
/** What takes longer (a restart waits for the cloud) goes on beside the next turns. */
const longestTurnMs = 50;

export type Turns = <T>(lane: WebLane, work: () => Promise<T>) => Promise<T>;

export function createTurns(clock: Clock): Turns {
  const waiting: Readonly<Record<WebLane, (() => Promise<unknown>)[]>> = { socket: [], scrape: [], listen: [] };
  let going = false;
  let freeAt = Number.NEGATIVE_INFINITY;
  let turn = 0;

  /** The lane whose turn it is, or the next one in which somebody waits. */
  function take(): (() => Promise<unknown>) | undefined {
    for (const _ of lanes) {
      const lane = lanes[turn++ % lanes.length];
      const work = lane && waiting[lane].shift();
      if (work) return work;
    }
    return undefined;
  }

  async function go(): Promise<void> {
    going = true;
    while (lanes.some((lane) => waiting[lane].length > 0)) {
      const restMs = freeAt - clock.monotonic();
      if (restMs > 0) await clock.sleep(restMs);
      const began = clock.monotonic();
      const over = new AbortController();
      void take()?.().then(() => over.abort());
      await clock.sleep(longestTurnMs, over.signal);
      freeAt = Math.max(freeAt, began - burstMs / share) + (clock.monotonic() - began) / share;
    }
    going = false;
  }

  return (lane, work) =>
    new Promise((resolve, reject) => {
      waiting[lane].push(() => work().then(resolve, reject));
      if (!going) void go();
    });
}
