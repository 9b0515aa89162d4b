/** Some of the histories once more, through the process and with short policies; all of them are in test/sim. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Arrival } from '../../src/simulator/arrivals.ts';
import { account, type CloudOptions, env, type PretendCloud, tasks } from './cloud.ts';
import { type Daemon, plainServer, Stage, until } from './daemon.ts';

/** Each has an account, a cloud and a group of its own; all have one daemon. */
const policies = {
  storm: { verifyWithin: '2s' },
  short: { verifyWithin: '1s', endGuard: '1s', backoff: { initial: '30s', jitter: 0 } },
  lane: { storm: false },
  ill: {
    verifyWithin: '1s',
    attempts: 3,
    storm: false,
    backoff: { initial: '200ms', max: '200ms', jitter: 0 },
    quarantine: { retryEvery: '1h' },
  },
  lost: { verifyWithin: '1s', attempts: 1, storm: false, quarantine: { retryEvery: '2s', abandonAfter: '2s' } },
} as const;
type Name = keyof typeof policies;

const stage = new Stage();
let daemon: Daemon;
const clouds = new Map<Name, PretendCloud>();
const worlds: Readonly<Record<Name, CloudOptions>> = {
  storm: { tasks: tasks('storm', 90) },
  short: {},
  lane: { tasks: tasks('lane', 24) },
  ill: { tasks: tasks('ill', 1, { stopped: true, life: { restartsInVain: 3 } }) },
  lost: { tasks: tasks('lost', 1, { stopped: true, life: { restartsInVain: 99 } }) },
};
/** What one of the accounts shows. */
function accountOf(name: Name) {
  const cloud = clouds.get(name);
  if (!cloud) throw new Error(`no cloud ${name}`);
  const metric = (metricName: string, labels: Readonly<Record<string, string>> = {}) =>
    daemon.metric(metricName, { account: name, ...labels });
  const said = (event: string, fields: object = {}) => daemon.said(event, { account: name, ...fields });
  const saying = (event: string, fields: object = {}) => daemon.saying(event, { account: name, ...fields });
  const threeMorePolls = async () => {
    const before = said('poll-completed').length;
    await until('three more polls', () => said('poll-completed').length >= before + 3, see);
  };
  return { cloud, metric, said, saying, threeMorePolls };
}
const see = () => daemon.tail();

const gaps = (arrivals: readonly Arrival[]) =>
  arrivals.slice(1).map(({ at }, index) => at - (arrivals[index]?.at ?? 0));

