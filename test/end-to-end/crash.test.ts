/**
 * kill -9 at every point of one history, on a real disk: each call at the moment it reaches the cloud and before it is
 * answered, each line of the log as it is written. Then a fresh process on what the dead one left.
 */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import type { Event } from '../../src/domain/words/events.ts';
import { account, env, type PretendCloud, tasks } from './cloud.ts';
import { type Daemon, plainServer, Stage, until } from './daemon.ts';

const backoffMs = 500;
const attempts = 3;

const config = (cloud: PretendCloud) => ({
  server: plainServer,
  log: { level: 'debug' },
  store: 'sqlite:rk.db',
  accounts: [account(cloud, 'main', { storm: false, poll: { schedule: '* * * * * *', verifyEvery: '500ms' } })],
  defaults: {
    storm: false,
    attempts,
    verifyWithin: '1s',
    backoff: { initial: `${backoffMs}ms`, max: '1s', jitter: 0 },
    quarantine: { retryEvery: '1h' },
  },
  groups: [{ name: 'vip' }],
});

/** Five come back, one is refused each time, one is accepted each time and never runs. */
const openWorld = (stage: Stage, onArrival: () => void) =>
  stage.cloud({
    onArrival,
    parameters: { latency: { uplinkMs: [10, 20], downlinkMs: [10, 20] } },
    tasks: [
      ...tasks('runs', 3),
      ...tasks('comes-back', 5, { stopped: true }),
      ...tasks('refused', 1, { stopped: true }),
      ...tasks('dead', 1, { stopped: true, life: { restartsInVain: Number.POSITIVE_INFINITY } }),
    ],
    faults: [
      {
        match: { action: 'restart', taskId: 'refused-0001' },
        effect: { kind: 'error', code: 'ResourceNotFound', status: 404 },
      },
    ],
  });

type Kind = { readonly arrival: string } | { readonly line: string };
type Point = Kind & { readonly nth: number };

const restartCall = 'RestartPullToPushTask';
const listCall = 'ListPullToPushTaskV2';
const points: readonly Point[] = [
  ...[1, 2, 3, 5].map((nth) => ({ arrival: listCall, nth })),
  ...[1, 2, 4, 7, 8, 10].map((nth) => ({ arrival: restartCall, nth })),
  ...['started', 'owner-gained', 'listening', 'poll-completed'].map((line) => ({ line, nth: 1 })),
  ...[1, 4].map((nth) => ({ line: 'outage-opened', nth })),
  ...[1, 3, 7].map((nth) => ({ line: 'restart-intended', nth })),
  ...[1, 5].map((nth) => ({ line: 'restart-answered', nth })),
  ...[1, 4].map((nth) => ({ line: 'restart-worked', nth })),
  ...['restart-failed', 'restart-proved', 'outage-ended', 'task-quarantined'].map((line) => ({ line, nth: 1 })),
];
const nameOf = (point: Point) =>
  'arrival' in point
    ? `call ${point.nth} of ${point.arrival} arrives`
    : `${point.line} is logged for time ${point.nth}`;

/** Every event on the disk, oldest first. Only read once the process is dead. */
function onDisk(folder: string): readonly Event[] {
  const file = new DatabaseSync(join(folder, 'rk.db'), { readOnly: true });
  try {
    return file
      .prepare('select body from event order by seq')
      .all()
      .map(({ body }) => JSON.parse(String(body)));
  } catch (error) {
    // Killed before the tables were made: then it was before any call too.
    if (String(error).includes('no such table')) return [];
    throw error;
  } finally {
    file.close();
  }
}

const of = <T extends Event['type']>(events: readonly Event[], type: T, taskId: string) =>
  events.filter(
    (event): event is Extract<Event, { type: T }> =>
      event.type === type && 'taskId' in event && event.taskId === taskId,
  );

