/** Every store operation passes through here: it is timed and traced, and its error becomes a sentence. */
import type { StoreOperation, StoreTrace } from '../domain/ports/store-port.ts';
import type { Clock } from '../domain/ports/time-port.ts';
import { StoreProblem } from './store-problem.ts';

/** An operation that takes longer than this counts as failing: a disk that hangs must be seen. */
const stuckAfterMs = 10_000;

/**
 * Without these nothing is restarted; reading events and pruning them can fail and be tried again. An account that cannot
 * be loaded leaves those alone that are.
 */
const restartsRestOn: ReadonlySet<StoreOperation> = new Set(['open', 'migrate', 'save', 'lock']);

export type Watch = ReturnType<typeof watch>;

/** `said`: an error as a sentence for a person. */
export function watch(said: (error: unknown) => Error, clock: Clock, onTrace: (trace: StoreTrace) => void) {
  /** What restarts rest on and what not, by operation and whom it is of: since when, by the monotonic clock. */
  const failing = { rest: new Map<string, number>(), beside: new Map<string, number>() };
  /** Operations that restarts rest on and that have not ended in time, by when each began. */
  const stuck = new Map<object, number>();
  const state = () => {
    const up = failing.rest.size + stuck.size === 0;
    return { up, whole: up && failing.beside.size === 0 };
  };

  /** Gives back what rejects when a reader need wait no longer; whoever writes has to know how that ends. */
  function guard(operation: StoreOperation, running: object, startedAt: number) {
    const { promise, reject } = Promise.withResolvers<never>();
    promise.catch(() => {});
    const takeBack = clock.after(stuckAfterMs, () => {
      const waited = `the store has not answered for ${stuckAfterMs / 1_000} s (${operation})`;
      const error = new StoreProblem(`${waited}: look at its disk, or at the database`);
      if (operation === 'events') reject(error);
      if (!restartsRestOn.has(operation)) return;
      stuck.set(running, startedAt);
      onTrace({ operation, durationMs: stuckAfterMs, error, ...state() });
    });
    return { hopeless: promise, takeBack };
  }

  return {
    /** `of`: the account that it is about, if it can fail for one alone. */
    async run<T>(operation: StoreOperation, work: () => Promise<T>, of = ''): Promise<T> {
      const [fails, what] = [restartsRestOn.has(operation) ? failing.rest : failing.beside, `${operation} ${of}`];
      const startedAt = clock.monotonic();
      const running = {};
      const { hopeless, takeBack } = guard(operation, running, startedAt);
      let problem: Error | undefined;
      try {
        const result = await Promise.race([work(), hopeless]);
        fails.delete(what);
        return result;
      } catch (error) {
        problem = said(error);
        fails.set(what, fails.get(what) ?? startedAt);
        throw problem;
      } finally {
        takeBack();
        stuck.delete(running);
        onTrace({ operation, durationMs: clock.monotonic() - startedAt, error: problem, ...state() });
      }
    },
    /** What an operation had to leave out, and went on. */
    tellOf: (operation: StoreOperation, error: Error) => onTrace({ operation, durationMs: 0, error, ...state() }),
    /**
     * Since when an operation that restarts rest on fails (reading can go on while writing fails) or is stuck, Unix
     * milliseconds; undefined: each worked the last time it was tried.
     */
    failingSince: (): number | undefined =>
      state().up
        ? undefined
        : clock.now() - (clock.monotonic() - Math.min(...failing.rest.values(), ...stuck.values())),
  };
}
