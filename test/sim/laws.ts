/**
 * What may never be sent, whatever happens meanwhile. Each law is asked of one restart when its intent is told, and
 * answers with what is wrong.
 *
 * They can be read off a policy, the disk, and what the lists showed. How long a wait is, how many go at once and whose
 * turn it is stands in the tables of test/domain.
 */
import type { Book, Call, TaskBook } from './book.ts';
import { managedBy, outsideItsTime } from './reading.ts';
import type { Hold, Policies, Policy, TaskItem } from './seam.ts';

/** Rounding of times to whole milliseconds. */
const tinyMs = 100;
/** Clocks run apart by 300 ppm each. */
const paceSlack = 0.001;

/** What is so at a moment, for one process. */
export interface Scene {
  readonly policies: Policies;
  readonly now: number;
  readonly wall: number;
  /** The cloud's time as the process can know it. */
  readonly cloudNow: number;
  /** As the metrics tell it: ticks are left out where a poll costs much. */
  readonly pollEveryMs: number;
  readonly verifyEveryMs: number;
  readonly requestTimeoutMs: number;
  readonly perSecond: number;
  /** By how much the clocks of two machines run apart at most. */
  readonly drift: number;
}

export interface Moment extends Scene {
  readonly book: Book;
  readonly task: TaskBook;
  readonly call: Call;
  /** On disk. */
  readonly holds: readonly Hold[];
}

type Law = (moment: Moment) => string | undefined | false;
/** A law that needs the task's item and the policy that has it. */
type TaskLaw = (moment: Moment, policy: Policy, item: TaskItem) => string | undefined | false;

/** Only what the newest complete list, read not too long ago, shows as stopped is restarted. */
const shownStopped: Law = ({ book: { list, longestPollMs, blurredAt }, task, now, pollEveryMs }) => {
  if (!list) return 'no complete list has been read';
  const patienceMs = Math.max(3 * pollEveryMs, 2 * longestPollMs, 60_000) * (1 + paceSlack) + tinyMs;
  if (now - list.at > patienceMs && blurredAt <= list.at) return `the newest complete list is ${now - list.at} ms old`;
  const status = list.items.get(task.taskId)?.status ?? 'nothing of it';
  return status !== 'stopped' && `the newest complete list says ${status}`;
};

/** Nobody restarts twice without a look in between. */
const seenSince: Law = ({ book, task: { latest, seenAt } }) =>
  latest?.answeredAt !== undefined &&
  latest.mayWork &&
  seenAt + tinyMs < latest.answeredAt &&
  Math.max(book.blurredAt, book.reloadedAt) < latest.answeredAt &&
  'nothing was seen of it since the one before was answered';

/** Its backoff, whoever had the account before: of the longer ones the tables tell. Clocks of two machines run apart. */
const spaced: TaskLaw = ({ book, task: { lastAt }, call, now, drift }, { backoff }) => {
  const gapMs = now - lastAt;
  const least = backoff.initialMs * (1 - paceSlack) - drift * now - tinyMs;
  const anew = Math.max(book.reloadedAt, book.blurredAt, book.steppedAt);
  return call.trigger === 'auto' && gapMs < least && anew < lastAt && `its last one is ${gapMs.toFixed(0)} ms ago`;
};
const managed: TaskLaw = ({ call }, policy) =>
  policy.name !== call.group && `it is ${policy.name}'s, not ${call.group}'s`;
const watched: TaskLaw = ({ task }, policy) => task.isOnlyWatched(policy, 'surely') && 'it is only observed';
const held: TaskLaw = ({ book, holds, task, wall }, policy) => {
  const by = heldBy(inForce(holds, book), task.taskId, policy.name, wall);
  return by && `it is held by ${by}`;
};
const inTime: TaskLaw = ({ cloudNow }, policy, item) => outsideItsTime(item, policy, cloudNow);

/** What is wrong with a restart by the rules; undefined: nothing. */
export function wrongByRules(moment: Moment): string | undefined {
  for (const law of [shownStopped, seenSince]) {
    const wrong = law(moment);
    if (wrong) return wrong;
  }
  const item = moment.book.list?.items.get(moment.task.taskId);
  const policy = item && managedBy(moment.policies, item);
  if (!policy) return 'it is unmanaged';
  for (const law of [managed, watched, held, inTime, spaced]) {
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
  return item && !managedBy(policies, item) ? 'it is unmanaged' : undefined;
}

/** That nobody has asked to take off. */
const inForce = (holds: readonly Hold[], { asked }: Book): readonly Hold[] =>
  holds.filter(({ id }) => !asked.holdsOff.has(id));

/** A hold over the task that is on disk. That it was taken off may have died with a process: it is in force all the same. */
export function heldBy(holds: readonly Hold[], taskId: string, group: string, wall: number): string | undefined {
  for (const { id, target, endsAt = Number.POSITIVE_INFINITY } of holds) {
    if (endsAt <= wall) continue;
    if (target.kind === 'account') return id;
    if (target.kind === 'task' && target.taskId === taskId) return id;
    if (target.kind === 'group' && target.group === group) return id;
  }
  return undefined;
}