function killAt(
  point: Point,
  daemon: () => Daemon | undefined,
): { reached: () => boolean; arrived: (action: string) => void } {
  let arrivals = 0;
  let dead = false;
  const kill = () => {
    dead = true;
    daemon()?.child.kill('SIGKILL');
  };
  return {
    reached() {
      if (!dead && !(daemon()?.running ?? true)) throw new Error(`it ended by itself: ${daemon()?.tail()}`);
      if (!dead && 'line' in point && (daemon()?.said(point.line).length ?? 0) >= point.nth) kill();
      return dead;
    },
    arrived(action) {
      if (!dead && 'arrival' in point && action === point.arrival && ++arrivals === point.nth) kill();
    },
  };
}

/** So many histories at a time: each has a process that starts twice, and costs some seconds. */
const atOnce = 5;
/** `CRASH_POINTS=all` kills at every one; else at every sixth: the swarm dies everywhere. */
const chosen = process.env.CRASH_POINTS === 'all' ? points : points.filter((_, index) => index % 6 === 4);
const batches = Array.from({ length: Math.ceil(chosen.length / atOnce) }, (_, batch) =>
  chosen.slice(batch * atOnce, (batch + 1) * atOnce),
);

describe.each(batches.map((batch) => [batch] as const))('killed when', (batch) => {
  it.concurrent.each(batch.map((point) => [nameOf(point), point] as const))('%s', async (_name, point) => {
    await using stage = new Stage();
    const folder = stage.folder();
    let first: Daemon | undefined;
    const killing = killAt(point, () => first);
    const cloud = await openWorld(stage, () => {
      const action = cloud.arrivals.at(-1)?.action;
      if (action !== undefined) killing.arrived(action);
    });
    first = stage.spawn({ folder, env, config: config(cloud) });
    await until('the point is reached', killing.reached, () => first?.tail() ?? '');
    expect((await first.ended).signal).toBe('SIGKILL');

    // What has reached the cloud stands on the disk: the attempt is counted before it is made.
    const left = point.nth === 1 && 'line' in point && point.line === 'started' ? [] : onDisk(folder);
    for (const { taskId = '' } of cloud.restarts())
      expect(of(left, 'restart-intended', taskId).length).toBeGreaterThanOrEqual(cloud.restarts(taskId).length);

    const second = await stage.start({ folder, env });
    const ids = [...cloud.world.tasks.keys()];
    await until(
      'all that can run does, and the others are quarantined',
      () =>
        cloud.count('停用', 'comes-back') === 0 &&
        second.said('task-quarantined').length +
          of(left, 'task-quarantined', 'dead-0001').length +
          of(left, 'task-quarantined', 'refused-0001').length >=
          2,
      () => second.tail(),
    );
    await until(
      'their outages end',
      () =>
        ids
          .filter((id) => id.startsWith('comes-back'))
          .every((id) => of(left, 'outage-ended', id).length + second.said('outage-ended', { task: id }).length > 0),
      () => second.tail(),
    );
    expect((await second.stop()).code).toBe(0);
    expect(second.stderr).toBe('');
    expect(second.said('tick-failed')).toEqual([]);

    const after = onDisk(folder);
    expect(after.slice(0, left.length)).toEqual(left);
    expect(cloud.world.arrivals).toMatchObject({ throttled: 0 });
    expect(cloud.world.arrivals.worstSecond).toBeLessThanOrEqual(10);
    expect(cloud.restarts().filter(({ statusBefore }) => statusBefore !== '停用')).toEqual([]);
    for (const id of ids) {
      // The crash costs no second call: neither sooner than the backoff, nor more of them than the policy allows.
      const intents = of(after, 'restart-intended', id).map(({ at }) => at);
      for (const [index, at] of intents.slice(1).entries())
        expect(at - (intents[index] ?? 0)).toBeGreaterThanOrEqual(backoffMs);
      expect(intents.length).toBeLessThanOrEqual(id.startsWith('runs') ? 0 : attempts);
      expect(cloud.restarts(id).length).toBeLessThanOrEqual(intents.length);
      expect(of(after, 'outage-opened', id)).toHaveLength(id.startsWith('runs') ? 0 : 1);
      expect(of(after, 'task-found', id)).toHaveLength(1);
    }
  });
});
