/**
 * Seventy-two days of one process in minutes: the production keeper, rules, limiter, client and store (a real SQLite
 * file) on a virtual clock. Does the heap grow, does the file? Tasks stop, flap, end and are made anew all the time.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { pretendTransport } from '../../../src/app/pretend.ts';
import { createCloud } from '../../../src/cloud/client.ts';
import { createGate } from '../../../src/cloud/limiter/gate.ts';
import { Keeper } from '../../../src/keeper/keeper.ts';
import { createWorld, type World } from '../../../src/simulator/world.ts';
import { sqliteAt } from '../../../src/store/sqlite/sqlite-store.ts';
import { createMetrics } from '../../../src/telemetry/metrics.ts';
import { begin, policiesOf } from '../../domain/story.ts';
import { accessKey, every } from '../../sim/account.ts';
import { defaultPolicy } from '../../sim/stage.ts';
import { VirtualClock } from '../../sim/virtual-clock.ts';
import { knownCodes } from '../../telemetry/samples.ts';
import type { BenchOptions } from '../run.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const mib = 1024 * 1024;
const tasks = 60;
const pollEveryMs = 60_000;

/** Each lasts a few days and is followed by another; some stop every other hour, some cannot be cured. */
const openWorld = (): World =>
  createWorld({
    seed: 72,
    now: begin,
    keys: [accessKey],
    parameters: { latency: { uplinkMs: [20, 20], downlinkMs: [20, 20] } },
    tasks: Array.from({ length: tasks }, (_, index) => ({
      title: `task${index}`,
      cloudGroup: 'vip',
      startsAt: begin - hourMs,
      endsAt: begin + (1 + (index % 6)) * dayMs,
      life: {
        stopsPerHour: index % 10 === 0 ? 0.5 : 0.02,
        restartsInVain: index % 20 === 7 ? Number.POSITIVE_INFINITY : 0,
      },
    })),
    plans: [{ at: begin, everyMs: 600_000, act: { kind: 'renew-ended', endedForMs: hourMs } }],
    faults: [{ effect: { kind: 'error', code: 'InternalError', status: 500 }, probability: 0.02 }],
  });

interface Sample {
  readonly day: number;
  readonly heapMiB: number;
  readonly fileMiB: number;
  readonly records: number;
  readonly events: number;
}

/** The live heap: what a full collection leaves. */
function collector(): () => number {
  setFlagsFromString('--expose-gc');
  const gc: () => void = runInNewContext('gc');
  return () => {
    gc();
    gc();
    return process.memoryUsage().heapUsed / mib;
  };
}

async function live(days: number, sampleEveryDays: number, onSample: (sample: Sample) => void): Promise<number> {
  const clock = new VirtualClock(begin);
  const world = openWorld();
  const directory = mkdtempSync(join(tmpdir(), 'rk-days-'));
  const file = join(directory, 'rk.db');
  const store = await sqliteAt(file).open({ clock, onTrace: () => {}, threaded: false });
  const metrics = createMetrics({
    version: '1',
    revision: 'r',
    maxTaskSeries: () => 0,
    knownCodes,
    processMetrics: false,
  });
  const policies = policiesOf(defaultPolicy);
  metrics.configure([policies]);
  const gate = createGate({ perSecond: 10, spacing: 'even', clock });
  let events = 0;
  const keeper = new Keeper({
    account: 'main',
    policies,
    schedule: every(pollEveryMs),
    verifyEveryMs: 5_000,
    pollShare: 0.5,
    requestTimeoutMs: 10_000,
    listScope: '*',
    gate,
    clock,
    store: store.ledgerStore,
    ownership: store.ownership,
    publish: (event) => {
      events++;
      metrics.record(event);
    },
    complain: (what, cause) => console.error(what, cause),
    cloud: createCloud({
      account: 'main',
      provider: 'volcengine',
      credentials: {
        kind: 'keys',
        accessKeyId: { kind: 'value', reveal: () => accessKey.accessKeyId },
        secretAccessKey: { kind: 'value', reveal: () => accessKey.secretAccessKey },
      },
      env: {},
      subAccount: false,
      cloudGroups: [],
      pageSize: 500,
      requestTimeoutMs: 10_000,
      restartAction: 'auto',
      retiredActions: () => [],
      fingerprintKey: store.fingerprintKey,
      gate,
      clock,
      transport: pretendTransport(world, clock),
      onTrace: (trace) => metrics.cloud(trace),
    }),
  });
  const stop = new AbortController();
  const running = keeper.run(stop.signal);
  const heapMiB = collector();
  for (let hour = 0; hour <= days * 24; hour++) {
    if (hour % (sampleEveryDays * 24) === 0) {
      const sizes = [file, `${file}-wal`].map((path) => statSync(path, { throwIfNoEntry: false })?.size ?? 0);
      const fileMiB = sizes.reduce((sum, one) => sum + one, 0) / mib;
      onSample({ day: hour / 24, heapMiB: heapMiB(), fileMiB, records: keeper.ledger.tasks.size, events });
    }
    await clock.run(hourMs);
    await Promise.all([store.prune(clock.now()), clock.run(1_000)]);
  }
  stop.abort(new Error('over'));
  await clock.run(20_000);
  await running;
  await store.close();
  rmSync(directory, { recursive: true, force: true });
  return events;
}

/** Some minutes; quick: three days. */
export async function bench({ quick }: BenchOptions): Promise<void> {
  const [days, sampleEveryDays] = quick ? [3, 1] : [72, 4];
  const samples: Sample[] = [];
  const startedAt = performance.now();
  const events = await live(days, sampleEveryDays, (sample) => {
    samples.push(sample);
    console.error(`day ${sample.day}: heap ${sample.heapMiB.toFixed(1)} MiB, file ${sample.fileMiB.toFixed(1)} MiB`);
  });
  const rows = samples.map(
    ({ day, heapMiB, fileMiB, records, events: reported }) =>
      `| ${day} | ${heapMiB.toFixed(2)} | ${fileMiB.toFixed(2)} | ${records} | ${reported.toLocaleString('en')} |`,
  );
  // Records of tasks that are gone are kept eight days, events thirty: before that it may grow.
  const settled = samples.filter(({ day }) => day >= 32 || quick);
  const heaps = settled.map(({ heapMiB }) => heapMiB);
  const middle = (Math.max(...heaps) + Math.min(...heaps)) / 2;
  const swing = (Math.max(...heaps) - Math.min(...heaps)) / 2 / middle;
  console.log(`
${days} days, ${tasks} tasks, a poll every ${pollEveryMs / 1_000} s, ${events.toLocaleString('en')} events${quick ? ' (quick: not to be quoted)' : ''}, computed in ${((performance.now() - startedAt) / 60_000).toFixed(1)} min.

| day | live heap, MiB | file and log, MiB | records | events so far |
| --- | --- | --- | --- | --- |
${rows.join('\n')}

From day ${settled[0]?.day ?? 0} on the heap is ${middle.toFixed(1)} MiB ± ${(swing * 100).toFixed(1)} %, the file at most ${Math.max(...settled.map(({ fileMiB }) => fileMiB)).toFixed(1)} MiB.
`);
}
