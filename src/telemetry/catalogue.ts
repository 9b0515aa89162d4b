/**
 * Every metric of relaykeeper, as data: the one place where a name, its labels and their values are written.
 *
 * The code that counts takes its names from here (a misspelt one does not compile), the exposition prints the help
 * from here, and the README's table is generated from here.
 */

import type { TaskRecord } from '../domain/memory/ledger.ts';
import type { Lane } from '../domain/ports/gate-port.ts';
import type { StoreOperation } from '../domain/ports/store-port.ts';
import { traits } from '../domain/views/shown.ts';
import { circuits, endings, triggers } from '../domain/words/events.ts';
import { classMeanings, errorClasses, pollTroubles } from '../domain/words/failure.ts';
import { type Reason, reasons } from '../domain/words/reason.ts';
import { apartWhys, taskStates } from '../domain/words/task.ts';

export const prefix = 'relaykeeper_';

export const maxLabelBytes = 128;

type MetricType = 'counter' | 'gauge' | 'histogram';

interface MetricSpec {
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

/** The classes that can open the restart circuit. An open list circuit can have any. */
export const restartCircuitClasses = errorClasses.filter((name) => classMeanings[name].restartCircuit !== 'nothing');

/** All names of a closed type: one that is missing here does not compile. */
const allOf = <Name extends string>(names: Readonly<Record<Name, 0>>) =>
  Object.keys(names) as unknown as readonly Name[];

const lanes = allOf<Lane>({ restart: 0, verify: 0, poll: 0, other: 0 });
const stages = allOf<NonNullable<TaskRecord['stageTold']>>({ quarantined: 0, abandoned: 0 });
const storeOperations = allOf<StoreOperation>({ open: 0, migrate: 0, load: 0, save: 0, events: 0, prune: 0, lock: 0 });
const logLevels = ['trace', 'debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];

const owned = 'while this process owns the account';
const manyDown = `${owned} and five or more of its tasks are down`;
const pollSeconds = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 60, 120, 300];
const requestSeconds = [0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3, 5, 10, 30];
const waitSeconds = [0.005, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];
const outageSeconds = [5, 10, 20, 30, 60, 120, 300, 600, 1_800, 3_600, 14_400, 86_400];
const whileDown = 'for tasks that are down, oldest first, at most metrics.maxTaskSeries';
const oneByOne = 'while managed tasks are at most metrics.maxTaskSeries';
const storeSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5];

const ofAccount = ['account'] as const;
const ofGroup = ['account', 'group'] as const;
const ofTask = ['account', 'group', 'task'] as const;

type Rest = Pick<MetricSpec, 'values' | 'buckets' | 'present'>;
const metricOf =
  <Type extends MetricType>(type: Type) =>
  <const Labels extends readonly string[], const Given extends Rest = Record<never, never>>(
    help: string,
    labels: Labels,
    given?: Given,
  ) =>
    ({ type, help, labels, ...given }) as {
      readonly type: Type;
      readonly help: string;
      readonly labels: Labels;
    } & Given;
const counter = metricOf('counter');
const gauge = metricOf('gauge');
const histogram = metricOf('histogram');

