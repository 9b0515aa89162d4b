/**
 * Records and events, plain ones and every shape that the domain's types allow.
 */

import fc from 'fast-check';
import type { AccountRecord, Attempt, TaskRecord } from '../../src/domain/memory/ledger.ts';
import type { LedgerChanges } from '../../src/domain/ports/store-port.ts';
import { cloudTime } from '../../src/domain/words/cloud-time.ts';
import { circuits, type Event, type EventType, endings, type Hold } from '../../src/domain/words/events.ts';
import { type CallFailure, errorClasses, pollTroubles } from '../../src/domain/words/failure.ts';
import { reasons } from '../../src/domain/words/reason.ts';
import type { RestartAnswer, TaskItem } from '../../src/domain/words/task.ts';

export const nothing: LedgerChanges = {
  events: [],
  tasks: [],
  removedTasks: [],
  holds: [],
  removedHolds: [],
  accountRecord: undefined,
};

const at = 1_700_000_000_000;

export const item = (taskId: string): TaskItem => ({
  taskId,
  title: `title of ${taskId}`,
  cloudGroup: 'vip',
  type: 'live',
  status: 'stopped',
  statusText: '停用',
  startsAt: undefined,
  endsAt: undefined,
  source: 'fingerprint',
  requestedAt: at,
});

export const record = (taskId: string, attempts = 0): TaskRecord => ({
  taskId,
  item: item(taskId),
  group: 'vip',
  left: undefined,
  firstSeenAt: at,
  stoppedAtFirstSight: false,
  changedAt: at,
  activeSince: undefined,
  missing: undefined,
  goneAt: undefined,
  overdueTold: undefined,
  attempts,
  row: 0,
  failedAt: [],
  failedAttemptAt: undefined,
  lastAttemptAt: undefined,
  shadow: undefined,
  attempt: undefined,
  stageTold: undefined,
  outage: undefined,
  reasonTold: undefined,
});

export const found = (taskId: string, when = at, group: string | undefined = 'vip'): Event => ({
  type: 'task-found',
  at: when,
  account: 'main',
  taskId,
  group,
  item: item(taskId),
});

export const aHold = (id: string): Hold => ({
  id,
  account: 'main',
  target: { kind: 'account' },
  author: 'li',
  reason: 'maintenance',
  createdAt: at,
  endsAt: undefined,
});

// ---- every shape -------------------------------------------------------------------------------------------------

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.constantFrom('null', '":null', "'; drop table event; --", '直播\u0000间'),
);
const time = fc.integer({ min: 1_600_000_000_000, max: 1_800_000_000_000 });
const count = fc.nat(1_000);
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const frame = { at: time, account: fc.constant('main') };
const ofTask = { ...frame, taskId: text, group: maybe(text) };
const trigger = fc.constantFrom('auto' as const, 'manual' as const);
const ofAttempt = { ...frame, taskId: text, group: text, attemptId: text, trigger };

const failure: fc.Arbitrary<CallFailure> = fc.record({
  class: fc.constantFrom(...errorClasses),
  code: maybe(text),
  httpStatus: maybe(fc.nat(599)),
  requestId: maybe(text),
  message: text,
});

const answer: fc.Arbitrary<RestartAnswer> = fc.oneof(
  fc.record({ kind: fc.constant('accepted' as const), requestId: maybe(text) }),
  fc.record({ kind: fc.constantFrom('refused' as const, 'throttled', 'not-sent', 'unanswered'), failure }),
);

const anyItem: fc.Arbitrary<TaskItem> = fc.record({
  taskId: text,
  title: text,
  cloudGroup: text,
  type: fc.constantFrom('live' as const, 'vod'),
  status: fc.constantFrom('stopped' as const, 'active', 'not-started', 'ended', 'unknown'),
  statusText: text,
  startsAt: maybe(time.map(cloudTime)),
  endsAt: maybe(time.map(cloudTime)),
  source: text,
  requestedAt: time,
});

const attempt: fc.Arbitrary<Attempt> = fc.record({
  id: text,
  n: count,
  trigger,
  by: maybe(text),
  probe: fc.boolean(),
  free: fc.boolean(),
  at: time,
  previousAttemptAt: maybe(time),
  givenBack: fc.boolean(),
  phase: fc.oneof(
    fc.constant({ kind: 'in-flight' as const }),
    fc.record({
      kind: fc.constant('verifying' as const),
      from: time,
      answer: fc.constantFrom('accepted' as const, 'unanswered'),
    }),
    fc.record({ kind: fc.constant('doubted' as const), from: time, code: text }),
    fc.record({ kind: fc.constant('proving' as const), activeAt: time }),
  ),
});

