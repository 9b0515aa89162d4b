/**
 * Tasks that will end: the next one of each group, and those that end soon without a successor. Such an end is
 * planned, so nothing else reports it, and viewers would be the first to notice.
 */

import { countedByGroup } from '../learn/census.ts';
import { willRun } from '../memory/condition.ts';
import type { TaskRecord } from '../memory/ledger.ts';
import type { Situation } from '../memory/situation.ts';
import { byOurs, unixMs } from '../words/cloud-time.ts';
import { shownTitle } from '../words/task.ts';

/** Which destination a task pushes to, by its fingerprint; undefined: not known. */
export type DestinationOf = (taskId: string) => number | undefined;

interface Known {
  readonly policies: Situation['policies'];
  readonly destinationOf: DestinationOf;
  readonly endings: ReturnType<typeof lookThrough>;
}
/** By the newest list: who follows is looked for among 100,000 tasks, and once, whoever asks meanwhile. */
const ofList = new WeakMap<object, Known>();

export function endingsOf(situation: Situation, destinationOf: DestinationOf) {
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

/** By group the next end, by our clock; and tasks with no later one that has their destination, the soonest first. */
function lookThrough(situation: Situation, destinationOf: DestinationOf) {
  const { ledger, policyOf, clockOffsetMs } = situation;
  const next = new Map<string, number>();
  const groups = countedByGroup(situation);
  for (const [group, { nextEnd }] of groups) if (nextEnd !== undefined) next.set(group, byOurs(nextEnd, clockOffsetMs));
  const near = [...groups.values()].flatMap(({ endSoon }) => endSoon);
  const isFollowed = followedAmong(situation, near, destinationOf);
  const soon = near
    .filter((record) => {
      const warning = policyOf.get(record.group)?.endWarning;
      return warning && !(warning.unlessSuccessor && isFollowed(record));
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

/** The moment at which it ends; Infinity: never. */
const endOf = ({ item }: TaskRecord): number =>
  item.endsAt === undefined ? Number.POSITIVE_INFINITY : unixMs(item.endsAt);

/**
 * Which of these are followed: by one that has the same destination and ends later, or never. Managed or not: whoever
 * runs it, viewers see it.
 */
function followedAmong(
  { ledger, cloudNow }: Situation,
  ending: readonly TaskRecord[],
  destinationOf: DestinationOf,
): (record: TaskRecord) => boolean {
  /** By destination when the last task there ends: all may push to one, and each is looked at once. */
  const lastEnds = new Map<number, number>();
  for (const { taskId } of ending) {
    const destination = destinationOf(taskId);
    if (destination !== undefined) lastEnds.set(destination, 0);
  }
  if (lastEnds.size > 0)
    for (const record of ledger.tasks.values()) {
      const destination = destinationOf(record.taskId);
      const last = destination === undefined ? undefined : lastEnds.get(destination);
      if (destination === undefined || last === undefined || !willRun(record, cloudNow)) continue;
      lastEnds.set(destination, Math.max(last, endOf(record)));
    }
  return (record) => {
    const destination = destinationOf(record.taskId);
    return destination !== undefined && (lastEnds.get(destination) ?? 0) > endOf(record);
  };
}

/** The one that follows a task, of those that share its destination; of several the one that begins first. */
export function successorOf(
  { ledger, cloudNow }: Situation,
  ending: TaskRecord,
  sharing: readonly string[],
): TaskRecord | undefined {
  const begin = ({ item }: TaskRecord) => item.startsAt ?? cloudNow;
  let first: TaskRecord | undefined;
  for (const taskId of sharing) {
    const record = taskId === ending.taskId ? undefined : ledger.tasks.get(taskId);
    if (!record || !willRun(record, cloudNow)) continue;
    const later = record.item.endsAt === undefined || endOf(record) > endOf(ending);
    if (later && (!first || begin(record) < begin(first))) first = record;
  }
  return first;
}
