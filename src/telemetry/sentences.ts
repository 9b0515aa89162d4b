/**
 * What each event is as a log line: its level, its known fields by name, and one sentence for a person.
 *
 * Redaction is by construction: only the fields that are named here are ever written, whatever else an object
 * carries. Durations are milliseconds and say so in their names; times are ISO 8601.
 */

import { targetWords } from '../domain/views/covered.ts';
import { unixMs } from '../domain/words/cloud-time.ts';
import { durationText } from '../domain/words/duration.ts';
import type {
  ConfigDifference,
  Difference,
  Event,
  EventType,
  Hold,
  StormCause,
  StormScope,
} from '../domain/words/events.ts';
import type { CallFailure } from '../domain/words/failure.ts';
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

type Row<Of> = readonly [level: LogLevel | ((event: Of) => LogLevel), line: (event: Of) => Line];

/** At `debug` a poll is one line; what it brings for every task or group is `trace`. */
const rows: { readonly [Type in EventType]: Row<Extract<Event, { readonly type: Type }>> } = {
  'task-found': ['debug', ({ item }) => line(`found in the list: ${item.statusText || item.status}`, itemFields(item))],
  'task-seen': ['trace', ({ item }) => line(`seen: ${item.statusText || item.status}`, itemFields(item))],
  'task-missed': ['trace', ({ counts }) => line('missing from the list', { counts })],
  'task-moved': ['info', ({ from, group }) => line(`moved from ${groupWords(from)} to ${groupWords(group)}`, { from })],
  'task-edited': [
    'info',
    ({ fields }) => line(`edited in the cloud: ${fields.join(', ')}`, { edited: fields.join(',') }),
  ],
  'task-gone': ['info', () => line('gone from the list')],
  'task-overdue': [
    'warn',
    (event) => {
      const startsAt = iso(unixMs(event.startsAt));
      return line(`has not started; its StartTime was ${startsAt}`, { startsAt });
    },
  ],
  'outage-opened': [
    'info',
    ({ outageId: outage, firstSight }) =>
      line(firstSight ? 'stopped when first seen' : 'stopped', { outage, firstSight }),
  ],
  'outage-ended': [
    'info',
    ({ outageId: outage, ending, durationMs }) =>
      line(`outage over after ${duration(durationMs)}: ${ending}`, { outage, ending, durationMs }),
  ],
  'restart-withheld': [
    ({ reason }) => (reasonMeanings[reason].loggedElsewhere ? 'debug' : 'info'),
    ({ reason, until }) =>
      line(`not restarted: ${reason}, ${untilWords(reason, until)}`, { reason, until: iso(until) }),
  ],
  'restart-shadowed': ['info', ({ n }) => line(`observed only: restart ${n} would be sent now`, { n })],
  'shadows-forgotten': ['debug', () => line('shadow attempts forgotten: its group heals from now on')],
  'restart-intended': [
    'debug',
    (event) => line(intentWords(event), { ...attempt(event), ...pick(event, 'n', 'probe') }),
  ],
  'restart-answered': [
    ({ answer }) => (answer.kind === 'accepted' ? 'info' : 'warn'),
    (event) =>
      line(answerWords(event.answer), {
        ...attempt(event),
        answer: event.answer.kind,
        ...answerFields(event.answer),
        durationMs: Math.round(event.durationMs),
      }),
  ],
  'restart-given-back': [
    'info',
    (event) => line(`the attempt does not count: ${event.why}`, { ...attempt(event), why: event.why }),
  ],
  'restart-worked': [
    'info',
    (event) => line('active after the restart', { ...attempt(event), activeAt: iso(event.activeAt) }),
  ],
  'restart-failed': [
    'warn',
    (event) =>
      line(`the restart failed: ${event.cause}, ${event.row} in a row`, {
        ...attempt(event),
        ...pick(event, 'cause', 'class', 'row'),
      }),
  ],
  'restart-proved': ['debug', (event) => line('the task has stayed up since the restart', attempt(event))],
  'restart-lapsed': [
    'debug',
    (event) => line('relaykeeper no longer waits to see whether the restart worked', attempt(event)),
  ],
  'task-quarantined': [
    'warn',
    ({ failures }) => line(`in quarantine after ${failures} failed restarts in a row`, { failures }),
  ],
  'task-abandoned': [
    'error',
    ({ failures }) =>
      line(`abandoned after ${failures} failed restarts: repair its source or target, then release it`, { failures }),
  ],
  'task-released': ['info', ({ by, cause }) => line(`released${releasedWords[cause] ?? ` by ${by}`}`, { by, cause })],
  'attempts-forgotten': ['debug', () => line('earlier attempts forgotten: backoff starts over')],
  'poll-completed': [
    'debug',
    (event) =>
      line(
        `poll: ${event.tasks} tasks in ${duration(event.durationMs)}`,
        pick(event, 'tasks', 'durationMs', 'drift', 'malformedItems'),
      ),
  ],
  'poll-failed': [
    'debug',
    ({ failure, durationMs }) =>
      line(`the poll failed, so relaykeeper decides nothing: ${failureWords(failure)}`, {
        ...failureFields(failure),
        durationMs,
      }),
  ],
  'poll-suspect': [
    'debug',
    ({ tasks, before, durationMs }) =>
      line(`relaykeeper does not trust this list yet: ${tasks} tasks, ${before} before`, { tasks, before, durationMs }),
  ],
  'polls-failing': [
    'warn',
    ({ since, at, class: trouble, code, message }) =>
      line(
        since === at
          ? `polls fail, so relaykeeper decides nothing: ${code ?? trouble}`
          : `polls still fail, now with ${code ?? trouble}`,
        { since: iso(since), class: trouble, code, error: message },
      ),
  ],
  'polls-recovered': [
    'info',
    ({ at, since, polls, classes }) => {
      const durationMs = Math.max(0, at - since);
      return line(`polls succeed again after ${polls} failed ones in ${duration(durationMs)}: ${classes.join(', ')}`, {
        since: iso(since),
        durationMs,
        polls,
        classes: classes.join(','),
      });
    },
  ],
  'list-believed': ['info', ({ tasks }) => line(`relaykeeper trusts the list again: ${tasks} tasks`, { tasks })],
  'list-incomplete': [
    'warn',
    ({ since, polls, tasks, cloudGroups }) =>
      line(
        `the last ${polls} polls were incomplete: ${cloudGroups.length > 0 ? 'some cloud groups cannot be read' : 'the pages do not add up to the total'}`,
        { since: iso(since), tasks, cloudGroups: cloudGroups.join(', ') || undefined },
      ),
  ],
  'list-complete': ['info', ({ since }) => line('the list is complete again', { since: iso(since) })],
  'status-unknown': [
    'warn',
    ({ statusText }) =>
      line(`the cloud reports a status that relaykeeper does not know: ${statusText}`, { statusText }),
  ],
  'storm-started': [
    'warn',
    (event) =>
      line(`storm${scopeWords(event.scope)}: ${event.stopped} of ${event.due} due tasks are stopped`, {
        by: causeWords(event.by),
        ...pick(event, 'stopped', 'due', 'failures'),
      }),
  ],
  'storm-changed': [
    'debug',
    ({ scope, by }) => line(`storm${scopeWords(scope)} continues: ${causeSentence(by)}`, { by: causeWords(by) }),
  ],
  'storm-ended': ['info', ({ scope }) => line(`storm${scopeWords(scope)} is over`)],
  'circuit-opened': ['error', (event) => circuitLine('is open', event)],
  'circuit-probed': ['info', (event) => circuitLine('stays open', event)],
  'circuit-closed': ['info', ({ circuit }) => line(`the ${circuit} circuit is closed again`, { circuit })],
  'restarts-throttled': [
    'warn',
    ({ failure, until }) =>
      line(`no restarts before ${iso(until)}: ${failureWords(failure)}`, {
        ...failureFields(failure),
        until: iso(until),
      }),
  ],
  'action-retired': [
    'warn',
    ({ from, to }) => line(`the cloud has retired ${from}: relaykeeper calls ${to} instead`, { from, to }),
  ],
  'region-found': ['info', ({ region }) => line(`the cloud takes signatures for the region ${region}`, { region })],
  // The process says both too, standby or not.
  'store-lost': [
    'debug',
    ({ error }) => line(`the store failed, and relaykeeper restarted nothing: ${error}`, { error }),
  ],
  'store-back': ['debug', ({ since }) => line('the store works again', { since: iso(since) })],
  'hold-added': ['info', (event) => line(addedWords(event), { ...holdFields(event.hold), ...event.covers })],
  'hold-extended': [
    'info',
    ({ hold, by, was }) =>
      line(`hold on ${targetWords(hold)} extended by ${by}, until ${untilOf(hold)}`, {
        ...holdFields(hold),
        by,
        was: iso(was),
      }),
  ],
  'hold-removed': [
    'info',
    ({ hold, by }) => line(`hold on ${targetWords(hold)} removed by ${by}`, { ...holdFields(hold), by }),
  ],
  'hold-expired': [
    'info',
    ({ hold }) => line(`hold of ${hold.author} on ${targetWords(hold)} ended`, holdFields(hold)),
  ],
  'owner-gained': ['info', ({ epoch }) => line('this process owns the account now', { epoch })],
  'owner-lost': ['warn', () => line('this process no longer owns the account')],
  'time-accounted': ['trace', (event) => line('time accounted', pick(event, 'expectedMs', 'downtimeMs'))],
  // The process says it too.
  'config-changed': [
    'debug',
    ({ difference, hash }) =>
      line(
        difference === null
          ? `started with a new configuration (${hash})`
          : `the configuration changed: ${differenceWords(difference)}`,
        { hash },
      ),
  ],
  'group-empty': ['warn', ({ group }) => line(`group ${group} has matched no task for ten minutes: check its match`)],
};

