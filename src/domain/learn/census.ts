/**
 * What one complete observation counts: due and stopped tasks for storms and budgets, availability, tasks that will end,
 * empty groups. One walk for all of it: with 100,000 tasks each costs some ten milliseconds, most of them for memory.
 */

import { dueSince, givenUp, isObserved, isOverdue, isStopped, willRun } from '../memory/condition.ts';
import { holdOver } from '../memory/holds.ts';
import type { Counted, GroupCounts, Ledger, TaskRecord } from '../memory/ledger.ts';
import type { Situation } from '../memory/situation.ts';
import { type CloudTime, msBetween } from '../words/cloud-time.ts';
import type { Fact } from '../words/events.ts';

/** Tasks between two yields: about a millisecond of work, and a few where all of them are new. */
export const sliceOfTasks = 500;
/** A group that has matched nothing for this long is warned of. */
const emptyGroupAfterMs = 10 * 60_000;

/** Charges the time since the observation before to what was known then; a gap in which we were blind is nobody's. */
export function accountTime({ ledger, blindAt }: Situation, startedAt: number): Fact[] {
  const before = ledger.accountRecord.lastComplete;
  if (!before || ledger.fresh || startedAt >= blindAt) return [];
  const elapsedMs = Math.max(0, startedAt - before.startedAt);
  return [...(ledger.counted?.groups ?? [])].flatMap(([group, { expected, down }]) =>
    expected === 0
      ? []
      : [{ type: 'time-accounted', group, expectedMs: expected * elapsedMs, downtimeMs: down * elapsedMs }],
  );
}

export function* takeCensus(situation: Situation) {
  const { stopped, gone, take, counted } = newCount(situation);
  const records = situation.ledger.tasks.values();
  while (takeSlice(records, take)) yield;
  return { stopped, gone, counted: counted() };
}

/** False: that was the last one. */
function takeSlice(records: Iterator<TaskRecord, undefined>, take: (record: TaskRecord) => void): boolean {
  for (let taken = 0; taken < sliceOfTasks; taken++) {
    const { done, value } = records.next();
    if (done) return false;
    take(value);
  }
  return true;
}

/** By group, as counted with the newest list; where none was by these policies, counted now: with 100,000 tasks 60 ms. */
export function countedByGroup(situation: Situation): Counted['groups'] {
  const { ledger, policies } = situation;
  if (ledger.counted?.policies === policies) return ledger.counted.groups;
  const { take, counted } = newCount(situation);
  ledger.tasks.forEach(take);
  return counted().groups;
}

type Counting = { -readonly [K in keyof GroupCounts]: GroupCounts[K] } & { readonly endSoon: TaskRecord[] };

/** Apart from the generator, which V8 leaves unoptimized: there 100,000 tasks were 40 MB of garbage. */
function newCount(situation: Situation) {
  const { policies, policyOf, cloudNow } = situation;
  const stopped: TaskRecord[] = [];
  const gone: TaskRecord[] = [];
  const groups = new Map<string, Counting>();

  const newGroup = (name: string): Counting | undefined => {
    const policy = policyOf.get(name);
    if (!policy) return undefined;
    const nothing = { due: 0, stopped: 0, dueForBudget: 0, expected: 0, down: 0, nextEnd: undefined, endSoon: [] };
    const group: Counting = { policy, ...nothing };
    groups.set(name, group);
    return group;
  };

  const take = (record: TaskRecord): void => {
    if (record.goneAt !== undefined) return void gone.push(record);
    if (record.group === undefined) return;
    const group = groups.get(record.group) ?? newGroup(record.group);
    if (!group) return;
    const { policy } = group;
    countEnd(group, record, cloudNow);
    const isDown = isStopped(record);
    if (isDown) stopped.push(record);
    if (dueSince(record, policy, cloudNow) === undefined || holdOver(situation, record)) return;
    const observed = isObserved(record, policy);
    // What is unknown is on no side: nothing is sent for it.
    if (!observed && record.item.status !== 'unknown') {
      const stage = isDown ? givenUp(record, policy)?.stage : undefined;
      if (stage !== 'abandoned') group.dueForBudget++;
      if (stage === undefined) group.due++;
      if (stage === undefined && isDown) group.stopped++;
    }
    if (observed && policy.mode !== 'observe') return;
    group.expected++;
    if (isDown || isOverdue(record, cloudNow)) group.down++;
  };

  const counted = (): Counted => {
    const account = { due: 0, stopped: 0, dueForBudget: 0 };
    for (const { due, stopped, dueForBudget } of groups.values()) {
      account.due += due;
      account.stopped += stopped;
      account.dueForBudget += dueForBudget;
    }
    return { policies, account, groups };
  };
  return { stopped, gone, take, counted };
}

function countEnd(group: Counting, record: TaskRecord, cloudNow: CloudTime): void {
  const { endsAt } = record.item;
  const { endWarning } = group.policy;
  if (endsAt === undefined || !willRun(record, cloudNow)) return;
  if (group.nextEnd === undefined || endsAt < group.nextEnd) group.nextEnd = endsAt;
  if (endWarning && msBetween(cloudNow, endsAt) <= endWarning.beforeMs) group.endSoon.push(record);
}

/** Groups that have matched no task for ten minutes; one fact for each, until one is matched. */
export const emptyGroupFacts = ({ emptyGroups }: Ledger, now: number): Fact[] =>
  [...emptyGroups].flatMap(([group, { since, told }]) =>
    told || now - since < emptyGroupAfterMs ? [] : [{ type: 'group-empty', group }],
  );