export const anyRecord: fc.Arbitrary<TaskRecord> = fc.record({
  taskId: text,
  item: anyItem,
  group: maybe(text),
  left: maybe(fc.record({ group: text, at: time })),
  firstSeenAt: time,
  stoppedAtFirstSight: fc.boolean(),
  changedAt: time,
  activeSince: maybe(time),
  missing: maybe(fc.record({ since: time, counted: count })),
  goneAt: maybe(time),
  overdueTold: maybe(time.map(cloudTime)),
  attempts: count,
  row: count,
  failedAt: fc.array(time, { maxLength: 4 }),
  failedAttemptAt: maybe(time),
  lastAttemptAt: maybe(time),
  shadow: maybe(fc.record({ n: count, at: time })),
  attempt: maybe(attempt),
  stageTold: maybe(fc.constantFrom('quarantined' as const, 'abandoned')),
  outage: maybe(
    fc.record({
      id: text,
      since: time,
      sights: count,
      attempts: count,
      calls: count,
      lastCallAt: maybe(time),
      lastEffectAt: maybe(time),
      activeAt: maybe(time),
      failedInStretch: fc.boolean(),
      throttled: fc.boolean(),
    }),
  ),
  reasonTold: maybe(fc.constantFrom(...reasons)),
});

const stretch = fc.array(fc.record({ taskId: text, attemptId: text, denied: fc.boolean(), at: time }), {
  maxLength: 3,
});
const opened = { kind: fc.constant('open' as const), since: time, failure, lastProbeAt: time };
const listCircuit = fc.oneof(
  fc.record({ kind: fc.constant('closed' as const) }),
  fc.record({ ...opened, probes: count }),
);
const restartCircuit = fc.oneof(
  fc.record({ kind: fc.constant('closed' as const), streak: stretch, unansweredExcusedUntil: maybe(time) }),
  fc.record({ ...opened, stretch }),
);

const pollTrouble = fc.constantFrom(...pollTroubles);

export const anyAccountRecord: fc.Arbitrary<AccountRecord> = fc.record({
  lastComplete: maybe(fc.record({ startedAt: time, finishedAt: time, tasks: count, unlisted: fc.array(text) })),
  listScope: maybe(text),
  pollDurationsMs: fc.array(count, { maxLength: 3 }),
  suspect: maybe(fc.record({ since: time, before: count })),
  failing: maybe(
    fc.record({
      since: time,
      polls: count,
      class: pollTrouble,
      code: maybe(text),
      classes: fc.array(pollTrouble),
      endedAt: maybe(time),
    }),
  ),
  circuits: fc.record({ list: listCircuit, restart: restartCircuit }),
  throttle: maybe(fc.record({ inRow: count, setAt: time, until: time, unreached: fc.boolean() })),
  retiredActions: fc.array(text, { maxLength: 3 }),
  region: maybe(text),
});

export const anyHold: fc.Arbitrary<Hold> = fc.record({
  id: text,
  account: fc.constant('main'),
  target: fc.oneof(
    fc.record({ kind: fc.constant('task' as const), taskId: text }),
    fc.record({ kind: fc.constant('group' as const), group: text }),
    fc.record({ kind: fc.constant('title' as const), title: text }),
    fc.constant({ kind: 'account' as const }),
  ),
  author: text,
  reason: text,
  createdAt: time,
  startsAt: maybe(time),
  endsAt: maybe(time),
});

const circuitName = fc.constantFrom(...circuits);
const scope = fc.record({ group: maybe(text) });
const names = fc.array(text);
const difference = fc.record({ added: names, removed: names, changed: names });
const by = fc.record({ stopped: fc.boolean(), budget: fc.boolean() });

type Shapes = { readonly [T in EventType]: fc.Arbitrary<Omit<Extract<Event, { type: T }>, 'type'>> };

