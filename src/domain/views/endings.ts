/**
 * Tasks that will end: the next one of each group, and those that end soon without a successor. Such an end is
 * planned, so nothing else reports it, and the stream would go dark unnoticed.
 */

import { countedByGroup } from '../learn/census.ts';
import { willRun } from '../memory/condition.ts';
import type { TaskRecord } from '../memory/ledger.ts';
import type { Situation } from '../memory/situation.ts';
import { byOurs } from '../words/cloud-time.ts';
import { shownTitle } from '../words/task.ts';
import type { EndingTask } from './shown.ts';

/** Which destination a task pushes to, by its fingerprint; undefined: not known. */
export type DestinationOf = (taskId: string) => number | undefined;

export interface Endings {
  /** By group, our clock. */
  readonly next: ReadonlyMap<string, number>;
  /** The soonest first. */
  readonly soon: readonly EndingTask[];
}

interface Known {
  readonly policies: Situation['policies'];
  readonly destinationOf: DestinationOf;
  readonly endings: Endings;
}
/** By the newest list: who follows is looked for among 100,000 tasks, and once, whoever asks meanwhile. */
const ofList = new WeakMap<object, Known>();

export function endingsOf(situation: Situation, destinationOf: DestinationOf): Endings {
  const { ledger, policies, now } = situation;
  const list = ledger.counted ?? ledger;
  let known = ofList.get(list);
  if (known?.policies !== policies || known.destinationOf !== destinationOf) {
    known = { policies, destinationOf, endings: lookThrough(situation, destinationOf) };
    ofList.set(list, known);
  }
  const { next, soon } = known.endings;
  return { next, soon: soon.filter(({ endsAt }) => endsAt > now) };
}

function lookThrough(situation: Situation, destinationOf: DestinationOf): Endings {
  const { ledger, policyOf, clockOffsetMs } = situation;
  const next = new Map<string, number>();
  const groups = countedByGroup(situation);
  for (const [group, { nextEnd }] of groups) if (nextEnd !== undefined) next.set(group, byOurs(nextEnd, clockOffsetMs));
  const near = [...groups.values()].flatMap(({ endSoon }) => endSoon);
  const successors = successorsOf(situation, near, destinationOf);
  const soon = near
    .filter((record) => {
      const warning = policyOf.get(record.group ?? '')?.endWarning;
      return warning && !(warning.unlessSuccessor && successors.has(record.taskId));
    })
    .map((record) => ({
      account: ledger.account,
      group: record.group ?? '',
      taskId: record.taskId,
      title: shownTitle(record.item),
      cloudGroup: record.item.cloudGroup,
      endsAt: record.item.endsAt === undefined ? 0 : byOurs(record.item.endsAt, clockOffsetMs),
    }))
    .sort((a, b) => a.endsAt - b.endsAt || (a.taskId < b.taskId ? -1 : 1));
  return { next, soon };
}

/**
 * By task the one that follows it: it has the same destination and ends later, or never. Of several the one that begins
 * first. Managed or not: whoever runs it, viewers see it.
 */
export function successorsOf(
  { ledger, cloudNow }: Situation,
  ending: readonly TaskRecord[],
  destinationOf: DestinationOf,
): ReadonlyMap<string, TaskRecord> {
  const byDestination = new Map<number, TaskRecord[]>();
  for (const record of ending) {
    const destination = destinationOf(record.taskId);
    if (destination === undefined) continue;
    const others = byDestination.get(destination);
    if (others) others.push(record);
    else byDestination.set(destination, [record]);
  }
  const successors = new Map<string, TaskRecord>();
  if (byDestination.size === 0) return successors;
  const begin = ({ item }: TaskRecord) => item.startsAt ?? cloudNow;
  for (const record of ledger.tasks.values()) {
    const destination = destinationOf(record.taskId);
    const before = destination === undefined ? undefined : byDestination.get(destination);
    if (!before || !willRun(record, cloudNow)) continue;
    for (const { taskId, item } of before) {
      const later = record.item.endsAt === undefined || (item.endsAt !== undefined && record.item.endsAt > item.endsAt);
      const known = successors.get(taskId);
      if (record.taskId !== taskId && later && (!known || begin(record) < begin(known))) successors.set(taskId, record);
    }
  }
  return successors;
}
