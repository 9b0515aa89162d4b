/**
 * Every operation of the store passes here: it is measured, told, and its error turned into a sentence.
 */
import type { StoreOperation, StoreTrace } from '../domain/ports/store-port.ts';
import type { Clock } from '../domain/ports/time-port.ts';
import { problemOf } from './store-problem.ts';

/** An operation that takes longer than this counts as failing: a disk that hangs must be seen. */
const stuckAfterMs = 10_000;

export interface Watch {
  run<T>(operation: StoreOperation, work: () => Promise<T>): Promise<T>;
  /** No operation failed the last time it was tried (reading can go on while writing fails), and none is stuck. */
  up(): boolean;
}

export function watch(file: string, clock: Clock, onTrace: (trace: StoreTrace) => void): Watch {
  const begun = new Set<{ readonly at: number }>();
  const failing = new Set<StoreOperation>();
  return {
    run: async (operation, work) => {
      const running = { at: clock.monotonic() };
      begun.add(running);
      let problem: Error | undefined;
      try {
        const result = await work();
        failing.delete(operation);
        return result;
      } catch (error) {
        problem = problemOf(error, file);
        failing.add(operation);
        throw problem;
      } finally {
        begun.delete(running);
        onTrace({ operation, durationMs: clock.monotonic() - running.at, error: problem });
      }
    },
    up: () => {
      const now = clock.monotonic();
      return failing.size === 0 && [...begun].every(({ at }) => now - at < stuckAfterMs);
    },
  };
}
