/**
 * What the lists show: which tasks, in which order, on which page, and how one item looks on the wire.
 *
 * Every item has planted secrets (addresses, callback) and times in one of the two forms of RFC 3339, some have a
 * field that nobody announced, and an empty list comes in all three shapes that a Go server gives it.
 */
import type { Outcome, Result } from './envelope.ts';
import { type LiveFault, matchesItem, twistOf } from './faults.ts';
import type { CloudStatus, Task } from './pretend-task.ts';
import { draw } from './random.ts';
import { statusNow, type World } from './world.ts';

type Item = Readonly<Record<string, unknown>>;

/** A task as one list shows it. */
interface Entry extends Pick<Task, 'taskId' | 'cloudGroup'> {
  readonly item: Item;
  /** Of the item, once it was needed. */
  text: string | undefined;
}

interface ListQuery {
  /** Undefined: all that the key may see. Empty: none. */
  readonly cloudGroups: readonly string[] | undefined;
  readonly page: number;
  readonly size: number;
}

/** Different filters that are remembered; more are computed anew each time. */
const mostListings = 1_000;

/** One page, with the twists of the faults that struck this call. */
export function listPage(world: World, asked: ListQuery, twists: readonly LiveFault[]): Outcome {
  const query = { ...asked, size: Math.min(asked.size, twistOf(twists, 'page-cap')?.most ?? asked.size) };
  const tasks = twisted(world, tasksFor(world, query), query, twists);
  const { shift, totalOff } = (query.page > 1 && twistOf(twists, 'drift')) || { shift: 0, totalOff: 0 };
  const first = Math.max(0, (query.page - 1) * query.size + shift);
  const entries = tasks.slice(first, first + query.size).map((task) => ('item' in task ? task : entryOf(world, task)));
  const totalCount = Math.max(0, tasks.length + (totalOff ?? 0));
  const pagination = {
    PageCur: query.page,
    PageSize: query.size,
    PageTotal: Math.ceil(totalCount / query.size),
    TotalCount: promised(twists, totalCount),
  };
  const shown = entries.map((entry) => twistedEntry(entry, twists));
  return { kind: 'done', result: rendered(world, shown, pagination) };
}

export function promised(twists: readonly LiveFault[], real: number): unknown {
  const promise = twistOf(twists, 'promise');
  return promise ? promise.total : real;
}

/** Newest first. */
function tasksFor(world: World, query: ListQuery): readonly Task[] {
  const filter = JSON.stringify(query.cloudGroups) ?? '';
  const known = world.listings.get(filter);
  if (known !== undefined) return known;
  const found = [...world.tasks.values()].filter(isAskedFor(query)).reverse();
  if (world.listings.size < mostListings) world.listings.set(filter, found);
  return found;
}

function isAskedFor({ cloudGroups }: ListQuery): (one: Pick<Task, 'cloudGroup'>) => boolean {
  const groups = cloudGroups && new Set(cloudGroups);
  return ({ cloudGroup }) => groups?.has(cloudGroup) ?? true;
}

function twisted(
  world: World,
  tasks: readonly Task[],
  query: ListQuery,
  twists: readonly LiveFault[],
): readonly (Task | Entry)[] {
  let shown: readonly (Task | Entry)[] = tasks;
  for (const live of twists) {
    const { effect } = live.fault;
    if (effect.kind === 'blind') shown = [];
    else if (effect.kind === 'shrink') shown = shown.slice(0, effect.keep);
    else if (effect.kind === 'stale') shown = oldEntries(world, live, effect.refreshMs).filter(isAskedFor(query));
  }
  return shown;
}

/** The picture of all tasks that a `stale` fault shows; taken when it first strikes. */
function oldEntries(world: World, live: LiveFault, refreshMs = Number.POSITIVE_INFINITY): readonly Entry[] {
  if (live.picture === undefined || world.now - live.picture.takenAt > refreshMs) {
    live.picture = {
      takenAt: world.now,
      entries: [...world.tasks.values()].reverse().map((task) => entryOf(world, task)),
    };
  }
  return live.picture.entries as readonly Entry[];
}

/** Each task's newest entry and what it was made of: days of lists are played in seconds, and few tasks change between two. */
const newestEntries = new WeakMap<Task, { readonly of: readonly unknown[]; readonly entry: Entry }>();

function entryOf(world: World, task: Task): Entry {
  const { taskId, cloudGroup, title, startsAt, endsAt, sources } = task;
  const status = statusNow(world, task);
  const of = [status, cloudGroup, title, startsAt, endsAt, sources];
  const newest = newestEntries.get(task);
  if (newest?.of.every((part, index) => part === of[index])) return newest.entry;
  const entry: Entry = { taskId, cloudGroup, item: itemOf(task, status), text: undefined };
  newestEntries.set(task, { of, entry });
  return entry;
}

function itemOf(task: Task, status: CloudStatus): Item {
  // The same task is always written in the same form; half of them in each.
  const time = task.taskId.charCodeAt(0) % 2 === 0 ? utcTime : chinaTime;
  const live = task.type === 'live';
  return {
    Title: task.title,
    TaskId: task.taskId,
    GroupName: task.cloudGroup,
    StartTime: time(task.startsAt),
    EndTime: time(task.endsAt),
    CallbackURL: task.callbackUrl,
    Type: live ? 0 : 1,
    CycleMode: live ? 0 : 1,
    PlayTimes: 0,
    DstAddr: task.target,
    DstAddrType: 0,
    SrcAddr: live ? (task.sources[0] ?? '') : '',
    SrcAddrS: live ? task.sources : null,
    VodSrcAddrs: live ? null : task.sources.map((address) => ({ SrcAddr: address, StartOffset: 0, EndOffset: 0 })),
    ContinueStrategy: 0,
    PreDownload: 0,
    Watermark: null,
    Status: status,
    ...(task.taskId.charCodeAt(1) % 4 === 0 ? { FieldNobodyAnnounced: { Since: 'today' } } : {}),
  };
}

const utcTime = (at: number): string => `${new Date(at).toISOString().slice(0, 19)}Z`;
const chinaTime = (at: number): string => `${new Date(at + 8 * 3600_000).toISOString().slice(0, 19)}+08:00`;

function rendered(world: World, entries: readonly Entry[], pagination: object): Result {
  if (entries.length === 0) {
    const shape = Math.floor(draw(world.random) * 3);
    const empty = shape === 0 ? { List: null } : shape === 1 ? { List: [] } : {};
    return { kind: 'plain', value: { ...empty, Pagination: pagination } };
  }
  const items = entries.map((entry) => {
    entry.text ??= JSON.stringify(entry.item);
    return entry.text;
  });
  return { kind: 'list', items, pagination };
}

function twistedEntry(entry: Entry, twists: readonly LiveFault[]): Entry {
  let { item } = entry;
  for (const { fault } of twists) {
    if (!matchesItem(fault, entry)) continue;
    if (fault.effect.kind === 'status') item = { ...item, Status: fault.effect.text };
    else if (fault.effect.kind === 'malformed') item = { ...item, TaskId: 17, StartTime: 'soon', Status: null };
  }
  return item === entry.item ? entry : { ...entry, item, text: undefined };
}
