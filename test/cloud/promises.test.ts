/** What the cloud promises (totals, page sizes) decides neither how much is asked for nor what is seen. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Observation } from '../../src/domain/words/task.ts';
import { bench, envelope, never, rawTask, scripted } from './fixtures.ts';

const complete = (seen: Observation) => {
  if (seen.kind !== 'complete') throw new Error(`the poll failed: ${seen.failure.message}`);
  return seen;
};
const tasks = (count: number, from = 0) => Array.from({ length: count }, (_, i) => rawTask(`t${from + i}`));

interface Lies {
  /** What TotalCount says. */
  readonly total?: (real: number, page: number) => unknown;
  /** At most so many entries a page; the place of a page is counted in pages of this size or as asked. */
  readonly cap?: number;
  readonly offsetBy?: 'cap' | 'asked';
  readonly pagination?: Record<string, unknown>;
}

const cloudWith = (count: number, { total = (real) => real, cap = 500, offsetBy = 'cap', pagination }: Lies) => {
  const all = tasks(count);
  return scripted((_action, body) => {
    const size = Math.min(Number(body.Size), cap);
    const from = (Number(body.Page) - 1) * (offsetBy === 'cap' ? size : Number(body.Size));
    return envelope({
      List: all.slice(from, from + size),
      Pagination: { ...pagination, TotalCount: total(count, Number(body.Page)) },
    });
  });
};

const poll = async (transport: ReturnType<typeof scripted>, pageSize = 500) => {
  const { cloud } = bench(transport, { pageSize });
  const seen = complete(await cloud.observe(never));
  return { seen, calls: transport.calls.length, again: () => cloud.observe(never).then(complete), cloud };
};

describe('a total that is no total', () => {
  test.each([
    ['a million, of five', 5, () => 1_000_000],
    ['beyond counting', 5, () => 10 ** 15],
    ['a million, of two full pages', 1_000, () => 1_000_000],
    ['a million, of thirty pages and a half', 15_250, () => 1_000_000],
    ['a million, on the second page only', 1_250, (real: number, page: number) => (page === 2 ? 1_000_000 : real)],
    ['an infinite one', 5, () => '1e999'],
  ])('%s: costs few calls more than the list itself', async (_what, count, total) => {
    const { seen, calls } = await poll(cloudWith(count, { total }));
    expect(seen.items).toHaveLength(count);
    expect(seen.drift).toBe(true);
    const needed = Math.ceil(count / 500);
    // One to see the end, and never more at once than were received before.
    expect(calls).toBeLessThanOrEqual(needed + Math.min(8, Math.max(2, needed)));
  });

  test.each([
    ['negative', -1],
    ['fractional', 1250.5],
    ['a string', '1250'],
    ['null', null],
    ['too small', 3],
    ['zero', 0],
  ])('%s: the whole list is read, and reported as not adding up', async (_what, total) => {
    const { seen, calls } = await poll(cloudWith(1_250, { total: () => total }));
    expect(seen.items).toHaveLength(1_250);
    expect(seen.drift).toBe(true);
    expect(calls).toBeLessThanOrEqual(5);
  });

  test.each([
    ['PageTotal', { PageTotal: 1_000_000, PageSize: 1, PageCur: 77 }],
    ['PageSize', { PageTotal: -3, PageSize: 0, PageCur: 'x' }],
  ])('other numbers (%s) are not looked at', async (_what, pagination) => {
    const { seen, calls } = await poll(cloudWith(1_250, { pagination }));
    expect([seen.items.length, seen.drift, calls]).toEqual([1_250, false, 3]);
  });

  test.each([
    ['the same tasks on every page', () => tasks(2)],
    ['items that cannot be read on every page', () => [{ TaskId: 1 }, { TaskId: 2 }]],
  ])('%s do not run for ever', async (_what, list) => {
    const transport = scripted(() => envelope({ List: list(), Pagination: { TotalCount: 10 ** 15 } }));
    const { seen, calls } = await poll(transport, 2);
    expect(seen.drift).toBe(true);
    expect(calls).toBeLessThanOrEqual(6);
  });

  test('an empty page ends the list, whatever follows', async () => {
    const transport = scripted((_action, { Page }) =>
      envelope({ List: Page === 2 ? [] : tasks(2, 2 * (Number(Page) - 1)), Pagination: { TotalCount: 1_000 } }),
    );
    const { seen, calls } = await poll(transport, 2);
    expect([seen.items.length, seen.drift, calls]).toEqual([2, true, 2]);
  });
});

