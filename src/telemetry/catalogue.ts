/**
 * Every metric of relaykeeper, as data: the one place where a name, its labels and their values are written.
 *
 * The code that counts takes its names from here (a misspelt one does not compile), the exposition prints the help
 * from here, and the README's table is generated from here.
 */

import type { Lane } from '../domain/ports/gate-port.ts';
import { circuits, endings } from '../domain/words/events.ts';
import { classMeanings, errorClasses } from '../domain/words/failure.ts';
import { type Reason, reasons } from '../domain/words/reason.ts';
import { taskStates } from '../domain/words/task.ts';

export const prefix = 'relaykeeper_';

/** Label values are cut at this many bytes of UTF-8. */
export const maxLabelBytes = 128;

export type MetricType = 'counter' | 'gauge' | 'histogram';

export interface MetricSpec {
  readonly type: MetricType;
  /** One sentence, without a full stop at the end. */
  readonly help: string;
  /** In the order in which values are given. */
  readonly labels: readonly string[];
  /** The closed sets among the labels. A label that is not here takes names: of accounts, groups, tasks, actions, codes. */
  readonly values?: Readonly<Record<string, readonly string[]>>;
  /** Upper bounds of a histogram, in the unit of its name. */
  readonly buckets?: readonly number[];
  /** When the series are there, if that is not "always". */
  readonly present?: string;
}

/** Why a task of a group waits. `unmanaged` tasks have no group, so they have no series. */
export const waitReasons: readonly Reason[] = reasons.filter((reason) => reason !== 'unmanaged');

/** Why a poll failed: an error class, or a list that lost too many tasks to be believed. */
export const pollFailureClasses = [...errorClasses, 'suspect'] as const;

/** The classes that can open the restart circuit. An open list circuit can come to tell any. */
export const restartCircuitClasses = errorClasses.filter((name) => classMeanings[name].restartCircuit !== 'nothing');

export const lanes = ['restart', 'verify', 'poll', 'other'] as const satisfies readonly Lane[];
export const triggers = ['auto', 'manual'] as const;
export const stages = ['quarantined', 'abandoned'] as const;
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];
export const storeOperations = ['open', 'migrate', 'load', 'save', 'events', 'prune', 'lock'] as const;

const owned = 'while this process owns the account';
const pollSeconds = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 60, 120, 300];
const requestSeconds = [0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3, 5, 10, 30];
const waitSeconds = [0.005, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];
const outageSeconds = [5, 10, 20, 30, 60, 120, 300, 600, 1_800, 3_600, 14_400, 86_400];
const storeSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5];

