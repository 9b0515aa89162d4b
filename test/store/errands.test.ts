/** `store copy`, `backup` and `check` on real stores: nothing is lost or changed, and nobody acts on half a copy. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { doStoreErrand } from '../../src/app/store-errands.ts';
import { systemClock } from '../../src/clock.ts';
import { emptyAccountRecord } from '../../src/domain/memory/ledger.ts';
import type { StoreErrand } from '../../src/domain/ports/app-port.ts';
import { localEngines, localStores, type StorePlace } from '../../src/store/open.ts';
import { aHold, anyRecord, found, nothing, record } from './shapes.ts';
import { engines, opened, postgres, temporaryDirectory, temporaryFile } from './surroundings.ts';

const errand = (what: StoreErrand, configPath?: string) =>
  doStoreErrand({ errand: what, configPath, env: {}, clock: systemClock });
const addressOf = (place: string) => (place.startsWith('postgres:') ? place : `sqlite:${place}`);

/** Everything of two accounts, with gaps in the numbers of events. */
async function contentOf(place: string) {
  // Times after the present would be taken as it.
  const store = await opened(place, { readOnly: true, clock: { ...systemClock, now: () => 2e12 } });
  const ledgers = [await store.ledgerStore.load('main', 0), await store.ledgerStore.load('other', 0)];
  const byId = (a: { readonly taskId: string }, b: { readonly taskId: string }) => (a.taskId < b.taskId ? -1 : 1);
  const content = {
    key: store.fingerprintKey,
    ledgers: ledgers.map((one) => ({ ...one, tasks: one.tasks.toSorted(byId) })),
    events: await store.history.events({ limit: 1_000 }),
  };
  await store.close();
  return content;
}

async function filled(place: string): Promise<void> {
  const store = await opened(place);
  const [strange = record('x')] = fc.sample(anyRecord, { numRuns: 1, seed: 3 });
  const tasks = [...Array.from({ length: 700 }, (_, i) => record(`任务-${i}`, i)), { ...strange, taskId: 'ÿ-strange' }];
  await store.ledgerStore.save('main', { ...nothing, tasks, holds: [aHold('h1')], accountRecord: emptyAccountRecord });
  await store.ledgerStore.save('other', {
    ...nothing,
    tasks: [record('a', 7)],
    events: tasks.map(({ taskId }) => found(taskId, 1)),
  });
  await store.prune(31 * 86_400_000);
  await store.ledgerStore.save('main', { ...nothing, events: tasks.map(({ taskId }) => found(taskId, 1e12)) });
  await store.close();
}

const pairs = engines.flatMap((from) => engines.map((to) => ({ from, to })));

describe.each(pairs)('a copy from $from.engine to $to.engine', ({ from, to }) => {
  it('has all of it, refuses while an owner lives or where another ledger is, and goes on where it was cut short', async () => {
    const [a, b] = [await from.newPlace(), await to.newPlace()];
    await filled(a);
    const copied = () => errand({ kind: 'copy', from: addressOf(a), to: addressOf(b) });
    const owner = await opened(a);
    await owner.ownership.acquire('main', new AbortController().signal);
    const refused = await copied();
    expect([refused.exitCode, refused.lines.join()]).toEqual([1, expect.stringMatching(/owns/)]);
    await owner.close();

    const before = await contentOf(a);
    const first = await copied();
    expect([first.exitCode, first.lines.join()]).toEqual([0, expect.stringContaining('701 events')]);
    expect(await contentOf(b)).toEqual(before);
    expect((await copied()).exitCode).toBe(0);

    // Half a copy: some of it is gone, and its mark is there.
    const half = ["delete from task_record where task_id < '任务-4'", 'delete from event where seq > 1000'];
    const mark = "insert into meta (key, value) values ('copy-unfinished', 'elsewhere')";
    for (const sql of [...half, mark]) await changed(b, sql);
    await expect(opened(b)).rejects.toThrow('is an unfinished copy of elsewhere');
    expect((await copied()).exitCode).toBe(0);
    expect(await contentOf(b)).toEqual(before);
    const next = await opened(b);
    await next.ledgerStore.save('main', { ...nothing, events: [found('next', 2e12)] });
    const [newest] = await next.history.events({ limit: 1 });
    expect(newest?.seq).toBeGreaterThan(before.events[0]?.seq ?? Number.POSITIVE_INFINITY);
    await next.close();

    const another = await to.newPlace();
    await filled(another);
    const lost = await errand({ kind: 'copy', from: addressOf(a), to: addressOf(another) });
    expect([lost.exitCode, lost.lines.join()]).toEqual([1, expect.stringContaining('has a ledger of its own')]);
  });
});

