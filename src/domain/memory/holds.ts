/**
 * Holds in force at one moment, whoever set them: an operator's, which are kept, and the recurring ones of the
 * configuration, which are computed from its schedule each time, so that a new file applies at once.
 */

import { byOurs, cloudTime, unixMs } from '../words/cloud-time.ts';
import type { Hold } from '../words/events.ts';
import { fits, globMatches, type Maintenance, type Policies } from '../words/policy.ts';
import { asWritten } from '../words/task.ts';
import type { Clocks } from './condition.ts';
import type { Ledger, TaskRecord } from './ledger.ts';

const never = Number.POSITIVE_INFINITY;

/** Those in force, by what they cover: a task is looked up in each, and only globs are tried one by one. */
interface HoldIndex {
  readonly all: readonly Hold[];
  readonly tasks: ReadonlyMap<string, Hold>;
  readonly groups: ReadonlyMap<string, Hold>;
  readonly globs: readonly Hold[];
  readonly account: Hold | undefined;
}

export const endOf = (hold: Hold): number => hold.endsAt ?? never;

/** It has begun and not ended. */
export const isInForce = (hold: Hold, now: number): boolean => (hold.startsAt ?? 0) <= now && now < endOf(hold);

/** Of holds with the same target the one that ends last counts. */
export function indexHolds(ledger: Ledger, policies: Policies, now: number, clocks: Clocks): HoldIndex {
  const all = [...ledger.holds.values(), ...maintenanceHolds(policies, clocks)].filter((hold) => isInForce(hold, now));
  const tasks = new Map<string, Hold>();
  const groups = new Map<string, Hold>();
  const globs: Hold[] = [];
  let account: Hold | undefined;
  for (const hold of all) {
    const { target } = hold;
    const later = (other: Hold | undefined) => (other && endOf(other) >= endOf(hold) ? other : hold);
    if (target.kind === 'task') tasks.set(target.taskId, later(tasks.get(target.taskId)));
    else if (target.kind === 'group') groups.set(target.group, later(groups.get(target.group)));
    else if (target.kind === 'account') account = later(account);
    else globs.push(hold);
  }
  return { all, tasks, groups, globs, account };
}

/** The hold that covers a task longest, if any does. */
export function holdOver({ holds }: { readonly holds: HoldIndex }, record: TaskRecord): Hold | undefined {
  const { all, account, groups, tasks, globs } = holds;
  if (all.length === 0) return undefined;
  const { taskId, group } = record;
  let longest: Hold | undefined;
  const take = (hold: Hold | undefined) => {
    if (hold && (!longest || endOf(hold) > endOf(longest))) longest = hold;
  };
  take(account);
  take(group === undefined ? undefined : groups.get(group));
  take(tasks.get(taskId));
  for (const hold of globs) if (covers(hold, record)) take(hold);
  return longest;
}

export const holdsOver = ({ holds }: { readonly holds: HoldIndex }, record: TaskRecord): readonly Hold[] =>
  holds.all.filter((hold) => covers(hold, record));

/** Whether a hold is on this task, in force or not. */
export function covers({ target }: Pick<Hold, 'target'>, { taskId, group, item }: TaskRecord): boolean {
  switch (target.kind) {
    case 'task':
      return target.taskId === taskId;
    case 'group':
      return target.group === group;
    case 'title':
      return globMatches(target.title, item.title);
    case 'match':
      return fits(target.match, { ...asWritten(item), taskId, type: item.type }) === 'fits';
    case 'account':
      return true;
    default:
      return target satisfies never;
  }
}

/** Each recurring hold as the hold that it is now, or will be next. By the cloud's clock, as `hours` are. */
export const maintenanceHolds = ({ account, maintenance = [] }: Policies, clocks: Clocks): readonly Hold[] =>
  maintenance.flatMap((entry) => {
    const time = timeOf(entry, unixMs(clocks.cloudNow));
    if (!time) return [];
    const from = byOurs(cloudTime(time.startsAt), clocks.clockOffsetMs);
    return [
      {
        id: entry.id,
        account,
        target: { kind: 'match', match: entry.match },
        author: maintenanceAuthor,
        reason: entry.reason,
        createdAt: from,
        startsAt: from,
        endsAt: from + entry.forMs,
      } as const,
    ];
  });

/** Whose name a recurring hold has: nobody set it today. */
const maintenanceAuthor = 'maintenance';

/** Its present time, or else its next: when it begins and ends, Unix milliseconds; undefined: it never comes again. */
export function timeOf(
  { when, forMs }: Pick<Maintenance, 'when' | 'forMs'>,
  at: number,
): { readonly startsAt: number; readonly endsAt: number } | undefined {
  const last = when.previous(at);
  const startsAt = at < last + forMs ? last : when.next(at);
  return Number.isFinite(startsAt) ? { startsAt, endsAt: startsAt + forMs } : undefined;
}
