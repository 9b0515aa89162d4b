/**
 * What each fact changes in the ledger: the record of its task, the account, and what is derived from them. Nothing here
 * decides; an event that was saved gives the same ledger when it is applied again.
 */

import type { Event, EventOf, TaskEvent } from '../words/events.ts';
import { failureName } from '../words/failure.ts';
import { mostAttempts } from '../words/policy.ts';
import type { TaskItem } from '../words/task.ts';
import { applyToAccount } from './apply-account.ts';
import { excuseOf, isDoubted } from './condition.ts';
import type { Attempt, TaskRecord, WritableLedger } from './ledger.ts';
import { tally } from './tallies.ts';
import { settleInWindows, stormWindowStart } from './windows.ts';

/** Budget entries kept at most: ten failures a second for the longest sliding `per` would be more than any budget allows. */
const maxBudgetEntries = 20_000;

export function apply(ledger: WritableLedger, event: Event): void {
  if ('taskId' in event && event.type !== 'status-unknown') applyToTasks(ledger, event);
  ledger.accountRecord = applyToAccount(ledger.accountRecord, event);
  switch (event.type) {
    case 'hold-added':
    case 'hold-extended':
      ledger.holds.set(event.hold.id, event.hold);
      break;
    case 'hold-removed':
    case 'hold-expired':
      ledger.holds.delete(event.hold.id);
      break;
    case 'storm-started':
      ledger.storms.set(event.scope.group, {
        since: event.at,
        window: stormWindowStart,
        charged: [],
        by: event.by,
      });
      break;
    case 'storm-changed': {
      const { group } = event.scope;
      const storm = ledger.storms.get(group);
      if (storm) ledger.storms.set(group, { ...storm, by: event.by });
      break;
    }
    case 'storm-ended':
      ledger.storms.delete(event.scope.group);
      break;
    case 'owner-gained':
      ledger.owned = true;
      ledger.fresh = true;
      ledger.storms.clear();
      break;
    case 'owner-lost':
      ledger.owned = false;
      break;
    case 'poll-completed':
    case 'poll-suspect':
      ledger.fresh = false;
      break;
    case 'status-unknown':
      ledger.unknownTold.add(event.statusText);
      break;
    case 'group-empty':
      ledger.emptyGroups.set(event.group, { since: event.at, told: true });
      break;
  }
}

function applyToTasks(ledger: WritableLedger, event: TaskEvent): void {
  const before = ledger.tasks.get(event.taskId);
  if (event.type === 'task-found') {
    replace(ledger, before, newRecord(event));
    return;
  }
  if (!before) return;
  settleInWindows(ledger, before, event);
  replace(ledger, before, applyToTask(before, event));
  if (event.type === 'restart-failed' && event.trigger !== 'manual') {
    ledger.budget.push({ at: event.at, attemptId: event.attemptId, group: event.group });
    if (ledger.budget.length > maxBudgetEntries) ledger.budget = ledger.budget.slice(-maxBudgetEntries / 2);
  }
  if (event.type === 'restart-given-back' && event.failedAt !== undefined)
    ledger.budget = ledger.budget.filter(({ attemptId }) => attemptId !== event.attemptId);
}

/** Puts a record in the place of another, or of none, and keeps up what is derived from it. */
export function replace(
  { tasks, tallies, stopped, unsettled }: WritableLedger,
  before: TaskRecord | undefined,
  after: TaskRecord,
): void {
  const { taskId, group, item, outage, attempt } = after;
  tasks.set(taskId, after);
  if (outage || (item.status === 'stopped' && group !== undefined)) stopped.add(taskId);
  else if (before) stopped.delete(taskId);
  if (attempt && attempt.phase.kind !== 'proving') unsettled.add(taskId);
  else if (before) unsettled.delete(taskId);
  if (!tallies) return;
  if (before) tally(tallies, before, -1);
  tally(tallies, after, 1);
}

/** The record of a task that was never seen before. Each field by its name: put together by `...` it takes 30 bytes more. */
export const newRecord = (event: EventOf<'task-found'>): TaskRecord => ({
  taskId: event.taskId,
  item: event.item,
  group: event.group,
  left: undefined,
  firstSeenAt: event.at,
  stoppedAtFirstSight: event.item.status === 'stopped',
  changedAt: event.item.requestedAt,
  activeSince: event.item.status === 'active' ? event.item.requestedAt : undefined,
  missing: undefined,
  goneAt: undefined,
  overdueTold: undefined,
  attempts: noAttempts.attempts,
  row: noAttempts.row,
  failedAt: noAttempts.failedAt,
  failedAttemptAt: noAttempts.failedAttemptAt,
  lastAttemptAt: noAttempts.lastAttemptAt,
  attempt: undefined,
  stageTold: noAttempts.stageTold,
  shadow: noAttempts.shadow,
  outage: undefined,
  reasonTold: undefined,
});

