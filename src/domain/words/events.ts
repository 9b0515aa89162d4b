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
import { count, either, flag, maybe, record, type Shape, text, time, type ValueOf, type Values } from './shape.ts';
import type { RestartAnswer, TaskItem } from './task.ts';

export const endings = ['recovered', 'external', 'ended', 'gone', 'unmanaged'] as const;
export type Ending = (typeof endings)[number];

export const circuits = ['list', 'restart'] as const;
export type CircuitName = (typeof circuits)[number];

export const triggers = ['auto', 'manual'] as const;
export type Trigger = (typeof triggers)[number];

const storedHold = record({
  id: text,
  account: text,
  target: either({
    task: { taskId: text },
    group: { group: text },
    /** Every task whose title fits the glob. */
    title: { title: text },
    account: {},
  }),
  author: text,
  reason: text,
  createdAt: time,
  /** Absent: from when it was set. */
  startsAt: maybe(count),
  /** Absent: until somebody removes it. */
  endsAt: maybe(count),
});
export const hold = storedHold as Shape<Hold>;

type Stored = ValueOf<typeof storedHold>;
export interface Hold extends Omit<Stored, 'target' | 'startsAt'>, Partial<Pick<Stored, 'startsAt'>> {
  readonly target: HoldTarget;
}

/** What a hold covers, in tasks that are there and in those that come. */
export type HoldTarget =
  | Stored['target']
  /** Only of a recurring hold, which stands in the configuration and is never stored. */
  | { readonly kind: 'match'; readonly match: Match };

interface Happened {
  readonly at: number;
  readonly account: string;
}

/** `group` is the group that has it now (undefined: unmanaged). */
interface OfTask {
  readonly taskId: string;
  readonly group: string | undefined;
}

interface OfManaged extends OfTask {
  readonly group: string;
}

interface OfAttempt extends OfManaged {
  /** Names one attempt for ever: `<taskId>#<n>@<when it was intended>`; an operator's has no number, `<taskId>#<when>`. */
  readonly attemptId: string;
  readonly trigger: Trigger;
}

/** What each event says besides when it was and whom it is about. */
interface TaskFacts {
  /** First time ever that this account's list showed the task. */
  'task-found': { item: TaskItem };
  /** What the list says of a known task changed, or it is stopped and was seen so once more. Not recorded. */
  'task-seen': { item: TaskItem };
  /** A complete observation did not have it; `counts` is false under page drift. Not recorded. */
  'task-missed': { counts: boolean };
  /** Another entry of `groups:` has it now. */
  'task-moved': { from: string | undefined };
  'task-edited': { fields: readonly ('startTime' | 'endTime' | 'source')[] };
  'task-gone': object;
  /** 未开始 long after its StartTime. */
  'task-overdue': { startsAt: CloudTime };
  'outage-ended': {
    outageId: string;
    ending: Ending;
    /** From the first moment it should have run and was seen stopped to the first active sight (or the ending). */
    durationMs: number;
  };
  /** Its group heals from here on: what would have been sent before is forgotten. */
  'shadows-forgotten': object;
  /** Out of quarantine or abandonment; `by` is an operator's name or what happened. */
  'task-released': {
    by: string;
    cause: 'operator' | 'seen-active' | 'edited' | 'circuit-closed' | 'too-few-failures';
  };
  /** It was active for `resetAfter`, or an operator spoke: backoff starts from the beginning. */
  'attempts-forgotten': object;
}

interface ManagedFacts {
  'outage-opened': { outageId: string; firstSight: boolean };
  /** The reason why a due, stopped task is not restarted changed. `until` is Infinity for "never". */
  'restart-withheld': { reason: Reason; until: number };
  /** A restart would have been sent here, if its task were not only observed: the `n`th since shadows were forgotten. */
  'restart-shadowed': { n: number };
  'task-quarantined': { failures: number };
  'task-abandoned': { failures: number };
}

/** Of an attempt from its intent on. */
export const intended = {
  /** Its number since attempts were last forgotten; 0 for an operator's. */
  n: count,
  /** It asks whether an open circuit can be closed. */
  probe: flag,
  /** It passed a storm that only the budget kept on, and is not counted in its window. */
  free: flag,
  /** The operator who asked for it; undefined: the rules. */
  by: maybe(text),
};

interface AttemptFacts {
  /** Saved before the call is sent: the attempt counts from here. */
  'restart-intended': Values<typeof intended>;
  'restart-answered': {
    answer: RestartAnswer;
    durationMs: number;
    /** One of the answers that, five in a row, open the restart circuit. */
    towardsCircuit: boolean;
  };
  /** It does not count after all; `not-its-fault`: the class of the answer says so. */
  'restart-given-back': {
    why: 'throttled' | 'not-sent' | 'not-its-fault' | 'circuit' | 'not-saved';
    /** When it had been settled as failed before the circuit opened: that is taken back. */
    failedAt: number | undefined;
  };
  /** First active sight after the answer, which `unanswered` says that nobody got. */
  'restart-worked': { activeAt: number; unanswered: boolean };
  'restart-failed': { cause: FailureCause; class: ErrorClass | undefined; row: number };
  /** It stayed active for `verifyWithin` after it worked: its failures are forgotten, the backoff is not. */
  'restart-proved': object;
  /** Nothing more is awaited of an attempt that did not count, or of a refusal that was none. */
  'restart-lapsed': {
    /** When it was seen running, if it had been refused because it ran already. */
    activeAt?: number;
    /** It had worked, and its task was seen stopped again. */
    stoppedAgain?: boolean;
  };
}

