/**
 * What each event is as a log line: its level, its known fields by name, and one sentence for a person.
 *
 * Redaction is by construction: only the fields that are named here are ever written, whatever else an object
 * carries. Durations are milliseconds and say so in their names; times are ISO 8601.
 */

import { targetWords } from '../domain/views/covered.ts';
import { type CloudTime, unixMs } from '../domain/words/cloud-time.ts';
import { durationText } from '../domain/words/duration.ts';
import type {
  ConfigDifference,
  Difference,
  Event,
  EventOf,
  EventType,
  Hold,
  StormCause,
  StormScope,
} from '../domain/words/events.ts';
import { type CallFailure, failureName } from '../domain/words/failure.ts';
import { type Reason, reasonMeanings } from '../domain/words/reason.ts';
import type { RestartAnswer, TaskItem } from '../domain/words/task.ts';
import type { LogLevel } from './catalogue.ts';

export type FieldValue = string | number | boolean | undefined;
export type Fields = Readonly<Record<string, FieldValue>>;

export interface Line {
  /** Without `event`, `account`, `group`, `task`, `title`, which every line has in the same way. */
  readonly fields: Fields;
  readonly msg: string;
}

/** Of an event or a part of one: what goes into a line under its own name. */
type NameIn<Of> = { [Name in keyof Of]-?: Of[Name] extends FieldValue | CloudTime ? Name : never }[keyof Of];
type Level<Of> = LogLevel | ((event: Of) => LogLevel);
type Row<Of> = readonly [
  level: Level<Of>,
  msg: (event: Of) => string,
  ...fields: (NameIn<Of> | ((event: Of) => Fields))[],
];

