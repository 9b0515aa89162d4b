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
  /** These wait for the answer that is being made; `next` for the one after it. */
  waiting: Take[];
  next: Take[];
}

export interface Asks {
  /** False: too many requests are in progress. */
  add(ask: Ask, take: Take): boolean;
  answered(id: number, answer: Answer): void;
}

/** Public, and the same for every client. */
const forAll: ReadonlySet<string> = new Set(['/metrics', ...healthPaths]);

export function createAsks({ asked, askedOfAddress }: Limits, send: (id: number, ask: Ask) => void): Asks {
  const lines = new Map<number, Line>();
  const idOf = new Map<string, number>();
  let lastId = 0;

  const begin = (key: string | undefined, line: Line) => {
    lastId++;
    lines.set(lastId, line);
    if (key !== undefined) idOf.set(key, lastId);
    send(lastId, line.ask);
  };
  const inWork = (isSo: (ask: Ask) => boolean) => [...lines.values()].filter(({ ask }) => isSo(ask)).length;

  return {
    add(ask, take) {
      const key = keyOf(ask);
      const same = key === undefined ? undefined : lines.get(idOf.get(key) ?? 0);
      if (same) {
        same.next.push(take);
        return true;
      }
      const open = key !== undefined && forAll.has(ask.target);
      if (!open && inWork(({ door }) => door === ask.door) >= asked) return false;
      if (!open && ask.door === 'listen' && inWork(({ from }) => from === ask.from) >= askedOfAddress) return false;
      begin(key, { ask, waiting: [take], next: [] });
      return true;
    },
    answered(id, answer) {
      const line = lines.get(id);
      if (!line) return;
      lines.delete(id);
      const key = keyOf(line.ask);
      if (key !== undefined) idOf.delete(key);
      if (line.next.length > 0) begin(key, { ask: line.ask, waiting: line.next, next: [] });
      for (const take of line.waiting) take(answer);
    },
  };
}

/** Undefined: it changes something, so no other request is identical. */
function keyOf({ door, method, target, headers }: Ask): string | undefined {
  if (method !== 'GET') return undefined;
  if (forAll.has(target)) return target;
  return JSON.stringify([door, target, headers]);
}
