/**
 * What may never be sent. Each law is asked of one restart when its intent is told, and answers with what is wrong.
 *
 * They are bounds that can be read off a policy and off what the lists showed. How long a wait is exactly, and whose
 * turn it is, stands in the tables of test/domain.
 */
import type { Book, Call, TaskBook } from './book.ts';
import { isDue, isOpen, managedBy, plannedOf, waitBefore } from './reading.ts';
import type { ErrorClass, Policies, Policy, TaskItem } from './seam.ts';

/** Rounding of times to whole milliseconds. */
const tinyMs = 100;
/** Clocks run apart by 300 ppm each. */
export const paceSlack = 0.001;
/** What one failed answer is enough for: nothing works until a person acts. */
export const needsPerson: ReadonlySet<ErrorClass> = new Set(['auth', 'permission', 'billing', 'clock', 'retired']);
/** How often an open circuit may be probed. */
export const probeEveryMs = { person: 300_000, row: 30_000 } as const;
export const smallestWindow = 3;
export const perSuccess = 2;

export interface Moment {
  readonly book: Book;
  readonly task: TaskBook;
  readonly call: Call;
  readonly policies: Policies;
  readonly now: number;
  readonly wall: number;
  /** The cloud's time as the process can know it. */
  readonly cloudNow: number;
  readonly pollEveryMs: number;
  readonly requestTimeoutMs: number;
  /** Scopes that must be in a storm by the newest list. */
  readonly mustStorm: ReadonlySet<string | undefined>;
}

type Law = (moment: Moment) => string | undefined | false;
/** A law that needs the task's item and the policy that has it. */
type TaskLaw = (moment: Moment, policy: Policy, item: TaskItem) => string | undefined | false;

/** Only what the newest complete list, read not too long ago, shows as stopped is restarted. */
const shownStopped: Law = ({ book: { list, pollsMs, blurredAt, listRefused }, task, now, pollEveryMs }) => {
  if (!list) return 'no complete list has been read';
  if (listRefused) return 'the list is refused';
  const patienceMs = Math.max(3 * pollEveryMs, 2 * Math.max(0, ...pollsMs), 60_000) * (1 + paceSlack) + tinyMs;
  if (now - list.at > patienceMs && blurredAt <= list.at) return `the newest complete list is ${now - list.at} ms old`;
  const status = list.items.get(task.taskId)?.status ?? 'nothing of it';
  return status !== 'stopped' && `the newest complete list says ${status}`;
};

/** Nor what was seen running since, by a look that settles what is awaited. */
const seenLast: Law = ({ task }) => task.upAt > task.downAt && 'it was seen running last';

const managed: TaskLaw = ({ call }, policy) =>
  policy.name !== call.group && `it is ${policy.name}'s, not ${call.group}'s`;
const watched: TaskLaw = ({ task }, policy) => task.isOnlyWatched(policy, 'surely') && 'it is only observed';
const held: TaskLaw = ({ book, task, wall }, policy) => {
  const by = book.heldBy(task.taskId, policy.name, wall, true);
  return by && `it is held by ${by}`;
};
const inTime: TaskLaw = ({ cloudNow }, policy, item) => {
  const { startsAt, endsAt } = plannedOf(item);
  if (cloudNow >= endsAt - policy.endGuardMs) return 'it has ended, or is about to';
  if (cloudNow < startsAt - policy.startLeadMs) return 'its start is ahead';
  return !isOpen(policy.hours, cloudNow) && 'it is outside its hours';
};

/** The first restart of an outage waits for `confirm` lists that agree. */
const confirmed: TaskLaw = ({ book, task }, policy) =>
  !task.calledInOutage &&
  task.stoppedInRow < policy.confirm &&
  book.endedAt < task.outageSince &&
  `it was seen stopped ${task.stoppedInRow} times of ${policy.confirm}`;