/** At `debug` a poll is one line; what it brings for every task or group is `trace`. */
const rows: { readonly [Type in EventType]: Row<EventOf<Type>> } = {
  'task-found': ['debug', ({ item }) => `found in the list: ${item.statusText || item.status}`, itemFields],
  'task-seen': ['trace', ({ item }) => `seen: ${item.statusText || item.status}`, itemFields],
  'task-missed': ['trace', () => 'missing from the list', 'counts'],
  'task-moved': ['info', ({ from, group }) => `moved from ${groupWords(from)} to ${groupWords(group)}`, 'from'],
  'task-edited': [
    'info',
    ({ fields }) => `edited in the cloud: ${fields.join(', ')}`,
    ({ fields }) => ({ edited: fields.join(',') }),
  ],
  'task-gone': ['info', () => 'gone from the list'],
  'task-overdue': ['warn', ({ startsAt }) => `has not started; its StartTime was ${iso(unixMs(startsAt))}`, 'startsAt'],
  'outage-opened': [
    'info',
    ({ firstSight }) => (firstSight ? 'stopped when first seen' : 'stopped'),
    outageField,
    'firstSight',
  ],
  'outage-ended': [
    'info',
    ({ ending, durationMs }) => `outage over after ${duration(durationMs)}: ${ending}`,
    outageField,
    'ending',
    'durationMs',
  ],
  'restart-withheld': [
    ({ reason }) => (reasonMeanings[reason].loggedElsewhere ? 'debug' : 'info'),
    ({ reason, until }) => `not restarted: ${reason}, ${untilWords(reason, until)}`,
    'reason',
    'until',
  ],
  'restart-shadowed': ['info', ({ n }) => `observed only: restart ${n} would be sent now`, 'n'],
  'shadows-forgotten': ['debug', () => 'shadow attempts forgotten: its group heals from now on'],
  'restart-intended': ['debug', intentWords, 'n', 'probe'],
  'restart-answered': [
    ({ answer }) => (answer.kind === 'accepted' ? 'info' : 'warn'),
    ({ answer }) => answerWords(answer),
    ({ answer }) => ({ answer: answer.kind, ...answerFields(answer) }),
    ({ durationMs }) => ({ durationMs: Math.round(durationMs) }),
  ],
  'restart-given-back': ['info', ({ why }) => `the attempt does not count: ${why}`, 'why'],
  'restart-worked': ['info', () => 'active after the restart', 'activeAt'],
  'restart-failed': [
    'warn',
    ({ cause, row }) => `the restart failed: ${cause}, ${row} in a row`,
    'cause',
    'class',
    'row',
  ],
  'restart-proved': ['debug', () => 'the task has stayed up since the restart'],
  'restart-lapsed': ['debug', () => 'relaykeeper no longer waits to see whether the restart worked'],
  'task-quarantined': [
    'warn',
    ({ failures }) => `in quarantine after ${failures} failed restarts in a row`,
    'failures',
  ],
  'task-abandoned': [
    'error',
    ({ failures }) => `abandoned after ${failures} failed restarts: repair its source or target, then release it`,
    'failures',
  ],
  'task-released': ['info', ({ by, cause }) => `released${releasedWords[cause] ?? ` by ${by}`}`, 'by', 'cause'],
  'attempts-forgotten': ['debug', () => 'earlier attempts forgotten: backoff starts over'],
  'poll-completed': [
    'debug',
    ({ tasks, durationMs }) => `poll: ${tasks} tasks in ${duration(durationMs)}`,
    'tasks',
    'durationMs',
    'drift',
    'malformedItems',
  ],
  'poll-failed': [
    'debug',
    ({ failure }) => `the poll failed, so relaykeeper decides nothing: ${failureName(failure)}`,
    ({ failure }) => failureFields(failure),
    'durationMs',
  ],
  'poll-suspect': [
    'debug',
    ({ tasks, before }) => `relaykeeper does not trust this list yet: ${tasks} tasks, ${before} before`,
    'tasks',
    'before',
    'durationMs',
  ],
  'polls-failing': [
    'warn',
    (event) =>
      event.since === event.at
        ? `polls fail, so relaykeeper decides nothing: ${failureName(event)}`
        : `polls still fail, now with ${failureName(event)}`,
    'since',
    'class',
    'code',
    ({ message }) => ({ error: message }),
  ],
  'polls-recovered': [
    'info',
    (event) =>
      `polls succeed again after ${event.polls} failed ones in ${duration(failedForMs(event))}: ${event.classes.join(', ')}`,
    'since',
    (event) => ({ durationMs: failedForMs(event) }),
    'polls',
    ({ classes }) => ({ classes: classes.join(',') }),
  ],
  'list-believed': ['info', ({ tasks }) => `relaykeeper trusts the list again: ${tasks} tasks`, 'tasks'],
  'list-incomplete': [
    'warn',
    ({ polls, cloudGroups }) =>
      `the last ${polls} polls were incomplete: ${cloudGroups.length > 0 ? 'some cloud groups cannot be read' : 'the pages do not add up to the total, or the cloud sends no valid total'}`,
    'since',
    'tasks',
    ({ cloudGroups }) => ({ cloudGroups: cloudGroups.join(', ') || undefined }),
  ],
  'list-complete': ['info', () => 'the list is complete again', 'since'],
  'status-unknown': [
    'warn',
    ({ statusText }) => `the cloud reports a status that relaykeeper does not know: ${statusText}`,
    'statusText',
  ],
  'storm-started': [
    'warn',
    ({ scope, stopped, due }) => `storm${scopeWords(scope)}: ${stopped} of ${due} due tasks are stopped`,
    causeField,
    'stopped',
    'due',
    'failures',
  ],
  'storm-changed': [
    'debug',
    ({ scope, by }) => `storm${scopeWords(scope)} continues: ${causeSentence(by)}`,
    causeField,
  ],
  'storm-ended': ['info', ({ scope }) => `storm${scopeWords(scope)} is over`],
  'circuit-opened': [
    'error',
    ({ circuit, failure }) => `the ${circuit} circuit is open: ${failureName(failure)}`,
    'circuit',
    ({ failure }) => failureFields(failure),
  ],
  'circuit-probed': [
    'info',
    ({ circuit, failure }) => `the ${circuit} circuit stays open: ${failureName(failure)}`,
    'circuit',
    ({ failure }) => failureFields(failure),
  ],
  'circuit-closed': ['info', ({ circuit }) => `the ${circuit} circuit is closed again`, 'circuit'],
  'restarts-throttled': [
    'warn',
    ({ failure, until }) => `no restarts before ${iso(until)}: ${failureName(failure)}`,
    ({ failure }) => failureFields(failure),
    'until',
  ],
  'action-retired': [
    'warn',
    ({ from, to }) => `the cloud has retired ${from}: relaykeeper calls ${to} instead`,
    'from',
    'to',
  ],
  'region-found': ['info', ({ region }) => `the cloud accepts signatures for the region ${region}`, 'region'],
  // The process says both too, standby or not.
  'store-lost': ['debug', ({ error }) => `the store failed, and relaykeeper restarted nothing: ${error}`, 'error'],
  'store-back': ['debug', () => 'the store works again', 'since'],
  'hold-added': ['info', addedWords, holdFields, ({ covers = {} }) => covers],
  'hold-extended': [
    'info',
    ({ hold, by }) => `hold on ${targetWords(hold)} extended by ${by}, until ${untilOf(hold)}`,
    holdFields,
    'by',
    'was',
  ],
  'hold-removed': ['info', ({ hold, by }) => `hold on ${targetWords(hold)} removed by ${by}`, holdFields, 'by'],
  'hold-expired': ['info', ({ hold }) => `hold of ${hold.author} on ${targetWords(hold)} ended`, holdFields],
  'owner-gained': ['info', () => 'this process owns the account now', 'epoch'],
  'owner-lost': ['warn', () => 'this process no longer owns the account'],
  'time-accounted': ['trace', () => 'time accounted', 'expectedMs', 'downtimeMs'],
  // The process says it too.
  'config-changed': [
    'debug',
    ({ difference, hash }) =>
      difference === null
        ? `started with a new configuration (${hash})`
        : `the configuration changed: ${differenceWords(difference)}`,
    'hash',
  ],
  'group-empty': ['warn', ({ group }) => `group ${group} has matched no task for ten minutes: check its match`],
};

