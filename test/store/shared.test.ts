/** Several processes on one PostgreSQL: whose an account is, who may write, what is asked of others, and a database that fails. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { OperatorOutcome, OperatorRequest } from '../../src/domain/ports/store-port.ts';
import { databaseAt, type Store } from '../../src/store/open.ts';
import type { ToDoors } from '../../src/web/between-threads.ts';
import { createHappenings } from '../../src/web/happenings.ts';
import { Wire } from '../end-to-end/replicas.ts';
import { startPostgres } from '../postgres.ts';
import { eventView, events as samples } from '../telemetry/samples.ts';
import { found, nothing, record } from './shapes.ts';
import { addressed, opened, postgres, temporaryDirectory } from './surroundings.ts';

const forever = new AbortController().signal;

const tenTimesAsFast = {
  ...systemClock,
  monotonic: () => systemClock.monotonic() * 10,
  sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(ms / 10, signal),
  after: (ms: number, run: () => void) => systemClock.after(ms / 10, run),
};

async function shared(
  url: string,
  more: { readonly password?: () => Promise<string>; readonly ca?: () => Promise<string> } = {},
  clock = systemClock,
): Promise<Store> {
  const place = await databaseAt({ ...addressed(url), ...more });
  const store = await place.open({ clock, onTrace: () => {}, patienceMs: 1_000 });
  onTestFinished(() => store.close());
  return store;
}

/** Owned and read, so that it can be saved. */
async function owning(store: Store, account = 'main') {
  const owned = await store.ownership.acquire(account, forever);
  await store.ledgerStore.load(account, 0);
  return owned;
}

const expired = async (url: string) => (await postgres()).ask('update relaykeeper.lease set expires_at = 0', url);
const save = (store: Store, name: string, account = 'main') =>
  store.ledgerStore.save(account, { ...nothing, events: [found(name)], tasks: [record(name)] });
const taskIds = async (store: Store) =>
  (await store.ledgerStore.load('main', 0)).tasks.map(({ taskId }) => taskId).toSorted();

it('five that start at once make the tables once, and have one key', async () => {
  const url = await (await postgres()).database();
  const stores = await Promise.all(Array.from({ length: 5 }, () => shared(url)));
  const keys = stores.map((store) => store.fingerprintKey);
  expect([new Set(keys).size, keys[0]?.length]).toEqual([1, 64]);
});

it('one account has one owner, whose late writes are refused once another has it', async () => {
  const url = await (await postgres()).database();
  const [first, second] = [await shared(url), await shared(url)];
  const owned = await owning(first);
  // Of the 30 s that it is: renewed every ten.
  expect(first.ownership.remainingMs('main')).toBeGreaterThan(10_000);
  expect(second.ownership.remainingMs('main')).toBe(0);
  await save(first, 'mine');
  await expect(save(second, 'not-yet')).rejects.toThrow('another replica owns account main');
  expect(second.failingSince()).toBeUndefined();

  // As if the first had been stopped for the length of the lease.
  const next = owning(second);
  await expired(url);
  expect((await next).epoch).toBe(owned.epoch + 1);
  await save(second, 'theirs');
  await expect(save(first, 'late')).rejects.toThrow('another replica owns account main');
  expect(await taskIds(second)).toEqual(['mine', 'theirs']);
  while (!owned.lost.aborted) await systemClock.sleep(20);
  expect(first.ownership.remainingMs('main')).toBe(0);
});

it('what was read under one epoch is not written under the next, though the owner is the same', async () => {
  const url = await (await postgres()).database();
  const store = await shared(url);
  const { lost } = await owning(store);
  await expired(url);
  while (!lost.aborted) await systemClock.sleep(20);
  await store.ownership.acquire('main', forever);
  await expect(save(store, 'of-before')).rejects.toThrow('another replica owns');
  await store.ledgerStore.load('main', 0);
  await save(store, 'read-again');
  expect(await taskIds(store)).toEqual(['read-again']);
});

it('an owner that ends hands over; replicas know of each other', async () => {
  const url = await (await postgres()).database();
  const [first, second] = [await shared(url), await shared(url)];
  const owned = await Promise.all(['main', 'two', 'three'].map((account) => owning(first, account)));
  const began = performance.now();
  const taken = ['main', 'two', 'three'].map((account) => second.ownership.acquire(account, forever));
  await Promise.all(owned.map(({ handOver }) => handOver?.()));
  await first.close();
  await Promise.all(taken);
  // A lease that runs out takes 20 s at least.
  expect(performance.now() - began).toBeLessThan(15_000);
  const known = () => second.shared?.replicas().all.map(({ owned: own }) => own.map(({ account }) => account));
  await expect.poll(known).toEqual([['main', 'three', 'two']]);
});

