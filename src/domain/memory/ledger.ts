/**
 * The durable memory of one account: what was seen, what was tried, what came of it.
 *
 * Only facts are kept (times, answers, sights); every wait is computed from them and the policy in force, so a
 * new policy applies at once. Records are immutable values, and everybody outside this folder only reads.
 *
 * Each field stands once, in the shape of its record; its type, how it is read back and whether it moves with the clock
 * follow from that. Make a new field `maybe(…)` or `later(…)`: otherwise records that were stored without it are refused.
 */

import type { CloudTime } from '../words/cloud-time.ts';
import { type Hold, intended, stormCause, triggers } from '../words/events.ts';
import { callFailure, pollTroubles } from '../words/failure.ts';
import type { Policies, Policy } from '../words/policy.ts';
import { reasons } from '../words/reason.ts';
import {
  cloudsTime,
  count,
  deadline,
  either,
  flag,
  later,
  list,
  maybe,
  oneOf,
  record,
  text,
  time,
  type ValueOf,
} from '../words/shape.ts';
import { type TaskState, taskItem } from '../words/task.ts';

const attempt = record({
  id: text,
  ...intended,
  trigger: oneOf(triggers),
  at: time,
  /** `lastAttemptAt` before it, to go back to when it is given back. */
  previousAttemptAt: maybe(time),
  /** It does not count: the circuit was open. Its effect is awaited all the same. */
  givenBack: flag,
  phase: either({
    'in-flight': {},
    /** Accepted or unanswered: the effect is awaited from then on. */
    verifying: { from: time, answer: oneOf(['accepted', 'unanswered']) },
    /** Refused as invalid, which the cloud also says of a task that runs already: the next poll shows. */
    doubted: { from: time, code: text },
    /** Seen active: it has yet to stay so for `verifyWithin`. */
    proving: { activeAt: time },
  }),
});
/** One restart from its intent to the moment nothing is awaited of it. */
export interface Attempt extends ValueOf<typeof attempt> {}

const outage = record({
  id: text,
  /** First seen stopped. */
  since: time,
  /** Complete observations in a row that said "stopped". */
  sights: count,
  /** Attempts made in it by the rules, given-back ones not. */
  attempts: count,
  /** Calls made for it, given-back ones and an operator's included, and when the newest was: they decide whose turn it is. */
  calls: later(count, 0),
  lastCallAt: maybe(time),
  /** The newest accepted or unanswered attempt in it: what `recovered` is judged by. */
  lastEffectAt: maybe(time),
  /** It was seen active at this time and has yet to hold for `verifyWithin`. */
  activeAt: maybe(time),
  /** An attempt of it failed in a stretch of the restart circuit: its next failure counts, and not towards the five. */
  failedInStretch: flag,
  /** A restart of it by the rules was throttled, or its answer asked us to stay away. */
  throttled: later(flag, false),
});
export interface Outage extends ValueOf<typeof outage> {}

export const taskRecord = record({
  taskId: text,
  /** What the newest list that showed the task, and changed or confirmed something, said of it. */
  item: taskItem,
  /** The group that has it; undefined: unmanaged. */
  group: maybe(text),
  /** While it is unmanaged: the last group that had it, and until when. */
  left: maybe(record({ group: text, at: time })),
  firstSeenAt: time,
  /** Its status was "stopped" when it was first seen, and it has not been seen active since. */
  stoppedAtFirstSight: flag,
  /** When its status last changed, by the item that showed it. */
  changedAt: time,
  /** First of the successive complete observations that all say active. */
  activeSince: maybe(time),
  /** Complete observations that lacked it: since when, and how many in a row counted (no drift). */
  missing: maybe(record({ since: time, counted: count })),
  goneAt: maybe(time),
  /** It was reported as overdue for this StartTime. */
  overdueTold: maybe(cloudsTime),

  /** Attempts since they were last forgotten, given-back ones not included: the next is number `attempts + 1`. */
  attempts: count,
  /** Failed attempts in a row: how many, and when the first `mostAttempts` of them failed. */
  row: count,
  failedAt: list(time),
  /** When the newest of these attempts was made: what abandonment is judged by. */
  failedAttemptAt: maybe(time),
  /** When the newest attempt that counts was intended. */
  lastAttemptAt: maybe(time),
  /** The newest attempt, until nothing is awaited of it any more. */
  attempt: maybe(attempt),
  /** How far it was given up when that was last reported; what is in force is computed (condition.ts). */
  stageTold: maybe(oneOf(['quarantined', 'abandoned'])),

  /** Shadow attempts since they were last forgotten, and when the newest would have been sent. */
  shadow: maybe(record({ n: count, at: time })),

  outage: maybe(outage),
  /** The reason last reported for not restarting it. */
  reasonTold: maybe(oneOf(reasons)),
});
export interface TaskRecord extends ValueOf<typeof taskRecord> {}

const failingPolls = record({
  since: time,
  polls: count,
  /** Of the newest of them. */
  class: oneOf(pollTroubles),
  code: maybe(text),
  /** All that were seen in it, in that order. */
  classes: list(oneOf(pollTroubles)),
  /** Undefined: it goes on. */
  endedAt: maybe(time),
});
export type FailingPolls = ValueOf<typeof failingPolls>;

