/**
 * The only place that knows the vendor's field names: the envelope, a page of tasks, a page of cloud groups, and the
 * bodies of the calls.
 *
 * The server may add fields, leave lists out or send `null`: none of that is an error. A field that cannot be read
 * costs that field, or its item. Nothing here throws, whatever the cloud sends. Addresses end here: only a keyed fingerprint of the
 * sources and the names of hosts go on.
 */
import { hash } from 'node:crypto';
import type { KnownItem } from '../domain/ports/cloud-port.ts';
import { type CloudTime, cloudTime } from '../domain/words/cloud-time.ts';
import { field, isMapping, type Mapping } from '../domain/words/mapping.ts';
import { asWritten, type TaskItem, type TaskStatus, type TaskType, unchanged } from '../domain/words/task.ts';
import { readJson } from './json.ts';
import { shownCode, shownRequestId, shownText } from './shown-text.ts';
import type { HostMemory } from './task-hosts.ts';

export const apiVersion = '2023-01-01';

// ---- bodies of the calls -------------------------------------------------------------------------------------

/** `cloudGroups` empty: every group (only a main account's key may ask so). Pages count from 1. */
export const listBody = (cloudGroups: readonly string[], page: number, size: number): object => ({
  ...(cloudGroups.length > 0 ? { GroupNames: cloudGroups } : {}),
  Page: page,
  Size: size,
});

/** Only groups that are usable (status 0). */
export const groupsBody = (page: number, size: number): object => ({ PageNum: page, PageSize: size, StatusList: [0] });

/** A group is named whenever it is known: a sub-account's key needs it, a main account's takes it. */
export const restartBody = (task: { readonly taskId: string; readonly cloudGroup: string }): object => ({
  TaskId: task.taskId,
  ...(task.cloudGroup === '' ? {} : { GroupName: task.cloudGroup }),
});

// ---- the envelope ----------------------------------------------------------------------------------------------

export type Envelope =
  | {
      readonly kind: 'parsed';
      readonly requestId: string | undefined;
      /** Absent: success, if the HTTP status says so too. */
      readonly error: { readonly code?: string } | undefined;
      readonly result: unknown;
    }
  | { readonly kind: 'unparsable' }
  /** More values or levels than a page is read with: a smaller page may do. */
  | { readonly kind: 'too-complex' };

export function parseEnvelope(body: Buffer | string): Envelope {
  const read = readJson(typeof body === 'string' ? Buffer.from(body) : body);
  if (read.kind === 'too-complex') return read;
  const parsed = read.kind === 'json' ? read.value : undefined;
  const metadata = field(parsed, 'ResponseMetadata');
  if (!isMapping(metadata)) return { kind: 'unparsable' };
  const error = metadata.Error;
  return {
    kind: 'parsed',
    requestId: shownRequestId(metadata.RequestId),
    error: error === undefined || error === null ? undefined : { code: shownCode(field(error, 'Code')) },
    result: field(parsed, 'Result'),
  };
}

// ---- a page of tasks ------------------------------------------------------------------------------------------

export interface Page {
  /** In the order of the page; `malformed` names the field at fault, never its value. */
  readonly entries: readonly (TaskItem | { readonly malformed: string })[];
  /** Fields that could not be read of tasks that could. */
  readonly unread: ReadonlySet<string>;
  /** Absent: the cloud did not say. */
  readonly totalCount: number | undefined;
  /** Unix milliseconds: when the request was sent. */
  readonly requestedAt: number;
}

type GroupNames = ReturnType<typeof createGroupNames>;

/** Of masked names. */
const mostNames = 10_000;

/**
 * Cloud groups by the names under which they are shown; a name with a secret in it is another than the cloud's. `key`: of
 * the hash that keeps two masked names apart.
 */
export function createGroupNames(key: string) {
  const masked = new Map<string, string>();
  return {
    shown(written: string, secrets: readonly string[]): string {
      const text = shownText(written, longest.cloudGroup, secrets);
      if (text === written) return text;
      const name = `${text} #${hash('sha256', `${key}\n${written}`).slice(0, 8)}`;
      if (masked.size >= mostNames) {
        const [oldest = ''] = masked.keys();
        masked.delete(oldest);
      }
      masked.set(name, written);
      return name;
    },
    /** As the cloud wants to have it. */
    written: (shown: string): string => masked.get(shown) ?? shown,
  };
}