export const catalogue = {
  // ---- the process ----
  build_info: {
    type: 'gauge',
    help: 'Always 1: which build this is',
    labels: ['version', 'revision', 'node'],
  },
  config_last_reload_successful: {
    type: 'gauge',
    help: '1 if the newest attempt to read the configuration succeeded, else 0',
    labels: [],
  },
  config_last_reload_success_timestamp_seconds: {
    type: 'gauge',
    help: 'When the configuration in force was read',
    labels: [],
    present: 'after a configuration was read',
  },
  config_hash: {
    type: 'gauge',
    help: 'A hash of the configuration in force, as a number',
    labels: [],
    present: 'after a configuration was read',
  },
  loop_tick_timestamp_seconds: {
    type: 'gauge',
    help: 'When the loop of an owned account last ticked; of several accounts, the one that ticked longest ago',
    labels: [],
    present: 'while this process owns an account',
  },
  log_messages_total: {
    type: 'counter',
    help: 'Log lines written',
    labels: ['level'],
    values: { level: logLevels },
  },
  log_messages_dropped_total: {
    type: 'counter',
    help: 'Log lines lost because standard output took no more: full, stuck or gone',
    labels: [],
  },
  http_requests_total: {
    type: 'counter',
    help: 'Requests answered; handler is the route, none for what is no request to any',
    labels: ['handler', 'code'],
  },
  store_up: { type: 'gauge', help: '1 if the newest operation of the store succeeded, else 0', labels: [] },
  store_errors_total: {
    type: 'counter',
    help: 'Operations of the store that failed',
    labels: ['operation'],
    values: { operation: storeOperations },
  },
  store_operation_duration_seconds: {
    type: 'histogram',
    help: 'How long operations of the store took, failed ones included',
    labels: ['operation'],
    values: { operation: storeOperations },
    buckets: storeSeconds,
  },

  // ---- accounts ----
  owner: { type: 'gauge', help: '1 if this process owns the account, else 0', labels: ['account'] },
  lease_transitions_total: {
    type: 'counter',
    help: 'How often this process gained or lost the account',
    labels: ['account'],
  },
  simulated: {
    type: 'gauge',
    help: '1 if the account is the built-in pretend cloud, else 0',
    labels: ['account'],
  },
  polls_total: { type: 'counter', help: 'Polls ended, failed and suspect ones included', labels: ['account'] },
  poll_failures_total: {
    type: 'counter',
    help: 'Polls that failed, by error class; suspect: the list lost more than half of its tasks',
    labels: ['account', 'class'],
    values: { class: pollFailureClasses },
  },
  poll_duration_seconds: {
    type: 'histogram',
    help: 'How long polls took, from the first request to the last answer',
    labels: ['account'],
    buckets: pollSeconds,
  },
  poll_interval_seconds: {
    type: 'gauge',
    help: 'Present gap between scheduled polls',
    labels: ['account'],
    present: owned,
  },
  last_poll_success_timestamp_seconds: {
    type: 'gauge',
    help: 'When the newest complete poll ended',
    labels: ['account'],
    present: `${owned}, after its first complete poll`,
  },
  last_poll_tasks: {
    type: 'gauge',
    help: 'Tasks that the newest complete poll showed, unmanaged ones included',
    labels: ['account'],
    present: `${owned}, after its first complete poll`,
  },
  list_incomplete: {
    type: 'gauge',
    help: '1 while polls in a row do not add up: tasks may be there that no list shows',
    labels: ['account'],
    present: owned,
  },
  malformed_items_total: {
    type: 'counter',
    help: 'List items that could not be read and were left out of a poll',
    labels: ['account'],
  },
  api_requests_total: { type: 'counter', help: 'Calls sent to the cloud', labels: ['account', 'action'] },
  api_errors_total: {
    type: 'counter',
    help: "Calls that failed; code is the cloud's if it is a known one, else other; without a code, the class",
    labels: ['account', 'action', 'code', 'class'],
    values: { class: errorClasses },
  },
  api_request_duration_seconds: {
    type: 'histogram',
    help: 'How long calls took, from sending to the answer or to giving up',
    labels: ['account', 'action'],
    buckets: requestSeconds,
  },
  api_rate_limit_per_second: {
    type: 'gauge',
    help: 'Calls per second that the limiter admits now, after halving and recovery',
    labels: ['account'],
  },
  api_queue_length: {
    type: 'gauge',
    help: 'Calls that wait for a permit of the limiter',
    labels: ['account', 'lane'],
    values: { lane: lanes },
  },
  api_rate_limit_wait_seconds: {
    type: 'histogram',
    help: 'How long calls waited for a permit of the limiter',
    labels: ['account', 'lane'],
    values: { lane: lanes },
    buckets: waitSeconds,
  },
  api_circuit_open: {
    type: 'gauge',
    help: '1 while the circuit is open because of this class, else 0',
    labels: ['account', 'circuit', 'class'],
    values: { circuit: circuits, class: errorClasses },
    present: owned,
  },
  clock_skew_seconds: {
    type: 'gauge',
    help: "The cloud's clock minus ours; 0 while below 2 seconds",
    labels: ['account'],
  },

  // ---- groups ----
  tasks: {
    type: 'gauge',
    help: 'Managed tasks by state',
    labels: ['account', 'group', 'state'],
    values: { state: taskStates },
    present: owned,
  },
  tasks_waiting: {
    type: 'gauge',
    help: 'Stopped tasks that are not restarted now, by the reason shown',
    labels: ['account', 'group', 'reason'],
    values: { reason: waitReasons },
    present: owned,
  },
  tasks_given_up: {
    type: 'gauge',
    help: 'Tasks in quarantine or abandoned',
    labels: ['account', 'group', 'stage'],
    values: { stage: stages },
    present: owned,
  },
  restarts_total: {
    type: 'counter',
    help: 'Restart calls sent',
    labels: ['account', 'group', 'trigger'],
    values: { trigger: triggers },
  },
  shadow_restarts_total: {
    type: 'counter',
    help: 'Restarts that would have been sent, if their tasks were not only observed',
    labels: ['account', 'group'],
  },
  restart_failures_total: {
    type: 'counter',
    help: "Restarts that failed; code is the cloud's if it is a known one, else other; without a code, the class or what the list showed",
    labels: ['account', 'group', 'code'],
  },
  restarts_withheld_total: {
    type: 'counter',
    help: 'How often the reason for not restarting a due, stopped task changed to this one',
    labels: ['account', 'group', 'reason'],
    values: { reason: waitReasons },
  },
  outages_total: { type: 'counter', help: 'Outages opened', labels: ['account', 'group'] },
  outage_endings_total: {
    type: 'counter',
    help: 'Outages ended, by how',
    labels: ['account', 'group', 'ending'],
    values: { ending: endings },
  },
  outage_duration_seconds: {
    type: 'histogram',
    help: 'How long outages lasted, from when the task was due and seen stopped to the end',
    labels: ['account', 'group'],
    buckets: outageSeconds,
  },
  task_expected_seconds_total: {
    type: 'counter',
    help: 'Time during which tasks were due, summed over tasks',
    labels: ['account', 'group'],
  },
  task_downtime_seconds_total: {
    type: 'counter',
    help: 'Time during which tasks were due and not running, summed over tasks',
    labels: ['account', 'group'],
  },
  oldest_outage_timestamp_seconds: {
    type: 'gauge',
    help: 'Start of the oldest outage of a due task that is neither abandoned, held nor observed',
    labels: ['account', 'group'],
    present: `${owned} and there is such an outage`,
  },
  next_restart_timestamp_seconds: {
    type: 'gauge',
    help: 'When the next restart may be sent',
    labels: ['account', 'group'],
    present: `${owned} and a task waits for a time`,
  },
  storm: {
    type: 'gauge',
    help: "1 while a storm is on; the account's own has an empty group",
    labels: ['account', 'group'],
    present: owned,
  },
  storm_window: {
    type: 'gauge',
    help: 'How many restarts may be unsettled at once during the storm; 0 without a storm',
    labels: ['account', 'group'],
    present: owned,
  },
  holds: { type: 'gauge', help: 'Holds in force', labels: ['account', 'group'], present: owned },
  hold_end_timestamp_seconds: {
    type: 'gauge',
    help: 'When the next hold ends',
    labels: ['account', 'group'],
    present: `${owned} and a hold will end`,
  },

  // ---- tasks ----
  task_outage_start_timestamp_seconds: {
    type: 'gauge',
    help: 'Since when the task should be running and is not',
    labels: ['account', 'group', 'task'],
    present: 'for tasks in outage, oldest first, at most metrics.maxTaskSeries',
  },
  task_info: {
    type: 'gauge',
    help: 'Always 1: title and cloud group of a task in outage',
    labels: ['account', 'group', 'task', 'title', 'cloud_group'],
    present: 'for tasks in outage, oldest first, at most metrics.maxTaskSeries',
  },
  task_up: {
    type: 'gauge',
    help: '1 if the newest complete poll showed the task active, else 0',
    labels: ['account', 'group', 'task'],
    present: 'while managed tasks are at most metrics.maxTaskSeries',
  },
  task_restarts_total: {
    type: 'counter',
    help: 'Restart calls sent for the task',
    labels: ['account', 'group', 'task'],
    present: 'while managed tasks are at most metrics.maxTaskSeries',
  },
  task_last_transition_timestamp_seconds: {
    type: 'gauge',
    help: "When the task's status last changed",
    labels: ['account', 'group', 'task'],
    present: 'while managed tasks are at most metrics.maxTaskSeries',
  },
} as const satisfies Readonly<Record<string, MetricSpec>>;

export type Catalogue = typeof catalogue;
export type MetricName = keyof Catalogue;

/** The values for a metric's labels, in the catalogue's order: one text for each. */
export type LabelValues<Name extends MetricName> = TextFor<Catalogue[Name]['labels']>;
type TextFor<Labels extends readonly string[]> = { readonly [K in keyof Labels]: string };

type NamesOf<Type extends MetricType> = {
  [Name in MetricName]: Catalogue[Name]['type'] extends Type ? Name : never;
}[MetricName];
export type CounterName = NamesOf<'counter'>;
export type GaugeName = NamesOf<'gauge'>;
export type HistogramName = NamesOf<'histogram'>;

export const metricNames = Object.keys(catalogue) as readonly MetricName[];

/** A metric by its name, with the fields that not all have. */
export const specOf = (name: MetricName): MetricSpec => catalogue[name];
