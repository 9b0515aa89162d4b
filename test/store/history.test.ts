import { statSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { EventQuery, History } from '../../src/domain/ports/store-port.ts';
import type { Clock } from '../../src/domain/ports/time-port.ts';
import type { Event, Hold } from '../../src/domain/words/events.ts';
import { eventsKeptMs, history } from '../../src/store/event-log.ts';
import { rawFile } from '../../src/store/sqlite/raw-file.ts';
import { watch } from '../../src/store/watched.ts';
import { aHold, found, nothing } from './shapes.ts';
import { engines, opened, temporaryFile } from './surroundings.ts';

const stormEnded: Event = {
  type: 'storm-ended',
  at: 1,
  account: 'main',
  scope: { group: 'vip' },
};

const none = { added: [], removed: [], changed: [] };

const names = async (history: History, query: EventQuery) =>
  (await history.events(query)).map(({ event }) => ('taskId' in event ? event.taskId : event.type));

describe.each(engines)('history on $engine', ({ newPlace }) => {
  const kept: readonly Event[] = [
    found('a', 1, 'vip'),
    found('b', 2, 'sports'),
    stormEnded,
    found('c', 4, undefined),
    { type: 'task-gone', at: 5, account: 'main', taskId: 'a', group: 'vip' },
  ];
  const hold: Hold = { ...aHold('h'), target: { kind: 'group', group: 'vip' } };
  const intended = (taskId: string, trigger: 'auto' | 'manual', by: string | undefined): Event => ({
    ...{
      type: 'restart-intended',
      at: 6,
      account: 'main',
      taskId,
      group: 'vip',
      attemptId: `${taskId}#6`,
      trigger,
      by,
    },
    ...{ n: 1, probe: false, free: false },
  });
  const released = (taskId: string, cause: 'operator' | 'seen-active', by: string): Event => ({
    ...{ type: 'task-released', at: 6, account: 'main', taskId, group: 'vip', cause, by },
  });
  const difference = { accounts: none, groups: { ...none, changed: ['vip'] }, changed: [] };
  const acts: readonly Event[] = [
    intended('by-rules', 'auto', undefined),
    intended('by-hand', 'manual', 'ana'),
    // What stands in a text is no sign.
    released('came-up', 'seen-active', '"cause":"operator"'),
    released('released', 'operator', 'ana'),
    { type: 'hold-added', at: 7, account: 'main', hold },
    { type: 'config-changed', at: 8, account: 'main', hash: 'b', difference },
  ];

  it('has no restart that an old file tells of and nobody sent', async () => {
    const { ledgerStore, history } = await opened(await newPlace());
    const shadow = { ...intended('watched', 'auto', undefined), trigger: 'shadow' } as unknown as Event;
    await ledgerStore.save('main', { ...nothing, events: [intended('sent', 'auto', undefined), shadow] });
    expect(await names(history, { limit: 10 })).toEqual(['sent']);
  });

  it('tells what people changed, and of a group its holds and storms', async () => {
    const { ledgerStore, history } = await opened(await newPlace());
    await ledgerStore.save('main', { ...nothing, events: [...kept, ...acts] });
    const changes = ['config-changed', 'hold-added', 'released', 'by-hand', 'a'];
    expect(await names(history, { changes: true, limit: 10 })).toEqual(changes);
    expect(await names(history, { changes: true, limit: 2 })).toEqual(changes.slice(0, 2));
    expect(await names(history, { changes: true, taskId: 'by-rules', limit: 10 })).toEqual([]);
    expect(await names(history, { group: 'vip', limit: 100 })).toEqual([
      ...['hold-added', 'released', 'came-up', 'by-hand', 'by-rules', 'a', 'c', 'storm-ended', 'a'],
    ]);
  });

  const cases: readonly [string, EventQuery, readonly string[]][] = [
    ['newest first', { limit: 10 }, ['a', 'c', 'storm-ended', 'b', 'a', 'other']],
    ['no more than asked', { limit: 2 }, ['a', 'c']],
    ['at least one', { limit: 0 }, ['a']],
    ['of an account', { account: 'second', limit: 10 }, ['other']],
    ['of a task', { taskId: 'a', limit: 10 }, ['a', 'a']],
    ['of a group', { group: 'sports', limit: 10 }, ['b']],
    ['of types', { types: ['task-gone', 'storm-ended'], limit: 10 }, ['a', 'storm-ended']],
    ['of no type', { types: [], limit: 10 }, []],
    ['of all at once', { account: 'main', taskId: 'a', group: 'vip', types: ['task-found'], limit: 10 }, ['a']],
    ['before a number', { before: 3, limit: 10 }, ['a', 'other']],
    ['before the first', { before: 1, limit: 10 }, []],
    ['after a number', { after: 4, limit: 10 }, ['a', 'c']],
    ['between two', { after: 2, before: 5, limit: 10 }, ['storm-ended', 'b']],
    ['after the last', { after: 6, limit: 10 }, []],
    ['of nobody', { taskId: 'nobody', limit: 10 }, []],
    ['since a moment', { since: 4, limit: 10 }, ['a', 'c']],
    [
      'of a task, and of its account besides',
      { account: 'main', taskId: 'a', besides: () => true, limit: 10 },
      ['a', 'storm-ended', 'a'],
    ],
    [
      'of a task, and nothing that is not wanted',
      { account: 'main', taskId: 'a', besides: () => false, limit: 10 },
      ['a', 'a'],
    ],
  ];

  it('tells the events that are asked for', async () => {
    const { ledgerStore, history } = await opened(await newPlace());
    await ledgerStore.save('second', { ...nothing, events: [{ ...found('other', 0, 'x'), account: 'second' }] });
    await ledgerStore.save('main', { ...nothing, events: kept });
    for (const [what, query, expected] of cases) expect([what, await names(history, query)]).toEqual([what, expected]);
  });

  it('is empty at first', async () => {
    const { history, ledgerStore } = await opened(await newPlace());
    expect(await history.events({ limit: 10 })).toEqual([]);
    expect(await history.settledUpTo()).toBe(0);
    await ledgerStore.save('main', { ...nothing, events: [found('a'), found('b')] });
    expect(await history.settledUpTo()).toBe(2);
  });

  it('what is left out makes no page shorter', async () => {
    const { ledgerStore, history } = await opened(await newPlace());
    const mixed = Array.from({ length: 300 }, (_, n) => (n % 3 === 0 ? found('a', n) : { ...stormEnded, at: n }));
    await ledgerStore.save('main', { ...nothing, events: mixed });
    const seldom = (event: Event) => event.at % 30 === 1;
    const seen: number[] = [];
    for (let before: number | undefined; ; ) {
      const page = await history.events({ account: 'main', taskId: 'a', besides: seldom, before, limit: 7 });
      seen.push(...page.map(({ event }) => event.at));
      before = page.at(-1)?.seq;
      if (page.length < 7) break;
    }
    const wanted = Array.from({ length: 300 }, (_, n) => 299 - n).filter((n) => n % 3 === 0 || n % 30 === 1);
    expect(seen).toEqual(wanted);
  });

  it('is paged without gap or repetition, and rare events far back are found', async () => {
    const { ledgerStore, history } = await opened(await newPlace());
    const many = Array.from({ length: 45_000 }, (_, i) => found(`t${i}`, i));
    await ledgerStore.save('main', { ...nothing, events: [stormEnded, ...many] });
    // More than two slices back.
    expect(await names(history, { types: ['storm-ended'], limit: 5 })).toEqual(['storm-ended']);

    const seen: string[] = [];
    let before: number | undefined;
    for (let page = 0; page < 5; page++) {
      const reported = await history.events({ limit: 700, ...(before === undefined ? {} : { before }) });
      seen.push(...reported.map(({ event }) => ('taskId' in event ? event.taskId : '')));
      before = reported.at(-1)?.seq;
    }
    expect(seen).toEqual(Array.from({ length: 3_500 }, (_, i) => `t${44_999 - i}`));
    expect(await history.events({ limit: 5_000 })).toHaveLength(1_000);
  });
});

const day = 86_400_000;
const now = 100 * day;

describe.each(engines)('pruning on $engine', ({ newPlace }) => {
  it('forgets events older than 30 days, whatever their order, and keeps the rest', async () => {
    expect(eventsKeptMs).toBe(30 * day);
    const { ledgerStore, history, prune } = await opened(await newPlace());
    const ages = [31, 29, 40, 0, 30, -5];
    await ledgerStore.save('main', { ...nothing, events: ages.map((age) => found(`${age}`, now - age * day)) });
    expect(await prune(now)).toBe(2);
    expect(await names(history, { limit: 10 })).toEqual(['-5', '30', '0', '29']);
    expect(await prune(now)).toBe(0);
  });

  it('keeps no more than the bound: the newest stay', async () => {
    const { ledgerStore, history, prune } = await opened(await newPlace(), { maxEvents: 100 });
    const save = (from: number, count: number) =>
      ledgerStore.save('main', {
        ...nothing,
        events: Array.from({ length: count }, (_, i) => found(`${from + i}`, now)),
      });
    await save(0, 5_000);
    expect(await prune(now)).toBe(4_900);
    await save(5_000, 50);
    expect(await prune(now)).toBe(50);
    const left = await names(history, { limit: 1_000 });
    expect([left.length, left[0], left.at(-1)]).toEqual([100, '5049', '4950']);
  });

  it('lets a save in between two slices', async () => {
    const { ledgerStore, prune } = await opened(await newPlace());
    await ledgerStore.save('main', {
      ...nothing,
      events: Array.from({ length: 20_000 }, (_, i) => found(`${i}`, 0)),
    });
    const order: string[] = [];
    await Promise.all([
      prune(now).then(() => order.push('pruned')),
      ledgerStore.save('main', { ...nothing, events: [found('intent', now)] }).then(() => order.push('saved')),
    ]);
    expect(order).toEqual(['saved', 'pruned']);
  });
});

it('pruning gives the space back, in a file', async () => {
  const file = temporaryFile();
  const full = await opened(file);
  await full.ledgerStore.save('main', {
    ...nothing,
    events: Array.from({ length: 6_000 }, (_, i) => found(`${i}`, now)),
  });
  await full.close();
  const before = statSync(file).size;
  const pruned = await opened(file);
  expect(await pruned.prune(now + 31 * day)).toBe(6_000);
  await pruned.close();
  expect(statSync(file).size).toBeLessThan(before / 10);
});

describe('searches in a file that saves need too', () => {
  /** The file without the rest of a store: each statement on it is followed by one `yield`. */
  async function counted() {
    let statements = 0;
    const late = new Set<() => void>();
    const clock: Clock = {
      ...systemClock,
      yield: () => {
        statements++;
        return systemClock.yield();
      },
      after: (_ms, run) => {
        late.add(run);
        return () => late.delete(run);
      },
    };
    const raw = await rawFile(temporaryFile(), clock, true);
    onTestFinished(() => raw.close());
    const { events } = history(
      raw.db,
      watch(
        (error) => error as Error,
        clock,
        () => {},
      ),
    );
    const counting = async <T>(work: () => Promise<T>) => {
      const before = statements;
      await work();
      return statements - before;
    };
    const turns = async () => {
      for (let turn = 0; turn < 20; turn++) await systemClock.yield();
    };
    const tooLate = () => {
      for (const run of late) run();
    };
    return { db: raw.db, events, counting, turns, tooLate };
  }

  it('take turns: a save waits for one statement of theirs, however many they are', async () => {
    const { db, events, counting } = await counted();
    const searches = Array.from({ length: 50 }, () => events({ limit: 10 }));
    await systemClock.yield();
    const begun = () => db.transaction().execute(async () => {});
    expect(await counting(begun)).toBeLessThanOrEqual(2);
    expect(await Promise.all(searches)).toEqual(searches.map(() => []));
  });

  it('end with the answer that they take too long, and in whatever place they are', async () => {
    const { db, events, counting, turns, tooLate } = await counted();
    const row = { at: 1, account: 'main', type: 'owner-gained', task_id: null, group_name: null, attempt_id: null };
    const body = JSON.stringify({ type: 'owner-gained', at: 1, account: 'main' });
    await db
      .insertInto('event')
      .values(Array.from({ length: 100 }, () => ({ ...row, body })))
      .execute();
    // One row a statement, and each is left out.
    const search = () => events({ limit: 1, besides: () => false });
    const searches = [search(), search(), search()];
    await turns();
    tooLate();
    for (const one of searches) await expect(one).rejects.toThrow('has not answered for 10 s');
    expect(await counting(turns)).toBeLessThanOrEqual(searches.length);
    expect(await search()).toEqual([]);
  });
});
