/** Time that passes only when nothing is left to do: the whole daemon runs on it, hours in milliseconds. */
import type { Clock } from './seam.ts';

interface Timer {
  readonly at: number;
  readonly seq: number;
  readonly run: () => void;
}

export class VirtualClock implements Clock {
  #monotonic = 0;
  #wallOffset: number;
  #seq = 0;
  /** A binary heap by (at, seq): timers of the same moment fire in the order they were set. */
  readonly #heap: Timer[] = [];
  readonly #cancelled = new Set<number>();

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
    const seq = this.#seq++;
    if (ms === Number.POSITIVE_INFINITY) return () => {};
    let fired = false;
    const fire = () => {
      fired = true;
      run();
    };
    this.#push({ at: this.#monotonic + Math.max(0, ms), seq, run: fire });
    return () => {
      if (!fired) this.#cancelled.add(seq);
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
      const next = this.#next();
      if (!next || next.at > end) break;
      this.#pop();
      this.#monotonic = Math.max(this.#monotonic, next.at);
      next.run();
    }
    this.#monotonic = end;
  }

  #next(): Timer | undefined {
    for (let next = this.#heap[0]; next; next = this.#heap[0]) {
      if (!this.#cancelled.delete(next.seq)) return next;
      this.#pop();
    }
    return undefined;
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    heap.push(timer);
    let i = heap.length - 1;
    while (i > 0) {
      const up = (i - 1) >> 1;
      if (!before(heap[i], heap[up])) break;
      swap(heap, i, up);
      i = up;
    }
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    heap[0] = last;
    for (let i = 0; ; ) {
      let least = i;
      for (const child of [2 * i + 1, 2 * i + 2])
        if (child < heap.length && before(heap[child], heap[least])) least = child;
      if (least === i) return;
      swap(heap, i, least);
      i = least;
    }
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

const before = (a: Timer | undefined, b: Timer | undefined): boolean =>
  a !== undefined && b !== undefined && (a.at < b.at || (a.at === b.at && a.seq < b.seq));

function swap(heap: Timer[], i: number, j: number): void {
  const a = heap[i];
  const b = heap[j];
  if (a && b) [heap[i], heap[j]] = [b, a];
}

/** Every promise that can be settled now is. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