const noFailures = { row: 0, failedAt: [], failedAttemptAt: undefined, stageTold: undefined } as const;
const noAttempts = { attempts: 0, lastAttemptAt: undefined, shadow: undefined, ...noFailures } as const;

export function applyToTask(record: TaskRecord, event: TaskEvent): TaskRecord {
  switch (event.type) {
    case 'task-found':
    case 'task-edited':
      return record;
    case 'task-seen':
      return seen(record, event.item);
    case 'task-missed':
      return {
        ...record,
        // What a list lacks it does not say to be active.
        activeSince: event.counts ? undefined : record.activeSince,
        missing: {
          since: record.missing?.since ?? event.at,
          counted: event.counts ? (record.missing?.counted ?? 0) + 1 : 0,
        },
      };
    case 'task-moved':
      return {
        ...record,
        group: event.group,
        left: event.group === undefined && event.from !== undefined ? { group: event.from, at: event.at } : undefined,
      };
    case 'task-gone':
      return { ...record, goneAt: event.at };
    case 'task-overdue':
      return { ...record, overdueTold: event.startsAt };
    case 'outage-opened':
      return { ...record, outage: newOutage(event.outageId, event.at) };
    case 'outage-ended':
      return {
        ...record,
        ...(event.ending === 'recovered' ? noFailures : {}),
        attempt: record.attempt?.phase.kind === 'in-flight' ? record.attempt : undefined,
        outage: undefined,
        reasonTold: undefined,
      };
    case 'restart-withheld':
      return { ...record, reasonTold: event.reason };
    case 'restart-shadowed':
      return { ...record, shadow: { n: event.n, at: event.at } };
    case 'shadows-forgotten':
      return { ...record, shadow: undefined };
    case 'restart-intended':
      return intended(record, event);
    case 'restart-answered':
      return answered(record, event);
    case 'restart-given-back':
      return givenBack(record, event);
    case 'restart-worked':
      return worked(record, event.activeAt);
    case 'restart-failed':
      return failed(record, event);
    case 'restart-proved':
      return { ...record, ...noFailures, attempt: undefined };
    case 'restart-lapsed':
      return lapsed(record, event);
    case 'task-quarantined':
      return { ...record, stageTold: 'quarantined' };
    case 'task-abandoned':
      return { ...record, stageTold: 'abandoned' };
    case 'task-released':
      if (event.cause === 'too-few-failures') return { ...record, stageTold: undefined };
      return { ...record, ...(event.cause === 'operator' ? noAttempts : noFailures) };
    case 'attempts-forgotten':
      return { ...record, ...noAttempts };
    default:
      event satisfies never;
      return record;
  }
}

const newOutage = (id: string, since: number): NonNullable<TaskRecord['outage']> => ({
  id,
  since,
  sights: 1,
  attempts: 0,
  calls: 0,
  lastCallAt: undefined,
  lastEffectAt: undefined,
  activeAt: undefined,
  failedInStretch: false,
  throttled: false,
});

function seen(record: TaskRecord, item: TaskItem): TaskRecord {
  const { outage } = record;
  const stopped = item.status === 'stopped';
  const running = item.status === 'active' || item.status === 'not-started';
  return {
    ...record,
    item,
    stoppedAtFirstSight: record.stoppedAtFirstSight && item.status !== 'active',
    changedAt: item.status === record.item.status ? record.changedAt : item.requestedAt,
    activeSince: item.status === 'active' ? (record.activeSince ?? item.requestedAt) : undefined,
    missing: undefined,
    goneAt: undefined,
    outage: outage && {
      ...outage,
      // Whatever else is seen in between agrees with nothing: counting begins anew.
      sights: stopped ? outage.sights + 1 : 0,
      activeAt: stopped ? undefined : running ? (outage.activeAt ?? item.requestedAt) : outage.activeAt,
    },
  };
}

function intended(record: TaskRecord, event: EventOf<'restart-intended'>): TaskRecord {
  const { attemptId: id, n, trigger, by, probe, free, at } = event;
  const attempt: Attempt = {
    id,
    n,
    trigger,
    by,
    probe,
    free,
    at,
    previousAttemptAt: record.lastAttemptAt,
    givenBack: false,
    phase: { kind: 'in-flight' },
  };
  const outage = record.outage && { ...record.outage, calls: record.outage.calls + 1, lastCallAt: at };
  // An operator's restart counts for nothing, neither as an attempt nor as the outage's first.
  if (trigger === 'manual') return { ...record, attempt, outage };
  return {
    ...record,
    attempts: record.attempts + 1,
    lastAttemptAt: at,
    attempt,
    outage: outage && { ...outage, attempts: outage.attempts + 1 },
  };
}

