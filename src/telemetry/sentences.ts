/**
 * One event as a log line: its known fields by name, and one sentence for a person.
 *
 * Redaction is by construction: only the fields that are named here are ever written, whatever else an object
 * carries. Durations are milliseconds and say so in their names; times are ISO 8601.
 */

import { targetWords } from '../domain/views/covered.ts';
import { unixMs } from '../domain/words/cloud-time.ts';
import { durationText } from '../domain/words/duration.ts';
import type { ConfigDifference, Difference, Event, Hold, StormCause, StormScope } from '../domain/words/events.ts';
import type { CallFailure } from '../domain/words/failure.ts';
import { type Reason, reasonMeanings } from '../domain/words/reason.ts';
import type { RestartAnswer } from '../domain/words/task.ts';

export type FieldValue = string | number | boolean | undefined;
export type Fields = Readonly<Record<string, FieldValue>>;

export interface Line {
  /** Without `event`, `account`, `group`, `task`, `title`, which every line has in the same way. */
  readonly fields: Fields;
  readonly msg: string;
}

export function lineOf(event: Event): Line {
  switch (event.type) {
    case 'task-found':
      return line(`found in the list: ${event.item.statusText || event.item.status}`, itemFields(event.item));
    case 'task-seen':
      return line(`seen: ${event.item.statusText || event.item.status}`, itemFields(event.item));
    case 'task-missed':
      return line('missing from the list', { counts: event.counts });
    case 'task-moved':
      return line(`moved from ${groupWords(event.from)} to ${groupWords(event.group)}`, { from: event.from });
    case 'task-edited':
      return line(`edited in the cloud: ${event.fields.join(', ')}`, { edited: event.fields.join(',') });
    case 'task-gone':
      return line('gone from the list');
    case 'task-overdue':
      return line(`has not started; its StartTime was ${iso(unixMs(event.startsAt))}`, {
        startsAt: iso(unixMs(event.startsAt)),
      });
    case 'outage-opened':
      return line(event.firstSight ? 'stopped when first seen' : 'stopped', {
        outage: event.outageId,
        firstSight: event.firstSight,
      });
    case 'outage-ended':
      return line(`outage over after ${duration(event.durationMs)}: ${event.ending}`, {
        outage: event.outageId,
        ...pick(event, 'ending', 'durationMs'),
      });
    case 'task-quarantined':
      return line(`in quarantine after ${event.failures} failed restarts in a row`, { failures: event.failures });
    case 'task-abandoned':
      return line(`abandoned after ${event.failures} failed restarts: repair its source or target, then release it`, {
        failures: event.failures,
      });
    case 'task-released':
      return line(`released: ${event.cause}`, pick(event, 'by', 'cause'));
    case 'attempts-forgotten':
      return line('earlier attempts forgotten: backoff starts over');
    case 'shadows-forgotten':
      return line('shadow attempts forgotten: its group heals from now on');
    case 'restart-withheld':
    case 'restart-shadowed':
    case 'restart-intended':
    case 'restart-answered':
    case 'restart-given-back':
    case 'restart-worked':
    case 'restart-failed':
    case 'restart-proved':
    case 'restart-lapsed':
      return restartLine(event);
    default:
      return accountLine(event);
  }
}

type RestartEvent = Extract<Event, { readonly type: `restart-${string}` }>;

function restartLine(event: RestartEvent): Line {
  if (event.type === 'restart-shadowed')
    return line(`observed only: restart ${event.n} would be sent now`, { n: event.n });
  if (event.type === 'restart-withheld') {
    return line(`not restarted: ${event.reason}, ${untilWords(event.reason, event.until)}`, {
      reason: event.reason,
      until: event.until === Number.POSITIVE_INFINITY ? 'never' : iso(event.until),
    });
  }
  const attempt = { attempt: event.attemptId, trigger: event.trigger };
  switch (event.type) {
    case 'restart-intended':
      return line(intentWords(event), { ...attempt, ...pick(event, 'n', 'probe') });
    case 'restart-answered':
      return line(answerWords(event.answer), {
        ...attempt,
        answer: event.answer.kind,
        ...answerFields(event.answer),
        durationMs: Math.round(event.durationMs),
      });
    case 'restart-given-back':
      return line(`the attempt does not count: ${event.why}`, { ...attempt, why: event.why });
    case 'restart-worked':
      return line('active after the restart', { ...attempt, activeAt: iso(event.activeAt) });
    case 'restart-failed':
      return line(`the restart failed: ${event.cause}, ${event.row} in a row`, {
        ...attempt,
        ...pick(event, 'cause', 'class', 'row'),
      });
    case 'restart-proved':
      return line('the task has stayed up since the restart', attempt);
    case 'restart-lapsed':
      return line('relaykeeper no longer waits to see whether the restart worked', attempt);
    default:
      return event satisfies never;
  }
}

type AccountEvent = Extract<Event, { readonly type: 'status-unknown' }> | Exclude<Event, { readonly taskId: string }>;