/** The compiler wants every type of event here, with every field. */
const shapes: Shapes = {
  'task-found': fc.record({ ...ofTask, item: anyItem }),
  'task-seen': fc.record({ ...ofTask, item: anyItem }),
  'task-missed': fc.record({ ...ofTask, counts: fc.boolean() }),
  'task-moved': fc.record({ ...ofTask, from: maybe(text) }),
  'task-edited': fc.record({
    ...ofTask,
    fields: fc.subarray(['startTime' as const, 'endTime' as const, 'source' as const]),
  }),
  'task-gone': fc.record(ofTask),
  'task-overdue': fc.record({ ...ofTask, startsAt: time.map(cloudTime) }),
  'outage-opened': fc.record({ ...ofTask, group: text, outageId: text, firstSight: fc.boolean() }),
  'outage-ended': fc.record({
    ...ofTask,
    outageId: text,
    ending: fc.constantFrom(...endings),
    durationMs: count,
  }),
  'restart-withheld': fc.record({
    ...ofTask,
    group: text,
    reason: fc.constantFrom(...reasons),
    until: fc.oneof(time, fc.constant(Number.POSITIVE_INFINITY)),
  }),
  'restart-shadowed': fc.record({ ...ofTask, group: text, n: count }),
  'shadows-forgotten': fc.record(ofTask),
  'restart-intended': fc.record({
    ...ofAttempt,
    n: count,
    probe: fc.boolean(),
    free: fc.boolean(),
    by: maybe(text),
  }),
  'restart-answered': fc.record({ ...ofAttempt, answer, durationMs: count, towardsCircuit: fc.boolean() }),
  'restart-given-back': fc.record({
    ...ofAttempt,
    why: fc.constantFrom('throttled' as const, 'not-sent', 'circuit'),
    failedAt: maybe(time),
  }),
  'restart-worked': fc.record({ ...ofAttempt, activeAt: time, unanswered: fc.boolean() }),
  'restart-failed': fc.record({
    ...ofAttempt,
    cause: text,
    class: maybe(fc.constantFrom(...errorClasses)),
    row: count,
  }),
  'restart-proved': fc.record(ofAttempt),
  'restart-lapsed': fc.record(ofAttempt),
  'task-quarantined': fc.record({ ...ofTask, group: text, failures: count }),
  'task-abandoned': fc.record({ ...ofTask, group: text, failures: count }),
  'task-released': fc.record({
    ...ofTask,
    by: text,
    cause: fc.constantFrom('operator' as const, 'seen-active', 'edited', 'circuit-closed', 'too-few-failures'),
  }),
  'attempts-forgotten': fc.record(ofTask),
  'poll-completed': fc.record({
    ...frame,
    tasks: count,
    durationMs: count,
    startedAt: time,
    drift: fc.boolean(),
    malformedItems: count,
    failedCloudGroups: fc.array(text),
  }),
  'poll-failed': fc.record({ ...frame, failure, durationMs: count }),
  'poll-suspect': fc.record({ ...frame, tasks: count, before: count, durationMs: count, startedAt: time }),
  'polls-failing': fc.record({ ...frame, since: time, class: pollTrouble, code: maybe(text), message: text }),
  'polls-recovered': fc.record({ ...frame, since: time, polls: count, classes: fc.array(pollTrouble) }),
  'list-believed': fc.record({ ...frame, tasks: count }),
  'list-incomplete': fc.record({ ...frame, since: time, polls: count, tasks: count, cloudGroups: fc.array(text) }),
  'list-complete': fc.record({ ...frame, since: time }),
  'status-unknown': fc.record({ ...frame, statusText: text, taskId: text }),
  'storm-started': fc.record({ ...frame, scope, by, stopped: count, due: count, failures: count }),
  'storm-changed': fc.record({ ...frame, scope, by }),
  'storm-ended': fc.record({ ...frame, scope }),
  'circuit-opened': fc.record({ ...frame, circuit: circuitName, atOnce: fc.boolean(), failure }),
  'circuit-probed': fc.record({ ...frame, circuit: circuitName, failure }),
  'circuit-closed': fc.record({ ...frame, circuit: circuitName }),
  'restarts-throttled': fc.record({ ...frame, failure, until: time }),
  'store-lost': fc.record({ ...frame, error: text }),
  'store-back': fc.record({ ...frame, since: fc.nat() }),
  'region-found': fc.record({ ...frame, region: text }),
  'action-retired': fc.record({ ...frame, from: text, to: text }),
  'hold-added': fc.record({ ...frame, hold: anyHold }),
  'hold-extended': fc.record({ ...frame, hold: anyHold, by: text, was: time }),
  'hold-removed': fc.record({ ...frame, hold: anyHold, by: text }),
  'hold-expired': fc.record({ ...frame, hold: anyHold }),
  'owner-gained': fc.record({ ...frame, epoch: count }),
  'owner-lost': fc.record(frame),
  'time-accounted': fc.record({ ...frame, group: text, expectedMs: count, downtimeMs: count }),
  'config-changed': fc.record({
    ...frame,
    hash: text,
    difference: fc.option(fc.record({ accounts: difference, groups: difference, changed: fc.array(text) })),
  }),
  'group-empty': fc.record({ ...frame, group: text }),
};

export const eventTypes = Object.keys(shapes) as readonly EventType[];

export const eventOf = (type: EventType): fc.Arbitrary<Event> =>
  shapes[type].map((fields) => ({ ...fields, type }) as Event);
