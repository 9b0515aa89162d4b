/**
 * What is shown (HTTP API, CLI, page): plain JSON, times as Unix milliseconds. What the functions beside this file make
 * has the type that they give it; the rest the wiring puts together.
 */

import type { GateSnapshot } from '../ports/gate-port.ts';
import type { ReplicaSeen, StoredEvent } from '../ports/store-port.ts';
import type { Hold } from '../words/events.ts';
import type { RestartAnswer } from '../words/task.ts';
import type { holdPreview, holdViews } from './covered.ts';
import type { endingsOf } from './endings.ts';
import type { accountView, groupViews, ruleViews, taskView } from './views.ts';

export type TaskView = ReturnType<typeof taskView>;
export type VerdictView = TaskView['verdict'];
export type RuleView = ReturnType<typeof ruleViews>[number];
export type GroupView = ReturnType<typeof groupViews>['groups'][number];
export type HoldView = ReturnType<typeof holdViews>[number];
export type HoldPreview = ReturnType<typeof holdPreview>;
export type EndingTask = ReturnType<typeof endingsOf>['soon'][number];

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

export interface AccountView extends ReturnType<typeof accountView> {
  readonly provider: string;
  /** The replica that owns it, if it is another. */
  readonly owner?: string;
  /** It is this process's, which has yet to read its memory of it. */
  readonly unread?: boolean;
  readonly pollIntervalMs: number | null;
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
  /** With five or more down in an account; the most distinctive first. */
  readonly inCommon: readonly InCommon[];
  /** Tasks that end soon, the soonest first. */
  readonly ending: readonly EndingTask[];
}
