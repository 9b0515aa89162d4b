/** One event of every type, and snapshots, for the tests of telemetry: plain, and with a secret in every text. */

import type { AccountSnapshot, AccountView, EventView, GroupView, TaskView } from '../../src/domain/views/shown.ts';
import { cloudTime } from '../../src/domain/words/cloud-time.ts';
import type { Event, EventOf, EventType, Hold } from '../../src/domain/words/events.ts';
import type { CallFailure } from '../../src/domain/words/failure.ts';
import type { Policies, Policy } from '../../src/domain/words/policy.ts';
import type { TaskItem } from '../../src/domain/words/task.ts';
import { resolvePolicy } from '../../src/settings/settings.ts';
import type { KnownCodes } from '../../src/telemetry/counted.ts';
import type { Metrics } from '../../src/telemetry/metrics.ts';
import { lineOf } from '../../src/telemetry/sentences.ts';

export const at = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

export const knownCodes: KnownCodes = {
  actions: ['List', 'Restart'],
  pairs: [
    { code: 'CommonErr', class: 'common' },
    { code: 'ResourceNotFound', class: 'not-found' },
    { code: 'AccessDenied', class: 'permission' },
    { code: 'timeout', class: 'timeout' },
    { code: 'unknown', class: 'unknown' },
    { code: 'other', class: 'unknown' },
  ],
};

export const failure = (over: Partial<CallFailure> = {}): CallFailure => ({
  class: 'common',
  code: 'CommonErr',
  httpStatus: 200,
  requestId: '20211231152846010225099008082A0F4D',
  message: 'the cloud answered CommonErr',
  ...over,
});

export const item = (over: Partial<TaskItem> = {}): TaskItem => ({
  taskId: 't1',
  title: 'Finale',
  cloudGroup: 'sports',
  type: 'live',
  status: 'stopped',
  statusText: '停用',
  startsAt: undefined,
  endsAt: undefined,
  source: 'fingerprint',
  requestedAt: at,
  ...over,
});

export const hold = (over: Partial<Hold> = {}): Hold => ({
  id: 'h1',
  account: 'main',
  target: { kind: 'group', group: 'vip' },
  author: 'ann',
  reason: 'maintenance',
  createdAt: at,
  endsAt: at + 3_600_000,
  ...over,
});

type Samples = { readonly [Type in EventType]: EventOf<Type> };

const base = { at, account: 'main' } as const;
const ofTask = { ...base, taskId: 't1', group: 'vip' } as const;
const ofAttempt = { ...ofTask, attemptId: 't1#1', trigger: 'auto' } as const;
const scope = { group: 'vip' } as const;
const by = { stopped: true, budget: false } as const;

