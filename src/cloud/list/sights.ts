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
  /** In the order of their first sight. */
  readonly items: () => readonly TaskItem[];
  /** True if the task was there already. */
  readonly add: (item: TaskItem, requestedAt: number) => boolean;
  /** Adds what another list has shown; true if any of its tasks was there already. */
  readonly addAll: (other: Sights) => boolean;
  readonly each: (visit: (item: TaskItem, requestedAt: number) => void) => void;
}

/** Columns rather than an object for each task: with 100,000 of them it is an eighth of the memory. */
export function createSights(numbers: TaskNumbers): Sights {
  /** By the task's number the place behind its own; 0: it was not seen. */
  let places = new Int32Array(numbers.size());
  const items: TaskItem[] = [];
  /** By place; no task has a place that is not below the number of numbers. */
  let requested = new Float64Array(numbers.size());
  const add = (item: TaskItem, requestedAt: number): boolean => {
    const number = numbers.of(item.taskId);
    if (number >= places.length) {
      const length = Math.max(leastPlaces, 2 * number);
      places = copied(places, new Int32Array(length));
      requested = copied(requested, new Float64Array(length));
    }
    const place = (places[number] ?? 0) - 1;
    if (place < 0) {
      requested[items.length] = requestedAt;
      places[number] = items.push(item);
      return false;
    }
    if (requestedAt >= (requested[place] ?? 0)) {
      items[place] = item;
      requested[place] = requestedAt;
    }
    return true;
  };
  const each = (visit: (item: TaskItem, requestedAt: number) => void) => {
    let place = 0;
    for (const item of items) visit(item, requested[place++] ?? 0);
  };
  return {
    size: () => items.length,
    items: () => items,
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

const leastPlaces = 512;

function copied<Column extends Int32Array | Float64Array>(from: Column, to: Column): Column {
  to.set(from);
  return to;
}
