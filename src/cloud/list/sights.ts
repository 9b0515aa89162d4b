/**
 * What the pages of a list have shown: each task once, and of two sights the one that was requested later.
 *
 * When an item was requested stands beside it: one that shows nothing new is the item of an earlier poll, with the
 * time of that poll (`Cloud.observe`).
 */
import type { TaskItem } from '../../domain/words/task.ts';

/** A number for each task, the same from poll to poll. */
export interface TaskNumbers {
  readonly of: (taskId: string) => number;
  /** Numbers are below this. */
  readonly size: () => number;
}

/**
 * It outlives the lists that count by it: a table of 100,000 ids, built anew for each list, is 15 MB of garbage a poll,
 * and to collect it costs more than the rest of the poll.
 */
export function createTaskNumbers(): TaskNumbers {
  const numbers = new Map<string, number>();
  return {
    of(taskId) {
      const known = numbers.get(taskId);
      if (known !== undefined) return known;
      const next = numbers.size;
      numbers.set(taskId, next);
      return next;
    },
    size: () => numbers.size,
  };
}

export interface Sights {
  readonly size: () => number;
  /** In the order of their numbers: a list that shows the same tasks as the one before shows them in its order. */
  readonly items: () => readonly TaskItem[];
  /** True if the task was there already. */
  readonly add: (item: TaskItem, requestedAt: number) => boolean;
  /** Adds what another list has shown; true if any of its tasks was there already. */
  readonly addAll: (other: Sights) => boolean;
  readonly each: (visit: (item: TaskItem, requestedAt: number) => void) => void;
}

/** Two columns by number rather than an object for each task: with 100,000 of them it is an eighth of the memory. */
export function createSights(numbers: TaskNumbers): Sights {
  let items = new Array<TaskItem | undefined>(numbers.size());
  let requested = new Float64Array(numbers.size());
  let size = 0;
  const makeRoom = (number: number): void => {
    const length = Math.max(leastRoom, 2 * number);
    const [itemsBefore, requestedBefore] = [items, requested];
    items = new Array(length);
    requested = new Float64Array(length);
    requested.set(requestedBefore);
    for (const [place, item] of itemsBefore.entries()) items[place] = item;
  };
  const add = (item: TaskItem, requestedAt: number): boolean => {
    const number = numbers.of(item.taskId);
    if (number >= requested.length) makeRoom(number);
    const isThere = items[number] !== undefined;
    if (isThere && requestedAt < (requested[number] ?? 0)) return true;
    items[number] = item;
    requested[number] = requestedAt;
    if (!isThere) size++;
    return isThere;
  };
  const each = (visit: (item: TaskItem, requestedAt: number) => void) => {
    for (let number = 0; number < requested.length; number++) {
      const item = items[number];
      if (item) visit(item, requested[number] ?? 0);
    }
  };
  return {
    size: () => size,
    items: () => items.filter((item) => item !== undefined),
    add,
    addAll(other) {
      let again = false;
      other.each((item, requestedAt) => {
        if (add(item, requestedAt)) again = true;
      });
      return again;
    },
    each,
  };
}

const leastRoom = 512;