export interface PageContext {
  /** Unix milliseconds: when the request was sent. */
  readonly requestedAt: number;
  /** The only group that was asked for, for items that do not name theirs. */
  readonly onlyGroup: string | undefined;
  readonly fingerprintKey: string;
  /** One copy of each repeated string. */
  readonly intern: (text: string) => string;
  /** The account's keys, which must be shown nowhere. */
  readonly secrets: readonly string[];
  readonly groupNames: GroupNames;
  readonly hosts: HostMemory;
  /** What was read last of a task. */
  readonly known: KnownItem;
}

/** Gives undefined if this is no page of tasks at all. */
export function parsePage(result: unknown, context: PageContext): Page | undefined {
  const list = listOf(result);
  if (!list) return undefined;
  const unread = new Set<string>();
  return {
    entries: list.map((raw) => parseItem(raw, context, unread)),
    unread,
    totalCount: count(field(field(result, 'Pagination'), 'TotalCount')),
    requestedAt: context.requestedAt,
  };
}

/** Gives undefined if this is no page of groups at all: none of its entries has a name. Deleted groups are left out. */
export function parseGroups(
  result: unknown,
): { readonly names: readonly string[]; readonly entries: number; readonly total: number | undefined } | undefined {
  const list = listOf(result);
  if (!list) return undefined;
  const isNamed = (raw: unknown): raw is Mapping & { readonly Name: string } =>
    isMapping(raw) && typeof raw.Name === 'string';
  const named = list.filter(isNamed);
  if (named.length === 0 && list.length > 0) return undefined;
  const names = named
    .filter(({ Status }) => !deleted.includes(Status))
    .map(({ Name }) => Name)
    .filter((name) => name !== '' && name.length <= longest.cloudGroup);
  return { names, entries: list.length, total: count(field(result, 'Total')) };
}

const deleted: readonly unknown[] = [1, '1'];

/** The server is written in Go: an empty list is `[]`, `null` or absent, and so can be the whole `Result`. */
function listOf(result: unknown): readonly unknown[] | undefined {
  if (result === undefined || result === null) return [];
  const list = isMapping(result) ? (result.List ?? []) : undefined;
  return Array.isArray(list) ? list : undefined;
}

const longest = { taskId: 128, title: 256, cloudGroup: 256, statusText: 64 };

/**
 * Nobody can restart a task without its id, or say whose it is without its group. Any other field that cannot be read
 * stands as it was read last, or as if it were absent: that a task has not started, or has ended, its status says too.
 */
function parseItem(raw: unknown, context: PageContext, unread: Set<string>): TaskItem | { readonly malformed: string } {
  if (!isMapping(raw)) return { malformed: 'item' };
  const { TaskId: taskId, GroupName: groupName, Title: title } = raw;
  if (typeof taskId !== 'string' || !/^[!-~]+$/.test(taskId) || taskId.length > longest.taskId) {
    return { malformed: 'TaskId' };
  }
  // Sent back as it came, and shown everywhere: one with a secret in it is none.
  if (shownText(taskId, longest.taskId, context.secrets) !== taskId) return { malformed: 'TaskId' };
  const known = context.known(taskId);
  const name = groupName ?? '';
  const isRead = typeof name === 'string' && name.length <= longest.cloudGroup;
  const lastGroup = context.onlyGroup ?? (known && context.groupNames.written(known.cloudGroup));
  if (!isRead && lastGroup === undefined) return { malformed: 'GroupName' };
  const startsAt = parseTime(raw.StartTime);
  const endsAt = parseTime(raw.EndTime);
  const lastRead = <T>(field: string, last: T): T => {
    unread.add(field);
    return last;
  };

  const { status, statusText } = statusOf(raw, context);
  const text = title ?? '';
  const written = {
    title:
      typeof text === 'string' ? text.slice(0, longest.title) : lastRead('Title', known ? asWritten(known).title : ''),
    cloudGroup: isRead ? name || (lastGroup ?? '') : lastRead('GroupName', lastGroup ?? ''),
  };
  const shownTitle = shownText(written.title, longest.title, context.secrets);
  const shownGroup = context.groupNames.shown(written.cloudGroup, context.secrets);
  const isMasked = shownTitle !== written.title || shownGroup !== written.cloudGroup;
  const sources = sourcesOf(raw);
  const source = fingerprint(sources, context.fingerprintKey, known?.source);
  const destination = { address: raw.DstAddr, fingerprint: destinationOf(raw, context.fingerprintKey) };
  const seen = source === known?.source;
  if (!seen || !context.hosts.knows(taskId, destination.fingerprint))
    context.hosts.saw(known?.taskId ?? taskId, sources, destination, context.secrets);
  // Each field by its name: put together by `...` it takes 30 bytes more, and there are 100,000 of them.
  const item: TaskItem = {
    taskId,
    title: shownTitle,
    cloudGroup: context.intern(shownGroup),
    type: typeOf(raw),
    status,
    statusText,
    startsAt: startsAt === 'malformed' ? lastRead('StartTime', known?.startsAt) : startsAt,
    endsAt: endsAt === 'malformed' ? lastRead('EndTime', known?.endsAt) : endsAt,
    source,
    requestedAt: context.requestedAt,
  };
  const whole = isMasked ? { ...item, asWritten: () => written } : item;
  return unchanged(known, whole) ?? whole;
}

