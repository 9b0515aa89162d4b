/** Every store operation passes through here: it is timed and traced, and its error becomes a sentence. */
import type { StoreOperation, StoreTrace } from '../domain/ports/store-port.ts';
import type { Clock } from '../domain/ports/time-port.ts';

/** An operation that takes longer than this counts as failing: a disk that hangs must be seen. */
const stuckAfterMs = 10_000;

/** Without these nothing is restarted; reading events and pruning them can fail and be tried again. */
const restartsRestOn: ReadonlySet<StoreOperation> = new Set(['open', 'migrate', 'load', 'save', 'lock']);

export type Watch = ReturnType<typeof watch>;

/** `said`: an error as a sentence for a person. */
export function watch(said: (error: unknown) => Error, clock: Clock, onTrace: (trace: StoreTrace) => void) {
  const begun = new Set<{ readonly at: number }>();
  /** By the monotonic clock. */
  const failing = new Map<StoreOperation, number>();
  return {
    async run<T>(operation: StoreOperation, work: () => Promise<T>): Promise<T> {
      const running = { at: clock.monotonic() };
      begun.add(running);
      let problem: Error | undefined;
      try {
        const result = await work();
        failing.delete(operation);
        return result;
      } catch (error) {
        problem = said(error);
        if (restartsRestOn.has(operation)) failing.set(operation, failing.get(operation) ?? running.at);
        throw problem;
      } finally {
        begun.delete(running);
        onTrace({ operation, durationMs: clock.monotonic() - running.at, error: problem, up: failing.size === 0 });
      }
    },
    /** What an operation had to leave out, and went on. */
    tellOf: (operation: StoreOperation, error: Error) =>
      onTrace({ operation, durationMs: 0, error, up: failing.size === 0 }),
    /**
     * Since when an operation that restarts rest on fails (reading can go on while writing fails) or any is stuck, Unix
     * milliseconds; undefined: each worked the last time it was tried.
     */
    failingSince: (): number | undefined => {
      const now = clock.monotonic();
      const stuck = [...begun].flatMap(({ at }) => (now - at < stuckAfterMs ? [] : [at]));
      const since = [...failing.values(), ...stuck];
      return since.length === 0 ? undefined : clock.now() - (now - Math.min(...since));
    },
  };
}