it('a copy that has been used since is not overwritten by what it was copied from; the way back is open', async () => {
  const [a, b] = [temporaryFile(), await (await postgres()).database()];
  const saved = async (place: string, name: string) => {
    const store = await opened(place);
    await store.ledgerStore.save('main', { ...nothing, tasks: [record(name)], events: [found(name)] });
    await store.close();
  };
  const copied = (from: string, to: string) => errand({ kind: 'copy', from: addressOf(from), to: addressOf(to) });
  await saved(a, 'before');
  expect((await copied(a, b)).exitCode).toBe(0);
  expect((await copied(a, b)).exitCode).toBe(0);
  await saved(b, 'since');
  const used = await contentOf(b);
  const refused = await copied(a, b);
  expect([refused.exitCode, refused.lines.join()]).toEqual([1, expect.stringContaining('has been used since')]);
  expect(await contentOf(b)).toEqual(used);
  expect((await copied(b, a)).exitCode).toBe(0);
  expect(await contentOf(a)).toEqual(used);
  // Both went on: neither may have the other's place.
  await saved(a, 'here');
  await saved(b, 'there');
  for (const way of [copied(a, b), copied(b, a)]) expect((await way).exitCode).toBe(1);
});

async function changed(place: string, text: string): Promise<void> {
  if (place.startsWith('postgres:')) {
    await (await postgres()).ask(`set search_path = relaykeeper; ${text}`, place);
    return;
  }
  const { DatabaseSync } = await import('node:sqlite');
  const database = new DatabaseSync(place);
  database.exec(text);
  database.close();
}

describe.each(engines)('a check of $engine', ({ newPlace }) => {
  it('reads every row, and names those that the daemon could not read', async () => {
    const place = await newPlace();
    await filled(place);
    const sound = await errand({ kind: 'check', at: addressOf(place) });
    expect([sound.exitCode, sound.lines.join()]).toEqual([0, expect.stringContaining('is sound: 702 task records')]);
    await changed(place, "update task_record set body = '{}' where account = 'other'");
    await changed(place, "update event set body = 'x' where seq = (select max(seq) from event)");
    const broken = await errand({ kind: 'check', at: addressOf(place) });
    expect(broken.exitCode).toBe(1);
    expect(broken.lines.slice(1)).toEqual([
      expect.stringContaining('task_record of account other: taskId'),
      expect.stringContaining('event of account main: it is not JSON'),
    ]);
  });

  it('of one that fails half way says so, and so does a copy', async () => {
    const [place, to] = [await newPlace(), addressOf(temporaryFile())];
    await filled(place);
    await changed(place, 'drop table event');
    const from = addressOf(place);
    const ends = [await errand({ kind: 'check', at: from }), await errand({ kind: 'copy', from, to })];
    const named = place.split('?')[0] ?? place;
    for (const { exitCode, lines } of ends)
      expect([exitCode, lines.join()]).toEqual([1, expect.stringMatching(`${named}.*: .*event`)]);
  });

  it('of nothing says so', async () => {
    const { exitCode, lines } = await errand({ kind: 'check', at: addressOf(await newPlace()) });
    expect([exitCode, lines.join()]).toEqual([1, expect.stringContaining('there is no store')]);
  });
});

it('an engine without errands says by its row what to do instead, and nothing is written', async () => {
  const none = { instead: 'it forgets all anyway' };
  const rows = localStores as Record<string, (name: string) => Promise<StorePlace>>;
  rows.memory = async (name) => ({ name, open: () => Promise.reject(), tables: none, backUp: none });
  localEngines.push('memory');
  onTestFinished(() => {
    localEngines.pop();
    delete rows.memory;
  });
  const folder = temporaryDirectory();
  const [config, there, b] = [join(folder, 'relaykeeper.yaml'), join(folder, 'a.db'), join(folder, 'b')];
  writeFileSync(there, '');
  writeFileSync(
    config,
    `store: memory:${there}\naccounts: [{name: main, provider: simulator}]\ngroups: [{name: vip}]\n`,
  );
  const errands: readonly StoreErrand[] = [
    { kind: 'copy', from: `sqlite:${there}`, to: `memory:${b}` },
    { kind: 'copy', from: `memory:${there}`, to: `sqlite:${b}` },
    { kind: 'check', at: `memory:${there}` },
    { kind: 'backup', file: b },
  ];
  for (const what of errands) {
    const { exitCode, lines } = await errand(what, config);
    expect([what, exitCode, lines.join()]).toEqual([what, 2, expect.stringMatching(/: it forgets all anyway$/)]);
  }
  expect(existsSync(b)).toBe(false);
});