const statuses: ReadonlyMap<unknown, TaskStatus> = new Map([
  ['停用', 'stopped'],
  ['未开始', 'not-started'],
  ['生效中', 'active'],
  ['已结束', 'ended'],
]);
/** The legacy field, in the same order. */
const legacyStatuses: readonly TaskStatus[] = ['stopped', 'not-started', 'active', 'ended'];

function statusOf(raw: Mapping, { intern, secrets }: PageContext): Pick<TaskItem, 'status' | 'statusText'> {
  const { Status: text, TaskStatus: legacy } = raw;
  if (typeof text === 'string' && text !== '') {
    const status = statuses.get(text.trim());
    return { status: status ?? 'unknown', statusText: intern(shownText(text, longest.statusText, secrets)) };
  }
  if (typeof legacy === 'number') {
    return { status: legacyStatuses[legacy] ?? 'unknown', statusText: intern(`TaskStatus ${legacy}`) };
  }
  return { status: 'unknown', statusText: intern('(none)') };
}

/** 0 and 1 are known; for anything else the field that has the sources decides. */
function typeOf(raw: Mapping): TaskType {
  if (raw.Type === 0) return 'live';
  if (raw.Type === 1) return 'vod';
  const files = [raw.SrcAddrS, raw.VodSrcAddrs];
  return files.some((list) => Array.isArray(list) && list.length > 0) ? 'vod' : 'live';
}

/** RFC 3339, also with a space or without a colon; Go's zero time and everything before 1970 is "none". */
function parseTime(value: unknown): CloudTime | undefined | 'malformed' {
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)? ?(Z|[+-]\d\d:?\d\d)$/i.test(value)) {
    return 'malformed';
  }
  const at = Date.parse(value);
  if (Number.isNaN(at)) return 'malformed';
  return at > 0 ? cloudTime(at) : undefined;
}

// ---- fingerprints ------------------------------------------------------------------------------------------------

function sourcesOf(raw: Mapping): string[] {
  const lists = [raw.SrcAddrS, raw.VodSrcAddrs].flatMap((list) => (Array.isArray(list) ? list : []));
  return [raw.SrcAddr, ...lists]
    .map((entry) => (isMapping(entry) ? entry.SrcAddr : entry))
    .filter((address): address is string => typeof address === 'string' && address !== '');
}

/**
 * Keyed hash of the sorted source addresses without their query strings: 32 hex digits. Signatures and expiries in
 * query strings change without the source changing; the key keeps stream keys from being guessed out of the database.
 * A plain hash behind the key, of which half is given away, is as good here as an HMAC and five times as fast: with
 * 100,000 tasks that is some 0.15 s of each poll.
 */
function fingerprint(addresses: readonly string[], key: string, known: string | undefined): string {
  const sorted = addresses.map(withoutQuery).sort();
  // As text it is ready in half of the time that a buffer takes. A part of it would keep the whole in memory.
  const half = hash('sha256', `${key}\n${sorted.join('\n')}`).slice(0, 32);
  return half === known ? known : Buffer.from(half, 'latin1').toString('latin1');
}

const withoutQuery = (address: string): string => address.replace(/[?#].*$/s, '');
/** 48 bits, which a number has exactly: of 100,000 addresses two are alike by chance once in 50,000 accounts. */
const fingerprintDigits = 12;

/** The same for the destination, as a number: there is one for each task in memory, and it is only compared. */
function destinationOf({ DstAddr }: Mapping, key: string): number | undefined {
  if (typeof DstAddr !== 'string' || DstAddr === '') return undefined;
  return Number.parseInt(hash('sha256', `${key}\n> ${withoutQuery(DstAddr)}`).slice(0, fingerprintDigits), 16);
}

// ---- reading untrusted JSON --------------------------------------------------------------------------------------

const count = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