export const eventTypes = Object.keys(rows) as readonly EventType[];

/** Each function stands in the row of its own type, which the compiler cannot follow through the union. */
const rowOf = (event: Event): Row<Event> => (rows[event.type] ?? unknownRow) as Row<Event>;
/** A newer version wrote it into the store. */
const unknownRow: Row<Event> = ['info', ({ type }) => line(type)];

export const lineOf = (event: Event): Line => rowOf(event)[1](event);

export function levelOf(event: Event): LogLevel {
  const [level] = rowOf(event);
  return typeof level === 'function' ? level(event) : level;
}

const line = (msg: string, fields: Fields = {}): Line => ({ msg, fields });

/** Fields of an event that go into the line under their own names. */
const pick = <T extends object, K extends keyof T>(event: T, ...names: readonly K[]): Pick<T, K> =>
  Object.fromEntries(names.map((name) => [name, event[name]])) as Pick<T, K>;

const itemFields = (item: TaskItem): Fields => pick(item, 'cloudGroup', 'status', 'statusText');

const attempt = ({ attemptId, trigger }: Extract<Event, { readonly attemptId: string }>): Fields => ({
  attempt: attemptId,
  trigger,
});

const circuitLine = (
  how: string,
  { circuit, failure }: Extract<Event, { type: 'circuit-opened' | 'circuit-probed' }>,
) => line(`the ${circuit} circuit ${how}: ${failureWords(failure)}`, { circuit, ...failureFields(failure) });