it('a save whose answer was lost is there once, and reported as saved; one that never came is reported as failed', async () => {
  const server = await postgres();
  const url = new URL(await server.database());
  const wire = await new Wire(server.port).open();
  onTestFinished(() => wire.close());
  url.port = `${wire.port}`;
  const store = await shared(url.href);
  await owning(store);
  await save(store, 'before');
  // From the commit on nothing comes back.
  wire.losesAnswerTo = 'commit';
  await save(store, 'unheard');
  await save(store, 'after');
  const names = (await store.history.events({ limit: 10 })).map(({ event }) => 'taskId' in event && event.taskId);
  expect(names.toSorted()).toEqual(['after', 'before', 'unheard']);
});

describe('what operators ask of the wrong replica', () => {
  const restart: OperatorRequest = { kind: 'restart', taskId: 'a', by: 'lin', force: false };
  const release: OperatorRequest = { kind: 'release', taskId: 'a', by: 'lin' };
  const done: OperatorOutcome = { kind: 'done' };

  async function two() {
    const url = await (await postgres()).database();
    const [owner, other] = [await shared(url), await shared(url)];
    await owning(owner);
    const did: OperatorRequest[] = [];
    const serves = (store: Store, how: () => Promise<OperatorOutcome> = async () => done) =>
      store.shared?.serve({
        isReady: () => true,
        serve: (_account, request) => {
          did.push(request);
          return how();
        },
      });
    const ask = (request: OperatorRequest) => other.shared?.ask('main', request);
    return { url, owner, other, did, serves, ask };
  }

  it('is done by the owner once, and its refusals come back as they are', async () => {
    const { owner, other, did, serves, ask } = await two();
    const refusal: OperatorOutcome = { kind: 'refused', code: 'refused', message: 'it runs', next: 'Look at it.' };
    serves(owner, async () => refusal);
    serves(other);
    expect(await ask(restart)).toEqual(refusal);
    await systemClock.sleep(2_200);
    expect(did).toEqual([restart]);
  });

  it('was in hand when its owner ended: a release is done by the next owner, a restart is not sent again', async () => {
    const { url, owner, other, did, serves, ask } = await two();
    serves(owner, () => new Promise(() => {}));
    const answers = [ask(restart), ask(release)];
    while (did.length < 2) await systemClock.sleep(20);
    const next = owning(other);
    await expired(url);
    await next;
    did.length = 0;
    serves(other);
    expect(await answers[0]).toMatchObject({ kind: 'refused', message: expect.stringContaining('is not known') });
    expect(await answers[1]).toEqual(done);
    expect(did).toEqual([release]);
  });

  it('waited too long for an owner: it is not done any more', async () => {
    const { url, owner, did, serves, ask } = await two();
    const asked = ask(restart);
    const aged = async () => (await postgres()).ask('update relaykeeper.request set asked_at = 0 returning id', url);
    while ((await aged()).length === 0) await systemClock.sleep(20);
    serves(owner);
    expect(await asked).toMatchObject({ kind: 'refused', message: expect.stringContaining('waited too long') });
    expect(did).toEqual([]);
  });
});

/** What is so within this is so at the next look. */
const soon = async (isSo: () => Promise<boolean> | boolean, withinMs = 30_000) => {
  const giveUpAt = performance.now() + withinMs;
  while (!(await isSo())) {
    if (performance.now() > giveUpAt) throw new Error(`not within ${withinMs} ms`);
    await systemClock.sleep(20);
  }
};
const askAbout = async (url: string, text: string) => (await postgres()).ask(text, url);

async function wired(url: string) {
  const at = new URL(url);
  const wire = await new Wire((await postgres()).port).open();
  onTestFinished(() => wire.close());
  at.port = `${wire.port}`;
  return { wire, url: at.href };
}

describe('a server that took over without all that the one before had', () => {
  it('gave an epoch to two: the first neither writes nor acts any more', async () => {
    const url = await (await postgres()).database();
    const store = await shared(url);
    const { lost } = await owning(store);
    await askAbout(url, "update relaykeeper.lease set holder = 'another'");
    await expect(save(store, 'twice')).rejects.toThrow('another replica owns account main');
    await soon(() => lost.aborted);
    expect(store.ownership.remainingMs('main')).toBe(0);
  });

  it('lags behind the one that gave the account: its ledger is not taken for the newest', async () => {
    const url = await (await postgres()).database();
    const store = await shared(url);
    await store.ownership.acquire('main', forever);
    await askAbout(url, 'update relaykeeper.lease set epoch = epoch - 1');
    await expect(store.ledgerStore.load('main', 0)).rejects.toThrow('is it a standby that lags?');
  });
});