/** Exhaustive by its type: a new event needs a row. */
export const events: Samples = {
  'task-found': { ...ofTask, type: 'task-found', item: item() },
  'task-seen': { ...ofTask, type: 'task-seen', item: item() },
  'task-missed': { ...ofTask, type: 'task-missed', counts: true },
  'task-moved': { ...ofTask, type: 'task-moved', from: 'default' },
  'task-edited': { ...ofTask, type: 'task-edited', fields: ['endTime', 'source'] },
  'task-gone': { ...ofTask, type: 'task-gone' },
  'task-overdue': { ...ofTask, type: 'task-overdue', startsAt: cloudTime(at - 60_000) },
  'outage-opened': { ...ofTask, type: 'outage-opened', outageId: 't1@1', firstSight: false },
  'outage-ended': { ...ofTask, type: 'outage-ended', outageId: 't1@1', ending: 'recovered', durationMs: 42_000 },
  'restart-withheld': { ...ofTask, type: 'restart-withheld', reason: 'backoff', until: at + 15_000 },
  'restart-shadowed': { ...ofTask, type: 'restart-shadowed', n: 3 },
  'shadows-forgotten': { ...ofTask, type: 'shadows-forgotten' },
  'restart-intended': { ...ofAttempt, type: 'restart-intended', n: 1, probe: false, free: false, by: undefined },
  'restart-answered': {
    ...ofAttempt,
    type: 'restart-answered',
    answer: { kind: 'accepted', requestId: 'REQ1' },
    durationMs: 120,
    towardsCircuit: false,
  },
  'restart-given-back': { ...ofAttempt, type: 'restart-given-back', why: 'throttled', failedAt: undefined },
  'restart-worked': { ...ofAttempt, type: 'restart-worked', activeAt: at, unanswered: false },
  'restart-failed': { ...ofAttempt, type: 'restart-failed', cause: 'CommonErr', class: 'common', row: 2 },
  'restart-proved': { ...ofAttempt, type: 'restart-proved' },
  'restart-lapsed': { ...ofAttempt, type: 'restart-lapsed' },
  'task-quarantined': { ...ofTask, type: 'task-quarantined', failures: 8 },
  'task-abandoned': { ...ofTask, type: 'task-abandoned', failures: 300 },
  'task-released': { ...ofTask, type: 'task-released', by: 'ann', cause: 'operator' },
  'attempts-forgotten': { ...ofTask, type: 'attempts-forgotten' },
  'poll-completed': {
    ...base,
    type: 'poll-completed',
    tasks: 200,
    durationMs: 350,
    startedAt: at - 350,
    drift: false,
    malformedItems: 3,
    failedCloudGroups: [],
  },
  'poll-failed': {
    ...base,
    type: 'poll-failed',
    failure: failure({ class: 'timeout', code: undefined }),
    durationMs: 10_000,
  },
  'poll-suspect': { ...base, type: 'poll-suspect', tasks: 1, before: 200, durationMs: 90, startedAt: at - 90 },
  'polls-failing': {
    ...base,
    type: 'polls-failing',
    since: at,
    class: 'timeout',
    code: undefined,
    message: 'no answer within 10 s',
  },
  'polls-recovered': { ...base, type: 'polls-recovered', since: at - 105_000, polls: 7, classes: ['timeout'] },
  'list-believed': { ...base, type: 'list-believed', tasks: 1 },
  'list-incomplete': { ...base, type: 'list-incomplete', since: at - 9_000, polls: 3, tasks: 100, cloudGroups: [] },
  'list-complete': { ...base, type: 'list-complete', since: at - 9_000 },
  'status-unknown': { ...base, type: 'status-unknown', statusText: '暂停', taskId: 't1' },
  'storm-started': { ...base, type: 'storm-started', scope, by, stopped: 90, due: 200, failures: 0 },
  'storm-changed': { ...base, type: 'storm-changed', scope, by: { stopped: true, budget: true } },
  'storm-ended': { ...base, type: 'storm-ended', scope: { group: undefined } },
  'circuit-opened': {
    ...base,
    type: 'circuit-opened',
    circuit: 'restart',
    atOnce: true,
    failure: failure({ class: 'auth' }),
  },
  'circuit-probed': { ...base, type: 'circuit-probed', circuit: 'list', failure: failure() },
  'circuit-closed': { ...base, type: 'circuit-closed', circuit: 'restart' },
  'restarts-throttled': {
    ...base,
    type: 'restarts-throttled',
    failure: failure({ class: 'throttled' }),
    until: at + 5_000,
  },
  'store-lost': { ...base, type: 'store-lost', error: 'rk.db-wal was moved' },
  'store-back': { ...base, type: 'store-back', since: base.at },
  'region-found': { ...base, type: 'region-found', region: 'ap-singapore-1' },
  'action-retired': { ...base, type: 'action-retired', from: 'RestartPullToPushTask', to: 'ContinuePullToPushTask' },
  'hold-added': { ...base, type: 'hold-added', hold: hold() },
  'hold-extended': { ...base, type: 'hold-extended', hold: hold(), by: 'bob', was: at + 60_000 },
  'hold-removed': { ...base, type: 'hold-removed', hold: hold({ target: { kind: 'task', taskId: 't1' } }), by: 'bob' },
  'hold-expired': { ...base, type: 'hold-expired', hold: hold({ target: { kind: 'account' } }) },
  'owner-gained': { ...base, type: 'owner-gained', epoch: 3 },
  'owner-lost': { ...base, type: 'owner-lost' },
  'time-accounted': { ...base, type: 'time-accounted', group: 'vip', expectedMs: 60_000, downtimeMs: 1_500 },
  'config-changed': {
    ...base,
    type: 'config-changed',
    hash: 'c0ffee',
    difference: {
      accounts: { added: ['second'], removed: [], changed: [] },
      groups: { added: [], removed: ['news'], changed: ['vip', 'sports'] },
      changed: ['maintenance'],
    },
  },
  'group-empty': { ...base, type: 'group-empty', group: 'vip' },
};

