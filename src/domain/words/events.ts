/**
 * What happened, written once. The ledger, the log, the metrics, the page and the tests are all fed from these
 * facts; nobody else counts.
 *
 * Times are Unix milliseconds. Events of `recorded` types are stored and kept as history; the others pass by.
 */
import type { CloudTime } from './cloud-time.ts';
import type { CallFailure, ErrorClass, FailureCause, PollTrouble } from './failure.ts';
import type { Match } from './policy.ts';
import type { Reason } from './reason.ts';
import type { RestartAnswer, TaskItem } from './task.ts';

export const endings = ['recovered', 'external', 'ended', 'gone', 'unmanaged'] as const;
export type Ending = (typeof endings)[number];

export const circuits = ['list', 'restart'] as const;
export type CircuitName = (typeof circuits)[number];

export type Trigger = 'auto' | 'manual';

export interface Hold {
  readonly id: string;
  readonly account: string;
  readonly target: HoldTarget;
  readonly author: string;
  readonly reason: string;
  readonly createdAt: number;
  /** Absent: from when it was set. */
  readonly startsAt?: number;
  /** Absent: until somebody removes it. */
  readonly endsAt: number | undefined;
}

/** What a hold covers, in tasks that are there and in those that come. */
export type HoldTarget =
  | { readonly kind: 'task'; readonly taskId: string }
  | { readonly kind: 'group'; readonly group: string }
  /** Every task whose title fits the glob. */
  | { readonly kind: 'title'; readonly title: string }
  | { readonly kind: 'account' }
  /** Only of a recurring hold, which stands in the configuration and is never stored. */
  | { readonly kind: 'match'; readonly match: Match };

interface Happened {
  readonly at: number;
  readonly account: string;
}

/** About one task; `group` is the group that has it now (undefined: unmanaged). */
interface TaskHappened extends Happened {
  readonly taskId: string;
  readonly group: string | undefined;
}

interface AttemptHappened extends TaskHappened {
  readonly group: string;
  /** Names one attempt for ever: `<taskId>#<when it was intended>`. */
  readonly attemptId: string;
  readonly trigger: Trigger;
}