it('a server that takes no writes is a lost store, at the start and later, until it takes them', async () => {
  const url = await (await postgres()).database();
  const readOnly = async (on: boolean) => {
    const name = new URL(url).pathname.slice(1);
    await askAbout(url, `alter role keeper in database ${name} set default_transaction_read_only = ${on}`);
    const theirs = "usename = 'keeper' and datname = current_database()";
    await askAbout(url, `select pg_terminate_backend(pid) from pg_stat_activity where ${theirs}`);
  };
  await readOnly(true);
  await expect(shared(url)).rejects.toThrow('it takes no writes');
  await readOnly(false);
  const store = await shared(url);
  await owning(store);
  await readOnly(true);
  await expect(save(store, 'never')).rejects.toThrow(/it takes no writes|connection/);
  await expect(save(store, 'never')).rejects.toThrow('it takes no writes');
  expect(store.failingSince()).toBeDefined();
  await readOnly(false);
  await soon(() =>
    save(store, 'again')
      .then(() => true)
      .catch(() => false),
  );
  expect(store.failingSince()).toBeUndefined();
  expect(await taskIds(store)).toEqual(['again']);
});

it('a database whose clock was set back: leases and replicas of an hour ahead keep nobody waiting', async () => {
  const url = await (await postgres()).database();
  const store = await shared(url);
  const ahead = 'extract(epoch from clock_timestamp()) * 1000 + 3600000';
  await askAbout(url, `insert into relaykeeper.replica select '0', 'gone', 'x', 'x', '["main"]', ${ahead}, ${ahead}`);
  await askAbout(url, `insert into relaykeeper.lease select 'far', 3, '0', ${ahead}`);
  await owning(store);
  await soon(async () => {
    const rows = await askAbout(
      url,
      `select 1 from relaykeeper.lease where account = 'far' and epoch = 3 and expires_at < ${ahead} - 3560000`,
    );
    return rows.length > 0;
  });
  // This replica's own rows are of before, too.
  const other = await shared(url);
  const { lost } = await owning(other, 'second');
  await askAbout(url, `update relaykeeper.replica set seen_at = ${ahead}, started_at = ${ahead}`);
  await soon(async () => {
    const seenLately = `select 1 from relaykeeper.replica where seen_at < ${ahead} - 3560000`;
    return (await askAbout(url, seenLately)).length === 2;
  });
  expect(lost.aborted).toBe(false);
});

it('what is handed over while its lease is renewed is free at once', async () => {
  const url = await (await postgres()).database();
  const { wire, url: through } = await wired(url);
  const store = await shared(through, {}, tenTimesAsFast);
  const { handOver } = await owning(store);
  const left = new Promise<void>((resolve) => {
    wire.onPiece = (piece) => {
      if (!piece.includes('set expires_at')) return;
      wire.onPiece = () => {};
      resolve(handOver?.());
    };
  });
  await left;
  const free = 'select 1 from relaykeeper.lease where expires_at <= extract(epoch from clock_timestamp()) * 1000';
  await soon(async () => (await askAbout(url, free)).length > 0, 15_000);
});

it('a start that is cut anywhere leaves nothing by half', async () => {
  const made = async (url: string) =>
    askAbout(
      url,
      `select relname, relkind from pg_class where relnamespace = 'relaykeeper'::regnamespace order by relname`,
    );
  const whole = await (await postgres()).database();
  const { wire: counting, url: counted } = await wired(whole);
  await (await shared(counted)).close();
  for (const part of [0.3, 0.7]) {
    const url = await (await postgres()).database();
    const { wire, url: through } = await wired(url);
    wire.onPiece = () => {
      if (wire.pieces > counting.pieces * part) wire.cut();
    };
    const place = addressed(through);
    const cut = (await databaseAt(place)).open({ clock: systemClock, onTrace: () => {}, patienceMs: 0 });
    await expect(cut).rejects.toThrow(/connection/);
    expect(await askAbout(url, "select 1 from pg_namespace where nspname = 'relaykeeper'")).toEqual([]);
    await (await shared(url)).close();
    expect(await made(url)).toEqual(await made(whole));
  }
});

