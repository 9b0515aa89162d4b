/** Time that passes only when nothing is left to do: the whole daemon runs on it, hours in milliseconds. */
import type { Clock } from '../../src/domain/ports/time-port.ts';

interface Timer {
  readonly at: number;
  readonly run: () => void;
  wanted: boolean;
}

export class VirtualClock implements Clock {
  #monotonic = 0;
  #wallOffset: number;
  /** The next one last; of those of one moment the one that was set first. */
  readonly #timers: Timer[] = [];

  constructor(wallStart: number) {
    this.#wallOffset = wallStart;
  }

  now(): number {
    return Math.floor(this.#monotonic + this.#wallOffset);
  }
  monotonic(): number {
    return this.#monotonic;
  }
  /** A step of the wall clock. */
  step(ms: number): void {
    this.#wallOffset += ms;
  }
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleepBy((afterMs, run) => this.after(afterMs, run), ms, signal);
  }
  after(ms: number, run: () => void): () => void {
    if (ms === Number.POSITIVE_INFINITY) return () => {};
    const timer: Timer = { at: this.#monotonic + Math.max(0, ms), run, wanted: true };
    let [low, high] = [0, this.#timers.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#timers[middle]?.at ?? 0) > timer.at) low = middle + 1;
      else high = middle;
    }
    this.#timers.splice(low, 0, timer);
    return () => {
      timer.wanted = false;
    };
  }
  yield(): Promise<void> {
    return Promise.resolve();
  }

  /** Lets everything happen that is due within `ms`. */
  async run(ms: number): Promise<void> {
    const end = this.#monotonic + ms;
    for (;;) {
      await settled();
      while (this.#timers.at(-1)?.wanted === false) this.#timers.pop();
      if ((this.#timers.at(-1)?.at ?? Number.POSITIVE_INFINITY) > end) break;
      const next = this.#timers.pop();
      this.#monotonic = Math.max(this.#monotonic, next?.at ?? 0);
      next?.run();
    }
    this.#monotonic = end;
  }
}

/** A `sleep` out of an `after`. */
export function sleepBy(after: Clock['after'], ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const end = () => {
      signal?.removeEventListener('abort', cutShort);
      resolve();
    };
    const takeBack = after(ms, end);
    const cutShort = () => {
      takeBack();
      end();
    };
    signal?.addEventListener('abort', cutShort, { once: true });
  });
}

/** Every promise that can be settled now is. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