export type TaskEvent =
  /** First time ever that this account's list showed the task. */
  | (TaskHappened & { readonly type: 'task-found'; readonly item: TaskItem })
  /** What the list says of a known task changed, or it is stopped and was seen so once more. Not recorded. */
  | (TaskHappened & { readonly type: 'task-seen'; readonly item: TaskItem })
  /** A complete observation did not have it; `counts` is false under page drift. Not recorded. */
  | (TaskHappened & { readonly type: 'task-missed'; readonly counts: boolean })
  /** Another entry of `groups:` has it now. */
  | (TaskHappened & { readonly type: 'task-moved'; readonly from: string | undefined })
  | (TaskHappened & { readonly type: 'task-edited'; readonly fields: readonly ('startTime' | 'endTime' | 'source')[] })
  | (TaskHappened & { readonly type: 'task-gone' })
  /** 未开始 long after its StartTime. */
  | (TaskHappened & { readonly type: 'task-overdue'; readonly startsAt: CloudTime })
  | (TaskHappened & {
      readonly type: 'outage-opened';
      readonly group: string;
      readonly outageId: string;
      readonly firstSight: boolean;
    })
  | (TaskHappened & {
      readonly type: 'outage-ended';
      readonly outageId: string;
      readonly ending: Ending;
      /** From the first moment it should have run and was seen stopped to the first active sight (or the ending). */
      readonly durationMs: number;
    })
  /** The reason why a due, stopped task is not restarted changed. `until` is Infinity for "never". */
  | (TaskHappened & {
      readonly type: 'restart-withheld';
      readonly group: string;
      readonly reason: Reason;
      readonly until: number;
    })
  /** A restart would have been sent here, if its task were not only observed: the `n`th since shadows were forgotten. */
  | (TaskHappened & { readonly type: 'restart-shadowed'; readonly group: string; readonly n: number })
  /** Its group heals from here on: what would have been sent before is forgotten. */
  | (TaskHappened & { readonly type: 'shadows-forgotten' })
  /** Saved before the call is sent: the attempt counts from here. */
  | (AttemptHappened & {
      readonly type: 'restart-intended';
      /** The attempt's number since attempts were last forgotten; 0 for an operator's. */
      readonly n: number;
      /** It asks whether an open circuit can be closed. */
      readonly probe: boolean;
      /** It passed a storm that only the budget kept on. */
      readonly free: boolean;
      /** The operator who asked for it; undefined: the rules. */
      readonly by: string | undefined;
    })
  | (AttemptHappened & {
      readonly type: 'restart-answered';
      readonly answer: RestartAnswer;
      readonly durationMs: number;
      /** One of the answers that, five in a row, open the restart circuit. */
      readonly towardsCircuit: boolean;
    })
  /** It does not count after all: throttled, never sent, or the circuit was open. */
  | (AttemptHappened & {
      readonly type: 'restart-given-back';
      readonly why: 'throttled' | 'not-sent' | 'circuit' | 'not-saved';
      /** When it had been settled as failed before the circuit opened: that is taken back. */
      readonly failedAt: number | undefined;
    })
  /** First active sight after the answer. */
  | (AttemptHappened & {
      readonly type: 'restart-worked';
      readonly activeAt: number;
      /** Nobody had answered it. */
      readonly unanswered: boolean;
    })
  | (AttemptHappened & {
      readonly type: 'restart-failed';
      readonly cause: FailureCause;
      readonly class: ErrorClass | undefined;
      readonly row: number;
    })
  /** It stayed active for `verifyWithin` after it worked: the row of failures is over, the backoff is not. */
  | (AttemptHappened & { readonly type: 'restart-proved' })
  /** Nothing more is awaited of an attempt that did not count, or of a refusal that was none. */
  | (AttemptHappened & {
      readonly type: 'restart-lapsed';
      /** When it was seen running, if it had been refused because it ran already. */
      readonly activeAt?: number;
      /** It had worked, and its task was seen stopped again. */
      readonly stoppedAgain?: boolean;
    })
  | (TaskHappened & { readonly type: 'task-quarantined'; readonly group: string; readonly failures: number })
  | (TaskHappened & { readonly type: 'task-abandoned'; readonly group: string; readonly failures: number })
  /** Out of quarantine or abandonment; `by` is an operator's name or what happened. */
  | (TaskHappened & {
      readonly type: 'task-released';
      readonly by: string;
      readonly cause: 'operator' | 'seen-active' | 'edited' | 'circuit-closed' | 'too-few-failures';
    })
  /** It was active for `resetAfter`, or an operator spoke: backoff starts from the beginning. */
  | (TaskHappened & { readonly type: 'attempts-forgotten' });

