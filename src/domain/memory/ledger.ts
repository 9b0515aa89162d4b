/**
 * The durable memory of one account: what was seen, what was tried, what came of it.
 *
 * Only facts are kept (times, answers, sights); every wait is computed from them and the policy in force, so a
 * new policy applies at once. Records are immutable values, and everybody outside this folder only reads.
 */

import type { CloudTime } from '../words/cloud-time.ts';
import type { Hold, StormCause, Trigger } from '../words/events.ts';
import type { CallFailure, PollTrouble } from '../words/failure.ts';
import type { Policies } from '../words/policy.ts';
import type { Reason } from '../words/reason.ts';
import type { TaskItem, TaskState } from '../words/task.ts';

/** Bound on the failure times kept in a row; `attempts` in the configuration cannot exceed it. */
export const maxFailuresKept = 100;

export interface TaskRecord {
  readonly taskId: string;
  /** What the newest list that showed the task, and changed or confirmed something, said of it. */
  readonly item: TaskItem;
  /** The group that has it; undefined: unmanaged. */
  readonly group: string | undefined;
  /** While it is unmanaged: the last group that had it, and until when. */
  readonly left: { readonly group: string; readonly at: number } | undefined;
  readonly firstSeenAt: number;
  /** Its status was "stopped" when it was first seen, and it has not been seen active since. */
  readonly stoppedAtFirstSight: boolean;
  /** When its status last changed, by the item that showed it. */
  readonly changedAt: number;
  /** First of the successive complete observations that all say active. */
  readonly activeSince: number | undefined;
  /** Complete observations that lacked it: since when, and how many in a row counted (no drift). */
  readonly missing: { readonly since: number; readonly counted: number } | undefined;
  readonly goneAt: number | undefined;
  /** It was reported as overdue for this StartTime. */
  readonly overdueTold: CloudTime | undefined;

  /** Attempts since they were last forgotten, given-back ones not included: the next is number `attempts + 1`. */
  readonly attempts: number;
  /** Failed attempts in a row: how many, and when the first `maxFailuresKept` of them failed. */
  readonly row: number;
  readonly failedAt: readonly number[];
  /** When the newest failed attempt of the row was made: what abandonment is judged by. */
  readonly failedAttemptAt: number | undefined;
  /** When the newest attempt that counts was intended. */
  readonly lastAttemptAt: number | undefined;
  /** The newest attempt, until nothing is awaited of it any more. */
  readonly attempt: Attempt | undefined;
  /** How far it was given up when that was last reported; what is in force is computed (condition.ts). */
  readonly stageTold: 'quarantined' | 'abandoned' | undefined;

  /** Shadow attempts since they were last forgotten, and when the newest would have been sent. */
  readonly shadow: { readonly n: number; readonly at: number } | undefined;

  readonly outage: Outage | undefined;
  /** The reason last reported for not restarting it. */
  readonly reasonTold: Reason | undefined;
}

export interface Outage {
  readonly id: string;
  /** First seen stopped. */
  readonly since: number;
  /** Complete observations in a row that said "stopped". */
  readonly sights: number;
  /** Attempts made in it by the rules, given-back ones not. */
  readonly attempts: number;
  /** Calls made for it, given-back and an operator's included, and when the newest was: whom it is whose turn. */
  readonly calls: number;
  readonly lastCallAt: number | undefined;
  /** The newest accepted or unanswered attempt in it: what `recovered` is judged by. */
  readonly lastEffectAt: number | undefined;
  /** It was seen active at this time and has yet to hold for `verifyWithin`. */
  readonly activeAt: number | undefined;
  /** An attempt of it failed in a stretch of the restart circuit: its next failure counts, and not towards the five. */
  readonly failedInStretch: boolean;
  /** A restart of it by the rules was throttled, or its answer asked us to stay away. */
  readonly throttled: boolean;
}

/** One restart from its intent to the moment nothing is awaited of it. */
export interface Attempt {
  readonly id: string;
  readonly n: number;
  readonly trigger: Trigger;
  /** The operator who asked for it; undefined: the rules. */
  readonly by: string | undefined;
  readonly probe: boolean;
  /** It passed a storm that only the budget kept on, and is not counted in its window. */
  readonly free: boolean;
  readonly at: number;
  /** `lastAttemptAt` before it, to go back to when it is given back. */
  readonly previousAttemptAt: number | undefined;
  /** It does not count: the circuit was open. Its effect is awaited all the same. */
  readonly givenBack: boolean;
  readonly phase:
    | { readonly kind: 'in-flight' }
    /** Accepted or unanswered: the effect is awaited from then on. */
    | { readonly kind: 'verifying'; readonly from: number; readonly answer: 'accepted' | 'unanswered' }
    /** Refused as invalid, which the cloud also says of a task that runs already: the next poll shows. */
    | { readonly kind: 'doubted'; readonly from: number; readonly code: string }
    /** Seen active: it has yet to stay so for `verifyWithin`. */
    | { readonly kind: 'proving'; readonly activeAt: number };
}

