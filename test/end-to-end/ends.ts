/** Ends of the process, wanted and unwanted: kill -9 at any moment, SIGTERM in the middle of things. */
import { describe, expect, it } from 'vitest';
import type { Arrival } from '../../src/simulator/arrivals.ts';
import { account, env, type PretendCloud, tasks } from './cloud.ts';
import { type Daemon, endOf, plainServer, Stage, sleep, until } from './daemon.ts';

const backoffMs = 4_000;

interface StoredEvent {
  readonly event: { readonly at: number };
}
interface Hold {
  readonly id: string;
}
interface Task {
  readonly firstSeenAt: number;
  readonly outage: { readonly id: string; readonly attempts: number } | null;
}

/** When to kill, in terms of what the cloud or the log shows. */
type Moment =
  | 'as soon as the list has arrived'
  | 'at the first word of an intent'
  | 'while the call is on its way'
  | 'at the moment the call arrives'
  | 'after the effect, before the answer'
  | 'at the first word of an answer';

const moments: readonly Moment[] = [
  'as soon as the list has arrived',
  'at the first word of an intent',
  'while the call is on its way',
  'at the moment the call arrives',
  'after the effect, before the answer',
  'at the first word of an answer',
];

describe.concurrent('kill -9 and start again: no attempt closer to the last than the backoff, no hold and no record lost', () => {
  it.each([moments.slice(0, 3), moments.slice(3)])('%s, %s, %s', async (...killedAt) => {
    await using stage = new Stage();
    let onArrival = (_arrival: Arrival) => {};
    const cloud = await stage.cloud({
      tasks: [
        ...tasks('dead', 3, { stopped: true, life: { restartsInVain: 99 } }),
        ...tasks('held', 1, { stopped: true }),
        ...tasks('runs', 5),
      ],
      parameters: { latency: { uplinkMs: [60, 60], downlinkMs: [60, 60] } },
      onArrival: (arrival) => onArrival(arrival),
    });
    const config = {
      log: { level: 'debug' },
      server: plainServer,
      accounts: [account(cloud)],
      defaults: {
        attempts: 20,
        storm: false,
        verifyWithin: '1s',
        backoff: { initial: `${backoffMs}ms`, factor: 1, max: '1m', jitter: 0 },
        // Time to set the hold before anything is restarted.
        confirm: 3,
      },
      groups: [{ name: 'vip' }],
    };
    const path = stage.folder();
    let daemon = await stage.start({ folder: path, env, config });
    await until('the task is known', async () => (await daemon.ask('GET', '/api/v1/tasks/held-0001')).status === 200);
    const held = await daemon.ask('POST', '/api/v1/holds', {
      target: { kind: 'task', taskId: 'held-0001' },
      reason: 'kept over every kill',
    });
    const hold = (held.json as Hold).id;
    const before = await daemon.get<Task>('/api/v1/tasks/dead-0001');

    for (const moment of killedAt) {
      await whenItIs(moment, daemon, cloud, (listen) => {
        onArrival = listen;
      });
      await daemon.kill();
      onArrival = () => {};
      cloud.mend();
      daemon = await stage.start({ folder: path, env });
    }
    const tried = cloud.restarts().length;
    await until(
      'each dead task is tried again',
      () => cloud.restarts().length >= tried + 3,
      () => daemon.tail(),
    );
    expect((await daemon.get<Hold[]>('/api/v1/holds')).map(({ id }) => id)).toEqual([hold]);
    expect(cloud.restarts('held-0001')).toEqual([]);
    const after = await daemon.get<Task>('/api/v1/tasks/dead-0001');
    expect(after.firstSeenAt).toBe(before.firstSeenAt);
    expect(after.outage?.id).toBe(before.outage?.id);
    for (const id of ['dead-0001', 'dead-0002', 'dead-0003']) {
      const events = await daemon.get<StoredEvent[]>(`/api/v1/events?type=restart-intended&task=${id}&limit=1000`);
      const intendedAt = events.map(({ event }) => event.at).reverse();
      const arrivedAt = cloud.restarts(id).map(({ at }) => at);
      expect(arrivedAt.length).toBeGreaterThan(0);
      // Each call had its own intent on disk; a crash costs a few intents, never a second call.
      expect(arrivedAt.length).toBeLessThanOrEqual(intendedAt.length);
      for (const gapMs of gaps(intendedAt)) expect(gapMs).toBeGreaterThanOrEqual(backoffMs);
      // From its intent to its arrival a call takes as long as it takes; the next is intended after that.
      for (const [index, at] of arrivedAt.slice(1).entries())
        expect(intendedAt.some((intended) => intended > (arrivedAt[index] ?? 0) && intended <= at)).toBe(true);
    }
    expect(cloud.world.arrivals.worstSecond).toBeLessThanOrEqual(10);
  });
});

