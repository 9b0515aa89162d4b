/** The main job, through the process: what stopped comes back, within the limit as the cloud counts it. */
import { describe, expect, it } from 'vitest';
import type { StatusView } from '../../src/domain/views/shown.ts';
import { likeVendor } from '../../src/simulator/world.ts';
import { account, env, tasks } from './cloud.ts';
import { plainServer, Stage, until } from './daemon.ts';
import { onCall } from './on-call.ts';

describe.concurrent('against a server that counts a sliding second over all actions', () => {
  it('whatever the calls take: never more than 10, none throttled, every stopped task healed, none outside touched, none restarted after its end', async () => {
    await using stage = new Stage();
    const cloud = await stage.cloud({
      parameters: { latency: { uplinkMs: [0, 250], downlinkMs: [0, 250] } },
      tasks: [
        ...tasks('vip-runs', 60),
        ...tasks('vip-stops', 40),
        ...tasks('vip-ended', 5, { stopped: true, endsAt: Date.now() - 1_000 }),
        ...tasks('other-stopped', 20, { stopped: true, cloudGroup: 'default' }),
      ],
    });
    const daemon = await stage.start({
      folder: stage.folder(),
      env,
      config: {
        server: plainServer,
        accounts: [
          account(cloud, 'main', {
            storm: false,
            // On a machine that is busy an answer may take longer than the cloud takes for it, and that is no error here.
            requestTimeout: '30s',
            poll: { schedule: '* * * * * *', verifyEvery: '500ms', pageSize: 25 },
          }),
        ],
        defaults: {
          storm: false,
          budget: false,
          // Longer than a call is on its way: what is decided before the end must not arrive after it.
          endGuard: '5s',
          verifyWithin: '1s',
          attempts: 50,
          backoff: { initial: '300ms', max: '1s' },
        },
        // Everything is listed, the cloud group that nobody keeps as well.
        groups: [{ name: 'vip', match: { cloudGroup: ['v?p'] } }],
      },
    });
    await until('all are known', async () => (await daemon.metric('tasks')) === 105);
    // Their end comes while they are tried again and again.
    const endsAt = Date.now() + 25_000;
    for (const task of tasks('vip-ends', 6, { stopped: true, endsAt, life: { restartsInVain: 99 } }))
      cloud.act({ kind: 'create', task });
    await until(
      'they are tried',
      () => cloud.restarts('vip-ends-0001').length > 0,
      () => daemon.tail(),
    );
    for (const { taskId = '' } of tasks('vip-stops', 40)) cloud.act({ kind: 'stop', taskId });
    await until(
      'every stopped task runs and the short ones have ended',
      () => cloud.count('停用', 'vip-stops') === 0 && cloud.count('已结束', 'vip-ends') === 6,
      () => daemon.tail(),
    );
    const endedSeen = cloud.lists().length;
    await until('polls have seen the end', () => cloud.lists().length > endedSeen + 15);
    const { worstSecond, throttled } = cloud.world.arrivals;
    expect(throttled).toBe(0);
    expect(worstSecond).toBeLessThanOrEqual(10);
    // Else the limit was never felt: ten a second let the last of forty wait for three seconds.
    expect(await daemon.metric('api_rate_limit_wait_seconds_sum', { lane: 'restart' })).toBeGreaterThan(1);
    expect(cloud.count('生效中', 'vip-runs')).toBe(60);
    expect(cloud.restarts().filter(({ taskId }) => !/^vip-(stops|ends)-/.test(taskId ?? ''))).toEqual([]);
    expect(cloud.restarts().filter(({ statusBefore }) => statusBefore !== '停用')).toEqual([]);
    expect(await daemon.metric('api_errors_total')).toBe(0);
    expect(await daemon.metric('restarts_total', { group: 'vip' })).toBe(cloud.restarts().length);
  });
});

/** What a viewer of the last of 40 may wait where the cloud takes one restart a second; exact in `sim/limits.test.ts`. */
const allUpWithinMs = 44_000;
/** A second from answer to restart, and what both processes may take beside all other tests: half the pace takes two. */
const restartEveryMs = 1_900;

describe.concurrent("within BytePlus' limits, with default settings", () => {
  it('40 of 100 that are stopped are up within 44 s, at most two calls are throttled, lists go on; the region is found, reported, and remembered', async () => {
    await using stage = new Stage();
    const region = 'cn-north-1';
    const cloud = await stage.cloud({
      parameters: { ...likeVendor.byteplus, signature: { region } },
      tasks: [...tasks('runs', 60), ...tasks('stopped', 40, { stopped: true })],
    });
    const { endpoint, credentials, name } = account(cloud);
    const config = {
      server: plainServer,
      accounts: [{ name, provider: 'byteplus', endpoint, credentials }],
      groups: [{ name: 'vip' }],
    };
    const folder = stage.folder();
    const daemon = await stage.start({ folder, env, config });
    const see = () => daemon.tail();
    await until('all run', () => cloud.count('生效中') === 100, see, 4 * allUpWithinMs);
    // The median: beside other tests a single answer may take its time.
    const sentAt = cloud.restarts().map(({ at }) => at);
    const waits = sentAt.slice(1).map((at, index) => at - (sentAt[index] ?? at));
    expect(waits.toSorted((a, b) => a - b)[20]).toBeLessThan(restartEveryMs);
    // The pace of the calls is the clock here: restarts do not wait for the second poll, and lists go on between them.
    const calls = cloud.arrivals.map(({ action }) => (action.startsWith('List') ? 'L' : 'R')).join('');
    expect(calls).toMatch(/^L{1,4}R/);
    expect(Math.max(...calls.split('L').map(({ length }) => length))).toBeLessThan(10);
    // The first call was signed for the region that the pages name.
    expect(cloud.arrivals.map(({ outcome }) => outcome).slice(0, 2)).toEqual(['InvalidCredential', 'ok']);
    await daemon.saying('region-found', { region });
    expect((await daemon.get<StatusView>('/api/v1/status')).accounts[0]?.region).toBe(region);
    expect((await onCall(folder, 'status')).stdout).toMatch(/^main\tbyteplus\tcn-north-1\t/m);

    expect(cloud.arrivals.slice(1).filter(({ outcome }) => outcome !== 'ok').length).toBeLessThanOrEqual(2);
    expect(cloud.restarts()).toHaveLength(40);
    await daemon.stop();
    const before = cloud.arrivals.length;
    const next = await stage.start({ folder, env });
    await until(
      'it lists',
      () => cloud.arrivals.length > before,
      () => next.tail(),
    );
    expect(cloud.arrivals[before]?.outcome).toBe('ok');
    expect(next.said('region-found')).toEqual([]);
  });
});
