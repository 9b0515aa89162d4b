import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { emptyAccountRecord } from '../../src/domain/memory/ledger.ts';
import type { Event, Trigger } from '../../src/domain/words/events.ts';
import { StoreProblem } from '../../src/store/open.ts';
import { inlineSqlite } from '../../src/store/sqlite/dialect.ts';
import { sqliteAt } from '../../src/store/sqlite/sqlite-store.ts';
import { aHold, anyAccountRecord, anyHold, anyRecord, eventOf, eventTypes, found, nothing, record } from './shapes.ts';
import { engines, opened, postgres, temporaryFile } from './surroundings.ts';

const [sqlite, postgresql] = engines;

describe.each([
  { where: 'in a file, on its own thread', threaded: true, newPlace: sqlite.newPlace },
  { where: 'in a file, on this thread', threaded: false, newPlace: sqlite.newPlace },
  { where: 'on PostgreSQL', threaded: false, newPlace: postgresql.newPlace },
])('a ledger $where', ({ threaded, newPlace }) => {
  it('comes back as it was saved, after closing too', async () => {
    const file = await newPlace();
    const first = await opened(file, { threaded });
    const tasks = Array.from({ length: 1_234 }, (_, i) => record(`task-${String(i).padStart(4, '0')}`, i));
    const events = tasks.map(({ taskId }) => found(taskId));
    const saved = { ...nothing, tasks, events, holds: [aHold('h1'), aHold('h2')], accountRecord: emptyAccountRecord };
    await first.ledgerStore.save('main', saved);
    const expected = { tasks, holds: saved.holds, accountRecord: emptyAccountRecord, budget: [] };
    expect(await first.ledgerStore.load('main', 0)).toEqual(expected);
    await first.close();

    const second = await opened(file, { threaded });
    expect(await second.ledgerStore.load('main', 0)).toEqual(expected);
    expect(await second.ledgerStore.load('other', 0)).toEqual({
      ...expected,
      tasks: [],
      holds: [],
      accountRecord: undefined,
    });
    expect(await second.history.events({ limit: 1_000 })).toHaveLength(1_000);
  });

  it('is saved as a whole or not at all', async () => {
    const { ledgerStore, history } = await opened(await newPlace(), { threaded });
    const before = { ...nothing, tasks: [record('old')], holds: [aHold('kept')], accountRecord: emptyAccountRecord };
    await ledgerStore.save('main', before);

    // The last of 450 records cannot be stored: two statements of records and one of events have been run by then.
    const tasks = Array.from({ length: 450 }, (_, i) => record(`new-${i}`, i === 449 ? Number.NaN : i));
    const changes = {
      events: [found('new-0')],
      tasks,
      removedTasks: ['old'],
      holds: [aHold('new')],
      removedHolds: ['kept'],
      accountRecord: { ...emptyAccountRecord, retiredActions: ['X'] },
    };
    await expect(ledgerStore.save('main', changes)).rejects.toThrow('attempts is NaN');

    const { tasks: left, holds, accountRecord } = await ledgerStore.load('main', 0);
    expect({ left, holds, accountRecord }).toEqual({
      left: before.tasks,
      holds: before.holds,
      accountRecord: emptyAccountRecord,
    });
    expect(await history.events({ limit: 10 })).toEqual([]);
  });

  it('takes saves that come at once one after the other', async () => {
    const { ledgerStore, history } = await opened(await newPlace(), { threaded });
    const save = (n: number) =>
      ledgerStore.save('main', {
        ...nothing,
        tasks: Array.from({ length: 401 }, (_, i) => record(`task-${i}`, n)),
        events: [found(`save-${n}`)],
      });
    await Promise.all([save(1), save(2), save(3)]);
    const { tasks } = await ledgerStore.load('main', 0);
    expect(new Set(tasks.map(({ attempts }) => attempts))).toEqual(new Set([3]));
    const reported = await history.events({ limit: 10 });
    expect(reported.map(({ event }) => 'taskId' in event && event.taskId)).toEqual(['save-3', 'save-2', 'save-1']);
  });
});

it.each(engines)('every shape of record and event survives $engine', async ({ newPlace }) => {
  const { ledgerStore, history } = await opened(await newPlace(), { clock: { ...systemClock, now: () => 2e12 } });
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(anyRecord, { maxLength: 5, selector: ({ taskId }) => taskId }),
      fc.uniqueArray(anyHold, { maxLength: 3, selector: ({ id }) => id }),
      anyAccountRecord,
      fc.tuple(...eventTypes.map(eventOf)),
      async (tasks, holds, accountRecord, events) => {
        const before = await ledgerStore.load('main', 2e12);
        const removedTasks = before.tasks.map(({ taskId }) => taskId);
        const removedHolds = before.holds.map(({ id }) => id);
        await ledgerStore.save('main', { tasks, holds, accountRecord, events, removedTasks, removedHolds });
        const after = await ledgerStore.load('main', 2e12);
        expect(after.tasks).toHaveLength(tasks.length);
        expect(after.tasks).toEqual(expect.arrayContaining(tasks));
        expect(after.holds).toHaveLength(holds.length);
        expect(after.holds).toEqual(expect.arrayContaining(holds));
        expect(after.accountRecord).toEqual(accountRecord);
        const recorded = events.filter(({ type }) => !passing.includes(type));
        const reported = await history.events({ limit: recorded.length });
        expect(reported.map(({ event }) => event).reverse()).toEqual(recorded);
      },
    ),
    { numRuns: 15 },
  );
});

