/** Some of the histories once more, through the process and with short policies; all of them are in test/sim. */
import { describe, expect, it } from 'vitest';
import type { Arrival } from '../../src/simulator/arrivals.ts';
import { account, env, type PretendCloud, tasks } from './cloud.ts';
import { plainServer, Stage, until } from './daemon.ts';

const config = (cloud: PretendCloud, policy: object, more: object = {}) => ({
  log: { level: 'debug' },
  server: plainServer,
  accounts: [account(cloud, 'main', more)],
  defaults: policy,
  groups: [{ name: 'vip' }],
});

const gaps = (arrivals: readonly Arrival[]) =>
  arrivals.slice(1).map(({ at }, index) => at - (arrivals[index]?.at ?? 0));

describe.concurrent('histories', () => {
  it('60 of 90 stop at once: a storm paces the restarts, all are healed, and it is over', async () => {
    await using stage = new Stage();
    const cloud = await stage.cloud({ tasks: tasks('storm', 90) });
    const daemon = await stage.start({ folder: stage.folder(), env, config: config(cloud, { verifyWithin: '2s' }) });
    await until('all are seen', async () => (await daemon.metric('task_up')) === 90);
    const stoppedAt = Date.now();
    cloud.act({ kind: 'stop', cloudGroup: 'vip', count: 60 });
    await daemon.saying('storm-started');
    expect(await daemon.metric('storm', { group: 'vip' })).toBe(1);
    await until(
      'all run again',
      () => cloud.count('停用') === 0,
      () => daemon.tail(),
    );
    const healedMs = Date.now() - stoppedAt;
    await until(
      'both storms are over',
      () => daemon.said('storm-ended').length === daemon.said('storm-started').length,
    );
    await until('no storm in the metrics', async () => (await daemon.metric('storm')) === 0);
    expect(cloud.restarts()).toHaveLength(60);
    // Three, then two more for each one healed: never all at once.
    const inFirstSecond = cloud.restarts().filter(({ at }) => at < (cloud.restarts()[0]?.at ?? 0) + 200);
    expect(inFirstSecond.length).toBeLessThanOrEqual(3);
    expect(cloud.world.arrivals.worstSecond).toBeLessThanOrEqual(10);
    expect(healedMs).toBeGreaterThan(6_000);
    await until(
      'every outage is told as recovered',
      () => daemon.said('outage-ended', { ending: 'recovered' }).length === 60,
    );
  });

  it('EndTime inside a backoff: tried while it is worth it, then not at all; one ending, ended', async () => {
    await using stage = new Stage();
    const cloud = await stage.cloud();
    const policy = { verifyWithin: '1s', endGuard: '1s', backoff: { initial: '30s', jitter: 0 } };
    const daemon = await stage.start({ folder: stage.folder(), env, config: config(cloud, policy) });
    await daemon.saying('poll-completed');
    const endsAt = Math.floor(Date.now() / 1_000) * 1_000 + 8_000;
    for (const task of tasks('short', 1, { stopped: true, endsAt, life: { restartsInVain: 99 } }))
      cloud.act({ kind: 'create', task });
    await daemon.saying('outage-ended');
    expect(Date.now()).toBeGreaterThanOrEqual(endsAt);
    expect(daemon.said('outage-ended').map(({ ending }) => ending)).toEqual(['ended']);
    expect(cloud.restarts()).toHaveLength(1);
    const { verdict } = await daemon.get<{ verdict: { reason: string; until: unknown } }>('/api/v1/tasks/short-0001');
    expect(verdict).toMatchObject({ reason: 'ended', until: 'never' });
  });

  it('a hold set while restarts wait in their lane: what waits is not sent', async () => {
    await using stage = new Stage();
    const cloud = await stage.cloud({ tasks: tasks('lane', 12, { stopped: true }) });
    const daemon = await stage.start({
      folder: stage.folder(),
      env,
      config: config(cloud, { storm: false }, { storm: false, rateLimit: { perSecond: 2 } }),
    });
    await until(
      'some are sent',
      () => cloud.restarts().length >= 2,
      () => daemon.tail(),
    );
    const { status } = await daemon.ask('POST', '/api/v1/holds', {
      target: { kind: 'group', group: 'vip' },
      reason: 'the encoder is moved',
    });
    expect(status).toBe(201);
    const intended = daemon.said('restart-intended').length;
    const polls = () => daemon.said('poll-completed').length;
    const before = polls();
    await until('three more polls', () => polls() >= before + 3);
    expect(daemon.said('restart-intended').length).toBe(intended);
    expect(cloud.restarts().length).toBe(intended);
    expect(intended).toBeLessThan(12);
    expect(await daemon.metric('tasks_waiting', { reason: 'held' })).toBe(12 - intended);
  });

  it('quarantine, release, recovery', async () => {
    await using stage = new Stage();
    const cloud = await stage.cloud({ tasks: tasks('ill', 1, { stopped: true, life: { restartsInVain: 3 } }) });
    const policy = {
      verifyWithin: '1s',
      attempts: 3,
      storm: false,
      backoff: { initial: '200ms', max: '200ms', jitter: 0 },
      quarantine: { retryEvery: '1h' },
    };
    const daemon = await stage.start({ folder: stage.folder(), env, config: config(cloud, policy) });
    await daemon.saying('task-quarantined');
    expect(await daemon.metric('tasks_given_up', { stage: 'quarantined' })).toBe(1);
    expect(cloud.restarts()).toHaveLength(3);
    for (const gapMs of gaps(cloud.restarts())) expect(gapMs).toBeGreaterThanOrEqual(1_000 - 100);
    expect((await daemon.ask('POST', '/api/v1/tasks/ill-0001/release', { by: 'lin' })).status).toBe(200);
    await daemon.saying('outage-ended', { ending: 'recovered' });
    expect(cloud.restarts()).toHaveLength(4);
    expect(await daemon.metric('tasks_given_up')).toBe(0);
    expect(daemon.said('task-released')[0]?.by).toBe('lin');
  });

  it("an operator's restart of an abandoned task: it is sent, it works, and the rules have the task again", async () => {
    await using stage = new Stage();
    const cloud = await stage.cloud({ tasks: tasks('lost', 1, { stopped: true, life: { restartsInVain: 99 } }) });
    const policy = {
      verifyWithin: '1s',
      attempts: 1,
      storm: false,
      quarantine: { retryEvery: '2s', abandonAfter: '2s' },
    };
    const daemon = await stage.start({ folder: stage.folder(), env, config: config(cloud, policy) });
    await daemon.saying('task-abandoned');
    expect(await daemon.metric('tasks_given_up', { stage: 'abandoned' })).toBe(1);
    cloud.act({ kind: 'edit', taskId: 'lost-0001', change: { life: { restartsInVain: 0 } } });
    const inVain = cloud.restarts().length;
    const polls = () => daemon.said('poll-completed').length;
    const before = polls();
    await until('three more polls', () => polls() >= before + 3);
    expect(cloud.restarts()).toHaveLength(inVain);
    const { status, text } = await daemon.ask('POST', '/api/v1/tasks/lost-0001/restart', { by: 'lin' });
    expect([status, text]).toEqual([200, expect.stringContaining('accepted')]);
    await daemon.saying('outage-ended', { ending: 'recovered' });
    expect(await daemon.metric('restarts_total', { trigger: 'manual' })).toBe(1);
    expect(await daemon.metric('tasks_given_up')).toBe(0);
    cloud.act({ kind: 'stop', taskId: 'lost-0001' });
    await until(
      'it is kept again',
      () => cloud.restarts().length === inVain + 2 && cloud.count('停用') === 0,
      () => daemon.tail(),
    );
  });
});
