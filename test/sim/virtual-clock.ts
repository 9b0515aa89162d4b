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
  readonly #timersATurn: number;

  /** `timersATurn`: of the event loop; more than one where all waits for promises and this clock alone. */
  constructor(wallStart: number, timersATurn = 1) {
    this.#wallOffset = wallStart;
    this.#timersATurn = timersATurn;
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
    while (await this.#turn(end)) {}
    this.#monotonic = end;
  }

  /** One turn of the event loop. Before each of its immediates every promise is settled that can be. False: nothing is left. */
  #turn(end: number): Promise<boolean> {
    return new Promise((resolve, reject) => {
      let isLeft = true;
      for (let left = this.#timersATurn - 1; left >= 0; left--)
        setImmediate(() => {
          try {
            isLeft &&= this.#runNext(end);
            if (!isLeft || left === 0) resolve(isLeft);
          } catch (cause) {
            reject(cause);
          }
        });
    });
  }

  #runNext(end: number): boolean {
    while (this.#timers.at(-1)?.wanted === false) this.#timers.pop();
    if ((this.#timers.at(-1)?.at ?? Number.POSITIVE_INFINITY) > end) return false;
    const next = this.#timers.pop();
    this.#monotonic = Math.max(this.#monotonic, next?.at ?? 0);
    next?.run();
    return true;
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
