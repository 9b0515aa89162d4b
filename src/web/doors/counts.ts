/** How many requests were answered with which status, until the main thread gets them. */
import type { Count } from '../between-threads.ts';

export type Counts = ReturnType<typeof createCounts>;

export function createCounts() {
  const counts = new Map<string, Count>();
  return {
    add(handler: string, code: number): void {
      const key = `${code} ${handler}`;
      counts.set(key, { handler, code, requests: (counts.get(key)?.requests ?? 0) + 1 });
    },
    /** All since the last time. */
    take(): readonly Count[] {
      const taken = [...counts.values()];
      counts.clear();
      return taken;
    },
  };
}
