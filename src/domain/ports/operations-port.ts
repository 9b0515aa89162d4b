/** What an operator can ask of the running daemon, by HTTP or by command. */

import type {
  AccountSnapshot,
  EventView,
  ExplainView,
  HoldPreview,
  HoldView,
  RejectedConfiguration,
  StatusView,
  TaskView,
} from '../views/shown.ts';
import type { Hold } from '../words/events.ts';
import type { Reason } from '../words/reason.ts';
import type { RestartAnswer, TaskState } from '../words/task.ts';
import type { EventQuery } from './store-port.ts';

export interface HoldRequest {
  readonly account?: string;
  readonly target: Hold['target'];
  readonly author: string;
  readonly reason: string;
  /** When it begins, Unix milliseconds; absent or past: at once. */
  readonly startsAt?: number;
  /** How long from then on; absent: until removed. */
  readonly forMs?: number;
}

/** How much longer, or until when. */
export type Later = { readonly forMs: number } | { readonly endsAt: number };

export interface TaskQuery {
  readonly account?: string;
  readonly group?: string;
  /** `down`: due and stopped, neither held nor only observed. */
  readonly state?: TaskState | 'down';
  readonly reason?: Reason;
  /** Part of title, id or cloud group, in either case. */
  readonly search?: string;
  /** Where the page before ended. */
  readonly after?: TaskPlace;
  readonly limit: number;
}

export interface EventsAsked extends Omit<EventQuery, 'besides'> {
  /** With a task: also what happened to its account and group, and holds over it. */
  readonly besides?: boolean;
}

/** A task's place in lists: by account, then by id. */
interface TaskPlace {
  readonly account: string;
  readonly taskId: string;
}

export interface TaskPage {
  readonly tasks: readonly TaskView[];
  readonly more: boolean;
}

/** All may throw `Refusal`. */
export interface Operations {
  status(): StatusView;
  tasks(query: TaskQuery): TaskPage;
  /** By id, a unique prefix of at least 6 characters or a unique title. What no task is called may have been one: it stays. */
  taskIdOf(named: string, account?: string): string;
  /** `taskId` may be a unique prefix of at least 6 characters, or a unique title. */
  explain(taskId: string, account?: string): Promise<ExplainView>;
  events(query: EventsAsked): Promise<readonly EventView[]>;
  /** Up to which sequence number every event is there: who reads on from there misses none. */
  settledUpTo(): Promise<number>;
  /** Those in force, those planned, and the recurring ones of the configuration. */
  holds(): readonly HoldView[];
  previewHold(request: Pick<HoldRequest, 'account' | 'target'>): HoldPreview;
  addHold(request: HoldRequest): Promise<Hold>;
  /** `id` may be a unique beginning of it. Never makes it shorter. */
  extendHold(id: string, later: Later, by: string): Promise<Hold>;
  /** `id` may be a unique beginning of it. */
  removeHold(id: string, by: string): Promise<Hold>;
  restart(
    taskId: string,
    options: { readonly account?: string; readonly by: string; readonly force: boolean },
  ): Promise<{ readonly task: TaskView; readonly answer: RestartAnswer }>;
  release(taskId: string, options: { readonly account?: string; readonly by: string }): Promise<TaskView>;
  /** The configuration in force with every secret left out. */
  config(): unknown;
  /** The last one that was not taken, if none was since. */
  rejected(): RejectedConfiguration | undefined;
  reload(): Promise<ReloadResult>;
  snapshot(maxTaskSeries: number): readonly AccountSnapshot[];
  /** The loop ticks. */
  healthy(): boolean;
  /** Configuration and store are up; true on a standby. */
  ready(): boolean;
  /** The vendor's callback: brings the next poll forward. False if there is no such account or the token is wrong. */
  hook(account: string, token: string): boolean;
}

export type ReloadResult =
  | { readonly ok: true; readonly needsRestart: readonly string[]; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly errors: readonly string[] };
