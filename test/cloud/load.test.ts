/**
 * The real gate and the real client together, against the pretend cloud on a virtual clock: who goes next under load,
 * and whether what the metrics tell of it is true. Judged by what arrives at the cloud.
 */
import { describe, expect, test } from 'vitest';
import { pretendTransport } from '../../src/app/pretend.ts';
import { createCloud } from '../../src/cloud/client.ts';
import { createGate } from '../../src/cloud/limiter/gate.ts';
import type { Cloud } from '../../src/domain/ports/cloud-port.ts';
import type { Gate, Lane } from '../../src/domain/ports/gate-port.ts';
import type { Arrival } from '../../src/simulator/arrivals.ts';
import { createWorld } from '../../src/simulator/world.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { VirtualClock } from '../sim/virtual-clock.ts';
import { accountView, knownCodes, policies, samplesOf, scraped, snapshot } from '../telemetry/samples.ts';
import { keys, never, staticKeys } from './fixtures.ts';
import { lanes } from './limiter-world.ts';

const begin = Date.UTC(2026, 0, 5);
const hourMs = 3_600_000;

interface Stand {
  readonly clock: VirtualClock;
  readonly gate: Gate;
  readonly cloud: Cloud;
  readonly arrivals: Arrival[];
  readonly waits: { readonly lane: Lane; readonly waitedMs: number }[];
  restart(): Promise<void>;
}

/** 2,000 tasks in pages of ten: 200 pages. */
function stand(): Stand {
  const clock = new VirtualClock(begin);
  const arrivals: Arrival[] = [];
  const waits: { lane: Lane; waitedMs: number }[] = [];
  const world = createWorld({
    seed: 4,
    now: begin,
    keys: [keys],
    parameters: { latency: { uplinkMs: [20, 20], downlinkMs: [20, 20] } },
    tasks: Array.from({ length: 2_000 }, (_, index) => ({
      taskId: `t${index}`,
      title: `t${index}`,
      cloudGroup: index < 300 ? 'vip' : 'other',
      startsAt: begin - hourMs,
      endsAt: begin + 24 * hourMs,
      stopped: true,
    })),
    watch: (arrival) => arrivals.push(arrival),
  });
  const gate = createGate({
    perSecond: 10,
    spacing: 'even',
    clock,
    onWait: (lane, waitedMs) => waits.push({ lane, waitedMs }),
  });
  const cloud = createCloud({
    account: 'main',
    provider: 'volcengine',
    credentials: staticKeys,
    env: {},
    subAccount: false,
    cloudGroups: ['*'],
    pageSize: 10,
    requestTimeoutMs: 10_000,
    restartAction: 'auto',
    retiredActions: () => [],
    fingerprintKey: 'k',
    gate,
    clock,
    transport: pretendTransport(world, clock),
    onTrace: () => {},
  });
  const restart = async () => {
    const permit = await gate.acquire('restart');
    await cloud.restart({ taskId: 't1', cloudGroup: 'vip' }, permit, () => true);
  };
  return { clock, gate, cloud, arrivals, waits, restart };
}

const isList = ({ action }: Arrival) => action.startsWith('List');

