/**
 * A relay task as one list item shows it, in the project's own words.
 *
 * Everything here is what the cloud said, not what we conclude. Source and target addresses are secrets and
 * never reach this type: of the sources only a keyed fingerprint is kept, enough to see that they changed.
 */

import type { CallFailure } from './failure.ts';
import { cloudsTime, maybe, oneOf, record, type Shape, text, time, type ValueOf } from './shape.ts';

/** What the cloud says a task does: 停用, 生效中, 未开始, 已结束, or a value we have never seen. */
const taskStatuses = ['stopped', 'active', 'not-started', 'ended', 'unknown'] as const;
export type TaskStatus = (typeof taskStatuses)[number];

/** What a task is shown and counted as: its status, and what the clock makes of it. */
export const taskStates = ['active', 'stopped', 'not_started', 'overdue', 'ended', 'unknown'] as const;
export type TaskState = (typeof taskStates)[number];

const taskTypes = ['live', 'vod'] as const;
export type TaskType = (typeof taskTypes)[number];

/** What is stored of an item. */
const storedItem = record({
  taskId: text,
  title: text,
  cloudGroup: text,
  type: oneOf(taskTypes),
  status: oneOf(taskStatuses),
  /** The status as the cloud wrote it, cut at 64 characters: shown when the status is unknown. */
  statusText: text,
  /** Absent if the cloud gave none. */
  startsAt: maybe(cloudsTime),
  endsAt: maybe(cloudsTime),
  /** Keyed hash of the sorted source addresses without their query strings. */
  source: text,
  /**
   * When the request of this item's page was sent, Unix milliseconds: the item is as old as that. Of a task of which
   * nothing is awaited it can be the first of several polls that all showed the same.
   */
  requestedAt: time,
});
export const taskItem = storedItem as Shape<TaskItem>;

/** One task in one page of the list. */
export interface TaskItem extends ValueOf<typeof storedItem> {
  /**
   * As the cloud wrote them, if they are shown otherwise because of a secret in them: for what the configuration matches.
   * A function, so that nothing that is printed or stored has them; absent again once the item was stored.
   */
  readonly asWritten?: () => Pick<TaskItem, 'title' | 'cloudGroup'>;
}

/** What globs are compared with. */
export const asWritten = (item: Pick<TaskItem, 'title' | 'cloudGroup' | 'asWritten'>) => item.asWritten?.() ?? item;

/** A task without a title is called by its id. */
export const shownTitle = ({ title, taskId }: Pick<TaskItem, 'title' | 'taskId'>): string =>
  title.trim() === '' ? taskId : title;

/** Whether two sights of a task say the same, whenever they were. The type asks for every field that an item has. */
export function showsTheSame(a: TaskItem, b: TaskItem): boolean {
  if (a === b) return true;
  const same: { readonly [Field in keyof Required<TaskItem>]: boolean } = {
    taskId: true,
    requestedAt: true,
    status: a.status === b.status,
    title: a.title === b.title,
    cloudGroup: a.cloudGroup === b.cloudGroup,
    startsAt: a.startsAt === b.startsAt,
    endsAt: a.endsAt === b.endsAt,
    source: a.source === b.source,
    type: a.type === b.type,
    statusText: a.statusText === b.statusText,
    asWritten: asWritten(a).title === asWritten(b).title && asWritten(a).cloudGroup === asWritten(b).cloudGroup,
  };
  for (const field in same) if (!same[field as keyof TaskItem]) return false;
  return true;
}

/** The known item, if `item` shows just what it does: it can stand for it, where nobody asks when it was shown. */
export const unchanged = (known: TaskItem | undefined, item: TaskItem): TaskItem | undefined =>
  known && showsTheSame(known, item) ? known : undefined;

/** The item at the time at which it was shown again. */
export const seenAt = (item: TaskItem, shownAt: number | undefined): TaskItem =>
  shownAt === undefined || item.requestedAt === shownAt ? item : { ...item, requestedAt: shownAt };

/** What one poll brought: every page read, or nothing that may be decided from. */
export type Observation = CompleteObservation | FailedObservation;

export interface CompleteObservation {
  readonly kind: 'complete';
  readonly items: readonly TaskItem[];
  /** When each of them was requested, in their order, for those that are items of an earlier poll (`seenAt`). */
  readonly shownAt?: ArrayLike<number>;
  /** When the poll's first request was sent and its last answer read, Unix milliseconds. */
  readonly startedAt: number;
  readonly finishedAt: number;
  /** The pages did not fit together (page drift): what was seen counts, absence does not. */
  readonly drift: boolean;
  /** Cloud groups whose list failed while others answered: absence of their tasks says nothing. */
  readonly failedCloudGroups: readonly string[];
  /** Items that could not be read and were left out; with any, absence says nothing. */
  readonly malformedItems: number;
}

export interface FailedObservation {
  readonly kind: 'failed';
  readonly startedAt: number;
  readonly finishedAt: number;
  readonly failure: CallFailure;
}

export type RestartAnswer =
  | { readonly kind: 'accepted'; readonly requestId: string | undefined }
  | { readonly kind: 'refused'; readonly failure: CallFailure }
  | { readonly kind: 'throttled'; readonly failure: CallFailure }
  /** It provably never reached the cloud (DNS, connection refused, TLS). */
  | { readonly kind: 'not-sent'; readonly failure: CallFailure }
  /** Nobody knows whether it took effect: the next poll shows. */
  | { readonly kind: 'unanswered'; readonly failure: CallFailure };

/** Why a stopped task is not down; the first that is true counts. */
export const apartWhys = ['held', 'outside-hours', 'observed'] as const;
export type ApartWhy = (typeof apartWhys)[number];