function answered(before: TaskRecord, event: EventOf<'restart-answered'>): TaskRecord {
  const { attempt } = before;
  if (attempt?.id !== event.attemptId) return before;
  const { answer, at } = event;
  const slowed =
    attempt.trigger !== 'manual' &&
    ((answer.kind !== 'not-sent' && excuseOf(answer) !== undefined) ||
      (answer.kind !== 'accepted' && answer.failure.retryAfterMs !== undefined));
  const outage = before.outage && slowed ? { ...before.outage, throttled: true } : before.outage;
  const record = { ...before, outage };
  if (answer.kind === 'accepted' || answer.kind === 'unanswered') {
    return {
      ...record,
      attempt: { ...attempt, phase: { kind: 'verifying', from: at, answer: answer.kind } },
      outage: outage && { ...outage, lastEffectAt: at },
    };
  }
  if (isDoubted(answer, attempt)) {
    const phase = { kind: 'doubted', from: at, code: failureName(answer.failure) } as const;
    return { ...record, attempt: { ...attempt, phase } };
  }
  return record;
}

function givenBack(record: TaskRecord, event: EventOf<'restart-given-back'>): TaskRecord {
  const mine = record.attempt?.id === event.attemptId ? record.attempt : undefined;
  const { failedAt } = event;
  // A failure that counts no longer was forgotten meanwhile: there is nothing to give back.
  if (!mine && (failedAt === undefined || !record.failedAt.includes(failedAt))) return record;
  const awaited = mine?.phase.kind === 'verifying' || mine?.phase.kind === 'proving';
  const after: TaskRecord = {
    ...record,
    attempt: mine ? (awaited ? { ...mine, givenBack: true } : undefined) : record.attempt,
    outage: record.outage && {
      ...record.outage,
      attempts: Math.max(0, record.outage.attempts - (event.trigger === 'manual' ? 0 : 1)),
      failedInStretch: record.outage.failedInStretch || event.why === 'circuit',
    },
  };
  if (event.trigger === 'manual') return after;
  const attempts = Math.max(0, record.attempts - 1);
  // Those before it may have been forgotten while it was out.
  const previousAttemptAt = attempts === 0 ? undefined : mine?.previousAttemptAt;
  if (failedAt === undefined) return { ...after, attempts, lastAttemptAt: previousAttemptAt };
  const left = record.failedAt.filter((at) => at !== failedAt);
  // Of a settled attempt the one before is known by when it failed; a newer one, out or not, stays the newest.
  const newerTryAt = record.attempt || (record.lastAttemptAt ?? 0) > failedAt ? record.lastAttemptAt : undefined;
  const lastAttemptAt = mine ? previousAttemptAt : (newerTryAt ?? left.at(-1));
  // Whether the one before it was made late enough to be the last is not known: the next one shows it.
  return {
    ...after,
    attempts,
    lastAttemptAt,
    row: Math.max(0, record.row - 1),
    failedAt: left,
    failedAttemptAt: undefined,
  };
}

function worked(record: TaskRecord, activeAt: number): TaskRecord {
  const { attempt } = record;
  return { ...seenUp(record, activeAt), attempt: attempt && { ...attempt, phase: { kind: 'proving', activeAt } } };
}

/** A look that only verifies saw it run before any complete list did. */
function seenUp(record: TaskRecord, activeAt: number): TaskRecord {
  const { item, outage } = record;
  return {
    ...record,
    stoppedAtFirstSight: record.stoppedAtFirstSight && item.status !== 'stopped',
    item: item.status === 'stopped' ? { ...item, status: 'active', requestedAt: activeAt } : item,
    changedAt: item.status === 'stopped' ? activeAt : record.changedAt,
    outage: outage && { ...outage, activeAt },
  };
}

function lapsed(record: TaskRecord, event: EventOf<'restart-lapsed'>): TaskRecord {
  const { activeAt, stoppedAgain } = event;
  if (activeAt !== undefined) return { ...seenUp(record, activeAt), attempt: undefined };
  return { ...(stoppedAgain ? seenDown(record) : record), attempt: undefined };
}

/** A look that only verifies saw it stopped again before any complete list did. */
const seenDown = (record: TaskRecord): TaskRecord => ({
  ...record,
  item: { ...record.item, status: 'stopped' },
  activeSince: undefined,
  outage: record.outage && { ...record.outage, activeAt: undefined },
});

function failed(record: TaskRecord, event: EventOf<'restart-failed'>): TaskRecord {
  const again = event.cause === 'stopped-again';
  const after: TaskRecord = {
    ...(again ? seenDown(record) : record),
    attempt: undefined,
    outage: record.outage && { ...record.outage, activeAt: undefined },
  };
  if (event.trigger === 'manual') return after;
  const kept = record.failedAt.length < mostAttempts ? [...record.failedAt, event.at] : record.failedAt;
  const failedAttemptAt = record.attempt?.id === event.attemptId ? record.attempt.at : event.at;
  return { ...after, row: record.row + 1, failedAt: kept, failedAttemptAt };
}