describe('versions side by side', () => {
  const meta = async (url: string, key: string, value: number) =>
    (await postgres()).ask(`update relaykeeper.meta set value = '${value}' where key = '${key}'`, url);

  it('one of the version before goes on with what a newer one only added to, and refuses what it cannot use', async () => {
    const url = await (await postgres()).database();
    await (await shared(url)).close();
    await meta(url, 'own-version', 2);
    await (await shared(url)).close();
    await meta(url, 'usable-from', 2);
    await expect(shared(url)).rejects.toThrow(
      'was prepared by a newer relaykeeper (its tables need version 2, this one knows up to 1)',
    );
  });
});

describe('getting in', () => {
  it('trusts a CA file, and nothing else; a password is asked for at every new connection, and the last one kept', async () => {
    const folder = temporaryDirectory();
    const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
    openssl(
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '2',
      '-subj',
      '/CN=127.0.0.1',
      '-addext',
      'subjectAltName=IP:127.0.0.1',
      '-keyout',
      'server.key',
      '-out',
      'server.crt',
    );
    const file = (name: string) => readFileSync(join(folder, name), 'utf8');
    const server = await startPostgres({
      files: { 'server.key': file('server.key'), 'server.crt': file('server.crt') },
      flags: ['ssl=on', 'password_encryption=scram-sha-256'],
      hba: ['hostssl all keeper 127.0.0.1/32 scram-sha-256', 'hostnossl all keeper 127.0.0.1/32 reject'],
    });
    onTestFinished(() => server.stop());
    await server.ask("alter role keeper password 'first'");
    const url = await server.database();
    let password = async () => 'first';
    let ca = async () => file('server.crt');
    const asked = { password: () => password(), ca: () => ca() };
    const store = await shared(url, asked);
    await owning(store);
    await save(store, 'by-the-first');

    await expect(shared(`${url}?sslmode=verify-full`, { password: asked.password })).rejects.toThrow(
      'its certificate is not trusted',
    );
    await expect(shared(url, { password: asked.password })).rejects.toThrow('it refuses this user');
    const wrong = shared(url, { ...asked, password: async () => 'hunter2' });
    await expect(wrong).rejects.toThrow('it refuses this user with this password');
    await expect(wrong).rejects.not.toThrow('hunter2');

    await server.ask("alter role keeper password 'second'");
    password = async () => 'second';
    const savedAnew = async (name: string) => {
      await server.ask("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'keeper'");
      const saves = () => save(store, name).then(() => true);
      while (!(await saves().catch(() => false))) await systemClock.sleep(50);
      // A connection that was idle can have its end still unread.
      while (!(await taskIds(store).catch(() => undefined))) await systemClock.sleep(50);
      expect(await taskIds(store)).toContain(name);
    };
    await savedAnew('by-the-second');
    const gone = () => Promise.reject(new Error('no such file'));
    const hangs = () => new Promise<never>(() => {});
    for (const [name, passwordNow, caNow] of [
      ['emptied, and hangs', async () => '', hangs],
      ['hangs, and gone', hangs, gone],
    ] as const) {
      [password, ca] = [passwordNow, caNow];
      await savedAnew(name);
    }
    expect(store.failingSince()).toBeUndefined();
  });

  it('nobody listens: one line that says so', async () => {
    await expect(shared('postgres://keeper@127.0.0.1:1/none')).rejects.toThrow(
      'postgres://keeper@127.0.0.1:1/none: nothing listens there',
    );
  });
});

it('who keeps the ledger in a file does not load the driver', () => {
  const program = `await import(${JSON.stringify(new URL('../../src/app/daemon.ts', import.meta.url).href)});
    const { createRequire } = await import('node:module');
    console.log(Object.keys(createRequire(import.meta.url).cache).filter((path) => path.includes('node_modules/pg')).length)`;
  const run = (text: string) =>
    execFileSync(process.execPath, ['--input-type=module', '-e', text], { encoding: 'utf8' });
  expect(run(program).trim()).toBe('0');
  const url = new URL('../../src/store/postgres/connection.ts', import.meta.url).href;
  expect(Number(run(`await import(${JSON.stringify(url)});${program}`))).toBeGreaterThan(0);
});

it('an operator who waits long for an answer makes no fault of the store; what nobody took is withdrawn', async () => {
  const url = await (await postgres()).database();
  const clock = tenTimesAsFast;
  const store = await shared(url, {}, clock);
  const asked = store.shared?.ask('nobodys', { kind: 'release', taskId: 'a', by: 'lin' });
  await clock.sleep(15_000);
  expect(store.failingSince()).toBeUndefined();
  expect(await asked).toMatchObject({
    kind: 'refused',
    message: expect.stringContaining('nobody owns account nobodys'),
  });
  const rows = await (await postgres()).ask(
    'select taken_in, answer is not null as answered from relaykeeper.request',
    url,
  );
  expect(rows).toEqual([{ taken_in: null, answered: true }]);
});

