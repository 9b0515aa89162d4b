/**
 * What may never be sent, whatever happens meanwhile. Each law is asked of one restart when its intent is told, and
 * answers with what is wrong.
 *
 * They can be read off a policy, the disk, and what the lists showed; the rules are not asked. What a match and hours say, how
 * long a wait is, how many go at once and whose turn it is stands in the tables of test/domain.
 */

import { cloudTime, unixMs } from '../../src/domain/words/cloud-time.ts';
import type { Hold } from '../../src/domain/words/events.ts';
import { openingAt } from '../../src/domain/words/hours.ts';
import { groupOf, type Policy } from '../../src/domain/words/policy.ts';
import type { TaskItem } from '../../src/domain/words/task.ts';
import type { Book, Call, TaskBook } from './book.ts';
import type { Judge } from './judge.ts';

/** Rounding of times to whole milliseconds. */
const tinyMs = 100;
/** Clocks run apart by 300 ppm each. */
const paceSlack = 0.001;

export type Scene = ReturnType<Judge['scene']>;
export interface Moment extends Scene {
  readonly book: Book;
  readonly task: TaskBook;
  readonly call: Call;
}

/** By the policy that has the task, and its item in the newest complete list. */
type Law = (moment: Moment, policy: Policy, item: TaskItem) => string | undefined | false;

/** Nobody restarts twice without a look in between. */
const seenSince: Law = ({ book, task: { latest, seenAt } }) =>
  latest?.answeredAt !== undefined &&
  latest.mayWork &&
  seenAt + tinyMs < latest.answeredAt &&
  Math.max(book.blurredAt, book.reloadedAt) < latest.answeredAt &&
  'nothing was seen of it since the one before was answered';

/** Its backoff, whoever had the account before: of the longer ones the tables tell. Clocks of two machines run apart. */
const spaced: Law = ({ book, task: { lastAt }, call, now, drift }, { backoff }) => {
  const gapMs = now - lastAt;
  const least = backoff.initialMs * (1 - paceSlack) - drift * now - tinyMs;
  const anew = Math.max(book.reloadedAt, book.blurredAt, book.steppedAt);
  return call.trigger === 'auto' && gapMs < least && anew < lastAt && `its last one is ${gapMs.toFixed(0)} ms ago`;
};
const managed: Law = ({ call }, policy) => policy.name !== call.group && `it is ${policy.name}'s, not ${call.group}'s`;
const watched: Law = ({ task }, policy) => task.isOnlyWatched(policy, 'surely') && 'it is only observed';
const unheld: Law = ({ book, holds, task, wall }, policy) => {
  const by = heldBy(inForce(holds, book), task.taskId, policy.name, wall);
  return by && `it is held by ${by}`;
};
const inTime: Law = ({ cloudNow }, policy, item) => outsideItsTime(item, policy, cloudNow);
const laws: readonly Law[] = [seenSince, managed, watched, unheld, inTime, spaced];

/** What is wrong with a restart by the rules; undefined: nothing. */
export function wrongByRules(moment: Moment): string | undefined {
  const { list, longestPollMs, blurredAt } = moment.book;
  if (!list) return 'no complete list has been read';
  const patienceMs = Math.max(3 * moment.pollEveryMs, 2 * longestPollMs, 60_000) * (1 + paceSlack) + tinyMs;
  const ageMs = moment.now - list.at;
  if (ageMs > patienceMs && blurredAt <= list.at) return `the newest complete list is ${ageMs} ms old`;
  const item = list.items.get(moment.task.taskId);
  if (item?.status !== 'stopped') return `the newest complete list says ${item?.status ?? 'nothing of it'}`;
  const policy = groupOf(moment.policies, item);
  if (!policy) return 'it is unmanaged';
  for (const law of laws) {
    const wrong = law(moment, policy, item);
    if (wrong) return wrong;
  }
  return undefined;
}

/** What is wrong with a restart by hand: nobody asked for it, it is held, or unmanaged. */
export function wrongByHand({ book, holds, task, call, policies, wall }: Moment): string | undefined {
  const force = book.asked.restarts.get(task.taskId);
  if (force === undefined) return 'nobody asked for it';
  const by = heldBy(inForce(holds, book), task.taskId, call.group, wall);
  if (by && !force) return `it is held by ${by}`;
  const item = book.list?.items.get(task.taskId);
  return item && !groupOf(policies, item) ? 'it is unmanaged' : undefined;
}

/** That nobody has asked to take off. */
const inForce = (holds: readonly Hold[], { asked }: Book): readonly Hold[] =>
  holds.filter(({ id }) => !asked.holdsOff.has(id));

/** A hold over the task that is on disk. That it was taken off may have died with a process: it is in force all the same. */
export const heldBy = (holds: readonly Hold[], taskId: string, group: string, wall: number): string | undefined =>
  holds.find(({ target, endsAt = Number.POSITIVE_INFINITY }) => {
    if (endsAt <= wall) return false;
    if (target.kind === 'task') return target.taskId === taskId;
    return target.kind === 'account' || (target.kind === 'group' && target.group === group);
  })?.id;

/** What of its times is against a restart now. */
export function outsideItsTime(
  item: Pick<TaskItem, 'startsAt' | 'endsAt'>,
  policy: Policy,
  cloudNow: number,
): string | undefined {
  const { startsAt, endsAt } = item;
  if (endsAt !== undefined && cloudNow >= unixMs(endsAt) - policy.endGuardMs) return 'it has ended, or is about to';
  if (startsAt !== undefined && cloudNow < unixMs(startsAt) - policy.startLeadMs) return 'its start is ahead';
  return openingAt(policy.hours, cloudTime(cloudNow)).open ? undefined : 'it is outside its hours';
}
