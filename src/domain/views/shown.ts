/** What is shown (HTTP API, CLI, page): plain JSON, times as Unix milliseconds. */

import type { GateSnapshot } from '../ports/gate-port.ts';
import type { ReplicaSeen, StoredEvent } from '../ports/store-port.ts';
import type { CircuitName, Hold } from '../words/events.ts';
import type { ErrorClass, PollTrouble } from '../words/failure.ts';
import type { Objection, Reason } from '../words/reason.ts';
import type { ApartWhy, RestartAnswer, TaskState } from '../words/task.ts';

/** One rule's answer for one task. `notBefore` null: this rule has nothing against it; 'never' and 'unknown' are words. */
export interface RuleView {
  readonly reason: Reason;
  readonly notBefore: number | 'never' | 'unknown' | null;
  readonly detail: string;
  /** What the sentence is made of, for other languages. */
  readonly objection: Objection | null;
}

export interface VerdictView {
  /** `restart`: it goes with the next permit. `wait`: see reason and until. `none`: there is nothing to restart. */
  readonly kind: 'restart' | 'wait' | 'none';
  readonly reason?: Reason;
  readonly until?: number | 'never' | 'unknown';
  /** Of an observed task: which restart would go, and not before when (null: at once). */
  readonly wouldGo?: { readonly n: number; readonly at: number | null };
  readonly sentence: string;
}

export interface TaskView {
  readonly account: string;
  readonly taskId: string;
  readonly title: string;
  readonly cloudGroup: string;
  readonly group: string | null;
  readonly type: 'live' | 'vod';
  readonly state: TaskState;
  readonly statusText: string;
  readonly startsAt: number | null;
  readonly endsAt: number | null;
  readonly firstSeenAt: number;
  readonly changedAt: number;
  readonly gone: boolean;
  readonly due: boolean;
  /** Since when it should run and does not; null: it is not down, because it runs, is not due, is held or only observed. */
  readonly downSince: number | null;
  readonly outage: {
    readonly id: string;
    readonly since: number;
    readonly attempts: number;
    readonly activeAt: number | null;
  } | null;
  readonly attempts: {
    readonly made: number;
    readonly failedInRow: number;
    readonly lastAt: number | null;
    readonly phase: string | null;
  };
  readonly givenUp: 'quarantined' | 'abandoned' | null;
  readonly verdict: VerdictView;
}

export interface EventView extends StoredEvent {
  /** Of the task that it is about, if that is known; of a hold of one task, that task's. */
  readonly title: string | null;
  /** One sentence, the log's; times in it are ISO 8601. */
  readonly sentence: string;
}

/** One restart of a task, as it was sent and answered. */
export interface CallView {
  readonly at: number;
  /** Who asked; null: the rules. */
  readonly by: string | null;
  /** Null: it is not answered yet. */
  readonly answer: RestartAnswer['kind'] | null;
  readonly code: string | null;
  readonly requestId: string | null;
  readonly durationMs: number | null;
}

export interface ExplainView extends TaskView {
  /** The entry of `groups:` that matches it first; null: none does. */
  readonly entry: {
    readonly group: string;
    /** It keeps the task out by this glob or id of its `exclude`, and later entries do not get it. */
    readonly excludedBy: { readonly key: 'title' | 'taskId'; readonly glob: string } | null;
  } | null;
  /** The task that has its destination once it has ended; null: none is known. */
  readonly successor: { readonly taskId: string; readonly title: string } | null;
  /** The newest restarts, newest first. */
  readonly calls: readonly CallView[];
  /** Every rule, in the order of authority. */
  readonly rules: readonly RuleView[];
  readonly holds: readonly Hold[];
  readonly recent: readonly EventView[];
}

export interface HoldView extends Hold {
  /** False: it is planned, and begins later. */
  readonly inForce: boolean;
  /** Of its task, if it holds one that is known. */
  readonly title: string | null;
  /** Managed tasks, and how many of them are stopped. */
  readonly covers: { readonly tasks: number; readonly stopped: number };
}

export interface HoldPreview {
  readonly account: string;
  readonly covers: HoldView['covers'];
  /** Some of them, stopped ones first. */
  readonly first: readonly {
    readonly taskId: string;
    readonly title: string;
    readonly group: string | null;
    readonly stopped: boolean;
  }[];
}

/** A task that ends soon, with no later one that has its destination. */
export interface EndingTask {
  readonly account: string;
  readonly group: string;
  readonly taskId: string;
  readonly title: string;
  readonly cloudGroup: string;
  readonly endsAt: number;
}

