/** One event as one short sentence for `history` and `explain`. Only words: what a moment or a cell looks like is not its business. */
import type { Event, StormScope } from '../domain/events.ts';
import type { CallFailure, RestartAnswer } from '../domain/task.ts';
import { duration } from './show.ts';

/** What happened, without time, account and task: those have their own columns. */
export function eventSentence(event: Event): string {
  switch (event.type) {
    case 'task-found':
      return `first seen, ${event.item.statusText} (${event.item.title})`;
    case 'task-seen':
      return `seen, ${event.item.statusText}`;
    case 'task-missed':
      return event.counts ? 'missing from the list' : 'missing from a list whose pages did not fit together';
    case 'task-moved':
      return `moved from ${groupName(event.from)} to ${groupName(event.group)}`;
    case 'task-edited':
      return `edited in the cloud: ${event.fields.join(', ')}`;
    case 'task-gone':
      return 'gone from the cloud';
    case 'task-overdue':
      return 'not started although its StartTime has passed';
    case 'outage-opened':
      return event.firstSight ? 'found stopped at first sight' : 'found stopped';
    case 'outage-ended':
      return `outage over after ${duration(event.durationMs)}: ${event.ending}`;
    case 'restart-withheld':
      return `not restarted: ${event.reason}`;
    case 'restart-intended':
      return `restart ${event.n} (${event.trigger}${event.probe ? ', probe' : ''})`;
    case 'restart-answered':
      return answerSentence(event.answer);
    case 'restart-given-back':
      return `does not count: ${event.why}`;
    case 'restart-worked':
      return 'seen active after the restart';
    case 'restart-failed':
      return `restart failed (${event.cause}), ${event.row} in a row`;
    case 'restart-held':
      return 'the restart has held';
    case 'restart-lapsed':
      return 'nothing more is awaited of the restart';
    case 'task-quarantined':
      return `quarantined after ${event.failures} failures`;
    case 'task-abandoned':
      return `abandoned after ${event.failures} failures`;
    case 'task-released':
      return `released by ${event.by} (${event.cause})`;
    case 'attempts-forgotten':
      return 'attempts forgotten: backoff starts from the beginning';
    default:
      return accountSentence(event);
  }
}

type AccountEvent = Exclude<Event, { readonly taskId: string }> | Extract<Event, { readonly type: 'status-unknown' }>;

function accountSentence(event: AccountEvent): string {
  switch (event.type) {
    case 'poll-completed':
      return `poll: ${event.tasks} tasks`;
    case 'poll-failed':
      return `poll failed: ${failureWords(event.failure)}`;
    case 'poll-suspect':
      return `list not believed: ${event.tasks} tasks, ${event.before} before`;
    case 'list-believed':
      return `list believed again: ${event.tasks} tasks`;
    case 'status-unknown':
      return `unknown status: ${event.statusText}`;
    case 'storm-started':
      return `storm on${scopeWords(event.scope)}: ${event.stopped} of ${event.due} stopped, ${event.failures} failures`;
    case 'storm-changed':
      return `storm goes on${scopeWords(event.scope)}`;
    case 'storm-ended':
      return `storm over${scopeWords(event.scope)}`;
    case 'circuit-opened':
      return `${event.circuit} circuit opened: ${failureWords(event.failure)}`;
    case 'circuit-probed':
      return `${event.circuit} circuit stays open: ${failureWords(event.failure)}`;
    case 'circuit-closed':
      return `${event.circuit} circuit closed`;
    case 'restarts-throttled':
      return `restarts throttled: ${failureWords(event.failure)}`;
    case 'action-retired':
      return `the cloud has retired ${event.from}; using ${event.to}`;
    case 'hold-added':
      return `hold ${event.hold.id} by ${event.hold.author}: ${event.hold.reason}`;
    case 'hold-removed':
      return `hold ${event.hold.id} removed by ${event.by}`;
    case 'hold-expired':
      return `hold ${event.hold.id} ended`;
    case 'owner-gained':
      return `account taken over (epoch ${event.epoch})`;
    case 'owner-lost':
      return 'account lost to another process';
    case 'time-accounted':
      return `due ${duration(event.expectedMs)}, down ${duration(event.downtimeMs)} in ${event.group}`;
    case 'group-empty':
      return `group ${event.group} has matched nothing for ten minutes`;
  }
  // A newer daemon may tell of what this program does not know.
  return (event satisfies never as Event).type;
}

/** What the cloud answered to a restart. */
export function answerSentence(answer: RestartAnswer): string {
  switch (answer.kind) {
    case 'accepted':
      return 'accepted by the cloud';
    case 'refused':
      return `refused by the cloud: ${failureWords(answer.failure)}`;
    case 'throttled':
      return `throttled by the cloud: ${failureWords(answer.failure)}`;
    case 'not-sent':
      return `not sent: ${failureWords(answer.failure)}`;
    case 'unanswered':
      return `no answer: ${failureWords(answer.failure)}`;
    default:
      return answer satisfies never;
  }
}

function failureWords({ class: kind, code, message, requestId }: CallFailure): string {
  return `${code ?? kind}, ${message}${requestId === undefined ? '' : ` (request ${requestId})`}`;
}

const groupName = (group: string | undefined): string => (group === undefined ? 'no group' : `group ${group}`);

const scopeWords = (scope: StormScope): string =>
  `${scope.group === undefined ? '' : ` in group ${scope.group}`}${scope.observed ? ' (observed tasks)' : ''}`;
