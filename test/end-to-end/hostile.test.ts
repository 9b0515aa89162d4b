/** Lists that fail, lie or never end: nothing is concluded from them, and the process outlives them. */
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Effect } from '../../src/simulator/faults.ts';
import { account, env, type PretendCloud, tasks } from './cloud.ts';
import { type Daemon, plainServer, Stage, until } from './daemon.ts';

const hugeBytes = 500_000_000;
/** All of these at once, each with bodies of up to 16 MiB at a time, and a collector that takes its time. */
const mostGrowthMib = 250;

interface Hostile {
  readonly name: string;
  readonly what: string;
  readonly class: string;
  readonly effect: Effect;
}

const listOf = (items: string) => `{"ResponseMetadata":{"RequestId":"2024"},"Result":{"List":[${items}`;

const failing: readonly Hostile[] = [
  { name: 'huge', what: '500 MB of answer', class: 'server', effect: { kind: 'huge', bytes: hugeBytes } },
  {
    name: 'bomb',
    what: '500 MB of answer in half a megabyte of gzip',
    class: 'server',
    effect: { kind: 'huge', bytes: hugeBytes, gzip: true },
  },
  {
    name: 'drip',
    what: 'a body that drips for minutes',
    class: 'timeout',
    effect: { kind: 'drip', bytes: 1, everyMs: 100 },
  },
  {
    name: 'driphead',
    what: 'headers that drip for minutes',
    class: 'timeout',
    effect: { kind: 'drip', bytes: 1, everyMs: 100, headersToo: true },
  },
  {
    name: 'html',
    what: 'HTML instead of JSON',
    class: 'server',
    effect: { kind: 'answer', status: 200, headers: { 'content-type': 'text/html' }, body: '<html>maintenance</html>' },
  },
  { name: 'cut', what: 'a body that breaks off', class: 'network', effect: { kind: 'truncate' } },
  {
    name: 'redirect',
    what: 'a redirect',
    class: 'server',
    effect: { kind: 'answer', status: 302, headers: { location: 'http://127.0.0.1:9/elsewhere' }, body: '' },
  },
  {
    name: 'nested',
    what: '10 MB of brackets',
    class: 'server',
    effect: { kind: 'answer', status: 200, body: '['.repeat(10_000_000) },
  },
  {
    name: 'nestedlist',
    what: '10 MB of objects in objects',
    class: 'server',
    effect: { kind: 'answer', status: 200, body: listOf('{"a":'.repeat(2_000_000)) },
  },
  {
    name: 'empties',
    what: '10 MB of empty tasks',
    class: 'server',
    effect: { kind: 'answer', status: 200, body: `${listOf('{},'.repeat(3_300_000))}{}]}}` },
  },
];
const drifting = 'drifting';
const shrinking = 'shrinking';

const stage = new Stage();
const clouds = new Map<string, PretendCloud>();
let daemon: Daemon;

const cloudOf = (name: string): PretendCloud => {
  const cloud = clouds.get(name);
  if (!cloud) throw new Error(`no cloud ${name}`);
  return cloud;
};
const see = (name: string) => () =>
  daemon.lines
    .filter((line) => line.account === name)
    .slice(-10)
    .map((line) => JSON.stringify(line))
    .join('\n');
const polls = (name: string) =>
  daemon.lines.filter(({ event, account: one }) => /^poll-/.test(event) && one === name).length;
async function polledAgain(name: string, more: number): Promise<void> {
  const before = polls(name);
  await until(`${more} more polls of ${name}`, () => polls(name) >= before + more, see(name));
}

/** Every record of the account as it is on disk. */
function recordsOf(name: string): readonly unknown[] {
  const database = new DatabaseSync(`${daemon.folder}/data/relaykeeper.db`, { readOnly: true });
  try {
    return database.prepare('SELECT * FROM task_record WHERE account = ? ORDER BY 1, 2').all(name);
  } finally {
    database.close();
  }
}

beforeAll(async () => {
  for (const name of [...failing.map((row) => row.name), drifting, shrinking])
    clouds.set(
      name,
      await stage.cloud({ tasks: [...tasks(`${name}-runs`, 28), ...tasks(`${name}-held`, 2, { stopped: true })] }),
    );
  daemon = await stage.start({
    folder: stage.folder(),
    env,
    config: {
      log: { level: 'debug' },
      server: plainServer,
      accounts: [...clouds].map(([name, cloud]) =>
        account(cloud, name, {
          // A slow machine may take long to read what is no list.
          requestTimeout: failing.some((row) => row.name === name && row.class === 'timeout') ? '2s' : '60s',
          poll: { schedule: '* * * * * *', verifyEvery: '500ms', pageSize: name === drifting ? 10 : 500 },
        }),
      ),
      defaults: { firstSight: 'observe', verifyWithin: '1s' },
      groups: [{ name: 'vip' }],
    },
  });
  for (const name of clouds.keys())
    await until(`${name} is listed`, () => daemon.said('poll-completed', { account: name }).length > 1, see(name));
});