export const eventTypes = Object.keys(rows) as readonly EventType[];

/** Each function stands in the row of its own type, which the compiler cannot follow through the union. */
const rowOf = (event: Event): Row<Event> => (rows[event.type] ?? unknownRow) as Row<Event>;
/** A newer version wrote it into the store. */
const unknownRow: Row<Event> = ['info', ({ type }) => type];

export function lineOf(event: Event): Line {
  const [, msg, ...columns] = rowOf(event);
  const fields: Record<string, FieldValue> =
    'attemptId' in event ? { attempt: event.attemptId, trigger: event.trigger } : {};
  for (const one of columns) {
    if (typeof one === 'function') Object.assign(fields, one(event));
    else fields[one] = shownField(one, event[one]);
  }
  return { msg: msg(event), fields };
}

export function levelOf(event: Event): LogLevel {
  const [level] = rowOf(event);
  return typeof level === 'function' ? level(event) : level;
}

/** Fields whose values are moments. */
const moments: readonly string[] = ['since', 'until', 'activeAt', 'startsAt', 'endsAt', 'was'];

const shownField = (name: string, value: unknown): FieldValue =>
  (moments.includes(name) && value !== undefined ? iso(value as number) : value) as FieldValue;

const named = <Of extends object>(of: Of, ...names: readonly NameIn<Of>[]): Fields =>
  Object.fromEntries(names.map((name) => [name, shownField(String(name), of[name])]));

function itemFields({ item }: { readonly item: TaskItem }): Fields {
  return named(item, 'cloudGroup', 'status', 'statusText');
}

function outageField({ outageId }: { readonly outageId: string }): Fields {
  return { outage: outageId };
}

function causeField({ by }: { readonly by: StormCause }): Fields {
  return { by: [...(by.stopped ? ['stopped'] : []), ...(by.budget ? ['budget'] : [])].join(' and ') };
}

const failedForMs = ({ at, since }: EventOf<'polls-recovered'>): number => Math.max(0, at - since);

