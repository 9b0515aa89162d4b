/**
 * What the pages of a list have shown: each task once, and of two sights the one that was requested later.
 *
 * When an item was requested stands beside it: one that shows nothing new is the item of an earlier poll, with the
 * time of that poll (`Cloud.observe`).
 */
import type { TaskItem } from '../../domain/words/task.ts';

export type TaskNumbers = ReturnType<typeof createTaskNumbers>;

/**
 * A number for each task, the same from poll to poll. It outlives the lists that count by it: a table of 100,000 ids,
 * built anew for each list, is 15 MB of garbage a poll, and collecting that costs more than the rest of the poll.
 */
export function createTaskNumbers() {
  const numbers = new Map<string, number>();
  const taskIds: string[] = [];
  let next = 0;
  return {
    of(taskId: string): number {
      // A page has its tasks in the order in which they were numbered, mostly: the next one need not be looked up.
      if (taskIds[next] === taskId) return next++;
      const number = numbers.get(taskId) ?? taskIds.length;
      if (number === taskIds.length) {
        numbers.set(taskId, number);
        taskIds.push(taskId);
      }
      next = number + 1;
      return number;
    },
    /** Numbers are below this. */
    size: (): number => taskIds.length,
  };
}

interface Shown {
  readonly items: readonly TaskItem[];
  readonly requestedAt: number;
}

export type Sights = ReturnType<typeof createSights>;

/** Of one list. The arrays of its pages are kept as they are: with 100,000 tasks a copy is megabytes at each poll. */
export function createSights(numbers: TaskNumbers) {
  const pages: Shown[] = [];
  let isThere = new Uint8Array(numbers.size());
  let size = 0;
  return {
    size: (): number => size,
    pages,
    /** Takes what a page shows; true if any of its tasks was there already. */
    add(items: readonly TaskItem[], requestedAt: number): boolean {
      const before = size;
      for (const { taskId } of items) {
        const number = numbers.of(taskId);
        if (number >= isThere.length) {
          const longer = new Uint8Array(Math.max(leastRoom, 2 * number));
          longer.set(isThere);
          isThere = longer;
        }
        if (isThere[number] === 1) continue;
        isThere[number] = 1;
        size++;
      }
      pages.push({ items, requestedAt });
      return size < before + items.length;
    },
  };
}

const leastRoom = 512;

/**
 * The items in the order of their numbers: lists that show the same tasks as those before show them in their order. When
 * each of them was requested, and whether some task was shown twice.
 */
export function together(numbers: TaskNumbers, lists: readonly Sights[]) {
  // Lists that began to count before this poll may show what has no number yet.
  const most = lists.reduce((sum, list) => sum + list.size(), numbers.size());
  const items = new Array<TaskItem>(numbers.size());
  const shownAt = new Float64Array(most);
  let size = 0;
  let overlap = false;
  for (const { pages } of lists)
    for (const { items: shown, requestedAt } of pages)
      for (const item of shown) {
        const number = numbers.of(item.taskId);
        const isThere = items[number] !== undefined;
        if (isThere) overlap = true;
        else size++;
        if (isThere && requestedAt < (shownAt[number] ?? 0)) continue;
        items[number] = item;
        shownAt[number] = requestedAt;
      }
  if (size === items.length) return { items, shownAt: shownAt.subarray(0, size), overlap };
  // The numbers of tasks that are gone.
  const packed = new Float64Array(size);
  let place = 0;
  for (let number = 0; number < items.length; number++)
    if (items[number] !== undefined) packed[place++] = shownAt[number] ?? 0;
  return { items: items.filter((item) => item !== undefined), shownAt: packed, overlap };
}