afterAll(() => stage[Symbol.asyncDispose]());

describe.concurrent('an answer to the list that is no list', () => {
  it.each(failing)('$what: changes no record, and neither kills the daemon nor fills its memory', async (row) => {
    const cloud = cloudOf(row.name);
    // A stopped task that is only observed casts shadows; a held one does not.
    const hold = await daemon.ask('POST', '/api/v1/holds', {
      account: row.name,
      target: { kind: 'account' },
      reason: 'so that only the list could change something',
    });
    expect(hold.status).toBe(201);
    await polledAgain(row.name, 2);
    const before = recordsOf(row.name);
    expect(before).toHaveLength(30);
    const { now: memoryBefore } = daemon.memory();
    cloud.fault({ match: { action: 'list' }, effect: row.effect });
    await until('a poll fails', () => daemon.said('poll-failed', { account: row.name }).length > 0, see(row.name));
    expect(recordsOf(row.name)).toEqual(before);
    expect(daemon.said('poll-failed', { account: row.name })[0]?.class).toBe(row.class);
    expect(await daemon.metric('poll_failures_total', { account: row.name, class: row.class })).toBeGreaterThan(0);
    expect(cloud.restarts()).toEqual([]);
    expect(daemon.memory().peak - memoryBefore).toBeLessThan(mostGrowthMib);

    cloud.mend();
    await until(
      'it is listed again',
      () => daemon.said('poll-completed', { account: row.name }).at(-1)?.tasks === 30,
      see(row.name),
    );
    expect(daemon.said('task-gone', { account: row.name })).toEqual([]);
    await daemon.ask('DELETE', `/api/v1/holds/${(hold.json as { id: string }).id}`);
    cloud.act({ kind: 'stop', taskId: `${row.name}-runs-0001` });
    await until('a task that stops is healed', () => cloud.restarts(`${row.name}-runs-0001`).length > 0, see(row.name));
    expect(daemon.running).toBe(true);
  });
});

describe.concurrent('a list that is read and yet is not all', () => {
  it('a task missing from one page is not gone, however often pages drift; one that was deleted is', async () => {
    const cloud = cloudOf(drifting);
    const fault = cloud.fault({ match: { action: 'list' }, effect: { kind: 'drift', shift: 2 } });
    await polledAgain(drifting, 6);
    const { length } = daemon.said('poll-completed', { account: drifting, drift: true });
    expect(length).toBeGreaterThanOrEqual(5);
    expect(daemon.said('task-gone', { account: drifting })).toEqual([]);
    expect(await daemon.get('/api/v1/tasks?account=drifting')).toHaveLength(30);

    cloud.mend(fault);
    cloud.act({ kind: 'delete', taskId: `${drifting}-runs-0007` });
    await until(
      'the deleted one is gone',
      () => daemon.said('task-gone', { account: drifting }).length > 0,
      see(drifting),
    );
    expect(daemon.said('task-gone', { account: drifting }).map(({ task }) => task)).toEqual([`${drifting}-runs-0007`]);
  });

  it('a list that falls from 30 to 0 is not believed: nothing is gone, and it is counted', async () => {
    const cloud = cloudOf(shrinking);
    const fault = cloud.fault({ match: { action: 'list' }, effect: { kind: 'blind' } });
    await until(
      'five suspect polls',
      () => daemon.said('poll-suspect', { account: shrinking }).length >= 5,
      see(shrinking),
    );
    expect(daemon.said('task-gone', { account: shrinking })).toEqual([]);
    expect(await daemon.metric('poll_failures_total', { account: shrinking, class: 'suspect' })).toBeGreaterThanOrEqual(
      5,
    );
    expect(await daemon.get('/api/v1/tasks?account=shrinking')).toHaveLength(30);
    cloud.mend(fault);
    await until(
      'it is listed again',
      () => daemon.said('poll-completed', { account: shrinking }).at(-1)?.tasks === 30,
      see(shrinking),
    );
    cloud.act({ kind: 'stop', taskId: `${shrinking}-runs-0001` });
    await until('what stops is healed', () => cloud.restarts(`${shrinking}-runs-0001`).length > 0, see(shrinking));
  });
});
