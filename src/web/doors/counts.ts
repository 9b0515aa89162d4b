/** How many requests were answered with which status, until the main thread is told. */
import type { Count } from '../between-threads.ts';

export interface Counts {
  add(handler: string, code: number): void;
  /** All since the last time. */
  take(): readonly Count[];
}

export function createCounts(): Counts {
  const counts = new Map<string, { handler: string; code: number; requests: number }>();
  return {
    add(handler, code) {
      const key = `${code} ${handler}`;
      const count = counts.get(key) ?? { handler, code, requests: 0 };
      count.requests++;
      counts.set(key, count);
    },
    take() {
      const taken = [...counts.values()];
      counts.clear();
      return taken;
    },
  };
}
