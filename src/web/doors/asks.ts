/**
 * Requests on their way to the main thread: identical ones are passed on once, and only so many at a time.
 *
 * A client whose request is already being answered waits for the next answer, not for that one: an answer is never older
 * than its request.
 */
import { type Answer, type Ask, healthPaths, type Limits } from '../between-threads.ts';

type Take = (answer: Answer) => void;

interface Line {
  readonly ask: Ask;
  /** The same for identical requests; undefined: it changes something, so no other request is identical. */
  readonly key: string | undefined;
  /** These wait for the answer that is being made; `next` for the one after it. */
  readonly waiting: readonly Take[];
  readonly next: Take[];
}

export type Asks = ReturnType<typeof createAsks>;

/** Public, and the same for every client. */
const forAll: ReadonlySet<string> = new Set(['/metrics', ...healthPaths]);

export function createAsks({ asked, askedOfAddress }: Limits, send: (id: number, ask: Ask) => void) {
  const lines = new Map<number, Line>();
  let lastId = 0;

  function begin(ask: Ask, key: string | undefined, waiting: readonly Take[]): void {
    lastId++;
    lines.set(lastId, { ask, key, waiting, next: [] });
    send(lastId, ask);
  }

  return {
    /** False: too many requests are in progress. */
    add(ask: Ask, take: Take): boolean {
      const all = [...lines.values()];
      const key = keyOf(ask);
      const same = key === undefined ? undefined : all.find((line) => line.key === key);
      if (same) {
        same.next.push(take);
        return true;
      }
      const inWork = (isSo: (one: Ask) => boolean) => all.filter((line) => isSo(line.ask)).length;
      const open = key !== undefined && forAll.has(ask.target);
      if (!open && inWork(({ door }) => door === ask.door) >= asked) return false;
      if (!open && ask.door === 'listen' && inWork(({ from }) => from === ask.from) >= askedOfAddress) return false;
      begin(ask, key, [take]);
      return true;
    },
    answered(id: number, answer: Answer): void {
      const line = lines.get(id);
      if (!line) return;
      lines.delete(id);
      if (line.next.length > 0) begin(line.ask, line.key, line.next);
      for (const take of line.waiting) take(answer);
    },
  };
}

function keyOf({ door, method, target, headers }: Ask): string | undefined {
  if (method !== 'GET') return undefined;
  if (forAll.has(target)) return target;
  return JSON.stringify([door, target, headers]);
}