/** A restart that may have reached its task is given `verifyWithin` to work. */
const verified: TaskLaw = ({ book, task, now }, policy) => {
  const { latest } = task;
  if (latest?.sentAt === undefined || latest.lapsed) return undefined;
  if (latest.answeredAt === undefined) return 'the one before it is not answered';
  const kind = latest.answer?.kind ?? 'unanswered';
  if ((kind !== 'accepted' && kind !== 'unanswered') || task.upAt > latest.answeredAt) return undefined;
  if (Math.max(book.blurredAt, book.reloadedAt) >= latest.answeredAt) return undefined;
  const leastMs = policy.verifyWithinMs * (1 - paceSlack) - tinyMs;
  return now - latest.answeredAt < leastMs && 'the effect of the one before it is awaited';
};

/** Two calls of a task are at least its backoff apart; of one in quarantine `retryEvery`; an abandoned one has none. */
const paced: TaskLaw = ({ book, task, now, requestTimeoutMs }, policy) => {
  const last = task.counted.at(-1)?.intendedAt;
  if (task.abandoned === 'surely') return 'it is abandoned';
  if (last === undefined || last <= book.blurredAt) return undefined;
  const backoffMs = waitBefore(policy, task.counted.length + 1);
  const { retryEveryMs } = policy.quarantine;
  // After a death the ledger may know of more failures or of fewer than were told.
  const died = book.endedAt > Number.NEGATIVE_INFINITY || task.unsure;
  const inQuarantine = task.failures.size >= policy.attempts;
  const leastMs = died ? Math.min(backoffMs, retryEveryMs) : inQuarantine ? retryEveryMs : backoffMs;
  const gapMs = now - last;
  const slackMs = tinyMs + gapMs * paceSlack + (book.endedAt >= last ? requestTimeoutMs : 0);
  const name = inQuarantine ? 'retryEvery' : `backoff before call ${task.counted.length + 1}`;
  return gapMs + slackMs < leastMs && `it comes ${gapMs} ms after the one before, its ${name} is ${leastMs} ms`;
};

/** After an answer that says "too fast", or a call that could not leave, restarts wait five seconds. */
const throttled: Law = ({ book: { throttledAt, blurredAt }, now }) =>
  throttledAt > blurredAt && now - throttledAt < 5_000 * (1 - paceSlack) - tinyMs && 'the account is throttled';

/** Until so many tasks, or tasks of so many cloud groups, were answered so, another is asked at once. */
const refusedThatTell = 5;

/** While restarts are refused, one at a time asks whether they still are; a success ends that. */
const probing: Law = ({ book: { circuit, acceptedAt, blurredAt }, call, task, now }) => {
  if (!circuit?.surely) return undefined;
  if (acceptedAt > circuit.probedAt) return 'a restart was accepted, and the circuit is still open';
  if (!call.probe) return 'the restart circuit is open';
  const { refused } = circuit;
  const cloudGroups = new Set(refused.values());
  const another = refused.size < refusedThatTell && !refused.has(task.taskId);
  if (another || (cloudGroups.size < refusedThatTell && !cloudGroups.has(task.item?.cloudGroup))) return undefined;
  const leastMs = (circuit.person ? probeEveryMs.person : probeEveryMs.row) * (1 - paceSlack) - tinyMs;
  const sinceMs = now - circuit.probedAt;
  return sinceMs < leastMs && circuit.probedAt > blurredAt && `a probe ${sinceMs} ms after the one before`;
};

/**
 * In a storm at most 3 restarts are unsettled, and 2 more for each that worked; no storm is overlooked. Nobody waits for
 * one that was not seen within `verifyWithin` and two polls of its answer, by its own policy or theirs.
 */
