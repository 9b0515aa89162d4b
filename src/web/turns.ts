/**
 * The share of the main thread that web work may take: one request after the other, and a rest that is a multiple of
 * what the last one took.
 *
 * Those who ask take turns (operators on the socket, scrapes, everybody else), so that none of them waits for a flood of
 * another. A turn is timed by the clock on the wall: when the thread has much else to do, requests seem dearer and the
 * rests grow.
 */
import type { Clock } from '../domain/ports/time-port.ts';

const askers = ['socket', 'scrape', 'listen'] as const;
export type Asker = (typeof askers)[number];

/** Web work takes at most a quarter of the thread; after a rest, 50 ms at once. */
const share = 0.25;
const burstMs = 50;
/** What takes longer (a restart waits for the cloud) goes on beside the next turns. */
const longestTurnMs = 50;

export type Turns = <T>(asker: Asker, work: () => Promise<T>) => Promise<T>;

export function createTurns(clock: Clock): Turns {
  const waiting: Readonly<Record<Asker, (() => Promise<unknown>)[]>> = { socket: [], scrape: [], listen: [] };
  let going = false;
  let freeAt = Number.NEGATIVE_INFINITY;
  let turn = 0;

  /** Work of the asker whose turn it is, or of the next one who waits. */
  function take(): (() => Promise<unknown>) | undefined {
    for (const _ of askers) {
      const asker = askers[turn++ % askers.length];
      const work = asker && waiting[asker].shift();
      if (work) return work;
    }
    return undefined;
  }

  async function go(): Promise<void> {
    going = true;
    while (askers.some((asker) => waiting[asker].length > 0)) {
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

  return (asker, work) =>
    new Promise((resolve, reject) => {
      waiting[asker].push(() => work().then(resolve, reject));
      if (!going) void go();
    });
}