export const catalogue = {
  // ---- the process ----
  build_info: gauge('Always 1: which build this is', ['version', 'revision', 'node']),
  page_info: gauge('Always 1: where people open the page', ['url'], { present: 'while the daemon listens' }),
  config_last_reload_successful: gauge('1 if the newest attempt to read the configuration succeeded, else 0', []),
  config_last_reload_success_timestamp_seconds: gauge('When the configuration in force was read', [], {
    present: 'after a configuration was read',
  }),
  config_hash: gauge('A hash of the configuration in force, as a number', [], {
    present: 'after a configuration was read',
  }),
  replicas: gauge('Processes that share the store, this one included; 0 if it cannot be shared', []),
  replicas_configured_differently: gauge("Replicas whose configuration differs from this one's", []),
  loop_tick_timestamp_seconds: gauge(
    'When the loop of an owned account last ticked; of several accounts, the one that ticked longest ago',
    [],
    { present: 'while this process owns an account' },
  ),
  log_messages_total: counter('Log lines written', ['level'], { values: { level: logLevels } }),
  log_messages_dropped_total: counter('Log lines lost because standard output took no more: full, stuck or gone', []),
  http_requests_total: counter('HTTP requests answered; handler is the route, none if no route matched', [
    'handler',
    'code',
  ]),
  store_up: gauge('1 while the ledger can be written and is ours, else 0', []),
  store_errors_total: counter('Store operations that failed', ['operation'], {
    values: { operation: storeOperations },
  }),
  store_operation_duration_seconds: histogram('How long store operations took, including failed ones', ['operation'], {
    values: { operation: storeOperations },
    buckets: storeSeconds,
  }),

  // ---- accounts ----
  owner: gauge('1 if this process owns the account, else 0', ofAccount),
  lease_transitions_total: counter('How often this process gained or lost the account', ofAccount),
  simulated: gauge('1 if the account is the built-in pretend cloud, else 0', ofAccount),
  polls_total: counter('Polls finished, including failed and suspect ones', ofAccount),
  poll_failures_total: counter(
    'Polls that failed, by error class; suspect: the list lost more than half of its tasks',
    ['account', 'class'],
    { values: { class: pollTroubles } },
  ),
  poll_duration_seconds: histogram('How long polls took, from the first request to the last answer', ofAccount, {
    buckets: pollSeconds,
  }),
  poll_interval_seconds: gauge('Current interval between scheduled polls', ofAccount, { present: owned }),
  last_poll_success_timestamp_seconds: gauge('When the newest complete poll ended', ofAccount, {
    present: `${owned}, after its first complete poll`,
  }),
  last_poll_tasks: gauge('Tasks in the newest complete poll, including unmanaged ones', ofAccount, {
    present: `${owned}, after its first complete poll`,
  }),
  list_incomplete: gauge(
    '1 while several polls in a row are incomplete: there may be tasks that no list shows',
    ofAccount,
    { present: owned },
  ),
  malformed_items_total: counter('List items that could not be read and were left out of a poll', ofAccount),
  api_requests_total: counter('Calls sent to the cloud', ['account', 'action']),
  api_errors_total: counter(
    "API calls that failed; code is the cloud's error code if known, else other; the class if there was no code",
    ['account', 'action', 'code', 'class'],
    { values: { class: errorClasses } },
  ),
  api_request_duration_seconds: histogram(
    'How long calls took, from sending to the answer or to giving up',
    ['account', 'action'],
    { buckets: requestSeconds },
  ),
  api_rate_limit_per_second: gauge(
    'Calls per second that the limiter admits now, after halving and recovery',
    ofAccount,
  ),
  api_queue_length: gauge('Calls waiting for the limiter', ['account', 'lane'], { values: { lane: lanes } }),
  api_rate_limit_wait_seconds: histogram('How long calls waited for the limiter', ['account', 'lane'], {
    values: { lane: lanes },
    buckets: waitSeconds,
  }),
  api_circuit_open: gauge(
    '1 while the circuit is open because of this class, else 0',
    ['account', 'circuit', 'class'],
    { values: { circuit: circuits, class: errorClasses }, present: owned },
  ),
  clock_skew_seconds: gauge("The cloud's clock minus ours; 0 while below 2 seconds", ofAccount),

  // ---- groups ----
  tasks: gauge('Managed tasks by state', ['account', 'group', 'state'], {
    values: { state: taskStates },
    present: owned,
  }),
  tasks_waiting: gauge(
    'Stopped tasks that are not restarted now, by the reason shown',
    ['account', 'group', 'reason'],
    { values: { reason: waitReasons }, present: owned },
  ),
  tasks_down: gauge('Tasks that should be running but are not: due, stopped, neither held nor only observed', ofGroup, {
    present: owned,
  }),
  tasks_apart: gauge('Stopped tasks that are not down, and why not', ['account', 'group', 'why'], {
    values: { why: apartWhys },
    present: owned,
  }),
  tasks_in_common: gauge(
    'Tasks that are down and have this value of the trait, which few running tasks have; hosts without paths',
    ['account', 'trait', 'value'],
    { values: { trait: traits }, present: manyDown },
  ),
  tasks_in_common_active: gauge(
    'Running tasks that have this value of the trait as well',
    ['account', 'trait', 'value'],
    {
      values: { trait: traits },
      present: `${manyDown}; not for the trait start`,
    },
  ),
  tasks_due_active: gauge(
    'Tasks that should be running and are, neither held nor only observed, to compare with those that are down',
    ofAccount,
    { present: 'with tasks_in_common_active' },
  ),
  tasks_given_up: gauge('Tasks in quarantine or abandoned', ['account', 'group', 'stage'], {
    values: { stage: stages },
    present: owned,
  }),
  restarts_total: counter('Restart calls sent', ['account', 'group', 'trigger'], { values: { trigger: triggers } }),
  shadow_restarts_total: counter('Restarts that would have been sent for tasks that are only observed', ofGroup),
  restart_failures_total: counter(
    "Restarts that failed; code is the cloud's error code if known, else other; the class or what the list showed if there was no code",
    ['account', 'group', 'code'],
  ),
  restarts_withheld_total: counter(
    'How often this became the reason not to restart a due, stopped task',
    ['account', 'group', 'reason'],
    { values: { reason: waitReasons } },
  ),
  outages_total: counter('Outages opened', ofGroup),
  outage_endings_total: counter('Outages ended, by ending', ['account', 'group', 'ending'], {
    values: { ending: endings },
  }),
  outage_duration_seconds: histogram(
    'How long outages lasted: from the moment at which the task was due and seen stopped, to the end of the outage',
    ofGroup,
    { buckets: outageSeconds },
  ),
  task_expected_seconds_total: counter('Time during which tasks were due, summed over tasks', ofGroup),
  task_downtime_seconds_total: counter('Time during which tasks were due and not running, summed over tasks', ofGroup),
  oldest_outage_timestamp_seconds: gauge(
    'Start of the oldest outage of a task that is down and not abandoned',
    ofGroup,
    { present: `${owned} and there is such an outage` },
  ),
  next_restart_timestamp_seconds: gauge('When the next restart may be sent', ofGroup, {
    present: `${owned} and a task waits for a time`,
  }),
  storm: gauge("1 while a storm is on; the account's own has an empty group", ofGroup, { present: owned }),
  storm_window: gauge('How many restarts may be unsettled at once during the storm; 0 without a storm', ofGroup, {
    present: owned,
  }),
  holds: gauge('Holds in force that cover a task', ofGroup, { present: owned }),
  hold_end_timestamp_seconds: gauge('When the next hold that covers a task ends', ofGroup, {
    present: `${owned} and a hold will end`,
  }),

  next_end_timestamp_seconds: gauge("When the next of the group's tasks ends", ofGroup, {
    present: `${owned} and a task will end`,
  }),

  // ---- tasks ----
  task_end_timestamp_seconds: gauge(
    'EndTime of a task that ends soon (`endWarning`), if no later one has its destination',
    ofTask,
    { present: 'within `endWarning.before` of it, the soonest first, at most 50 and at most metrics.maxTaskSeries' },
  ),
  task_outage_start_timestamp_seconds: gauge(
    'When the task went down: it should be running since then and is not',
    ofTask,
    { present: whileDown },
  ),
  task_info: gauge(
    'Always 1: title and cloud group of a task that is down or ends soon',
    ['account', 'group', 'task', 'title', 'cloud_group'],
    { present: 'with task_outage_start_timestamp_seconds and task_end_timestamp_seconds' },
  ),
  task_up: gauge('1 if the newest complete poll showed the task active, else 0', ofTask, { present: oneByOne }),
  task_restarts_total: counter('Restart calls sent for the task', ofTask, { present: oneByOne }),
  task_last_transition_timestamp_seconds: gauge("When the task's status last changed", ofTask, { present: oneByOne }),
} as const;

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