describe('who goes next', () => {
  test('a restart asked for while a list of 200 pages is read and 200 more calls for pages wait is the next call', async () => {
    const { clock, gate, cloud, arrivals, restart } = stand();
    const poll = cloud.observe(never);
    for (let page = 0; page < 200; page++) void gate.acquire('poll').then((permit) => permit.done('unused'));
    await clock.run(5_000);
    expect(gate.snapshot().queued.poll).toBeGreaterThanOrEqual(1);
    const before = arrivals.length;
    void restart();
    await clock.run(150);
    expect(arrivals.slice(before).map(({ action }) => action)[0]).toBe('RestartPullToPushTask');
    await clock.run(60_000);
    expect(await poll).toMatchObject({ kind: 'complete', drift: false });
  });

  test('under endless restarts verify and poll together have at least three of any ten calls, and the list is read', async () => {
    const { clock, cloud, arrivals, restart } = stand();
    const over = new AbortController();
    const endless = async () => {
      while (!over.signal.aborted) await restart();
    };
    for (let caller = 0; caller < 20; caller++) void endless();
    const poll = cloud.observe(never);
    const look = cloud.look(['vip'], never);
    await clock.run(60_000);
    // From the first page that says how many more there are, to the last one.
    const from = arrivals.findIndex(isList);
    const lists = arrivals.slice(from, arrivals.findLastIndex(isList) + 1);
    expect(lists.length).toBeGreaterThan(500);
    for (let first = 0; first + 10 <= lists.length; first++)
      expect(lists.slice(first, first + 10).filter(isList).length).toBeGreaterThanOrEqual(3);
    expect((await look).items).toHaveLength(300);
    over.abort();
    await clock.run(60_000);
    expect(await poll).toMatchObject({ kind: 'complete' });
  });
});

test('rate, queues and waits as /metrics tells them are those of the callers and of the arrivals', async () => {
  const { clock, gate, cloud, arrivals, waits, restart } = stand();
  const metrics = createMetrics({
    version: '1',
    revision: 'r',
    maxTaskSeries: () => 0,
    knownCodes,
    processMetrics: false,
  });
  metrics.configure([policies('main')]);
  const poll = cloud.observe(never);
  const look = cloud.look(['vip'], never);
  const asked: Record<'restart' | 'other', number[]> = { restart: [], other: [] };
  const gone: Record<'restart' | 'other', number[]> = { restart: [], other: [] };
  for (let call = 0; call < 40; call++) {
    asked.restart.push(clock.monotonic());
    void restart().then(() => {});
    asked.other.push(clock.monotonic());
    void gate.acquire('other').then((permit) => {
      gone.other.push(clock.monotonic());
      permit.done('unused');
    });
    await clock.run(137);
    const text = await scraped(metrics, [
      snapshot({ account: accountView({ account: 'main', gate: gate.snapshot() }) }),
    ]);
    const reported = samplesOf(text);
    const queued = (lane: Lane) => reported.get(`relaykeeper_api_queue_length{account="main",lane="${lane}"}`);
    const sent = waits.filter(({ lane }) => lane === 'restart').length;
    expect(queued('restart')).toBe(asked.restart.length - sent);
    expect(queued('other')).toBe(asked.other.length - gone.other.length);
    expect(reported.get('relaykeeper_api_rate_limit_per_second{account="main"}')).toBe(10);
  }
  gate.throttled('account');
  const halved = samplesOf(
    await scraped(metrics, [snapshot({ account: accountView({ account: 'main', gate: gate.snapshot() }) })]),
  );
  expect(halved.get('relaykeeper_api_rate_limit_per_second{account="main"}')).toBe(5);

  await clock.run(120_000);
  await Promise.all([poll, look]);
  for (const { lane, waitedMs } of waits) metrics.gateWait('main', lane, waitedMs);
  const reported = samplesOf(await scraped(metrics, []));
  const waited = (what: string, lane: Lane) =>
    reported.get(`relaykeeper_api_rate_limit_wait_seconds_${what}{account="main",lane="${lane}"}`) ?? Number.NaN;
  // Each call that arrived has waited once, in its lane; those of `other` were given back unused.
  const counts = Object.fromEntries(lanes.map((lane) => [lane, waited('count', lane)]));
  expect(counts).toEqual({ restart: 40, verify: 30, poll: 200, other: 40 });
  expect(arrivals).toHaveLength(40 + 30 + 200);
  const sum = (figures: readonly number[]) => figures.reduce((total, one) => total + one, 0);
  expect(waited('sum', 'other')).toBeCloseTo((sum(gone.other) - sum(asked.other)) / 1_000, 6);
  expect(waited('sum', 'poll')).toBeGreaterThan(waited('sum', 'restart'));
});
