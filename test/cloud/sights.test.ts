/** Of two sights the one whose page was requested later counts, whatever time its item bears. */
import { expect, test } from 'vitest';
import {
  createSights,
  createTaskNumbers,
  type Sights,
  type TaskNumbers,
  together,
} from '../../src/cloud/list/sights.ts';
import type { TaskItem } from '../../src/domain/words/task.ts';
import { item } from '../domain/story.ts';

const known = item('t', 'active', { requestedAt: 10 });
const fresh = item('t', 'stopped', { requestedAt: 1_000 });

const listOf = (numbers: TaskNumbers, ...pages: readonly (readonly [TaskItem, number])[]): Sights => {
  const list = createSights(numbers);
  for (const [shown, requestedAt] of pages) list.add([shown], requestedAt);
  return list;
};

test.each([
  ['known, from a later page', [known, 2_000], 'active', 2_000],
  ['known, from an earlier page', [known, 500], 'stopped', 1_000],
] as const)('an item that is %s', (_what, again, status, shownAt) => {
  const numbers = createTaskNumbers();
  const sights = createSights(numbers);
  expect(sights.add([fresh], 1_000)).toBe(false);
  expect(sights.add([again[0]], again[1])).toBe(true);
  expect(sights.size()).toBe(1);
  const others = [listOf(numbers, again), listOf(numbers, [fresh, 1_000])];
  for (const lists of [[sights], others, others.toReversed()]) {
    const shown = together(numbers, lists);
    expect(shown.items.map((one) => one.status)).toEqual([status]);
    expect([...shown.shownAt]).toEqual([shownAt]);
    expect(shown.overlap).toBe(true);
  }
});

test('lists have each task once and their own tasks only, in whatever order they and those before show them', () => {
  const numbers = createTaskNumbers();
  const ids = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => `t${from + n}`);
  const shown = [ids(0, 3), ids(1_500, 3_000).reverse(), ids(2, 2_000), [], ['t2999', 't0', 't2999']];
  for (const list of shown) {
    const sights = createSights(numbers);
    const again = list.filter((taskId, n) => sights.add([item(taskId, 'active')], n));
    expect(again).toEqual(list.filter((taskId, n) => list.indexOf(taskId) < n));
    const { items, shownAt, overlap } = together(numbers, [sights]);
    const shownIds = items.map(({ taskId }) => taskId);
    expect(shownIds.toSorted()).toEqual([...new Set(list)].sort());
    expect(shownIds).toEqual(shownIds.toSorted((a, b) => numbers.of(a) - numbers.of(b)));
    expect([...shownAt]).toEqual(shownIds.map((taskId) => list.lastIndexOf(taskId)));
    expect(sights.size()).toBe(shownIds.length);
    expect(overlap).toBe(again.length > 0);
  }
  expect(together(numbers, [])).toMatchObject({ items: [], overlap: false });
});

test('lists that began to count by other numbers show all of their tasks', () => {
  const before = listOf(createTaskNumbers(), [fresh, 1_000], [item('u', 'active'), 2_000]);
  const { items, shownAt } = together(createTaskNumbers(), [before]);
  expect(items.map(({ taskId }) => taskId)).toEqual(['t', 'u']);
  expect([...shownAt]).toEqual([1_000, 2_000]);
});
