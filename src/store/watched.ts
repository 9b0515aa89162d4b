/** Every store operation passes through here: it is timed and traced, and its error becomes a sentence. */
import type { StoreOperation, StoreTrace } from '../domain/ports/store-port.ts';
import type { Clock } from '../domain/ports/time-port.ts';
import { StoreProblem } from './store-problem.ts';

/** An operation that takes longer than this counts as failing: a disk that hangs must be seen. */
const stuckAfterMs = 10_000;

/** Longer than from one pruning to the next: what failed and is not done again by then counts no more. */
const rememberedMs = 90 * 60_000;

/**
 * Without these nothing is restarted; reading events and pruning them can fail and be tried again. An account that cannot
 * be loaded leaves those alone that are.
 */
const restartsRestOn: ReadonlySet<StoreOperation> = new Set(['open', 'migrate', 'save', 'lock']);

export type Watch = ReturnType<typeof watch>;

const rejection = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

/** `said`: an error as a sentence for a person. */
export function watch(said: (error: unknown) => Error, clock: Clock, onTrace: (trace: StoreTrace) => void) {
  /** What restarts rest on, since when by the monotonic clock. */
  const failing = new Map<StoreOperation, number>();
  /** What else fails, by operation and whom it is of, since its newest failure; once its signal aborts, nobody needs it. */
  const beside = new Map<string, { readonly at: number; readonly needed: AbortSignal | undefined }>();
  /** Operations that restarts rest on and that have not ended in time, by when each began. */
  const stuck = new Map<object, number>();
  const state = () => {
    for (const [what, { at, needed }] of beside)
      if (needed?.aborted || clock.monotonic() - at > rememberedMs) beside.delete(what);
    const up = failing.size + stuck.size === 0;
    return { up, whole: up && beside.size === 0 };
  };

  /** `hopeless` aborts when a reader need wait no longer; whoever writes has to know how that ends. */
  function guard(operation: StoreOperation, running: object, startedAt: number) {
    const hopeless = new AbortController();
    const takeBack = clock.after(stuckAfterMs, () => {
      const waited = `the store has not answered for ${stuckAfterMs / 1_000} s (${operation})`;
      const error = new StoreProblem(`${waited}: look at its disk, or at the database`);
      if (operation === 'events') hopeless.abort(error);
      if (!restartsRestOn.has(operation)) return;
      stuck.set(running, startedAt);
      onTrace({ operation, durationMs: stuckAfterMs, error, ...state() });
    });
    return { hopeless: hopeless.signal, takeBack };
  }

  return {
    /** `of`: the account that it is about, if it can fail for one alone; `needed` aborts when nobody needs that any more. */
    async run<T>(
      operation: StoreOperation,
      work: (hopeless: AbortSignal) => Promise<T>,
      of = '',
      needed?: AbortSignal,
    ): Promise<T> {
      const what = `${operation} ${of}`;
      const startedAt = clock.monotonic();
      const running = {};
      const { hopeless, takeBack } = guard(operation, running, startedAt);
      let problem: Error | undefined;
      try {
        const result = await Promise.race([work(hopeless), rejection(hopeless)]);
        failing.delete(operation);
        beside.delete(what);
        return result;
      } catch (error) {
        problem = said(error);
        if (restartsRestOn.has(operation)) failing.set(operation, failing.get(operation) ?? startedAt);
        else beside.set(what, { at: clock.monotonic(), needed });
        throw problem;
      } finally {
        takeBack();
        stuck.delete(running);
        onTrace({ operation, durationMs: clock.monotonic() - startedAt, error: problem, ...state() });
      }
    },
    /** What an operation had to leave out, and went on. */
    traceOmission: (operation: StoreOperation, error: Error) =>
      onTrace({ operation, durationMs: 0, error, ...state() }),
    /**
     * Since when an operation that restarts rest on fails (reading can go on while writing fails) or is stuck, Unix
     * milliseconds; undefined: each worked the last time it was tried.
     */
    failingSince: (): number | undefined =>
      state().up ? undefined : clock.now() - (clock.monotonic() - Math.min(...failing.values(), ...stuck.values())),
  };
}
