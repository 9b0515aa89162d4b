/**
 * The state of a task, and how many tasks of each group are in which: kept up with every fact, because a scrape asks for
 * these numbers, and to count 100,000 tasks each time took it longer than everything else.
 */

import { hasEnded, isOverdue } from '../decide/rules.ts';
import { type TaskState, taskStates } from '../views/shown.ts';
import type { Ledger, TaskRecord } from './ledger.ts';

export function stateOf(record: TaskRecord, cloudNow: number): TaskState {
  if (hasEnded(record, cloudNow)) return 'ended';
  switch (record.item.status) {
    case 'active':
    case 'stopped':
    case 'unknown':
      return record.item.status;
    case 'ended':
      return 'ended';
    case 'not-started':
      return isOverdue(record, cloudNow) ? 'overdue' : 'not_started';
    default:
      record.item.status satisfies never;
      return 'unknown';
  }
}

/** The newest complete list has it. One that a list lacked is no longer shown, though it is `gone` only later. */
export const isListed = ({ goneAt, missing }: TaskRecord): boolean =>
  goneAt === undefined && (missing === undefined || missing.counted === 0);

export type States = Record<TaskState, number>;

/**
 * Numbers that hold for a stretch of time: a state also changes when an EndTime comes, or five minutes after a
 * StartTime. Tasks for which that is so within the stretch are in no number, but named.
 */
export interface Tallies {
  /** By the cloud's clock. */
  readonly from: number;
  readonly until: number;
  /** Listed tasks; undefined: without a group. */
  readonly groups: Map<string | undefined, States>;
  readonly changing: Set<string>;
}

const stretchMs = 10 * 60_000;

export const newStates = (): States => Object.fromEntries(taskStates.map((state) => [state, 0])) as States;

/** Counts every task; some 15 ms for 100,000. */
export function takeTallies(ledger: Ledger, cloudNow: number): Tallies {
  const tallies: Tallies = { from: cloudNow, until: cloudNow + stretchMs, groups: new Map(), changing: new Set() };
  for (const record of ledger.tasks.values()) tally(tallies, record, 1);
  return tallies;
}

/** A record comes (1) or goes (-1). */
export function tally(tallies: Tallies, record: TaskRecord, by: 1 | -1): void {
  if (!isListed(record)) return;
  const state = stateOf(record, tallies.from);
  // States only ever follow one another: the same at both ends is the same all the time.
  if (stateOf(record, tallies.until) !== state) {
    if (by > 0) tallies.changing.add(record.taskId);
    else tallies.changing.delete(record.taskId);
    return;
  }
  let states = tallies.groups.get(record.group);
  if (!states) {
    states = newStates();
    tallies.groups.set(record.group, states);
  }
  states[state] += by;
}

export const holdAt = (tallies: Tallies | undefined, cloudNow: number): tallies is Tallies =>
  tallies !== undefined && tallies.from <= cloudNow && cloudNow <= tallies.until;

/** Taken anew in good time, so that no scrape has to. */
export const areToBeRenewed = (tallies: Tallies | undefined, cloudNow: number): boolean =>
  !holdAt(tallies, cloudNow) || tallies.until - cloudNow < stretchMs / 2;
