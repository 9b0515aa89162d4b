/** All accounts of a process on the virtual clock, as the daemon wires them, with what it would have stored in memory. */
import { Fleet } from '../../src/app/fleet.ts';
import { createOperations } from '../../src/app/operations.ts';
import { storeTracesTo } from '../../src/app/traces.ts';
import { knownCodes } from '../../src/cloud/errors.ts';
import type { EventQuery, StoredEvent } from '../../src/domain/ports/store-port.ts';
import { loadSettings } from '../../src/settings/load.ts';
import type { Settings } from '../../src/settings/settings.ts';
import type { Store } from '../../src/store/open.ts';
import { watch } from '../../src/store/watched.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { begin } from '../domain/story.ts';
import { MemoryStore } from '../sim/stage.ts';
import { VirtualClock } from '../sim/virtual-clock.ts';

export function settingsOf(yaml: string): Settings {
  const loaded = loadSettings({
    path: 'relaykeeper.yaml',
    env: {},
    engines: ['sqlite'],
    readFile: () => Buffer.from(yaml),
  });
  if (!loaded.ok) throw new Error(loaded.errors.map(({ text }) => text).join('\n'));
  return loaded.settings;
}

export const hookToken = 'hook-token-0123456789';
export const account = (name: string, more = '') => `{name: ${name}, provider: simulator${more}}`;
/** Polls come once in ten minutes: what comes sooner was asked for. */
export const seldom = ", poll: {schedule: '0 */10 * * * *'}";

/** `lost`: aborts when another process takes the accounts; then this one stands by. `loadMs`: how long a ledger is read. */
export async function running(yaml: string, lost: AbortSignal = new AbortController().signal, loadMs = 0) {
  const clock = new VirtualClock(begin);
  const stored: StoredEvent[] = [];
  const ledgers = new Map<string, MemoryStore>();
  const ledgerOf = (name: string) => {
    const ledger = ledgers.get(name) ?? new MemoryStore();
    ledgers.set(name, ledger);
    return ledger;
  };
  const watching = watch(
    (error) => (error instanceof Error ? error : new Error(String(error))),
    clock,
    (trace) => storeTrace(trace),
  );
  const store: Store = {
    kind: 'sqlite',
    shared: undefined,
    ledgerStore: {
      async load(name, since, signal) {
        if (loadMs > 0) await clock.sleep(loadMs);
        return watching.run('load', () => ledgerOf(name).load(name, since), name, signal);
      },
      async save(name, changes) {
        await watching.run('save', () => ledgerOf(name).save(name, changes));
        for (const event of changes.events) stored.push({ seq: stored.length + 1, event });
      },
    },
    history: {
      events: async (query) => stored.toReversed().filter(isAskedFor(query)).slice(0, query.limit),
      settledUpTo: async () => stored.length,
    },
    ownership: {
      acquire: (_account, signal) =>
        lost.aborted
          ? new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
          : Promise.resolve({ epoch: 1, lost }),
      remainingMs: () => (lost.aborted ? 0 : Number.POSITIVE_INFINITY),
    },
    fingerprintKey: '0'.repeat(64),
    prune: async () => 0,
    failingSince: watching.failingSince,
    close: async () => {},
  };
  const lines: { readonly event: string; readonly account?: string; readonly msg: string }[] = [];
  const log = createLog({
    level: 'info',
    format: 'json',
    now: clock.now.bind(clock),
    destination: { write: (text) => lines.push(JSON.parse(text)) },
  });
  const metrics = createMetrics({
    version: '0',
    revision: '0',
    maxTaskSeries: () => 0,
    knownCodes,
    processMetrics: false,
  });
  const fleet = new Fleet({ clock, env: {}, store, log, metrics, onTrace: () => {} });
  const storeTrace = storeTracesTo(metrics, log, clock, () => fleet);
  const settings = settingsOf(yaml);
  fleet.open(settings);
  const stop = new AbortController();
  const ended = fleet.run(stop.signal);
  const operations = createOperations({
    fleet,
    following: undefined,
    store,
    current: { settings, hash: 'h', loadedAt: begin, read: new Map() },
    configFile: 'relaykeeper.yaml',
    hookToken: (name) => (name === 'main' ? hookToken : undefined),
    reload: () => Promise.reject(new Error('not here')),
    clock,
    version: '0',
  });
  const run = (seconds: number) => clock.run(seconds * 1_000);
  const keeper = (name: string) => {
    const found = fleet.keeper(name);
    if (!found) throw new Error(`no account ${name}`);
    return found;
  };
  return {
    fleet,
    watching,
    clock,
    metrics,
    operations,
    run,
    lines,
    ledgerOf,
    stored,
    history: store.history,
    keeper,
    reload: (changed: string) => fleet.swap(fleet.prepare(settingsOf(changed))),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await clock.run(60_000);
      await ended;
    },
  };
}

const isAskedFor =
  ({ account: name, taskId, group, types, before, after, besides, since }: EventQuery) =>
  ({ seq, event }: StoredEvent): boolean =>
    (name === undefined || event.account === name) &&
    (taskId === undefined || ('taskId' in event ? event.taskId === taskId : (besides?.(event) ?? false))) &&
    (since === undefined || event.at >= since) &&
    (group === undefined || ('group' in event && event.group === group)) &&
    (types === undefined || types.includes(event.type)) &&
    (before === undefined || seq < before) &&
    (after === undefined || seq > after);
