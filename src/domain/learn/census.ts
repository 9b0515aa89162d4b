/** What one complete observation counts: due and stopped tasks for storms and budgets, availability, empty groups. */

import { dueSince, givenUp, isObserved, isOverdue, isStopped } from '../memory/condition.ts';
import { holdOver } from '../memory/holds.ts';
import type { Counted, Ledger, TaskRecord } from '../memory/ledger.ts';
import { type Moment, type Situation, situationOf } from '../memory/situation.ts';
import { scopesOf, stormKey } from '../memory/windows.ts';
import type { Event } from '../words/events.ts';
import type { Policies } from '../words/policy.ts';

/** Tasks between two yields: about a millisecond of work, and a few where all of them are new. */
export const sliceOfTasks = 500;
/** A group that has matched nothing for this long is warned of. */
const emptyGroupAfterMs = 10 * 60_000;

/** Charges the time since the observation before to what was known then; a gap in which we were blind is nobody's. */
export function accountTime(ledger: Ledger, policies: Policies, startedAt: number, moment: Moment): Event[] {
  const before = ledger.accountRecord.lastComplete;
  if (!before || ledger.fresh || startedAt >= situationOf(ledger, policies, moment).blindAt) return [];
  const elapsedMs = Math.max(0, startedAt - before.startedAt);
  return [...ledger.availability].map(([group, { due, down }]) => ({
    type: 'time-accounted',
    at: moment.now,
    account: ledger.account,
    group,
    expectedMs: due * elapsedMs,
    downtimeMs: down * elapsedMs,
  }));
}

type Counts = { due: number; stopped: number; dueForBudget: number };

/** Counts due and stopped tasks for storms, budgets and availability; observed ones in nothing but their group's availability. */
export function* takeCensus(
  ledger: Ledger,
  situation: Situation,
): Generator<void, { readonly stopped: readonly TaskRecord[]; readonly counted: Counted }> {
  const census = new Map<string, Counts>();
  const availability = new Map<string, { due: number; down: number }>();
  const stopped: TaskRecord[] = [];
  const matched = new Set<string>();
  /** The two scopes of a group, looked for once and not for each of its tasks. */
  const scopes = new Map<string, readonly Counts[]>();
  const countsOf = (group: string) =>
    entry(scopes, group, () =>
      scopesOf(group).map((scope) => entry(census, stormKey(scope), () => ({ due: 0, stopped: 0, dueForBudget: 0 }))),
    );
  let worked = 0;
  for (const record of ledger.tasks.values()) {
    if (++worked % sliceOfTasks === 0) yield;
    const policy = record.group === undefined ? undefined : situation.policyOf.get(record.group);
    if (record.goneAt !== undefined || !policy) continue;
    matched.add(policy.name);
    const isDown = isStopped(record);
    if (isDown) stopped.push(record);
    if (dueSince(record, policy, situation.cloudNow) === undefined || holdOver(situation, record)) continue;
    const observed = isObserved(record, policy);
    const stage = isDown ? givenUp(record, policy)?.stage : undefined;
    // What is unknown is on no side: nothing is sent for it.
    if (!observed && record.item.status !== 'unknown')
      for (const counts of countsOf(policy.name)) {
        if (stage !== 'abandoned') counts.dueForBudget++;
        if (stage !== undefined) continue;
        counts.due++;
        if (isDown) counts.stopped++;
      }
    if (observed && policy.mode !== 'observe') continue;
    const group = entry(availability, policy.name, () => ({ due: 0, down: 0 }));
    group.due++;
    if (isDown || isOverdue(record, situation.cloudNow)) group.down++;
  }
  return { stopped, counted: { census, availability, matched } };
}

/** Groups that have matched no task for ten minutes; told once, until one is matched. */
export function emptyGroups(ledger: Ledger, now: number): Event[] {
  return [...ledger.emptyGroups].flatMap(([group, { since, told }]): Event[] =>
    told || now - since < emptyGroupAfterMs ? [] : [{ type: 'group-empty', at: now, account: ledger.account, group }],
  );
}

function entry<V>(map: Map<string, V>, key: string, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}
