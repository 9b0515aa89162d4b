/**
 * The gauges, rebuilt at every scrape from one snapshot, so that what went away leaves no series behind.
 *
 * Separate from the counters because nothing here counts; of the last scrape only the bytes are kept. A standby shows
 * only that it is one: what it knows of tasks, groups and polls is as old as its last ownership.
 */
import { createHash } from 'node:crypto';
import type { ReplicaSeen } from '../domain/ports/store-port.ts';
import type { AccountSnapshot, AccountView, GroupView, TaskView } from '../domain/views/shown.ts';
import { circuits } from '../domain/words/events.ts';
import { errorClasses } from '../domain/words/failure.ts';
import { apartWhys, taskStates } from '../domain/words/task.ts';
import {
  type GaugeName,
  type MetricName,
  metricNames,
  restartCircuitClasses,
  specOf,
  waitReasons,
} from './catalogue.ts';
import { bytesOf, flat, headText, labelText, sampleText } from './exposition.ts';

type StateName = GaugeName | 'task_restarts_total';

/**
 * Takes one sample; `null` is "there is none": no series. The labels come as text, because what is common to many
 * samples (account, group, task) is escaped once for all of them: it is a third of a scrape's time.
 */
type Sample = (name: StateName, labels: string, value: number | null) => void;

/** One more label, of a closed set: nothing to escape. */
const and = (labels: string, label: string, value: string) => `${labels},${label}="${value}"`;

const stateNames = metricNames.filter((name) => specOf(name).type === 'gauge' || name === 'task_restarts_total');

/** The process itself, before anything is known of it. */
export const firstProcessState = () => ({
  /** The newest attempt to read a configuration succeeded. */
  reloaded: false,
  /** The one in force, and since when, Unix milliseconds. */
  config: undefined as { readonly readAt: number; readonly hash: string } | undefined,
  storeUp: false,
  /** Who shares the store. */
  replicas: [] as readonly ReplicaSeen[],
  pageUrl: undefined as string | undefined,
});
export type ProcessState = ReturnType<typeof firstProcessState>;

export interface Build {
  readonly version: string;
  readonly revision: string;
}

const secondsOf = (ms: number | null) => (ms === null ? null : ms / 1000);

/** Of one moment. */
interface Scrape {
  readonly state: ProcessState;
  /** When the loop of each account last ticked, Unix milliseconds. */
  readonly ticks: ReadonlyMap<string, number>;
  readonly snapshots: readonly AccountSnapshot[];
  readonly restartsOf: (account: string, taskId: string) => number;
  /**
   * At most so many tasks in outage are named, and the tasks one by one only while there are no more of them than that;
   * both over all accounts together.
   */
  readonly maxTaskSeries: number;
}

/** The lines of all gauges, for one scrape: a piece for each of them. */
export function createStateBytes(build: Build): (scrape: Scrape) => readonly Uint8Array[] {
  const written = new Map(stateNames.map((name) => [name, createWritten(name)]));
  const sample: Sample = (name, labels, value) => {
    if (value !== null) written.get(name)?.sample(labels, value);
  };
  return ({ state, ticks, snapshots, restartsOf, maxTaskSeries }) => {
    sampleProcess(sample, build, state);
    for (const { account } of snapshots) sampleAccount(sample, account);
    const owned = snapshots.filter(({ account }) => account.owned);
    const ownedTicks = owned.flatMap(({ account }) => ticks.get(account.account) ?? []);
    sample('loop_tick_timestamp_seconds', '', ownedTicks.length === 0 ? null : Math.min(...ownedTicks) / 1000);
    for (const { account, groups, inCommon } of owned) {
      sampleOwned(sample, account);
      sampleInCommon(sample, account.account, inCommon);
      for (const group of groups) sampleGroup(sample, group);
    }
    sampleTasks(sample, owned, restartsOf, maxTaskSeries);
    return [...written.values()].map((one) => one.bytes());
  };
}

/**
 * One metric's lines. They are made anew only if a sample differs from the one that stood in its place before: 8,000 samples
 * of 200 groups are 3 MB of garbage, and hardly one of them changes.
 */
function createWritten(name: MetricName) {
  let samples: { labels: string; value: number }[] = [];
  let count = 0;
  let last: Uint8Array | undefined;
  return {
    sample(labels: string, value: number): void {
      const before = samples[count];
      if (before?.value !== value || before.labels !== labels) {
        samples[count] = { labels: flat(labels), value };
        last = undefined;
      }
      count++;
    },
    /** Of the samples since the last time. */
    bytes(): Uint8Array {
      if (count < samples.length) {
        samples = samples.slice(0, count);
        last = undefined;
      }
      count = 0;
      if (last === undefined) {
        let text = headText(name);
        for (const { labels, value } of samples) text += sampleText(name, labels, value);
        last = bytesOf(text);
      }
      return last;
    },
  };
}

function sampleProcess(sample: Sample, { version, revision }: Build, state: ProcessState): void {
  const { config, pageUrl, replicas } = state;
  sample('build_info', labelText(['version', 'revision', 'node'], [version, revision, process.version]), 1);
  if (pageUrl !== undefined) sample('page_info', labelText(['url'], [pageUrl]), 1);
  sample('config_last_reload_successful', '', state.reloaded ? 1 : 0);
  sample('config_last_reload_success_timestamp_seconds', '', secondsOf(config?.readAt ?? null));
  sample('config_hash', '', config ? hashNumber(config.hash) : null);
  const here = replicas.find(({ isThis }) => isThis)?.configHash;
  const differ = replicas.filter(({ configHash }) => here !== undefined && configHash !== here);
  sample('replicas', '', replicas.length);
  sample('replicas_configured_differently', '', differ.length);
  sample('store_up', '', state.storeUp ? 1 : 0);
}