/** Design: these come with every poll and are no history. Spelt out here, so that the code is not asked about itself. */
const passing = [
  'task-seen',
  'task-missed',
  'poll-completed',
  'poll-failed',
  'poll-suspect',
  'time-accounted',
  'circuit-probed',
  'storm-changed',
];

it('a large save is written down piece by piece, and never lies in memory as a whole', async () => {
  let statements = 0;
  const answered = () => {
    statements += 1;
    return systemClock.yield();
  };
  const { ledgerStore } = await opened(temporaryFile(), { clock: { ...systemClock, yield: answered } });
  /** How many statements had been run when each of the two was made to text. */
  const before: number[] = [];
  const watched = <T extends object>(one: T): T => ({
    ...one,
    toJSON: () => {
      before.push(statements);
      return one;
    },
  });
  const tasks = Array.from({ length: 450 }, (_, i) => record(`task-${i}`, i));
  const events = tasks.map(({ taskId }) => found(taskId));
  const from = statements;
  await ledgerStore.save('main', {
    ...nothing,
    tasks: [...tasks, watched(record('last', 1))],
    events: [...events, watched(found('last'))],
  });
  // 451 rows of each are three statements; the third is made after two of events, and after those and two of records.
  expect(before.map((count) => count - from)).toEqual([2, 5]);
});

describe.each(engines)('what a save to $engine does', ({ newPlace }) => {
  it('replaces a record, and keeps one that is both removed and saved', async () => {
    const { ledgerStore } = await opened(await newPlace());
    await ledgerStore.save('main', { ...nothing, tasks: [record('a', 1), record('b', 1), record('c', 1)] });
    await ledgerStore.save('main', {
      ...nothing,
      tasks: [record('a', 2), record('b', 2), record('b', 3)],
      removedTasks: ['a', 'c'],
    });
    const { tasks } = await ledgerStore.load('main', 0);
    expect(tasks).toEqual([record('a', 2), record('b', 3)]);
  });

  it('leaves other accounts alone', async () => {
    const { ledgerStore } = await opened(await newPlace());
    await ledgerStore.save('one', { ...nothing, tasks: [record('a', 1)] });
    await ledgerStore.save('two', { ...nothing, tasks: [record('a', 2)] });
    await ledgerStore.save('two', { ...nothing, removedTasks: ['a'] });
    expect((await ledgerStore.load('one', 0)).tasks).toEqual([record('a', 1)]);
  });

  it('is reported with its time', async () => {
    const { ledgerStore, traces } = await opened(await newPlace());
    await ledgerStore.save('main', { ...nothing, tasks: [record('a')] });
    expect(traces.at(-1)).toEqual({
      operation: 'save',
      durationMs: expect.any(Number),
      error: undefined,
      up: true,
      whole: true,
    });
  });
});

describe.each(engines)('the budget on $engine', ({ newPlace }) => {
  const failed = (attemptId: string, at: number, trigger: Trigger = 'auto'): Event => ({
    type: 'restart-failed',
    at,
    account: 'main',
    taskId: attemptId,
    group: 'vip',
    attemptId,
    trigger,
    cause: 'not-recovered',
    class: undefined,
    row: 1,
  });
  const givenBack = (attemptId: string, at: number): Event => ({
    type: 'restart-given-back',
    at,
    account: 'main',
    taskId: attemptId,
    group: 'vip',
    attemptId,
    trigger: 'auto',
    why: 'circuit',
    failedAt: at,
  });
  const entry = (attemptId: string, at: number) => ({ attemptId, at, group: 'vip' });

  const cases: readonly [string, readonly Event[], readonly object[]][] = [
    [
      'failures younger than asked, oldest first',
      [failed('b', 300), failed('a', 200)],
      [entry('a', 200), entry('b', 300)],
    ],
    ['none that is as old as asked, or older', [failed('a', 100), failed('b', 99)], []],
    ['none that was given back later', [failed('a', 200), givenBack('a', 300)], []],
    ['none that was given back before', [givenBack('a', 150), failed('a', 200)], []],
    [
      'those beside one that was given back',
      [failed('a', 200), failed('b', 210), givenBack('a', 300)],
      [entry('b', 210)],
    ],
    ['nothing that nobody sent, as older files have it', [failed('a', 200, 'shadow' as 'auto')], []],
    ['no operator’s restart', [failed('a', 200, 'manual')], []],
    ['those of the future as of now', [failed('a', 5_000)], [entry('a', 1_000)]],
  ];

  it('has what failed lately and counts', async () => {
    const { ledgerStore } = await opened(await newPlace(), { clock: { ...systemClock, now: () => 1_000 } });
    for (const [what, events, expected] of cases) {
      await ledgerStore.save(what, { ...nothing, events });
      expect([what, (await ledgerStore.load(what, 100)).budget]).toEqual([what, expected]);
    }
    expect((await ledgerStore.load('other', 100)).budget).toEqual([]);
  });
});

