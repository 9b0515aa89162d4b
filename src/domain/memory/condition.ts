/**
 * What can be said of a task from its record, the policy in force and the time: ended, overdue, due, down, given up,
 * only observed. The other folders ask here.
 */

import { byOurs, type CloudTime, plus } from '../words/cloud-time.ts';
import { classMeanings, isWaitedOut } from '../words/failure.ts';
import { openingAt } from '../words/hours.ts';
import type { Policy } from '../words/policy.ts';
import type { RestartAnswer, TaskState } from '../words/task.ts';
import type { Attempt, TaskRecord } from './ledger.ts';

/** Whom an event about an attempt of a task is about. */
export const aboutAttempt = (
  { taskId, group = '' }: TaskRecord,
  { id: attemptId, trigger }: Pick<Attempt, 'id' | 'trigger'>,
) => ({ taskId, group, attemptId, trigger });

/**
 * Why the attempt of this answer does not count and the account's restarts wait instead, unless the trouble is the task's
 * own; undefined: the answer is none of these.
 */
export function excuseOf(answer: RestartAnswer): 'throttled' | 'not-sent' | 'not-its-fault' | undefined {
  if (answer.kind === 'throttled' || answer.kind === 'not-sent') return answer.kind;
  if (answer.kind !== 'refused') return undefined;
  return isWaitedOut(classMeanings[answer.failure.class]) ? 'not-its-fault' : undefined;
}

/** The cloud refuses so what runs already, too: the next poll shows which it was. An operator's is taken at its word. */
export const isDoubted = (
  answer: RestartAnswer,
  { trigger }: Attempt,
): answer is Extract<RestartAnswer, { kind: 'refused' }> =>
  trigger !== 'manual' && answer.kind === 'refused' && classMeanings[answer.failure.class].attempt === 'doubted';

/** An edit that is taken back within this time ends no outage and forgets no attempts. */
const leaveMs = 10 * 60_000;
/** It became unmanaged a moment ago: what is known of it is kept, in case a group has it again. */
export const isOnLeave = ({ group, left }: TaskRecord, now: number): boolean =>
  group === undefined && left !== undefined && now - left.at <= leaveMs;

/** 未开始 for longer than this after StartTime is `overdue`. */
const overdueAfterMs = 5 * 60_000;

/**
 * Since when a task is in quarantine or abandoned, by its failures and the policy in force; an observed one is neither. No
 * clock abandons it: while it is held, out of hours or nobody is there, nobody has tried.
 */
export function givenUp(
  record: TaskRecord,
  policy: Policy,
): { readonly stage: 'quarantined' | 'abandoned'; readonly since: number } | undefined {
  if (isObserved(record, policy)) return undefined;
  const quarantinedAt = record.row >= policy.attempts ? record.failedAt[policy.attempts - 1] : undefined;
  if (quarantinedAt === undefined) return undefined;
  const { failedAttemptAt } = record;
  return failedAttemptAt !== undefined && failedAttemptAt >= quarantinedAt + policy.quarantine.abandonAfterMs
    ? { stage: 'abandoned', since: failedAttemptAt }
    : { stage: 'quarantined', since: quarantinedAt };
}

/** Ended by its status or by the clock. */
export const hasEnded = ({ item }: TaskRecord, cloudNow: CloudTime): boolean =>
  item.status === 'ended' || (item.endsAt !== undefined && item.endsAt <= cloudNow);

export const isOverdue = ({ item }: TaskRecord, cloudNow: CloudTime): boolean =>
  item.status === 'not-started' && item.startsAt !== undefined && cloudNow > plus(item.startsAt, overdueAfterMs);

/**
 * Since when a managed task should be running; undefined if it should not now: known status, not ended,
 * StartTime ≤ now < EndTime, inside its hours.
 */
export function dueSince(record: TaskRecord, policy: Policy, cloudNow: CloudTime): CloudTime | undefined {
  const { status, startsAt } = record.item;
  const known = status !== 'unknown' || isStopped(record);
  if (record.goneAt !== undefined || !known || hasEnded(record, cloudNow)) return undefined;
  if (startsAt !== undefined && startsAt > cloudNow) return undefined;
  const { open, since } = openingAt(policy.hours, cloudNow);
  if (!open) return undefined;
  return startsAt !== undefined && startsAt > since ? startsAt : since;
}

/** Stopped as far as anybody knows: a status that means nothing to us takes nothing back of an outage. */
export const isStopped = ({ item, outage }: TaskRecord): boolean =>
  item.status === 'stopped' || (item.status === 'unknown' && outage !== undefined && outage.activeAt === undefined);

/** Its hours are on, and its StartTime is past or at hand: to be stopped is an outage from then on. */
export const isWanted = ({ item }: TaskRecord, policy: Policy, cloudNow: CloudTime): boolean =>
  (item.startsAt === undefined || plus(item.startsAt, -policy.startLeadMs) <= cloudNow) &&
  openingAt(policy.hours, cloudNow).open;

/** One moment by both clocks. */
export interface Clocks {
  readonly cloudNow: CloudTime;
  readonly clockOffsetMs: number;
}

/** Since when by our clock a task in outage was missed: not before it should have been running. */
export function downSince(record: TaskRecord, policy: Policy, { cloudNow, clockOffsetMs }: Clocks): number {
  const since = record.outage?.since ?? record.changedAt;
  const due = dueSince(record, policy, cloudNow);
  return due === undefined ? since : Math.max(since, byOurs(due, clockOffsetMs));
}

/** Whether restarts of the task are only watched: its group observes, or it was stopped at first sight. */
export const isObserved = (record: TaskRecord, policy: Policy): boolean =>
  policy.mode === 'observe' || (record.stoppedAtFirstSight && policy.firstSight === 'observe');

export function stateOf(record: TaskRecord, cloudNow: CloudTime): TaskState {
  const { status } = record.item;
  if (hasEnded(record, cloudNow)) return 'ended';
  if (status === 'not-started') return isOverdue(record, cloudNow) ? 'overdue' : 'not_started';
  return status;
}

export const willRun = (record: TaskRecord, cloudNow: CloudTime): boolean =>
  isListed(record) && !hasEnded(record, cloudNow);

/** The newest complete list has it. One that a list lacked is no longer shown, though it is `gone` only later. */
export const isListed = ({ goneAt, missing }: TaskRecord): boolean =>
  goneAt === undefined && (missing === undefined || missing.counted === 0);
