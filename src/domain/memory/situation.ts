/** One account at one moment, made once for a decision: policies by name, holds in force, restarts unsettled, blindness. */

import { byCloud } from '../words/cloud-time.ts';
import { openingAt } from '../words/hours.ts';
import type { Policies, Policy } from '../words/policy.ts';
import type { ApartWhy } from '../words/task.ts';
import { hasEnded, isObserved, isStopped } from './condition.ts';
import { holdOver, indexHolds } from './holds.ts';
import type { Ledger, TaskRecord } from './ledger.ts';
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
}

/** What holds for the whole account at one moment. Made once for a decision; no rule reads a clock. */
export type Situation = Readonly<ReturnType<typeof situationOf>>;

export function situationOf(ledger: Ledger, policies: Policies, moment: Moment) {
  const { now, clockOffsetMs, pollGapMs } = moment;
  /** StartTime, EndTime and hours are judged by it. */
  const cloudNow = byCloud(now, clockOffsetMs);
  const { lastComplete, pollDurationsMs } = ledger.accountRecord;
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
    groupRank: new Map(policies.groups.map(({ name }, rank) => [name, rank])) as ReadonlyMap<string, number>,
    holds: indexHolds(ledger, policies, now, { cloudNow, clockOffsetMs }),
    unsettled: unsettledByScope({ ledger, policyOf, now, pollGapMs }),
    /** What the open restart circuit was tried with; undefined while it is closed. */
    tried: triedIn(ledger),
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

function triedIn({ accountRecord: { circuits }, tasks, unsettled }: Ledger): Tried | undefined {
  const { restart } = circuits;
  if (restart.kind === 'closed') return undefined;
  const tried = new Map(restart.stretch.map(({ taskId, at }) => [taskId, at]));
  for (const taskId of unsettled) {
    const attempt = tasks.get(taskId)?.attempt;
    if (attempt?.probe && attempt.phase.kind === 'in-flight') tried.set(taskId, Number.POSITIVE_INFINITY);
  }
  const cloudGroups = new Set<string>();
  const groups = new Set<string | undefined>();
  for (const taskId of tried.keys()) {
    const record = tasks.get(taskId);
    if (!record) continue;
    cloudGroups.add(record.item.cloudGroup);
    groups.add(record.group);
  }
  return { since: restart.since, tasks: tried, cloudGroups, groups };
}

/**
 * How a stopped task stands; undefined: it is not stopped, nobody manages it, or its time is over or ahead. The one
 * meaning of "down" in all that is shown: due, stopped, and none of the others.
 */
export function standingOf(record: TaskRecord, situation: Situation): 'down' | ApartWhy | undefined {
  const policy = situation.policyOf.get(record.group);
  const { startsAt } = record.item;
  if (!policy || !isStopped(record) || record.goneAt !== undefined || hasEnded(record, situation.cloudNow))
    return undefined;
  if (startsAt !== undefined && startsAt > situation.cloudNow) return undefined;
  if (holdOver(situation, record)) return 'held';
  if (!openingAt(policy.hours, situation.cloudNow).open) return 'outside-hours';
  return isObserved(record, policy) ? 'observed' : 'down';
}

export const isDown = (record: TaskRecord, situation: Situation): boolean => standingOf(record, situation) === 'down';