/** What is remembered of an account besides its tasks; saved whole when it changes. */
export interface AccountRecord {
  /** The newest complete observation. */
  readonly lastComplete:
    | {
        readonly startedAt: number;
        readonly finishedAt: number;
        readonly tasks: number;
        /** Cloud groups whose list failed in it: their tasks are not in the number. */
        readonly unlisted: readonly string[];
      }
    | undefined;
  /** How long the last three polls took, milliseconds. */
  readonly pollDurationsMs: readonly number[];
  /** The list is beyond belief since then; `before` is the last number of tasks believed. */
  readonly suspect: { readonly since: number; readonly before: number } | undefined;
  /** The newest stretch of polls that failed or were not believed. */
  readonly failing: FailingPolls | undefined;
  readonly circuits: { readonly list: ListCircuit; readonly restart: RestartCircuit };
  readonly throttle: { readonly inRow: number; readonly setAt: number; readonly until: number } | undefined;
  /** What `restartAction: auto` has learned. */
  readonly retiredActions: readonly string[];
  /** What calls are signed for, where the configuration leaves it open and a call has shown it. */
  readonly region: string | undefined;
}

export interface FailingPolls {
  readonly since: number;
  readonly polls: number;
  /** Of the newest of them. */
  readonly class: PollTrouble;
  readonly code: string | undefined;
  /** All that were seen in it, in that order. */
  readonly classes: readonly PollTrouble[];
  /** Undefined: it goes on. */
  readonly endedAt: number | undefined;
}

/** For so long after an unanswered restart proved to have worked, unanswered ones do not count towards the five. */
export const excuseUnansweredMs = 10 * 60_000;

/** The list's: one refusal of a class that needs a person opens it, and its probe, the poll, backs off. */
export type ListCircuit =
  | { readonly kind: 'closed' }
  | {
      readonly kind: 'open';
      readonly since: number;
      readonly failure: CallFailure;
      readonly probes: number;
      readonly lastProbeAt: number;
    };

/** The restarts': some classes open it at once, others two or five in a row. */
export type RestartCircuit =
  | {
      readonly kind: 'closed';
      /** Answers in a row that may open it, oldest first. */
      readonly streak: readonly StretchEntry[];
      readonly unansweredExcusedUntil: number | undefined;
    }
  | {
      readonly kind: 'open';
      readonly since: number;
      /** The newest answer; its class says how often it is probed. */
      readonly failure: CallFailure;
      readonly lastProbeAt: number;
      /** Every restart answered so in this stretch, oldest first; a task's newest entry counts. */
      readonly stretch: readonly StretchEntry[];
    };

export interface StretchEntry {
  readonly taskId: string;
  readonly attemptId: string;
  /** Answered with a class that opens the circuit when it comes of two tasks. */
  readonly denied: boolean;
  /** Its newest try in this stretch. */
  readonly at: number;
}

/** A failed attempt that a budget counts. */
export interface BudgetEntry {
  readonly at: number;
  readonly attemptId: string;
  readonly group: string;
}

/** A storm that is on, and its window. In memory only: a fresh process starts it anew. */
export interface Storm {
  readonly since: number;
  /** How many restarts may be unsettled. */
  readonly window: number;
  /** The newest attempts whose failure made the window smaller: what giving them back makes it larger again. */
  readonly charged: readonly string[];
  /** What keeps it on. With the budget alone, an outage's first attempt passes. */
  readonly by: StormCause;
}

/** Tasks of one scope at the newest complete observation; held ones are in no count. */
export interface Census {
  /** Due, without the given-up ones. */
  readonly due: number;
  /** Due and stopped, without the given-up ones. */
  readonly stopped: number;
  /** Due, the quarantined ones included: what the budget grows with. */
  readonly dueForBudget: number;
}

/** Due tasks of a group and how many of them are down (stopped or overdue), for availability. */
export interface Availability {
  readonly due: number;
  readonly down: number;
}