interface AccountFacts {
  'poll-completed': {
    tasks: number;
    durationMs: number;
    startedAt: number;
    drift: boolean;
    malformedItems: number;
    failedCloudGroups: readonly string[];
  };
  'poll-failed': { failure: CallFailure; durationMs: number };
  /** The list lost too many tasks to be believed; until it has stayed so for 15 minutes absence and new tasks do not count. */
  'poll-suspect': { tasks: number; before: number; durationMs: number; startedAt: number };
  /**
   * The first failed or doubted poll of a period, and the first of each further class in it. `message`: the failure's own
   * sentence, or what the list lacks.
   */
  'polls-failing': { since: number; class: PollTrouble; code: string | undefined; message: string };
  /** A poll was complete and believed: the period is over. */
  'polls-recovered': { since: number; polls: number; classes: readonly PollTrouble[] };
  'list-believed': { tasks: number };
  /**
   * Several polls in a row did not add up: tasks may be there that no list shows. `cloudGroups`: those of whose list a call
   * fails; empty: the pages do not fit together.
   */
  'list-incomplete': { since: number; polls: number; tasks: number; cloudGroups: readonly string[] };
  'list-complete': { since: number };
  'status-unknown': { statusText: string; taskId: string };
  'storm-started': { scope: StormScope; by: StormCause; stopped: number; due: number; failures: number };
  /** What keeps it on changed. Not recorded. */
  'storm-changed': { scope: StormScope; by: StormCause };
  'storm-ended': { scope: StormScope };
  /** `atOnce`: by one answer of a class that needs a person. */
  'circuit-opened': { circuit: CircuitName; atOnce: boolean; failure: CallFailure };
  'circuit-probed': { circuit: CircuitName; failure: CallFailure };
  'circuit-closed': { circuit: CircuitName };
  'restarts-throttled': { failure: CallFailure; until: number };
  'action-retired': { from: string; to: string };
  /** The ledger cannot be written, and nothing is restarted until it can; written down once it can. */
  'store-lost': { error: string };
  'store-back': { since: number };
  /** For which of the possible regions the cloud accepts signatures. */
  'region-found': { region: string };
  /** `covers`: when it was set, managed tasks, and how many of them were stopped. */
  'hold-added': { hold: Hold; covers?: { readonly tasks: number; readonly stopped: number } };
  /** It ends later than it would have. `was`: its end before. */
  'hold-extended': { hold: Hold; by: string; was: number };
  'hold-removed': { hold: Hold; by: string };
  'hold-expired': { hold: Hold };
  /** `epoch` counts the owners of the account. */
  'owner-gained': { epoch: number };
  'owner-lost': object;
  /** Due time and downtime since the last look, by group; not recorded. */
  'time-accounted': { group: string; expectedMs: number; downtimeMs: number };
  /**
   * Another configuration than the last one of which this was said is in force. Of a whole process one account says it.
   * `difference` null: the process began with it.
   */
  'config-changed': { hash: string; difference: ConfigDifference | null };
  /** A group has matched nothing for ten minutes. */
  'group-empty': { group: string };
}

type Told<Facts, Whom> = { readonly [Type in keyof Facts]: { readonly type: Type } & Whom & Readonly<Facts[Type]> };
type TaskTold = Told<TaskFacts, OfTask> & Told<ManagedFacts, OfManaged> & Told<AttemptFacts, OfAttempt>;
type AllTold = TaskTold & Told<AccountFacts, unknown>;

export type EventType = keyof AllTold;
/** What happened; when, and to whose account, is added where memory is told of it. */
export type Fact = AllTold[EventType];
export type EventOf<Type extends EventType> = Happened & AllTold[Type];
export type TaskEvent = EventOf<keyof TaskTold>;
export type AttemptEvent = EventOf<keyof AttemptFacts>;
export type Event = EventOf<EventType>;

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

export const stormCause = record({
  /** Too many of the due tasks are stopped. */
  stopped: flag,
  /** Too many attempts failed. */
  budget: flag,
});
/** What keeps a storm on. With the budget alone, an outage's first attempt passes. */
export type StormCause = ValueOf<typeof stormCause>;

/** Whose storm: the account's (group undefined) or a group's. Nothing is sent for observed tasks: they have none. */
export interface StormScope {
  readonly group: string | undefined;
}

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