export interface GroupView {
  readonly account: string;
  readonly group: string;
  readonly mode: 'heal' | 'observe';
  readonly states: Readonly<Record<TaskState, number>>;
  /** Tasks that should run and do not: due, stopped, neither held nor only observed. */
  readonly down: number;
  /** Stopped tasks that are not down, by why. */
  readonly apart: Readonly<Record<ApartWhy, number>>;
  readonly waiting: Readonly<Partial<Record<Reason, number>>>;
  readonly quarantined: number;
  readonly abandoned: number;
  /** Holds that cover a task of it. */
  readonly holds: number;
  /** Earliest end of a hold on this group's tasks, null: none ends. */
  readonly holdEndsAt: number | null;
  /** The oldest outage of a task that is down and not abandoned. */
  readonly oldestOutageAt: number | null;
  readonly nextRestartAt: number | null;
  readonly nextEndAt: number | null;
  /** How many of its tasks end soon with nobody to follow them. */
  readonly endingSoon: number;
  readonly storm: { readonly since: number; readonly window: number } | null;
}

export interface AccountView {
  readonly account: string;
  readonly provider: string;
  readonly owned: boolean;
  /** The replica that owns it, if it is another. */
  readonly owner?: string;
  readonly polledAt: number | null;
  readonly pollIntervalMs: number | null;
  readonly tasks: number;
  readonly unmanaged: number;
  readonly circuits: Readonly<
    Record<
      CircuitName,
      {
        readonly since: number;
        readonly class: ErrorClass;
        readonly code: string | null;
        readonly message: string;
      } | null
    >
  >;
  readonly storm: { readonly since: number; readonly window: number } | null;
  readonly throttledUntil: number | null;
  /** The stretch of polls that fail now, or the newest that ended within the last hour. */
  readonly failing: {
    readonly since: number;
    readonly polls: number;
    readonly class: PollTrouble;
    readonly code: string | null;
    readonly classes: readonly PollTrouble[];
    readonly endedAt: number | null;
  } | null;
  readonly suspectSince: number | null;
  /** Polls in a row do not add up since then. */
  readonly incompleteSince: number | null;
  /** What calls are signed for: as configured, as found out, or the first that is tried. */
  readonly region: string;
  readonly clockOffsetMs: number;
  /** Sent since this process began. */
  readonly calls: number;
  readonly gate: GateSnapshot;
}

/** Everything a scrape needs of one account, taken at one moment. */
export interface AccountSnapshot {
  readonly account: AccountView;
  readonly groups: readonly GroupView[];
  /** Tasks that are down, oldest first, at most `maxTaskSeries`. */
  readonly down: readonly TaskView[];
  /** All managed tasks if they are no more than `maxTaskSeries`, else none. */
  readonly managed: readonly TaskView[];
  readonly inCommon: readonly InCommon[];
  /** Tasks that end soon, the soonest first. */
  readonly ending: readonly EndingTask[];
}

export const traits = ['source-host', 'destination-host', 'cloud-group', 'title-prefix', 'type', 'start'] as const;
export type Trait = (typeof traits)[number];

/** What most of the tasks that are down share, and few of the others do. */
export interface InCommon {
  readonly account: string;
  readonly trait: Trait;
  readonly value: string;
  /** How many that are down have it, and how many that run; of how many. */
  readonly down: number;
  readonly ofDown: number;
  readonly running?: number;
  readonly ofRunning?: number;
  /** When the first of those stopped that stopped together; with `start` only. */
  readonly startedAt?: number;
  readonly sentence: string;
}

/** The newest configuration, which is not in force. */
export interface RejectedConfiguration {
  /** When the first was rejected since one was last taken. */
  readonly since: number;
  readonly errors: readonly string[];
}

export interface StatusView {
  readonly version: string;
  readonly startedAt: number;
  readonly now: number;
  readonly configHash: string;
  readonly configFile: string;
  readonly configLoadedAt: number;
  /** How it differs from the one before; null: it is the one that the daemon began with. */
  readonly configChange: string | null;
  readonly store: {
    /** The engine's name. */
    readonly kind: string;
    readonly up: boolean;
    readonly failingSince: number | null;
  };
  /** Absent: nobody can share the store. */
  readonly replicas?: readonly ReplicaSeen[];
  /** How old what is shown of accounts of other replicas can be, milliseconds. */
  readonly othersReadAgoMs?: number;
  /** Null: what the file says is in force. */
  readonly rejected: RejectedConfiguration | null;
  readonly accounts: readonly AccountView[];
  readonly groups: readonly GroupView[];
  /** With five or more down in an account; the most telling first. */
  readonly inCommon: readonly InCommon[];
  /** Tasks that end soon, the soonest first. */
  readonly ending: readonly EndingTask[];
}