/** Who holds what, when, why, and how much that was. */
function addedWords({ hold, covers }: Extract<Event, { readonly type: 'hold-added' }>): string {
  const from = hold.startsAt === undefined || hold.startsAt <= hold.createdAt ? '' : ` from ${iso(hold.startsAt)}`;
  const many = covers && ` (${covers.tasks} task${covers.tasks === 1 ? '' : 's'}, ${covers.stopped} stopped)`;
  return `${targetWords(hold)}${many ?? ''} held by ${hold.author}${from} until ${untilOf(hold)}: ${hold.reason}`;
}

const untilOf = ({ endsAt }: Hold): string => (endsAt === undefined ? 'it is removed' : iso(endsAt));

const holdFields = (hold: Hold): Fields => ({
  hold: hold.id,
  covers: hold.target.kind,
  author: hold.author,
  reason: hold.reason,
  startsAt: hold.startsAt === undefined ? undefined : iso(hold.startsAt),
  endsAt: hold.endsAt === undefined ? undefined : iso(hold.endsAt),
});

/** `error` is the client's own sentence; the cloud's message is not in it. */
const failureFields = (failure: CallFailure): Fields => ({
  class: failure.class,
  code: failure.code,
  httpStatus: failure.httpStatus,
  requestId: failure.requestId,
  error: failure.message,
});

const failureWords = (failure: CallFailure) => failure.code ?? failure.class;

const answerFields = (answer: RestartAnswer): Fields =>
  answer.kind === 'accepted' ? { requestId: answer.requestId } : failureFields(answer.failure);

function intentWords({ n, by }: Extract<Event, { readonly type: 'restart-intended' }>): string {
  return by === undefined ? `sending the restart (attempt ${n})` : `sending the restart for ${by}`;
}

function answerWords(answer: RestartAnswer): string {
  switch (answer.kind) {
    case 'accepted':
      return 'restart accepted';
    case 'refused':
      return `restart refused: ${failureWords(answer.failure)}`;
    case 'throttled':
      return `restart throttled: ${failureWords(answer.failure)}`;
    case 'not-sent':
      return `restart not sent: ${failureWords(answer.failure)}`;
    case 'unanswered':
      return `no answer to the restart (${failureWords(answer.failure)}): the next poll shows whether it worked`;
    default:
      return answer satisfies never;
  }
}

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

/** Names told at most: a change of `defaults` changes every group. */
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
  'too-few-failures': ': by the policy in force its failures are too few',
} as const satisfies Record<Extract<Event, { readonly type: 'task-released' }>['cause'], string | undefined>;

const groupWords = (group: string | undefined) => (group === undefined ? 'no group' : `group ${group}`);

const scopeWords = ({ group }: StormScope) => (group === undefined ? ' in the account' : ` in group ${group}`);

const causeWords = (by: StormCause) =>
  [...(by.stopped ? ['stopped'] : []), ...(by.budget ? ['budget'] : [])].join(' and ');

const causeSentence = (by: StormCause) =>
  [...(by.stopped ? ['many tasks are stopped'] : []), ...(by.budget ? ['the failure budget is spent'] : [])].join(', ');

const untilWords = (reason: Reason, until: number) =>
  until === Number.POSITIVE_INFINITY ? reasonMeanings[reason].forever : `not before ${iso(until)}`;

/** Beyond what a date can hold there is only "never". */
function iso(at: number): string {
  return Math.abs(at) <= 8.64e15 ? new Date(at).toISOString() : 'never';
}

const duration = (ms: number): string => (ms < 1_000 ? `${Math.round(ms)} ms` : durationText(ms));
