/** Of two sights the one whose page was requested later counts, whatever time its item bears. */
import { expect, test } from 'vitest';
import { createSights, createTaskNumbers } from '../../src/cloud/list/sights.ts';
import { item } from '../domain/story.ts';

const known = item('t', 'active', { requestedAt: 10 });
const fresh = item('t', 'stopped', { requestedAt: 1_000 });

test.each([
  ['known, from a later page', [known, 2_000], 'active'],
  ['known, from an earlier page', [known, 500], 'stopped'],
] as const)('an item that is %s', (_what, [again, requestedAt], status) => {
  const numbers = createTaskNumbers();
  const inOneList = createSights(numbers);
  expect(inOneList.add(fresh, 1_000)).toBe(false);
  expect(inOneList.add(again, requestedAt)).toBe(true);
  expect(inOneList.items().map((one) => one.status)).toEqual([status]);

  const [first, second] = [createSights(numbers), createSights(numbers)];
  first.add(again, requestedAt);
  second.add(fresh, 1_000);
  expect(first.addAll(second)).toBe(true);
  expect(first.items().map((one) => one.status)).toEqual([status]);
});

test('a list has each task once and its own tasks only, in whatever order it and the lists before show them', () => {
  const numbers = createTaskNumbers();
  const ids = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => `t${from + n}`);
  const shown = [ids(0, 3), ids(1_500, 3_000).reverse(), ids(2, 2_000), [], ['t2999', 't0', 't2999']];
  for (const list of shown) {
    const sights = createSights(numbers);
    const again = list.filter((taskId, n) => sights.add(item(taskId, 'active'), n));
    expect(again).toEqual(list.filter((taskId, n) => list.indexOf(taskId) < n));
    const shownIds = sights.items().map(({ taskId }) => taskId);
    expect(shownIds.toSorted()).toEqual([...new Set(list)].sort());
    expect(shownIds).toEqual(shownIds.toSorted((a, b) => numbers.of(a) - numbers.of(b)));
    expect(sights.size()).toBe(shownIds.length);
    const others = createSights(numbers);
    expect(others.addAll(sights)).toBe(false);
    expect(others.addAll(sights)).toBe(list.length > 0);
    expect(others.items()).toEqual(sights.items());
  }
});
