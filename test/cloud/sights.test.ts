/** Of two sights the one whose page was requested later counts, whatever time its item bears. */
import { expect, test } from 'vitest';
import { createSights } from '../../src/cloud/list/sights.ts';
import { item } from '../domain/story.ts';

const known = item('t', 'active', { requestedAt: 10 });
const fresh = item('t', 'stopped', { requestedAt: 1_000 });

test.each([
  ['known, from a later page', [known, 2_000], 'active'],
  ['known, from an earlier page', [known, 500], 'stopped'],
] as const)('an item that is %s', (_what, [again, requestedAt], status) => {
  const inOneList = createSights();
  expect(inOneList.add(fresh, 1_000)).toBe(false);
  expect(inOneList.add(again, requestedAt)).toBe(true);
  expect(inOneList.items().map((one) => one.status)).toEqual([status]);

  const [first, second] = [createSights(), createSights()];
  first.add(again, requestedAt);
  second.add(fresh, 1_000);
  expect(first.addAll(second)).toBe(true);
  expect(first.items().map((one) => one.status)).toEqual([status]);
});