function accountLine(event: AccountEvent): Line {
  switch (event.type) {
    case 'poll-completed':
      return line(
        `poll: ${event.tasks} tasks in ${duration(event.durationMs)}`,
        pick(event, 'tasks', 'durationMs', 'drift', 'malformedItems'),
      );
    case 'poll-failed':
      return line(`the poll failed, so relaykeeper decides nothing: ${failureWords(event.failure)}`, {
        ...failureFields(event.failure),
        durationMs: event.durationMs,
      });
    case 'poll-suspect':
      return line(
        `relaykeeper does not trust this list yet: ${event.tasks} tasks, ${event.before} before`,
        pick(event, 'tasks', 'before', 'durationMs'),
      );
    case 'polls-failing':
      return line(
        event.since === event.at
          ? `polls fail, so relaykeeper decides nothing: ${event.code ?? event.class}`
          : `polls still fail, now with ${event.code ?? event.class}`,
        { since: iso(event.since), class: event.class, code: event.code, error: event.message },
      );
    case 'polls-recovered': {
      const lasted = duration(Math.max(0, event.at - event.since));
      return line(`polls succeed again after ${event.polls} failed ones in ${lasted}: ${event.classes.join(', ')}`, {
        since: iso(event.since),
        durationMs: Math.max(0, event.at - event.since),
        polls: event.polls,
        classes: event.classes.join(','),
      });
    }
    case 'list-believed':
      return line(`relaykeeper trusts the list again: ${event.tasks} tasks`, { tasks: event.tasks });
    case 'list-incomplete':
      return line(
        event.cloudGroups.length > 0
          ? `the last ${event.polls} polls were incomplete: some cloud groups cannot be read`
          : `the last ${event.polls} polls were incomplete: the pages do not add up to the total`,
        { since: iso(event.since), tasks: event.tasks, cloudGroups: event.cloudGroups.join(', ') || undefined },
      );
    case 'list-complete':
      return line('the list is complete again', { since: iso(event.since) });
    case 'status-unknown':
      return line(`the cloud reports a status that relaykeeper does not know: ${event.statusText}`, {
        statusText: event.statusText,
      });
    case 'action-retired':
      return line(
        `the cloud has retired ${event.from}: relaykeeper calls ${event.to} instead`,
        pick(event, 'from', 'to'),
      );
    case 'store-lost':
      return line(`the store failed, and relaykeeper restarted nothing: ${event.error}`, pick(event, 'error'));
    case 'store-back':
      return line('the store works again', { since: iso(event.since) });
    case 'region-found':
      return line(`the cloud takes signatures for the region ${event.region}`, pick(event, 'region'));
    case 'owner-gained':
      return line('this process owns the account now', { epoch: event.epoch });
    case 'owner-lost':
      return line('this process no longer owns the account');
    case 'time-accounted':
      return line('time accounted', pick(event, 'expectedMs', 'downtimeMs'));
    case 'config-changed':
      return line(
        event.difference === null
          ? `started with a new configuration (${event.hash})`
          : `the configuration changed: ${differenceWords(event.difference)}`,
        pick(event, 'hash'),
      );
    case 'group-empty':
      return line(`group ${event.group} has matched no task for ten minutes: check its match`);
    case 'hold-added':
      return line(addedWords(event), { ...holdFields(event.hold), ...event.covers });
    case 'hold-extended':
      return line(`hold on ${targetWords(event.hold)} extended by ${event.by}, until ${untilOf(event.hold)}`, {
        ...holdFields(event.hold),
        by: event.by,
        was: iso(event.was),
      });
    case 'hold-removed':
      return line(`hold on ${targetWords(event.hold)} removed by ${event.by}`, {
        ...holdFields(event.hold),
        by: event.by,
      });
    case 'hold-expired':
      return line(`hold of ${event.hold.author} on ${targetWords(event.hold)} ended`, holdFields(event.hold));
    default:
      return guardLine(event);
  }
}

type GuardEvent = Extract<Event, { readonly type: `storm-${string}` | `circuit-${string}` | 'restarts-throttled' }>;

/** Storms, circuits, throttling: what keeps restarts back for many tasks at once. */
function guardLine(event: GuardEvent): Line {
  switch (event.type) {
    case 'storm-started':
      return line(`storm${scopeWords(event.scope)}: ${event.stopped} of ${event.due} due tasks are stopped`, {
        by: causeWords(event.by),
        ...pick(event, 'stopped', 'due', 'failures'),
      });
    case 'storm-changed':
      return line(`storm${scopeWords(event.scope)} continues: ${causeSentence(event.by)}`, {
        by: causeWords(event.by),
      });
    case 'storm-ended':
      return line(`storm${scopeWords(event.scope)} is over`);
    case 'circuit-opened':
      return line(`the ${event.circuit} circuit is open: ${failureWords(event.failure)}`, {
        circuit: event.circuit,
        ...failureFields(event.failure),
      });
    case 'circuit-probed':
      return line(`the ${event.circuit} circuit stays open: ${failureWords(event.failure)}`, {
        circuit: event.circuit,
        ...failureFields(event.failure),
      });
    case 'circuit-closed':
      return line(`the ${event.circuit} circuit is closed again`, { circuit: event.circuit });
    case 'restarts-throttled':
      return line(`no restarts before ${iso(event.until)}: ${failureWords(event.failure)}`, {
        ...failureFields(event.failure),
        until: iso(event.until),
      });
    default:
      return event satisfies never;
  }
}

const line = (msg: string, fields: Fields = {}): Line => ({ msg, fields });

/** Fields of an event that go into the line under their own names. */
const pick = <T extends object, K extends keyof T>(event: T, ...names: readonly K[]): Pick<T, K> =>
  Object.fromEntries(names.map((name) => [name, event[name]])) as Pick<T, K>;

const itemFields = (item: Extract<Event, { readonly type: 'task-seen' }>['item']): Fields => ({
  cloudGroup: item.cloudGroup,
  status: item.status,
  statusText: item.statusText,
});

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
    names.length > 0 ? [`${what}s ${how}: ${names.join(', ')}`] : [],
  );

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