type AccountEvent =
  | (Happened & {
      readonly type: 'poll-completed';
      readonly tasks: number;
      readonly durationMs: number;
      readonly startedAt: number;
      readonly drift: boolean;
      readonly malformedItems: number;
      readonly failedCloudGroups: readonly string[];
    })
  | (Happened & { readonly type: 'poll-failed'; readonly failure: CallFailure; readonly durationMs: number })
  /** The list lost too many tasks to be believed; until it has stayed so for 15 minutes absence and new tasks do not count. */
  | (Happened & {
      readonly type: 'poll-suspect';
      readonly tasks: number;
      readonly before: number;
      readonly durationMs: number;
      readonly startedAt: number;
    })
  /** The first failed or doubted poll of a stretch, and the first of each further class in it. */
  | (Happened & {
      readonly type: 'polls-failing';
      readonly since: number;
      readonly class: PollTrouble;
      readonly code: string | undefined;
      /** The failure's own sentence, or what the list lacks. */
      readonly message: string;
    })
  /** A poll was complete and believed: the stretch is over. */
  | (Happened & {
      readonly type: 'polls-recovered';
      readonly since: number;
      readonly polls: number;
      readonly classes: readonly PollTrouble[];
    })
  | (Happened & { readonly type: 'list-believed'; readonly tasks: number })
  /** Several polls in a row did not add up: tasks may be there that no list shows. */
  | (Happened & {
      readonly type: 'list-incomplete';
      readonly since: number;
      readonly polls: number;
      readonly tasks: number;
      /** Those of whose list a call fails; empty: the pages do not fit together. */
      readonly cloudGroups: readonly string[];
    })
  | (Happened & { readonly type: 'list-complete'; readonly since: number })
  | (Happened & { readonly type: 'status-unknown'; readonly statusText: string; readonly taskId: string })
  | (Happened & {
      readonly type: 'storm-started';
      readonly scope: StormScope;
      readonly by: StormCause;
      readonly stopped: number;
      readonly due: number;
      readonly failures: number;
    })
  /** What keeps it on changed. Not recorded. */
  | (Happened & { readonly type: 'storm-changed'; readonly scope: StormScope; readonly by: StormCause })
  | (Happened & { readonly type: 'storm-ended'; readonly scope: StormScope })
  | (Happened & {
      readonly type: 'circuit-opened';
      readonly circuit: CircuitName;
      /** Opened by one answer of a class that needs a person. */
      readonly atOnce: boolean;
      readonly failure: CallFailure;
    })
  | (Happened & { readonly type: 'circuit-probed'; readonly circuit: CircuitName; readonly failure: CallFailure })
  | (Happened & { readonly type: 'circuit-closed'; readonly circuit: CircuitName })
  | (Happened & { readonly type: 'restarts-throttled'; readonly failure: CallFailure; readonly until: number })
  | (Happened & { readonly type: 'action-retired'; readonly from: string; readonly to: string })
  /** The ledger cannot be written, and nothing is restarted until it can; written down once it can. */
  | (Happened & { readonly type: 'store-lost'; readonly error: string })
  | (Happened & { readonly type: 'store-back'; readonly since: number })
  /** Which of the regions in question the cloud takes signatures for. */
  | (Happened & { readonly type: 'region-found'; readonly region: string })
  | (Happened & {
      readonly type: 'hold-added';
      readonly hold: Hold;
      /** What it covered when it was set: managed tasks, and how many of them were stopped. */
      readonly covers?: { readonly tasks: number; readonly stopped: number };
    })
  /** It ends later than it would have. `was`: its end before. */
  | (Happened & { readonly type: 'hold-extended'; readonly hold: Hold; readonly by: string; readonly was: number })
  | (Happened & { readonly type: 'hold-removed'; readonly hold: Hold; readonly by: string })
  | (Happened & { readonly type: 'hold-expired'; readonly hold: Hold })
  | (Happened & { readonly type: 'owner-gained'; readonly epoch: number })
  | (Happened & { readonly type: 'owner-lost' })
  /** Due time and downtime since the last look, by group; not recorded. */
  | (Happened & {
      readonly type: 'time-accounted';
      readonly group: string;
      readonly expectedMs: number;
      readonly downtimeMs: number;
    })
  /** Another configuration than the last one of which this was said is in force. Of a whole process one account says it. */
  | (Happened & {
      readonly type: 'config-changed';
      readonly hash: string;
      /** Null: the process began with it. */
      readonly difference: ConfigDifference | null;
    })
  /** A group has matched nothing for ten minutes. */
  | (Happened & { readonly type: 'group-empty'; readonly group: string });

/** By name. */
export interface Difference {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
}

export interface ConfigDifference {
  readonly accounts: Difference;
  readonly groups: Difference;
  /** Other parts, by their keys. */
  readonly changed: readonly string[];
}

/** What keeps a storm on. With the budget alone, an outage's first attempt passes. */
export interface StormCause {
  /** Too many of the due tasks are stopped. */
  readonly stopped: boolean;
  /** Too many attempts failed. */
  readonly budget: boolean;
}

/** Whose storm: the account's (group undefined) or a group's. Nothing is sent for observed tasks: they have none. */
export interface StormScope {
  readonly group: string | undefined;
}

export type Event = TaskEvent | AccountEvent;
export type EventType = Event['type'];

/** Not kept as history: they come with every poll. */
const passing: ReadonlySet<EventType> = new Set([
  'task-seen',
  'task-missed',
  'poll-completed',
  'poll-failed',
  'poll-suspect',
  'time-accounted',
  'circuit-probed',
  'storm-changed',
]);
export const isRecordedType = (type: EventType): boolean => !passing.has(type);
export const isRecorded = ({ type }: Event): boolean => isRecordedType(type);

/** The group that an event is about: its task's, a storm's, a hold's. Undefined: none, or all of the account. */
export function groupConcerned(event: Event): string | undefined {
  if ('scope' in event) return event.scope.group;
  if ('hold' in event) return event.hold.target.kind === 'group' ? event.hold.target.group : undefined;
  return 'group' in event ? event.group : undefined;
}

/** What people change. Of restarts and releases those that an operator asked for; of the others every one. */
export const changeTypes = [
  'config-changed',
  'hold-added',
  'hold-extended',
  'hold-removed',
  'hold-expired',
  'task-edited',
  'task-moved',
  'task-gone',
  'restart-intended',
  'task-released',
] as const satisfies readonly EventType[];
