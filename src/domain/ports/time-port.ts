/** Time as the neighbours need it. */

/** The only source of time and timers: `clock.ts` has the real one, the simulation a virtual one. */
export interface Clock {
  /** Unix milliseconds. May step. */
  now(): number;
  /** Milliseconds that only ever grow; no relation to `now`. */
  monotonic(): number;
  /** Resolves after `ms` (any length), or at once when `signal` aborts. Never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls `run` once after `ms`; the returned function takes it back. Any length of time is allowed. */
  after(ms: number, run: () => void): () => void;
  /** Lets other work of the process go first. */
  yield(): Promise<void>;
}

export interface Schedule {
  /** The first tick strictly after `at`, Unix milliseconds. */
  next(at: number): number;
  /** The last tick at or before `at`. */
  previous(at: number): number;
}