const stretchEntry = record({
  taskId: text,
  attemptId: text,
  /** Answered with a class that opens the circuit when it comes of two tasks. */
  denied: later(flag, false),
  /** Its newest attempt in this stretch. */
  at: time,
});
export type StretchEntry = ValueOf<typeof stretchEntry>;

/** For so long after an unanswered restart proved to have worked, unanswered ones do not count towards the five. */
export const excuseUnansweredMs = 10 * 60_000;

/** `failure`: the newest answer; its class says how often it is probed. */
const opened = { since: time, failure: callFailure, lastProbeAt: time };

/** The list's: one refusal of a class that needs a person opens it, and its probe, the poll, backs off. */
const listCircuit = either({ closed: {}, open: { ...opened, probes: count } });
export type ListCircuit = ValueOf<typeof listCircuit>;

/** The restarts': some classes open it at once, others two or five in a row. */
const restartCircuit = either({
  closed: {
    /** Answers in a row that may open it, oldest first. */
    streak: list(stretchEntry),
    unansweredExcusedUntil: maybe(
      deadline(({ unansweredExcusedUntil: until }: { unansweredExcusedUntil: number }) => until - excuseUnansweredMs),
    ),
  },
  open: {
    ...opened,
    /** Every restart answered so in this stretch, oldest first; a task's newest entry counts. */
    stretch: list(stretchEntry),
  },
});
export type RestartCircuit = ValueOf<typeof restartCircuit>;

export const accountRecord = record({
  /** The newest complete observation. */
  lastComplete: maybe(
    record({
      startedAt: time,
      finishedAt: time,
      tasks: count,
      /** Cloud groups whose list failed in it: their tasks are not in the number. */
      unlisted: later(list(text), []),
    }),
  ),
  /** What it was asked to list, as the keeper names it: other cloud groups have another number of tasks. */
  listScope: maybe(text),
  /** How long the last three polls took, milliseconds. */
  pollDurationsMs: list(count),
  /** The list is beyond belief since then; `before` is the last number of tasks believed. */
  suspect: maybe(record({ since: time, before: count })),
  /** The newest period of polls that failed or were not believed. */
  failing: maybe(failingPolls),
  circuits: record({ list: listCircuit, restart: restartCircuit }),
  throttle: maybe(
    record({
      inRow: count,
      setAt: time,
      until: deadline(({ setAt }: { setAt: number }) => setAt),
      unreached: later(flag, false),
    }),
  ),
  /** What `restartAction: auto` has learned. */
  retiredActions: list(text),
  /** What calls are signed for, where the configuration leaves it open and a call has shown it. */
  region: maybe(text),
});
/** What is remembered of an account besides its tasks; saved whole when it changes. */
export interface AccountRecord extends ValueOf<typeof accountRecord> {}

/** A failed attempt that a budget counts. */
export const budgetEntry = record({ at: time, attemptId: text, group: text });
export type BudgetEntry = ValueOf<typeof budgetEntry>;

export const storm = record({
  since: time,
  /** How many restarts may be unsettled. */
  window: count,
  /** The newest attempts whose failure made the window smaller: what giving them back makes it larger again. */
  charged: list(text),
  by: stormCause,
});
/** A storm that is on, and its window. In memory only: a fresh process starts it anew. */
export type Storm = ValueOf<typeof storm>;

/** What the newest complete observation counted of a group's tasks, or of all the account's; held ones are not due here. */
export interface Counts {
  /** Due, without the given-up and the only observed ones, and how many of them are stopped. */
  readonly due: number;
  readonly stopped: number;
  /** Due, the quarantined ones included: what the budget grows with. */
  readonly dueForBudget: number;
}

export interface GroupCounts extends Counts {
  readonly policy: Policy;
  /** For availability: due ones, and how many are down (stopped or overdue). Observed ones count if the whole group observes. */
  readonly expected: number;
  readonly down: number;
  /** The first EndTime of those that will end, and those that end within the group's `endWarning`. */
  readonly nextEnd: CloudTime | undefined;
  readonly endSoon: readonly TaskRecord[];
}

/** What one census counted, and by which policies. */
export interface Counted {
  readonly policies: Policies;
  readonly account: Counts;
  /** Those that have a task, due or not. */
  readonly groups: ReadonlyMap<string, GroupCounts>;
}

/** Tasks in each state. */
export type States = Record<TaskState, number>;

/**
 * Numbers that are true for a period: a state also changes when an EndTime comes, or five minutes after a
 * StartTime. Tasks for which that is so within the period are in no number, but named.
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
  listScope: undefined,
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

  /** Those that are on, by group; undefined: the account's. */
  storms: new Map<string | undefined, Storm>(),
  /** From the newest complete observation. */
  counted: undefined as Counted | undefined,
  /** Tasks with an attempt whose effect is awaited or whose call is out. */
  unsettled: new Set<string>(),
  /** Managed tasks that are stopped, and those in outage. */
  stopped: new Set<string>(),
  /** Taken with a complete observation. */
  tallies: undefined as Tallies | undefined,
  /** Status texts that meant nothing to us and are facts already. */
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

/** Of those of the tasks that are known. */
export function* recordsOf(ledger: Ledger, taskIds: Iterable<string>): Generator<TaskRecord> {
  for (const taskId of taskIds) {
    const record = ledger.tasks.get(taskId);
    if (record) yield record;
  }
}