const storm: Law = ({ book, task, call, mustStorm, policies, now, pollEveryMs }) => {
  if (call.probe || call.free) return undefined;
  const verifyMs = (group: string | undefined) =>
    policies.groups.find(({ name }) => name === group)?.verifyWithinMs ?? 0;
  const isAwaited = ({ answeredAt = now, groupNow }: Call) =>
    (now - answeredAt) * (1 + paceSlack) + tinyMs <
    Math.min(verifyMs(groupNow), verifyMs(call.group)) + 2 * pollEveryMs;
  for (const group of [undefined, call.group]) {
    const on = book.storms.get(group);
    if (!on && !mustStorm.has(group)) continue;
    if (on && !on.byStopped && task.callsInOutage === 0) continue;
    const most = smallestWindow + perSuccess * (on?.worked ?? 0);
    let out = 0;
    for (const other of book.open)
      if (other !== call && other.trigger === 'auto' && !other.free && !other.givenBack && other.groupNow !== undefined)
        if (isAwaited(other) && (group === undefined || other.groupNow === group)) out++;
    if (out >= most) return `${out} restarts of ${group ?? 'the account'} are unsettled, ${most} at most in its storm`;
  }
  return undefined;
};

const ofAccount: readonly Law[] = [shownStopped, seenLast, throttled, probing, storm];
const ofTask: readonly TaskLaw[] = [managed, watched, held, inTime, confirmed, verified, paced];

/** What is wrong with a restart by the rules; undefined: nothing. */
export function wrongByRules(moment: Moment): string | undefined {
  for (const law of ofAccount) {
    const wrong = law(moment);
    if (wrong) return wrong;
  }
  const item = moment.book.list?.items.get(moment.task.taskId);
  const policy = item && managedBy(moment.policies, item);
  if (!policy) return 'it is unmanaged';
  for (const law of ofTask) {
    const wrong = law(moment, policy, item);
    if (wrong) return wrong;
  }
  return undefined;
}

/** What is wrong with a restart by hand: nobody asked for it, it is held, unmanaged, or the list is refused. */
export function wrongByHand({ book, task, call, policies, wall }: Moment): string | undefined {
  const force = book.asked.restarts.get(task.taskId);
  if (force === undefined) return 'nobody asked for it';
  const by = book.heldBy(task.taskId, call.group, wall, true);
  if (by && !force) return `it is held by ${by}`;
  if (book.listRefused) return 'the list is refused';
  const item = book.list?.items.get(task.taskId);
  return item && !managedBy(policies, item) ? 'it is unmanaged' : undefined;
}

/**
 * Scopes that are in a storm whatever is counted in a doubtful case: at least so many are stopped, of at most so many
 * that are due. Under undefined the account's own.
 */
export function surelyStormy(
  book: Book,
  policies: Policies,
  { wall, cloudNow }: Pick<Moment, 'wall' | 'cloudNow'>,
): ReadonlySet<string | undefined> {
  const counts = new Map<string | undefined, { due: number; stopped: number }>();
  for (const task of book.tasks.values()) {
    const { item } = task;
    const policy = item && managedBy(policies, item);
    if (!policy || !isDue(item, policy, cloudNow)) continue;
    const unsure = book.endedAt > Number.NEGATIVE_INFINITY && task.latest !== undefined;
    const givenUp = unsure || task.counted.length >= policy.attempts || task.failures.size >= policy.attempts;
    const stopped =
      book.list?.items.get(item.taskId)?.status === 'stopped' &&
      task.downAt > task.upAt &&
      !givenUp &&
      !task.isOnlyWatched(policy, 'perhaps') &&
      book.heldBy(item.taskId, policy.name, wall, false) === undefined;
    for (const group of [undefined, policy.name]) {
      const count = counts.get(group) ?? { due: 0, stopped: 0 };
      counts.set(group, { due: count.due + 1, stopped: count.stopped + (stopped ? 1 : 0) });
    }
  }
  const isOn = (limits: Policies['storm'], group: string | undefined): boolean => {
    const { due = 0, stopped = 0 } = counts.get(group) ?? {};
    return limits !== false && stopped > 0 && stopped >= limits.atLeast && stopped * 100 >= limits.percent * due;
  };
  const stormy = policies.groups.filter(({ storm: limits, name }) => isOn(limits, name)).map(({ name }) => name);
  return new Set(isOn(policies.storm, undefined) ? [undefined, ...stormy] : stormy);
}