describe.concurrent('histories', () => {
  beforeAll(async () => {
    const accounts: object[] = [];
    for (const name of Object.keys(worlds) as Name[]) {
      const cloud = await stage.cloud(worlds[name]);
      clouds.set(name, cloud);
      accounts.push(account(cloud, name, name === 'lane' ? { storm: false, rateLimit: { perSecond: 2 } } : {}));
    }
    const groups = Object.entries(policies).map(([name, policy]) => ({ name, match: { account: [name] }, ...policy }));
    const config = { log: { level: 'debug' }, server: plainServer, accounts, groups };
    daemon = await stage.start({ folder: stage.folder(), env, config });
  });
  afterAll(() => stage[Symbol.asyncDispose]());

  it('60 of 90 stop at once: a storm paces the restarts, all are healed, and it is over', async () => {
    const { cloud, metric, said, saying } = accountOf('storm');
    await until('all are seen', async () => (await metric('task_up')) === 90, see);
    const stoppedAt = Date.now();
    cloud.act({ kind: 'stop', cloudGroup: 'vip', count: 60 });
    await saying('storm-started');
    expect(await metric('storm', { group: 'storm' })).toBe(1);
    await until('all run again', () => cloud.count('停用') === 0, see);
    const healedMs = Date.now() - stoppedAt;
    await until('both storms are over', () => said('storm-ended').length === said('storm-started').length, see);
    await until('no storm in the metrics', async () => (await metric('storm')) === 0, see);
    expect(cloud.restarts()).toHaveLength(60);
    // Three, then two more for each one healed: never all at once.
    const inFirstSecond = cloud.restarts().filter(({ at }) => at < (cloud.restarts()[0]?.at ?? 0) + 200);
    expect(inFirstSecond.length).toBeLessThanOrEqual(3);
    expect(cloud.world.arrivals.worstSecond).toBeLessThanOrEqual(10);
    expect(healedMs).toBeGreaterThan(6_000);
    await until(
      'every outage is reported as recovered',
      () => said('outage-ended', { ending: 'recovered' }).length === 60,
      see,
    );
  });

  it('EndTime inside a backoff: tried while it is worth it, then not at all; one ending, ended', async () => {
    const { cloud, said, saying } = accountOf('short');
    await saying('poll-completed');
    const endsAt = Math.floor(Date.now() / 1_000) * 1_000 + 20_000;
    for (const task of tasks('short', 1, { stopped: true, endsAt, life: { restartsInVain: 99 } }))
      cloud.act({ kind: 'create', task });
    await saying('outage-ended');
    expect(Date.now()).toBeGreaterThanOrEqual(endsAt);
    expect(said('outage-ended').map(({ ending }) => ending)).toEqual(['ended']);
    expect(cloud.restarts()).toHaveLength(1);
    const { verdict } = await daemon.get<{ verdict: { reason: string; until: unknown } }>('/api/v1/tasks/short-0001');
    expect(verdict).toMatchObject({ reason: 'ended', until: 'never' });
  });

  it('a hold set while restarts wait in their lane: what waits is not sent', async () => {
    const { cloud, metric, said, threeMorePolls } = accountOf('lane');
    await until('all are seen', async () => (await metric('task_up')) === 24, see);
    cloud.act({ kind: 'stop', cloudGroup: 'vip', count: 24 });
    await until('some are sent', () => cloud.restarts().length >= 2, see);
    const { status } = await daemon.ask('POST', '/api/v1/holds', {
      account: 'lane',
      target: { kind: 'group', group: 'lane' },
      reason: 'the encoder is moved',
    });
    expect(status).toBe(201);
    // As counted, since a line of the log may be on its way.
    const intended = await metric('restarts_total');
    await threeMorePolls();
    expect(said('restart-intended').length).toBe(intended);
    expect(cloud.restarts().length).toBe(intended);
    expect(intended).toBeLessThan(24);
    expect(await metric('tasks_waiting', { reason: 'held' })).toBe(24 - intended);
  });

  it('quarantine, release, recovery', async () => {
    const { cloud, metric, said, saying } = accountOf('ill');
    await saying('task-quarantined');
    expect(await metric('tasks_given_up', { stage: 'quarantined' })).toBe(1);
    expect(cloud.restarts()).toHaveLength(3);
    for (const gapMs of gaps(cloud.restarts())) expect(gapMs).toBeGreaterThanOrEqual(1_000 - 100);
    expect((await daemon.ask('POST', '/api/v1/tasks/ill-0001/release', { by: 'lin' })).status).toBe(200);
    await saying('outage-ended', { ending: 'recovered' });
    expect(cloud.restarts()).toHaveLength(4);
    expect(await metric('tasks_given_up')).toBe(0);
    expect(said('task-released')[0]?.by).toBe('lin');
  });

  it("an operator's restart of an abandoned task: it is sent, it works, and the rules have the task again", async () => {
    const { cloud, metric, saying, threeMorePolls } = accountOf('lost');
    await saying('task-abandoned');
    expect(await metric('tasks_given_up', { stage: 'abandoned' })).toBe(1);
    cloud.act({ kind: 'edit', taskId: 'lost-0001', change: { life: { restartsInVain: 0 } } });
    const inVain = cloud.restarts().length;
    await threeMorePolls();
    expect(cloud.restarts()).toHaveLength(inVain);
    const { status, text } = await daemon.ask('POST', '/api/v1/tasks/lost-0001/restart', { by: 'lin' });
    expect([status, text]).toEqual([200, expect.stringContaining('accepted')]);
    await saying('outage-ended', { ending: 'recovered' });
    expect(await metric('restarts_total', { trigger: 'manual' })).toBe(1);
    expect(await metric('tasks_given_up')).toBe(0);
    cloud.act({ kind: 'stop', taskId: 'lost-0001' });
    await until('it is kept again', () => cloud.restarts().length === inVain + 2 && cloud.count('停用') === 0, see);
  });
});
