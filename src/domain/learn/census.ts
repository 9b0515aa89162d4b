/**
 * What one complete observation counts: due and stopped tasks for storms and budgets, availability, tasks that will end,
 * empty groups. One walk for all of it: with 100,000 tasks each costs some ten milliseconds, most of them for memory.
 */

import { dueSince, givenUp, isObserved, isOverdue, isStopped } from '../memory/condition.ts';
import { countEnd, type EndsSoFar, noEnds } from '../memory/ends.ts';
import { holdOver } from '../memory/holds.ts';
import type { Counted, Ledger, TaskRecord } from '../memory/ledger.ts';
import { type Moment, type Situation, situationOf } from '../memory/situation.ts';
import { scopesOf, stormKey } from '../memory/windows.ts';
import type { Fact } from '../words/events.ts';
import type { Policies, Policy } from '../words/policy.ts';

/** Tasks between two yields: about a millisecond of work, and a few where all of them are new. */
export const sliceOfTasks = 500;
/** A group that has matched nothing for this long is warned of. */
const emptyGroupAfterMs = 10 * 60_000;

/** Charges the time since the observation before to what was known then; a gap in which we were blind is nobody's. */
export function accountTime(ledger: Ledger, policies: Policies, startedAt: number, moment: Moment): Fact[] {
  const before = ledger.accountRecord.lastComplete;
  if (!before || ledger.fresh || startedAt >= situationOf(ledger, policies, moment).blindAt) return [];
  const elapsedMs = Math.max(0, startedAt - before.startedAt);
  return [...ledger.availability].map(([group, { due, down }]) => ({
    type: 'time-accounted',
    group,
    expectedMs: due * elapsedMs,
    downtimeMs: down * elapsedMs,
  }));
}

type Counts = { due: number; stopped: number; dueForBudget: number };

/** What is counted for a group; its two scopes are looked for once, and not for each of its tasks. */
interface OfGroup {
  readonly policy: Policy;
  scopes: readonly Counts[] | undefined;
  availability: { due: number; down: number } | undefined;
  readonly ends: EndsSoFar;
}

interface Census {
  readonly stopped: readonly TaskRecord[];
  readonly gone: readonly TaskRecord[];
  readonly counted: Counted;
}

/** Counts due and stopped tasks for storms, budgets and availability; observed ones for their group's availability alone. */
export function* takeCensus(ledger: Ledger, situation: Situation): Generator<void, Census> {
  const { stopped, gone, take, counted } = newCount(situation);
  const records = ledger.tasks.values();
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

/** Apart from the generator, which V8 leaves unoptimized: there 100,000 tasks were 40 MB of garbage. */
function newCount(situation: Situation) {
  const { policyOf, cloudNow } = situation;
  const stopped: TaskRecord[] = [];
  const gone: TaskRecord[] = [];
  const census = new Map<string, Counts>();
  const groups = new Map<string, OfGroup>();

  const groupOf = (name: string): OfGroup | undefined => {
    const policy = policyOf.get(name);
    if (!policy) return undefined;
    const group: OfGroup = { policy, scopes: undefined, availability: undefined, ends: noEnds() };
    groups.set(name, group);
    return group;
  };
  const countsOf = (name: string): readonly Counts[] =>
    scopesOf(name).map((scope) => {
      const counts = census.get(stormKey(scope)) ?? { due: 0, stopped: 0, dueForBudget: 0 };
      census.set(stormKey(scope), counts);
      return counts;
    });

  const take = (record: TaskRecord): void => {
    if (record.goneAt !== undefined) return void gone.push(record);
    if (record.group === undefined) return;
    const group = groups.get(record.group) ?? groupOf(record.group);
    if (!group) return;
    const { policy } = group;
    countEnd(group.ends, record, policy, cloudNow);
    const isDown = isStopped(record);
    if (isDown) stopped.push(record);
    if (dueSince(record, policy, cloudNow) === undefined || holdOver(situation, record)) return;
    const observed = isObserved(record, policy);
    // What is unknown is on no side: nothing is sent for it.
    if (!observed && record.item.status !== 'unknown') {
      group.scopes ??= countsOf(policy.name);
      countIn(group.scopes, isDown, isDown ? givenUp(record, policy)?.stage : undefined);
    }
    if (observed && policy.mode !== 'observe') return;
    group.availability ??= { due: 0, down: 0 };
    group.availability.due++;
    if (isDown || isOverdue(record, cloudNow)) group.availability.down++;
  };
  const counted = (): Counted => {
    const availability = new Map<string, { due: number; down: number }>();
    for (const [name, group] of groups) if (group.availability) availability.set(name, group.availability);
    return { census, availability, ends: new Map([...groups].map(([name, { ends }]) => [name, ends])) };
  };
  return { stopped, gone, take, counted };
}

function countIn(scopes: readonly Counts[], isDown: boolean, stage: 'quarantined' | 'abandoned' | undefined): void {
  for (const counts of scopes) {
    if (stage !== 'abandoned') counts.dueForBudget++;
    if (stage !== undefined) continue;
    counts.due++;
    if (isDown) counts.stopped++;
  }
}

/** Groups that have matched no task for ten minutes; told once, until one is matched. */
export const emptyGroupFacts = ({ emptyGroups }: Ledger, now: number): Fact[] =>
  [...emptyGroups].flatMap(([group, { since, told }]) =>
    told || now - since < emptyGroupAfterMs ? [] : [{ type: 'group-empty', group }],
  );