const gaps = (times: readonly number[]) => times.slice(1).map((at, index) => at - (times[index] ?? 0));

/** Resolves at the very moment. */
async function whenItIs(
  moment: Moment,
  daemon: Daemon,
  cloud: PretendCloud,
  listen: (onArrival: (arrival: Arrival) => void) => void,
): Promise<void> {
  const restart = ({ action }: Arrival) => action.startsWith('Restart');
  const arrived = (wanted: (arrival: Arrival) => boolean) =>
    new Promise<void>((resolve) => listen((arrival) => wanted(arrival) && resolve()));
  switch (moment) {
    case 'as soon as the list has arrived':
      return arrived(({ action }) => action.startsWith('List'));
    case 'at the first word of an intent':
      await daemon.saying('restart-intended');
      return;
    case 'while the call is on its way':
      cloud.fault({ match: { action: 'restart' }, effect: { kind: 'slow-up', ms: [300, 300] } });
      await daemon.saying('restart-intended');
      return sleep(150);
    case 'at the moment the call arrives':
      return arrived(restart);
    case 'after the effect, before the answer':
      cloud.fault({ match: { action: 'restart' }, effect: { kind: 'slow-down', ms: [300, 300] } });
      await arrived(restart);
      return sleep(150);
    case 'at the first word of an answer':
      await daemon.saying('restart-answered');
      return;
    default:
      moment satisfies never;
  }
}

describe.concurrent('SIGTERM', () => {
  it('during a burst of restarts: no new calls, those in flight are finished and recorded, exit 0 within the request timeout', async () => {
    await using stage = new Stage();
    const cloud = await stage.cloud({
      tasks: tasks('burst', 60, { stopped: true }),
      parameters: { latency: { uplinkMs: [300, 300], downlinkMs: [500, 500] } },
    });
    const path = stage.folder();
    const requestTimeoutMs = 20_000;
    const config = {
      log: { level: 'debug' },
      server: plainServer,
      accounts: [account(cloud, 'main', { requestTimeout: `${requestTimeoutMs}ms`, storm: false })],
      defaults: { storm: false },
      groups: [{ name: 'vip' }],
    };
    const daemon = await stage.start({ folder: path, env, config });
    await until(
      'the burst is on',
      () => cloud.restarts().length >= 8,
      () => daemon.tail(),
    );
    const toldAt = performance.now();
    const { code, signal } = await daemon.stop();
    const tookMs = performance.now() - toldAt;
    expect([code, signal]).toEqual([0, null]);
    expect(tookMs, daemon.tail()).toBeLessThan(requestTimeoutMs);

    const stopping = daemon.lines.findIndex(({ event }) => event === 'stopping');
    const intendedAfter = daemon.lines.slice(stopping).filter(({ event }) => event === 'restart-intended');
    expect(stopping).toBeGreaterThan(0);
    expect(intendedAfter).toEqual([]);
    const sent = daemon.said('restart-intended').length;
    expect(sent).toBeLessThan(60);
    expect(daemon.said('restart-answered', { answer: 'accepted' })).toHaveLength(sent);
    await until('all that was sent has arrived', () => cloud.restarts().length === sent);
    expect(daemon.lines.at(-1)?.event).toBe('stopped');

    // On disk as well: the next process knows every answer.
    const next = await stage.start({ folder: path, env });
    const answered = await next.get<unknown[]>('/api/v1/events?type=restart-answered&limit=1000');
    expect(answered.length).toBe(sent);
  });

  it('a second one ends a process that cannot wait, and Ctrl-C is as good', async () => {
    await using stage = new Stage();
    const cloud = await stage.cloud({ tasks: tasks('slow', 3, { stopped: true }) });
    cloud.fault({ match: { action: 'restart' }, effect: { kind: 'stall', when: 'before' } });
    const daemon = await stage.start({
      folder: stage.folder(),
      env,
      config: {
        server: plainServer,
        accounts: [account(cloud, 'main', { requestTimeout: '60s' })],
        groups: [{ name: 'vip' }],
      },
    });
    await until(
      'a call hangs',
      () => cloud.restarts().length > 0,
      () => daemon.tail(),
    );
    daemon.child.kill('SIGINT');
    await daemon.saying('stopping');
    expect(daemon.running).toBe(true);
    daemon.child.kill('SIGINT');
    expect(endOf(await daemon.ended)).toBe(130);
  });
});
