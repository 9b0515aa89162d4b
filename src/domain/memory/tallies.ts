/**
 * How many tasks of each group are in which state. Updated with every fact: a scrape asks for these numbers, and
 * counting 100,000 tasks each time took longer than everything else in it.
 */

import { type CloudTime, msBetween, plus } from '../words/cloud-time.ts';
import { taskStates } from '../words/task.ts';
import { isListed, stateOf } from './condition.ts';
import type { Ledger, States, Tallies, TaskRecord } from './ledger.ts';

const periodMs = 10 * 60_000;

export const newStates = (): States => Object.fromEntries(taskStates.map((state) => [state, 0])) as States;

/** Counts every task; some 15 ms for 100,000. */
export function takeTallies(ledger: Ledger, cloudNow: CloudTime): Tallies {
  const tallies: Tallies = { from: cloudNow, until: plus(cloudNow, periodMs), groups: new Map(), changing: new Set() };
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

export const areTrueAt = (tallies: Tallies | undefined, cloudNow: CloudTime): tallies is Tallies =>
  tallies !== undefined && tallies.from <= cloudNow && cloudNow <= tallies.until;

/** Taken anew in good time, so that no scrape has to. */
export const areToBeRenewed = (tallies: Tallies | undefined, cloudNow: CloudTime): boolean =>
  !areTrueAt(tallies, cloudNow) || msBetween(cloudNow, tallies.until) < periodMs / 2;