// ---- events of several writers, and who reads on from the last one -----------------------------------------------

/** A connection of somebody else's: another replica, in the middle of its save. */
async function writing(url: string) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  onTestFinished(() => client.end());
  return {
    ask: (text: string) => client.query(text),
    insert: (name: string) =>
      client.query('insert into relaykeeper.event (at, account, type, task_id, body) values ($1, $2, $3, $4, $5)', [
        1,
        'other',
        'task-gone',
        name,
        JSON.stringify({ ...samples['task-gone'], taskId: name, account: 'other' }),
      ]),
  };
}

/** What the page's stream tells, as it tells it. */
function listening({ history }: Awaited<ReturnType<typeof opened>>) {
  const ids: number[] = [];
  const happenings = createHappenings(
    {
      events: async ({ besides: _, ...query }) =>
        (await history.events(query)).map(({ seq, event }) => eventView(event, seq)),
      settledUpTo: history.settledUpTo,
    },
    // Once a second is too seldom for a test.
    { ...systemClock, sleep: (ms, signal) => systemClock.sleep(ms / 20, signal) },
    (message: ToDoors) => message.kind === 'happened' && ids.push(message.happening.seq),
  );
  onTestFinished(() => happenings.close());
  return { ids, happenings };
}

it('an event that becomes visible after a later one is reported, before that one; one that is taken back holds up nobody', async () => {
  const url = await (await postgres()).database();
  const store = await opened(url);
  const save = (...names: string[]) =>
    store.ledgerStore.save('main', { ...nothing, events: names.map((name) => found(name)) });
  await save('a', 'b');
  expect(await store.history.settledUpTo()).toBe(2);
  const { ids, happenings } = listening(store);
  expect(await happenings.join({}, undefined)).toMatchObject({ upTo: 2 });
  happenings.listening(1);

  const [slow, failing] = [await writing(url), await writing(url)];
  for (const one of [slow, failing]) await one.ask('begin; select pg_current_xact_id()');
  await slow.insert('third');
  await failing.insert('fourth');
  await save('fifth');
  expect(await store.history.settledUpTo()).toBe(2);
  // Also one that begins meanwhile.
  const late = await writing(url);
  await late.ask('begin; select pg_current_xact_id()');
  await late.insert('sixth');
  await save('seventh');
  // Lists show what is there; nobody is asked to go on behind it.
  expect((await store.history.events({ limit: 10 })).map(({ seq }) => seq)).toEqual([7, 5, 2, 1]);
  for (let n = 0; n < 3; n++) expect(await store.history.settledUpTo()).toBe(2);

  await failing.ask('rollback');
  expect(await store.history.settledUpTo()).toBe(2);
  await slow.ask('commit');
  await expect.poll(() => ids, { interval: 20 }).toEqual([3, 5]);
  await late.ask('commit');
  await expect.poll(() => ids, { interval: 20 }).toEqual([3, 5, 6, 7]);
  // Who comes back goes on where he was.
  const { backlog } = await happenings.join({}, 5);
  expect([...backlog.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id))).toEqual([6, 7]);
});

it('after a start nothing old is waited for: gaps of years ago, and what was forgotten', async () => {
  const url = await (await postgres()).database();
  const store = await opened(url);
  await store.ledgerStore.save('main', { ...nothing, events: ['a', 'b', 'c', 'd'].map((name) => found(name)) });
  await (await postgres()).ask('delete from relaykeeper.event where seq in (1, 3)', url);
  // Not at once: what runs in another database of this server can be a save of ours as far as numbers tell.
  await expect.poll(() => store.history.settledUpTo()).toBe(4);
});

it("somebody else's transaction that never ends holds the stream up for a minute, not for ever", async () => {
  const url = await (await postgres()).database();
  let nowMs = 0;
  const store = await opened(url, { clock: { ...systemClock, monotonic: () => systemClock.monotonic() + nowMs } });
  const stranger = await writing(url);
  await stranger.ask('begin; select pg_current_xact_id()');
  const failing = await writing(url);
  await failing.ask('begin; select pg_current_xact_id()');
  await failing.insert('taken back');
  await store.ledgerStore.save('main', { ...nothing, events: [found('second')] });
  await failing.ask('rollback');
  expect(await store.history.settledUpTo()).toBe(0);
  nowMs = 61_000;
  expect(await store.history.settledUpTo()).toBe(2);
});