describe.each([
  { ...sqlite, edited: editedFile, editor: 'sqlite3' },
  { ...postgresql, edited: editedDatabase, editor: 'psql' },
])('a row that cannot be read on $engine', ({ newPlace, edited, editor }) => {
  it.each([
    ["update task_record set body = '{}' where task_id = 'b'", 'the task record "b" (taskId: '],
    ["update task_record set body = 'x'", 'the task record "a" (it is not JSON) and 1 more'],
    ["update hold set body = '{}'", 'the hold "h1" ('],
    ["update account_record set body = '[]'", 'the account record ('],
  ])('refuses the load and is named: %s', async (sql, named) => {
    const file = await newPlace();
    const store = await opened(file);
    await store.ledgerStore.save('main', {
      ...nothing,
      tasks: [record('a'), record('b')],
      holds: [aHold('h1')],
      accountRecord: emptyAccountRecord,
    });
    await store.close();
    await edited(file, sql);

    const { ledgerStore, failingSince } = await opened(file);
    const refused = await ledgerStore.load('main', 0).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(StoreProblem);
    expect(String(refused)).toContain(`${file}: ${named}`);
    expect(String(refused)).toContain(`${editor} ${file}`);
    // Other accounts are read, and written: restarts of theirs go on.
    expect((await ledgerStore.load('other', 0)).tasks).toEqual([]);
    expect(failingSince()).toBeUndefined();
  });
});

async function editedDatabase(url: string, sql: string): Promise<void> {
  await (await postgres()).ask(`set search_path = relaykeeper; ${sql}`, url);
}

async function editedFile(file: string, sql: string): Promise<void> {
  const sqlite = inlineSqlite(async () => {});
  await sqlite.ask('open', file, 'existing');
  await sqlite.ask('query', sql, []);
  await sqlite.close();
}

describe('an account with many tasks in a file', () => {
  const many = (length: number, attempts: number) => Array.from({ length }, (_, i) => record(`task-${i}`, attempts));

  it('is read in pieces, and saves of other accounts go in between', async () => {
    const { ledgerStore } = await opened(temporaryFile());
    await ledgerStore.save('many', { ...nothing, tasks: many(2_600, 1) });
    let loaded = false;
    const loading = ledgerStore.load('many', 0).finally(() => {
      loaded = true;
    });
    for (const name of ['first', 'second']) {
      await ledgerStore.save('other', { ...nothing, tasks: [record(name)], events: [found(name)] });
      expect([name, loaded]).toEqual([name, false]);
    }
    expect((await loading).tasks).toHaveLength(2_600);
    expect((await ledgerStore.load('other', 0)).tasks).toHaveLength(2);
  });

  it('is seen as it was at one moment by who looks on while its owner saves', async () => {
    const file = temporaryFile();
    const owner = await opened(file);
    await owner.ledgerStore.save('many', { ...nothing, tasks: many(1_100, 1) });
    const onlooker = await opened(file, { readOnly: true });
    const looking = onlooker.ledgerStore.load('many', 0);
    await systemClock.yield();
    await owner.ledgerStore.save('many', { ...nothing, tasks: many(1_100, 2) });
    expect(new Set((await looking).tasks.map(({ attempts }) => attempts))).toEqual(new Set([1]));
    const after = await onlooker.ledgerStore.load('many', 0);
    expect(new Set(after.tasks.map(({ attempts }) => attempts))).toEqual(new Set([2]));
  });
});

it('a store that is being closed finishes the save it has begun, and refuses the next', async () => {
  const file = temporaryFile();
  const store = await sqliteAt(file).open({ clock: systemClock, onTrace: () => {} });
  const saving = store.ledgerStore.save('main', {
    ...nothing,
    tasks: Array.from({ length: 2_000 }, (_, i) => record(`task-${i}`)),
  });
  await Promise.all([saving, store.close()]);
  await expect(store.ledgerStore.save('main', { ...nothing, tasks: [record('late')] })).rejects.toThrow(
    'restart relaykeeper',
  );
  const again = await opened(file);
  expect((await again.ledgerStore.load('main', 0)).tasks).toHaveLength(2_000);
});