describe('a page shorter than asked', () => {
  test.each(['cap', 'asked'] as const)('is read on from its real size (places by %s)', async (offsetBy) => {
    const transport = cloudWith(250, { cap: 100, offsetBy });
    const { seen, again, cloud } = await poll(transport);
    expect([seen.items.length, seen.drift]).toEqual([250, false]);
    expect(transport.calls.map(({ body }) => [body.Page, body.Size])).toEqual([
      [1, 500],
      [2, 100],
      [3, 100],
    ]);
    // The size is learned: what a look costs is known, and the next poll asks for pages of that size.
    expect(cloud.lookCost(['vip'])).toBe(3);
    transport.calls.length = 0;
    expect((await again()).items).toHaveLength(250);
    expect(transport.calls.map(({ body }) => body.Size)).toEqual([100, 100, 100]);
  });

  test('whatever the caps are, every task is seen, and each call brings one at least', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 40 }),
        async (count, cap, asked) => {
          const { seen, calls } = await poll(cloudWith(count, { cap }), asked);
          expect([seen.items.length, seen.drift]).toEqual([count, false]);
          expect(calls).toBe(Math.ceil(count / Math.min(cap, asked)));
        },
      ),
      { numRuns: 60 },
    );
  });

  test('a task that the server drops from the first page makes the pages no smaller from poll to poll', async () => {
    const all = tasks(1_200);
    const transport = scripted((_action, body) => {
      const [page, size] = [Number(body.Page), Number(body.Size)];
      const shown = all.slice((page - 1) * size, page * size).filter(({ TaskId }) => TaskId !== 't7');
      return envelope({ List: shown, Pagination: { TotalCount: 1_200 } });
    });
    const { seen, again } = await poll(transport);
    expect([seen.items.length, seen.drift]).toEqual([1_199, true]);
    for (let polls = 0; polls < 5; polls++) await again();
    transport.calls.length = 0;
    await again();
    expect(transport.calls[0]?.body.Size).toBe(500);
  });

  test('is read on with the list of cloud groups, too', async () => {
    const names = Array.from({ length: 250 }, (_, i) => `g${i}`);
    const transport = scripted((action, body) => {
      if (action !== 'ListPullToPushGroup') return envelope({ List: [], Pagination: { TotalCount: 0 } });
      const size = Math.min(Number(body.PageSize), 100);
      const from = (Number(body.PageNum) - 1) * size;
      return envelope({ List: names.slice(from, from + size).map((Name) => ({ Name, Status: 0 })), Total: 250 });
    });
    const { cloud } = bench(transport, { subAccount: true, cloudGroups: ['*'] });
    const seen = complete(await cloud.observe(never));
    const asked = transport.calls.flatMap(({ body }) => (Array.isArray(body.GroupNames) ? body.GroupNames : []));
    expect([asked.length, seen.drift]).toEqual([250, false]);
  });

  test.each([
    ['a million groups of three', 1_000_000, 2],
    ['no total', undefined, 2],
    ['fewer than there are', 1, 2],
  ])('a list of cloud groups that does not add up (%s) ends, and is reported', async (_what, total, most) => {
    const transport = scripted((action, body) => {
      if (action !== 'ListPullToPushGroup') return envelope({ List: [], Pagination: { TotalCount: 0 } });
      const all = ['a', 'b', 'c'].map((Name) => ({ Name, Status: 0 }));
      const from = (Number(body.PageNum) - 1) * Number(body.PageSize);
      return envelope({ List: all.slice(from, from + Number(body.PageSize)), Total: total });
    });
    const { cloud } = bench(transport, { subAccount: true, cloudGroups: ['*'] });
    expect(complete(await cloud.observe(never)).drift).toBe(true);
    const calls = transport.calls.filter(({ action }) => action === 'ListPullToPushGroup');
    expect(calls.length).toBeLessThanOrEqual(most);
  });

  test('a list of cloud groups that says the same for ever ends', async () => {
    const transport = scripted((action) =>
      action === 'ListPullToPushGroup'
        ? envelope({ List: [{ Name: 'a', Status: 0 }], Total: 10 ** 9 })
        : envelope({ List: [], Pagination: { TotalCount: 0 } }),
    );
    const { cloud } = bench(transport, { subAccount: true, cloudGroups: ['*'] });
    expect(complete(await cloud.observe(never)).drift).toBe(true);
    expect(transport.calls.length).toBeLessThanOrEqual(5);
  });
});