/** 48 bits of the text's SHA-256: a double holds them exactly. */
const hashNumber = (text: string) => createHash('sha256').update(text).digest().readUIntBE(0, 6);

function sampleAccount(sample: Sample, view: AccountView): void {
  const { gate } = view;
  const of = labelText(['account'], [view.account]);
  sample('owner', of, view.owned ? 1 : 0);
  sample('simulated', of, view.provider === 'simulator' ? 1 : 0);
  sample('api_rate_limit_per_second', of, gate.perSecond);
  for (const [lane, queued] of Object.entries(gate.queued)) sample('api_queue_length', and(of, 'lane', lane), queued);
  sample('clock_skew_seconds', of, view.clockOffsetMs / 1000);
}

function sampleOwned(sample: Sample, view: AccountView): void {
  const of = labelText(['account'], [view.account]);
  sample('poll_interval_seconds', of, secondsOf(view.pollIntervalMs));
  sample('last_poll_success_timestamp_seconds', of, secondsOf(view.polledAt));
  sample('last_poll_tasks', of, view.polledAt === null ? null : view.tasks);
  sample('list_incomplete', of, view.incompleteSince === null ? 0 : 1);
  for (const circuit of circuits) {
    const open = view.circuits[circuit];
    const known: readonly string[] = circuit === 'list' ? errorClasses : restartCircuitClasses;
    // The class that opened it is shown, foreseen or not.
    const classes = open && !known.includes(open.class) ? [...known, open.class] : known;
    for (const name of classes) {
      sample('api_circuit_open', and(and(of, 'circuit', circuit), 'class', name), open?.class === name ? 1 : 0);
    }
  }
  const ofAll = and(of, 'group', '');
  sample('storm', ofAll, view.storm ? 1 : 0);
  sample('storm_window', ofAll, view.storm?.window ?? 0);
}

function sampleInCommon(sample: Sample, account: string, inCommon: AccountSnapshot['inCommon']): void {
  for (const { trait, value, down, running, startedAt } of inCommon) {
    // To the minute: the first of them may be another at each scrape.
    const shared = startedAt === undefined ? value : `${new Date(startedAt).toISOString().slice(0, 16)}Z`;
    const of = labelText(['account', 'trait', 'value'], [account, trait, shared]);
    sample('tasks_in_common', of, down);
    sample('tasks_in_common_active', of, running ?? null);
  }
  const compared = inCommon.find(({ ofRunning }) => ofRunning !== undefined);
  sample('tasks_due_active', labelText(['account'], [account]), compared?.ofRunning ?? null);
}

function sampleGroup(sample: Sample, view: GroupView): void {
  const of = labelText(['account', 'group'], [view.account, view.group]);
  for (const state of taskStates) sample('tasks', and(of, 'state', state), view.states[state]);
  for (const reason of waitReasons) sample('tasks_waiting', and(of, 'reason', reason), view.waiting[reason] ?? 0);
  sample('tasks_down', of, view.down);
  for (const why of apartWhys) sample('tasks_apart', and(of, 'why', why), view.apart[why]);
  sample('tasks_given_up', and(of, 'stage', 'quarantined'), view.quarantined);
  sample('tasks_given_up', and(of, 'stage', 'abandoned'), view.abandoned);
  sample('oldest_outage_timestamp_seconds', of, secondsOf(view.oldestOutageAt));
  sample('next_restart_timestamp_seconds', of, secondsOf(view.nextRestartAt));
  sample('next_end_timestamp_seconds', of, secondsOf(view.nextEndAt));
  sample('storm', of, view.storm ? 1 : 0);
  sample('storm_window', of, view.storm?.window ?? 0);
  sample('holds', of, view.holds);
  sample('hold_end_timestamp_seconds', of, secondsOf(view.holdEndsAt));
}

function sampleTasks(
  sample: Sample,
  owned: readonly AccountSnapshot[],
  restartsOf: (account: string, taskId: string) => number,
  maxTaskSeries: number,
): void {
  const down = owned.flatMap((snapshot) => snapshot.down);
  down.sort((a, b) => downSince(a) - downSince(b));
  const shown = down.slice(0, maxTaskSeries);
  for (const task of shown) sample('task_outage_start_timestamp_seconds', ofTask(task), downSince(task) / 1000);
  const ending = owned.flatMap((snapshot) => snapshot.ending);
  for (const task of ending) sample('task_end_timestamp_seconds', ofTask(task), task.endsAt / 1000);
  const named = new Map([...shown, ...ending].map((task) => [ofTask(task), task]));
  for (const [of, { title, cloudGroup }] of named)
    sample('task_info', `${of},${labelText(['title', 'cloud_group'], [title, cloudGroup])}`, 1);
  const managed = owned.flatMap((snapshot) => snapshot.managed);
  if (managed.length > maxTaskSeries) return;
  for (const task of managed) {
    const of = ofTask(task);
    sample('task_up', of, task.state === 'active' ? 1 : 0);
    sample('task_restarts_total', of, restartsOf(task.account, task.taskId));
    sample('task_last_transition_timestamp_seconds', of, task.changedAt / 1000);
  }
}

const ofTask = (task: Pick<TaskView, 'account' | 'group' | 'taskId'>) =>
  labelText(['account', 'group', 'task'], [task.account, task.group ?? '', task.taskId]);

const downSince = (task: TaskView) => task.downSince ?? 0;
