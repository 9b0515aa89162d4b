/** Every time in every record: those of ours move, and no other number does. */

import { describe, expect, test } from 'vitest';
import type { AccountRecord, BudgetEntry, Storm, TaskRecord } from '../../src/domain/memory/ledger.ts';
import { mapTimes, notAfter } from '../../src/domain/memory/times.ts';
import { type CloudTime, cloudTime } from '../../src/domain/words/cloud-time.ts';
import type { Hold } from '../../src/domain/words/events.ts';
import { failureOf, item } from './story.ts';

/** No field may be left out, however deep. */
type Filled<T> = T extends CloudTime
  ? T
  : T extends readonly (infer E)[]
    ? readonly [Filled<E>, ...Filled<E>[]]
    : T extends object
      ? { readonly [K in keyof T]-?: Filled<NonNullable<T[K]>> }
      : T;

/** Times of ours lie here; those of the cloud and of people far away, and everything else is small. */
const ours = 1_700_000_000_000;
const far = 1_900_000_000_000;
const theirs = cloudTime(far);
const count = 7;
const failure = {
  ...failureOf('server'),
  code: 'InternalError',
  requestId: 'r',
  httpStatus: count,
  retryAfterMs: count,
};
const tried = { taskId: 't', attemptId: 't#1', denied: false, at: ours } as const;

const attempt = (phase: Filled<NonNullable<TaskRecord['attempt']>['phase']>): Filled<TaskRecord>['attempt'] => ({
  id: 't#1',
  n: count,
  trigger: 'auto',
  by: 'eve',
  probe: false,
  free: false,
  at: ours,
  previousAttemptAt: ours,
  givenBack: false,
  phase,
});

const task: Filled<TaskRecord> = {
  taskId: 't',
  item: { ...item('t', 'stopped'), startsAt: theirs, endsAt: theirs, requestedAt: ours, asWritten: {} },
  group: 'vip',
  left: { group: 'vip', at: ours },
  firstSeenAt: ours,
  stoppedAtFirstSight: false,
  changedAt: ours,
  activeSince: ours,
  missing: { since: ours, counted: count },
  goneAt: ours,
  overdueTold: theirs,
  attempts: count,
  row: count,
  failedAt: [ours, ours],
  failedAttemptAt: ours,
  lastAttemptAt: ours,
  shadow: { n: count, at: ours },
  attempt: attempt({ kind: 'in-flight' }),
  stageTold: 'quarantined',
  outage: {
    id: 'o',
    since: ours,
    sights: count,
    attempts: count,
    calls: count,
    lastCallAt: ours,
    lastEffectAt: ours,
    activeAt: ours,
    failedInStretch: true,
    throttled: true,
  },
  reasonTold: 'backoff',
};

const account = (
  restart: Filled<AccountRecord['circuits']['restart']>,
  list: Filled<AccountRecord['circuits']['list']> = { kind: 'closed' },
): Filled<AccountRecord> => ({
  lastComplete: { startedAt: ours, finishedAt: ours, tasks: count, unlisted: ['vip'] },
  listScope: 'vip',
  pollDurationsMs: [count],
  suspect: { since: ours, before: count },
  failing: { since: ours, polls: count, class: 'server', code: 'InternalError', classes: ['server'], endedAt: ours },
  circuits: { list, restart },
  throttle: { inRow: count, setAt: ours, until: ours, unreached: true },
  retiredActions: ['RestartPullToPushTask'],
  region: 'ap-singapore-1',
});

const filled = [
  ['task', task],
  ['task', { ...task, attempt: attempt({ kind: 'verifying', from: ours, answer: 'accepted' }) }],
  ['task', { ...task, attempt: attempt({ kind: 'doubted', from: ours, code: 'InvalidParam' }) }],
  ['task', { ...task, attempt: attempt({ kind: 'proving', activeAt: ours }) }],
  ['account', account({ kind: 'closed', streak: [tried, tried], unansweredExcusedUntil: ours })],
  [
    'account',
    account(
      { kind: 'open', since: ours, failure, lastProbeAt: ours, stretch: [tried] },
      { kind: 'open', since: ours, failure, probes: count, lastProbeAt: ours },
    ),
  ],
  ['failure', { at: ours, attemptId: 't#1', group: 'vip' } satisfies Filled<BudgetEntry>],
  [
    'storm',
    { since: ours, window: count, charged: ['t#1'], by: { stopped: true, budget: false } } satisfies Filled<Storm>,
  ],
  [
    'hold',
    {
      id: 'h',
      account: 'main',
      target: { kind: 'account' },
      author: 'eve',
      reason: 'maintenance',
      createdAt: ours,
      startsAt: far,
      endsAt: far,
    } satisfies Filled<Hold>,
  ],
] as const;

type Leaf = readonly [path: string, value: number];
function numbers(value: unknown, path = ''): readonly Leaf[] {
  if (typeof value === 'number') return [[path, value]];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => numbers(inner, `${path}.${key}`));
}

const mapped = ([kind, record]: (typeof filled)[number], f: (at: number) => number): unknown =>
  mapTimes(kind, record as never, f);

describe.each(filled.map((row) => [row[0], numbers(row[1]).length, row] as const))(
  '%s with %s numbers',
  (_, __, row) => {
    test.each([-1_800_000, 3_600_000])('a step of %s ms moves every time of ours, and no other number', (deltaMs) => {
      expect(numbers(mapped(row, (at) => at + deltaMs))).toEqual(
        numbers(row[1]).map(([path, value]) => [path, value === ours ? ours + deltaMs : value]),
      );
    });

    test('what changes nothing gives the very record', () => {
      expect(mapped(row, notAfter(far))).toBe(row[1]);
    });
  },
);

test('a throttle that was set in the future keeps its length', () => {
  const { throttle } = mapTimes(
    'account',
    {
      ...account({ kind: 'closed', streak: [tried], unansweredExcusedUntil: ours }),
      throttle: { inRow: 1, setAt: ours + 5_000, until: ours + 65_000, unreached: false },
    },
    notAfter(ours),
  );
  expect(throttle).toEqual({ inRow: 1, setAt: ours, until: ours + 60_000, unreached: false });
});
