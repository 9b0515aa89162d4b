/**
 * Turns what happened into numbers: events and traces in, the text of `/metrics` out.
 *
 * Nobody else counts. Every series that can be known in advance exists at 0 from `configure` on, and goes when its
 * account or group leaves the configuration; the values of the others survive a reload.
 */
// Not by the package's front door: that loads the push gateway and node:cluster too, 4 MiB that nobody here uses.
import collectDefaultMetrics from 'prom-client/lib/defaultMetrics.js';
import Registry from 'prom-client/lib/registry.js';
import type { CloudTrace } from '../domain/ports/cloud-port.ts';
import type { Lane } from '../domain/ports/gate-port.ts';
import type { StoreTrace } from '../domain/ports/store-port.ts';
import type { AccountSnapshot } from '../domain/views/shown.ts';
import type { Event } from '../domain/words/events.ts';
import type { Policies } from '../domain/words/policy.ts';
import type { LogLevel } from './catalogue.ts';
import {
  configureSeries,
  createCounted,
  isCallSent,
  type KnownCodes,
  pairKey,
  recordAccount,
  recordGroup,
  recordRequest,
  secondsOf,
} from './counted.ts';
import { bytesOf, joined } from './exposition.ts';
import { createOpenings } from './openings.ts';
import { type Build, createStateBytes, firstProcessState, type ProcessState } from './state.ts';

export interface MetricsOptions extends Build {
  readonly maxTaskSeries: () => number;
  readonly knownCodes: KnownCodes;
  /** CPU, memory, event loop of this process (`process_…`, `nodejs_…`); on unless false. */
  readonly processMetrics?: boolean;
}

interface HttpRequests {
  readonly handler: string;
  readonly code: number;
  readonly requests: number;
}

export type Metrics = ReturnType<typeof createMetrics>;

/** Bound on the tasks whose restarts are counted one by one; above it nothing new is counted. */
const maxTasksCounted = 200_000;
/** As long as a timer can be. */
const neverMs = 2 ** 31 - 1;

export function createMetrics(options: MetricsOptions) {
  const counted = createCounted();
  const known = new Set(options.knownCodes.pairs.map(({ code }) => code));
  const state = firstProcessState();
  /** By account, Unix milliseconds. */
  const ticks = new Map<string, number>();
  const ofProcess = options.processMetrics === false ? undefined : processRegistry();
  let configured = configureSeries(counted, options.knownCodes, []);
  const restartsOfTask = new Map<string, number>();
  const openings = createOpenings();
  const stateBytes = createStateBytes(options);

  return {
    record(event: Event): void {
      // Late facts of what a reload has just removed must not bring its series back.
      if (!configured.accounts.has(event.account)) return;
      recordAccount(counted, event);
      const group = openings.groupOf(event);
      if (event.type === 'owner-lost') ticks.delete(event.account);
      if (event.type === 'task-gone') restartsOfTask.delete(pairKey(event.account, event.taskId));
      if (group === undefined || !configured.pairs.has(pairKey(event.account, group))) return;
      recordGroup(counted, known, event, group);
      if (isCallSent(event)) countRestart(restartsOfTask, pairKey(event.account, event.taskId));
    },
    cloud(trace: CloudTrace): void {
      if (configured.accounts.has(trace.account)) recordRequest(counted, known, trace);
    },
    store(trace: StoreTrace): void {
      state.storeUp = trace.up;
      counted.store_errors_total.add([trace.operation], trace.error === undefined ? 0 : 1);
      counted.store_operation_duration_seconds.observe([trace.operation], secondsOf(trace.durationMs));
    },
    gateWait(account: string, lane: Lane, waitedMs: number): void {
      if (configured.accounts.has(account))
        counted.api_rate_limit_wait_seconds.observe([account, lane], secondsOf(waitedMs));
    },
    /** From the next `render` on. */
    process: (changed: Partial<ProcessState>): void => void Object.assign(state, changed),
    /** The loop of the account ticked at `at`, Unix milliseconds. */
    loopTick: (account: string, at: number): void => void ticks.set(account, at),
    logLine: (level: LogLevel): void => counted.log_messages_total.add([level]),
    /** Lines that the log's sink did not take. */
    logDropped: (lines: number): void => counted.log_messages_dropped_total.add([], lines),
    /** How many requests this route answered with this status; 0: it will. */
    httpRequests: ({ handler, code, requests }: HttpRequests): void =>
      counted.http_requests_total.add([handler, String(code)], requests),
    /** What the configuration now in force has: makes the foreseeable series, drops those of what is gone. */
    configure(accounts: readonly Policies[]): void {
      configured = configureSeries(counted, options.knownCodes, accounts);
      openings.keepAccounts(configured.accounts);
    },
    /** The text for Prometheus. Ours is of one moment: nothing is awaited between the first and the last series. */
    async render(snapshots: readonly AccountSnapshot[]): Promise<Uint8Array<ArrayBuffer>> {
      const restartsOf = (account: string, taskId: string) => restartsOfTask.get(pairKey(account, taskId)) ?? 0;
      const ours = [
        ...Object.values(counted).map((series) => series.bytes()),
        ...stateBytes({ state, ticks, snapshots, restartsOf, maxTaskSeries: options.maxTaskSeries() }),
      ];
      return joined(ofProcess ? [...ours, bytesOf(await ofProcess.metrics())] : ours);
    },
  };
}

function countRestart(restartsOfTask: Map<string, number>, key: string): void {
  const before = restartsOfTask.get(key);
  if (before !== undefined || restartsOfTask.size < maxTasksCounted) restartsOfTask.set(key, (before ?? 0) + 1);
}

/**
 * Without the quantiles of the event loop's delay: to measure them a timer goes off a hundred times a second, which is
 * more than everything else that a daemon at rest does. The delay at the scrape itself is still measured.
 */
function processRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: neverMs });
  for (const figure of ['min', 'max', 'mean', 'stddev', 'p50', 'p90', 'p99'])
    registry.removeSingleMetric(`nodejs_eventloop_lag_${figure}_seconds`);
  // Gauges with the ending of counters: promtool complains, and their parts are there by type.
  for (const what of ['handles', 'requests', 'resources']) registry.removeSingleMetric(`nodejs_active_${what}_total`);
  // They call undocumented functions of the process, and Node's check in `_getActiveHandles` has ended it during a scrape.
  for (const what of ['handles', 'requests']) registry.removeSingleMetric(`nodejs_active_${what}`);
  return registry;
}