/** Who holds what, when, why, and how much that was. */
function addedWords({ hold, covers }: EventOf<'hold-added'>): string {
  const from = hold.startsAt === undefined || hold.startsAt <= hold.createdAt ? '' : ` from ${iso(hold.startsAt)}`;
  const many = covers && ` (${covers.tasks} task${covers.tasks === 1 ? '' : 's'}, ${covers.stopped} stopped)`;
  return `${targetWords(hold)}${many ?? ''} held by ${hold.author}${from} until ${untilOf(hold)}: ${hold.reason}`;
}

const untilOf = ({ endsAt }: Hold): string => (endsAt === undefined ? 'it is removed' : iso(endsAt));

function holdFields({ hold }: { readonly hold: Hold }): Fields {
  return { hold: hold.id, covers: hold.target.kind, ...named(hold, 'author', 'reason', 'startsAt', 'endsAt') };
}

/** `error` is the client's own sentence; the cloud's message is not in it. */
const failureFields = (failure: CallFailure): Fields => ({
  ...named(failure, 'class', 'code', 'httpStatus', 'requestId'),
  error: failure.message,
});

const answerFields = (answer: RestartAnswer): Fields =>
  answer.kind === 'accepted' ? { requestId: answer.requestId } : failureFields(answer.failure);

function intentWords({ n, by }: EventOf<'restart-intended'>): string {
  return by === undefined ? `sending the restart (attempt ${n})` : `sending the restart for ${by}`;
}

const refusedWords: Readonly<Record<Exclude<RestartAnswer['kind'], 'accepted'>, (failure: string) => string>> = {
  refused: (failure) => `restart refused: ${failure}`,
  throttled: (failure) => `restart throttled: ${failure}`,
  'not-sent': (failure) => `restart not sent: ${failure}`,
  unanswered: (failure) => `no answer to the restart (${failure}): the next poll shows whether it worked`,
};
const answerWords = (answer: RestartAnswer): string =>
  answer.kind === 'accepted' ? 'restart accepted' : refusedWords[answer.kind](failureName(answer.failure));

/** Names alone: what a configuration says can be secret. */
export function differenceWords({ accounts, groups, changed }: ConfigDifference): string {
  const said = [...namedWords('account', accounts), ...namedWords('group', groups)];
  if (changed.length > 0) said.push(`changed: ${changed.join(', ')}`);
  return said.length > 0 ? said.join('; ') : 'nothing differs';
}

const namedWords = (what: string, { added, removed, changed }: Difference): string[] =>
  Object.entries({ added, removed, changed }).flatMap(([how, names]) =>
    names.length > 0 ? [`${what}s ${how}: ${fewOf(names)}`] : [],
  );

/** Names given at most: a change of `defaults` changes every group. */
const mostNamed = 10;
const fewOf = (names: readonly string[]): string =>
  [...names.slice(0, mostNamed), ...(names.length > mostNamed ? [`and ${names.length - mostNamed} more`] : [])].join(
    ', ',
  );

/** What released a task; undefined: a person. */
const releasedWords = {
  operator: undefined,
  'seen-active': ': it was seen active',
  edited: ': it was edited',
  'circuit-closed': ': the restart circuit closed',
  'too-few-failures': ': the policy in force allows more failures',
} as const satisfies Record<EventOf<'task-released'>['cause'], string | undefined>;

const groupWords = (group: string | undefined) => (group === undefined ? 'no group' : `group ${group}`);

const scopeWords = ({ group }: StormScope) => (group === undefined ? ' in the account' : ` in group ${group}`);

const causeSentence = (by: StormCause) =>
  [...(by.stopped ? ['many tasks are stopped'] : []), ...(by.budget ? ['the failure budget is spent'] : [])].join(', ');

const untilWords = (reason: Reason, until: number) =>
  until === Number.POSITIVE_INFINITY ? reasonMeanings[reason].forever : `not before ${iso(until)}`;

/** Beyond what a date can hold there is only "never". */
function iso(at: number): string {
  return Math.abs(at) <= 8.64e15 ? new Date(at).toISOString() : 'never';
}

const duration = (ms: number): string => (ms < 1_000 ? `${Math.round(ms)} ms` : durationText(ms));