/** Which tasks of a group will end. */
export interface GroupEnds {
  /** The first of them; undefined: none will. */
  readonly next: CloudTime | undefined;
  /** Those within the group's `endWarning`. */
  readonly near: readonly TaskRecord[];
}

/** What one census counted. */
export interface Counted {
  readonly census: ReadonlyMap<string, Census>;
  readonly availability: ReadonlyMap<string, Availability>;
  /** Of groups that have a task, due or not. */
  readonly ends: ReadonlyMap<string, GroupEnds>;
}

/** Tasks in each state. */
export type States = Record<TaskState, number>;

/**
 * Numbers that hold for a stretch of time: a state also changes when an EndTime comes, or five minutes after a
 * StartTime. Tasks for which that is so within the stretch are in no number, but named.
 */
export interface Tallies {
  readonly from: CloudTime;
  readonly until: CloudTime;
  /** Listed tasks; undefined: without a group. */
  readonly groups: Map<string | undefined, States>;
  readonly changing: Set<string>;
}

/** The records as a store gives them back. */
export interface StoredLedger {
  readonly tasks: readonly TaskRecord[];
  readonly holds: readonly Hold[];
  readonly accountRecord: AccountRecord | undefined;
  /** Failed attempts younger than `since`, oldest first. */
  readonly budget: readonly BudgetEntry[];
}

export const emptyAccountRecord: AccountRecord = {
  lastComplete: undefined,
  pollDurationsMs: [],
  suspect: undefined,
  failing: undefined,
  circuits: {
    list: { kind: 'closed' },
    restart: { kind: 'closed', streak: [], unansweredExcusedUntil: undefined },
  },
  throttle: undefined,
  retiredActions: [],
  region: undefined,
};

/** One poll that does not add up is a list that others change meanwhile; so many in a row are not. */
const incompletePolls = 3;
export const isIncomplete = (incomplete: Ledger['incomplete']): incomplete is NonNullable<Ledger['incomplete']> =>
  incomplete !== undefined && incomplete.polls >= incompletePolls;

/** A ledger with nothing in it, for the one writer: named in this folder only, which test/architecture.test.ts checks. */
export const emptyLedger = (account: string) => ({
  account,

  // ---- what is stored

  tasks: new Map<string, TaskRecord>(),
  holds: new Map<string, Hold>(),
  accountRecord: emptyAccountRecord,
  /** Failed attempts that a budget counts. Newest last, cut at the longest `per`. */
  budget: [] as BudgetEntry[],

  // ---- what is kept up besides, in this process alone

  /** By `stormKey(scope)`; absent: calm. */
  storms: new Map<string, Storm>(),
  /** By `stormKey(scope)`, from the newest complete observation. */
  census: new Map() as ReadonlyMap<string, Census>,
  /** By group, from the newest complete observation. */
  availability: new Map() as ReadonlyMap<string, Availability>,
  /** By group, from the newest complete observation, and by which policies. */
  ends: undefined as { readonly policies: Policies; readonly groups: Counted['ends'] } | undefined,
  /** Tasks with an attempt whose effect is awaited or whose call is out. */
  unsettled: new Set<string>(),
  /** Managed tasks that are stopped, and those in outage. */
  stopped: new Set<string>(),
  /** Taken with a complete observation. */
  tallies: undefined as Tallies | undefined,
  /** Status texts that meant nothing to us and have been told. */
  unknownTold: new Set<string>(),
  /** Groups that no task matches: since when, and whether that was reported. */
  emptyGroups: new Map<string, { readonly since: number; readonly told: boolean }>(),
  /** So many observations in a row did not add up, the first of them then. */
  incomplete: undefined as { readonly since: number; readonly polls: number } | undefined,
  /** Whether this process owns the account. */
  owned: false,
  /** Another process owns it, and what that one stored is shown. */
  followed: false,
  /** Tasks that the newest complete observation showed: only those may be restarted. */
  seenNow: new Set() as ReadonlySet<string>,
  /** Taken ownership, and no complete observation since. */
  fresh: true,
  /** A list is being taken in, slice by slice: some tasks are of now, others of before. */
  midway: false,
});
export type WritableLedger = ReturnType<typeof emptyLedger>;

type Readable<T> =
  T extends Map<infer K, infer V>
    ? ReadonlyMap<K, V>
    : T extends Set<infer V>
      ? ReadonlySet<V>
      : T extends (infer E)[]
        ? readonly E[]
        : T;

/** Everything known of an account, to be read. It changes in memory/ alone, through `Memory`. */
export type Ledger = { readonly [K in keyof WritableLedger]: Readable<WritableLedger[K]> };