export const policy = (name: string, account: readonly string[] = ['*']): Policy => ({
  name,
  match: { account, cloudGroup: [name], title: ['*'], type: ['live', 'vod'], exclude: { title: [], taskId: [] } },
  ...resolvePolicy({}),
  budget: false,
  storm: false,
});

export const policies = (account: string, ...groups: readonly Policy[]): Policies => ({
  account,
  storm: false,
  groups,
});

export const accountView = (over: Partial<AccountView> = {}): AccountView => ({
  account: 'main',
  provider: 'volcengine',
  owned: true,
  polledAt: at,
  pollIntervalMs: 15_000,
  tasks: 200,
  unmanaged: 3,
  circuits: { list: null, restart: null },
  storm: null,
  throttledUntil: null,
  failing: null,
  suspectSince: null,
  incompleteSince: null,
  region: 'cn-north-1',
  clockOffsetMs: 0,
  calls: 100,
  gate: {
    perSecond: 10,
    restartPerSecond: 10,
    listPerSecond: 10,
    slowed: [],
    queued: { restart: 4, verify: 0, poll: 2, other: 0 },
    permitsOut: 1,
  },
  ...over,
});

export const groupView = (group: string, over: Partial<GroupView> = {}): GroupView => ({
  account: 'main',
  group,
  mode: 'heal',
  states: { active: 10, stopped: 2, not_started: 1, overdue: 0, ended: 4, unknown: 0 },
  down: 1,
  apart: { held: 0, 'outside-hours': 0, observed: 1 },
  waiting: { backoff: 1 },
  quarantined: 1,
  abandoned: 0,
  holds: 0,
  holdEndsAt: null,
  oldestOutageAt: null,
  nextRestartAt: null,
  nextEndAt: null,
  endingSoon: 0,
  storm: null,
  ...over,
});

export const taskView = (taskId: string, over: Partial<TaskView> = {}): TaskView => ({
  account: 'main',
  taskId,
  title: `Title ${taskId}`,
  cloudGroup: 'sports',
  group: 'vip',
  type: 'live',
  state: 'active',
  statusText: '生效中',
  startsAt: null,
  endsAt: null,
  firstSeenAt: at,
  changedAt: at - 1_000,
  gone: false,
  due: true,
  downSince: null,
  outage: null,
  attempts: { made: 0, failedInRow: 0, lastAt: null, phase: null },
  givenUp: null,
  verdict: { kind: 'none', sentence: 'it runs' },
  ...over,
});

export const downTask = (taskId: string, downSince: number): TaskView =>
  taskView(taskId, {
    state: 'stopped',
    downSince,
    outage: { id: `${taskId}@1`, since: downSince - 5_000, attempts: 1, activeAt: null },
  });

/** An event as people are shown it. */
export const eventView = (event: Event, seq: number, title: string | null = 'News 1'): EventView => ({
  seq,
  event,
  title,
  sentence: lineOf(event).msg,
});

export const snapshot = (over: Partial<AccountSnapshot> = {}): AccountSnapshot => ({
  account: accountView(),
  groups: [groupView('vip')],
  down: [],
  managed: [],
  inCommon: [],
  ending: [],
  ...over,
});

/** The same value with `secret` behind every text in it, except the names that tell which kind of value it is. */
export function withSecret<T>(value: T, secret: string): T {
  if (typeof value === 'string') return `${value} ${secret}` as T;
  if (Array.isArray(value)) return value.map((part) => withSecret(part, secret)) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => [key, key === 'kind' ? part : withSecret(part, secret)]),
  ) as T;
}

/** What Prometheus reads. */
export const scraped = async (
  metrics: Pick<Metrics, 'render'>,
  snapshots: readonly AccountSnapshot[],
): Promise<string> => new TextDecoder().decode(await metrics.render(snapshots));

/** Sample lines of an exposition: `name{labels}` to value. */
export function samplesOf(text: string): ReadonlyMap<string, number> {
  const samples = new Map<string, number>();
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const at = line.lastIndexOf(' ');
    const key = line.slice(0, at);
    if (samples.has(key)) throw new Error(`twice: ${key}`);
    samples.set(key, Number(line.slice(at + 1).replace('+Inf', 'Infinity')));
  }
  return samples;
}