describe('a backup', () => {
  function configured(file: string): string {
    const path = join(temporaryDirectory(), 'relaykeeper.yaml');
    writeFileSync(
      path,
      `store: sqlite:${file}\naccounts: [{name: main, provider: simulator}]\ngroups: [{name: vip}]\n`,
    );
    return path;
  }

  it('is taken while an owner writes, and is a whole store', async () => {
    const file = temporaryFile();
    await filled(file);
    const config = configured(file);
    const owner = await opened(file, { threaded: true });
    let writes = true;
    const writing = (async () => {
      for (let n = 1; writes; n++)
        await owner.ledgerStore.save('main', { ...nothing, tasks: [record('written', n), record('beside', n)] });
    })();
    const to = join(temporaryDirectory(), 'saved.db');
    const { exitCode, lines } = await errand({ kind: 'backup', file: to }, config);
    writes = false;
    await writing;
    expect([exitCode, lines.join()]).toEqual([0, expect.stringContaining('is saved in')]);
    expect(statSync(to).mode & 0o777, 'for nobody else, as the store itself').toBe(0o600);
    const saved = await opened(to);
    const { tasks } = await saved.ledgerStore.load('main', 0);
    expect(tasks.length).toBeGreaterThanOrEqual(701);
    const both = tasks.filter(({ taskId }) => taskId === 'written' || taskId === 'beside');
    expect(new Set(both.map(({ attempts }) => attempts)).size).toBeLessThanOrEqual(1);
    await saved.ledgerStore.save('main', { ...nothing, tasks: [record('goes-on')] });
    const again = await errand({ kind: 'backup', file: to }, config);
    expect([again.exitCode, again.lines.join()]).toEqual([1, expect.stringContaining('is there already')]);
  });

  it.each<[what: string, folder: string, spoil: ((file: string) => void) | undefined, said: RegExp]>([
    ['that cannot be written', 'away', undefined, /away\/saved\.db cannot be opened \(.*look at the permissions of/],
    // Behind its first page.
    [
      'of a damaged store',
      '.',
      (file) => writeFileSync(file, readFileSync(file).fill(7, 4_096)),
      /a\.db is damaged \(/,
    ],
    ['of another file', '.', (file) => writeFileSync(file, 'x'.repeat(1_000)), /a\.db is not a SQLite database/],
    ['of nothing', '.', rmSync, /there is no store at .*a\.db/],
  ])('%s says so, and leaves nothing behind', async (_, away, spoil, said) => {
    const at = temporaryDirectory();
    const [file, folder] = [join(at, 'a.db'), join(at, away)];
    await filled(file);
    spoil?.(file);
    const { exitCode, lines } = await errand({ kind: 'backup', file: join(folder, 'saved.db') }, configured(file));
    expect([exitCode, lines.join()]).toEqual([1, expect.stringMatching(said)]);
    mkdirSync(folder, { recursive: true });
    expect(readdirSync(folder).filter((name) => name.startsWith('saved'))).toEqual([]);
  });
});

it.each<[StoreErrand, number, string]>([
  [{ kind: 'copy', from: 'mysql:x', to: 'sqlite:y' }, 2, 'the address of a store must be'],
  [{ kind: 'copy', from: 'sqlite:x', to: 'sqlite:x' }, 2, 'not copied to itself'],
  [{ kind: 'copy', from: 'sqlite:/nonexistent/x', to: 'sqlite:/tmp/never' }, 1, 'there is no store at'],
])('%j ends with %i', async (what, exitCode, said) => {
  const end = await errand(what);
  expect([end.exitCode, end.lines.join()]).toEqual([exitCode, expect.stringContaining(said)]);
});
