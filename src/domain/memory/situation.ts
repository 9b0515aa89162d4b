/** One account at one moment, made once for a decision: policies by name, holds in force, restarts unsettled, blindness. */

import { byCloud } from '../words/cloud-time.ts';
import { openingAt } from '../words/hours.ts';
import type { Policies, Policy } from '../words/policy.ts';
import type { ApartWhy } from '../words/task.ts';
import { hasEnded, isObserved, isStopped } from './condition.ts';
import { holdOver, indexHolds } from './holds.ts';
import { type Ledger, recordsOf, type TaskRecord } from './ledger.ts';
import { unsettledByScope } from './windows.ts';

const blindAtLeastMs = 60_000;

export interface Moment {
  /** Unix milliseconds, by this machine. */
  readonly now: number;
  /** How far the cloud's clock is ahead of ours. */
  readonly clockOffsetMs: number;
  readonly nextPollAt: number;
  /** The present gap between scheduled polls. */
  readonly pollGapMs: number;
  /** The last save failed: nothing is sent before one succeeds. */
  readonly storeFails?: boolean;
}

/** What holds for the whole account at one moment. Made once for a decision; no rule reads a clock. */
export type Situation = Readonly<ReturnType<typeof situationOf>>;

export function situationOf(ledger: Ledger, policies: Policies, moment: Moment) {
  const { now, clockOffsetMs, pollGapMs } = moment;
  /** StartTime, EndTime and hours are judged by it. */
  const cloudNow = byCloud(now, clockOffsetMs);
  const { lastComplete, pollDurationsMs, throttle } = ledger.accountRecord;
  const isOpenAgain = throttle?.unreached === true && (lastComplete?.startedAt ?? 0) > throttle.setAt;
  const blindAfterMs = Math.max(3 * pollGapMs, 2 * Math.max(0, ...pollDurationsMs), blindAtLeastMs);
  /** By group; a task without one has none. */
  const policyOf: ReadonlyMap<string | undefined, Policy> = new Map(
    policies.groups.map((policy) => [policy.name, policy]),
  );
  return {
    ...moment,
    ledger,
    policies,
    cloudNow,
    policyOf,
    holds: indexHolds(ledger, policies, now, { cloudNow, clockOffsetMs }),
    unsettled: unsettledByScope({ ledger, policyOf, now, pollGapMs }),
    /** What the open restart circuit was tried with; undefined while it is closed. */
    tried: triedIn(ledger),
    /** Until when the cloud's word keeps every restart of the account; undefined: it does not. */
    throttledUntil: throttle && throttle.until > now && !isOpenAgain ? throttle.until : undefined,
    /** When the newest complete observation stops being good enough to act on. */
    blindAt: ledger.fresh || !lastComplete ? Number.NEGATIVE_INFINITY : lastComplete.finishedAt + blindAfterMs,
  };
}

/** Of whom a trouble is known, and since when: it may be theirs alone. */
export interface InTrouble {
  readonly since: number;
  readonly cloudGroups: ReadonlySet<string>;
  readonly groups: ReadonlySet<string | undefined>;
}

/** Tasks whose restarts in this stretch of the restart circuit were answered so or are out. */
interface Tried extends InTrouble {
  /** When each was tried last; Infinity: its probe is out. */
  readonly tasks: ReadonlyMap<string, number>;
}

function triedIn(ledger: Ledger): Tried | undefined {
  const { restart } = ledger.accountRecord.circuits;
  if (restart.kind === 'closed') return undefined;
  const tasks = new Map(restart.stretch.map(({ taskId, at }) => [taskId, at]));
  for (const { taskId, attempt } of recordsOf(ledger, ledger.unsettled))
    if (attempt?.probe && attempt.phase.kind === 'in-flight') tasks.set(taskId, Number.POSITIVE_INFINITY);
  const records = [...recordsOf(ledger, tasks.keys())];
  return {
    since: restart.since,
    tasks,
    cloudGroups: new Set(records.map(({ item }) => item.cloudGroup)),
    groups: new Set(records.map(({ group }) => group)),
  };
}

/** Whether a task is due and meant to be restarted, or why it is left alone; undefined: nobody manages it, or its time is over or ahead. */
export function dueOrApart(record: TaskRecord, situation: Situation): 'due' | ApartWhy | undefined {
  const policy = situation.policyOf.get(record.group);
  const { startsAt } = record.item;
  if (!policy || record.goneAt !== undefined || hasEnded(record, situation.cloudNow)) return undefined;
  if (startsAt !== undefined && startsAt > situation.cloudNow) return undefined;
  if (holdOver(situation, record)) return 'held';
  if (!openingAt(policy.hours, situation.cloudNow).open) return 'outside-hours';
  return isObserved(record, policy) ? 'observed' : 'due';
}

/** The one meaning of "down" in all that is shown. */
export const isDown = (record: TaskRecord, situation: Situation): boolean =>
  isStopped(record) && dueOrApart(record, situation) === 'due';
