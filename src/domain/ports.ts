/**
 * What the neighbours need of each other, as types. `domain/` imports nothing outside itself, neighbours do not
 * import neighbours: they meet here, and `app.ts` hands them over.
 */
import type { CircuitName, Event, Hold, Reason } from './events.ts';
import type { AccountRecord, BudgetEntry, TaskRecord } from './ledger.ts';
import type {
  CallFailure,
  CompleteObservation,
  FailedObservation,
  Observation,
  RestartAnswer,
  TaskItem,
} from './task.ts';

// ---- time ----------------------------------------------------------------------------------------------------

/** The only source of time and timers; `clock.ts` has the real one, the simulation a virtual one. */
export interface Clock {
  /** Unix milliseconds. May step. */
  now(): number;
  /** Milliseconds that only ever grow; no relation to `now`. */
  monotonic(): number;
  /** Resolves after `ms` (any length), or at once when `signal` aborts. Never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls `run` once after `ms`; the returned function takes it back. Any length of time is allowed. */
  after(ms: number, run: () => void): () => void;
  /** Lets other work of the process go first. */
  yield(): Promise<void>;
}

/** When to poll. */
export interface Schedule {
  /** The first tick strictly after `at`, Unix milliseconds. */
  next(at: number): number;
}

// ---- the gate in front of the cloud ------------------------------------------------------------------------------

export const lanes = ['restart', 'verify', 'poll', 'other'] as const;
export type Lane = (typeof lanes)[number];

/** Leave to send one call. `done` must be called exactly once. */
export interface Permit {
  /**
   * `answered`: its response (headers and body) has arrived. `lost`: no response, our end is closed.
   * `never-left`: provably not sent (DNS, refused connection, TLS). `unused`: not sent at all.
   */
  done(outcome: 'answered' | 'lost' | 'never-left' | 'unused'): void;
}

export interface Gate {
  /** Waits for leave to send. Rejects with the signal's reason if it aborts first (costs nothing). */
  acquire(lane: Lane, signal?: AbortSignal): Promise<Permit>;
  /** The cloud throttled us: halve the rate. */
  throttled(): void;
  /** Changed by reload. */
  configure(limit: { readonly perSecond: number; readonly spacing: 'even' | 'none' }): void;
  /** This process has just become the owner of the account: nothing goes for one window, as another may have called. */
  takenOver(): void;
  snapshot(): GateSnapshot;
}

export interface GateSnapshot {
  /** Present limit, after halving and recovery. */
  readonly perSecond: number;
  readonly queued: Readonly<Record<Lane, number>>;
  readonly permitsOut: number;
}

// ---- the cloud ---------------------------------------------------------------------------------------------------

/** One account's API, ready to use. Never throws for anything the cloud can answer; aborts reject with the signal's reason. */
export interface Cloud {
  /**
   * One poll: every page of every cloud group asked for. A task that is shown just as `known` has it is told with that
   * very item, time of sight included: most of 100,000 tasks are, and need no copy.
   */
  observe(signal: AbortSignal, known?: KnownItem): Promise<Observation>;
  /** Lists only these cloud groups, in the verify lane. Items of groups that could be read; failures are not told. */
  look(cloudGroups: readonly string[], signal: AbortSignal): Promise<LookResult>;
  /** Sends one restart with a permit of the restart lane, and calls `permit.done`. */
  restart(
    task: { readonly taskId: string; readonly cloudGroup: string },
    permit: Permit,
    signal: AbortSignal,
  ): Promise<RestartAnswer>;
  /** Calls that one `look` at these cloud groups costs, by the sizes last seen. */
  lookCost(cloudGroups: readonly string[]): number;
  /** Cloud's clock minus ours, milliseconds; 0 while below 2 s. */
  clockOffsetMs(): number;
  close(): Promise<void>;
}

/** The item of a task of which nothing is awaited; undefined: unknown, or its next sight must tell its time. */
export type KnownItem = (taskId: string) => TaskItem | undefined;

export interface LookResult {
  readonly items: readonly TaskItem[];
  readonly failure: CallFailure | undefined;
}

/** What the client tells besides its results: fed to the metrics. */
export type CloudTrace =
  | {
      readonly kind: 'request';
      readonly account: string;
      readonly action: string;
      readonly durationMs: number;
      readonly failure: CallFailure | undefined;
    }
  | { readonly kind: 'action-retired'; readonly account: string; readonly from: string; readonly to: string }
  | { readonly kind: 'clock-offset'; readonly account: string; readonly offsetMs: number }
  | { readonly kind: 'malformed-item'; readonly account: string; readonly where: string }
  | { readonly kind: 'page-halved'; readonly account: string; readonly pageSize: number };

// ---- the store ---------------------------------------------------------------------------------------------------

/** What one save writes, all or nothing. */
export interface LedgerChanges {
  readonly events: readonly Event[];
  readonly tasks: readonly TaskRecord[];
  readonly removedTasks: readonly string[];
  readonly holds: readonly Hold[];
  readonly removedHolds: readonly string[];
  readonly accountRecord: AccountRecord | undefined;
}

export interface StoredLedger {
  readonly tasks: readonly TaskRecord[];
  readonly holds: readonly Hold[];
  readonly accountRecord: AccountRecord | undefined;
  /** Failed attempts younger than `since`, oldest first. */
  readonly budget: readonly BudgetEntry[];
}

export interface LedgerStore {
  load(account: string, budgetSince: number): Promise<StoredLedger>;
  /** Resolves when it is on disk. Rejects if it is not; then nothing of it was written. */
  save(account: string, changes: LedgerChanges): Promise<void>;
}

export interface EventQuery {
  readonly account?: string;
  readonly taskId?: string;
  readonly group?: string;
  readonly types?: readonly string[];
  /** Only events with a smaller sequence number (for paging back). */
  readonly before?: number;
  /** At most 1,000. */
  readonly limit: number;
}
export interface StoredEvent {
  readonly seq: number;
  readonly event: Event;
}
export interface History {
  /** Newest first. */
  events(query: EventQuery): Promise<readonly StoredEvent[]>;
}

export interface Ownership {
  /** Resolves when this process owns the account (the epoch), or rejects with the signal's reason. */
  acquire(account: string, signal: AbortSignal): Promise<{ readonly epoch: number; readonly lost: AbortSignal }>;
  /** Milliseconds during which a call that is sent now is still covered; Infinity with a lock of the operating system. */
  remainingMs(account: string): number;
}

export type StoreOperation = 'open' | 'migrate' | 'load' | 'save' | 'events' | 'prune' | 'lock';
/** Told after every operation of the store: fed to the metrics. */
export interface StoreTrace {
  readonly operation: StoreOperation;
  readonly durationMs: number;
  readonly error: Error | undefined;
}

// ---- what is shown (HTTP API, CLI, page): plain JSON, times as Unix milliseconds ------------------------------------

/** One rule's answer for one task. `notBefore` null: this rule has nothing against it; 'never' and 'unknown' are words. */
export interface RuleView {
  readonly reason: Reason;
  readonly notBefore: number | 'never' | 'unknown' | null;
  readonly detail: string;
}

export interface VerdictView {
  /** `restart`: it goes with the next permit. `wait`: see reason and until. `none`: there is nothing to restart. */
  readonly kind: 'restart' | 'wait' | 'none';
  readonly reason?: Reason;
  readonly until?: number | 'never' | 'unknown';
  /** One sentence for a person. */
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
  readonly outage: {
    readonly id: string;
    readonly since: number;
    readonly downSince: number;
    readonly attempts: number;
    readonly activeAt: number | null;
  } | null;
  readonly attempts: {
    readonly tries: number;
    readonly failedInRow: number;
    readonly lastAt: number | null;
    readonly phase: string | null;
  };
  readonly givenUp: 'quarantined' | 'abandoned' | null;
  readonly verdict: VerdictView;
}

export const taskStates = ['active', 'stopped', 'not_started', 'overdue', 'ended', 'unknown'] as const;
export type TaskState = (typeof taskStates)[number];

export interface ExplainView extends TaskView {
  /** Every rule, in the order of authority. */
  readonly rules: readonly RuleView[];
  readonly holds: readonly Hold[];
  readonly recent: readonly StoredEvent[];
}

export interface GroupView {
  readonly account: string;
  readonly group: string;
  readonly mode: 'heal' | 'observe';
  readonly states: Readonly<Record<TaskState, number>>;
  readonly waiting: Readonly<Partial<Record<Reason, number>>>;
  readonly quarantined: number;
  readonly abandoned: number;
  readonly holds: number;
  /** Earliest end of a hold on this group's tasks, null: none ends. */
  readonly holdEndsAt: number | null;
  /** Oldest outage of a due task that is neither abandoned, held nor observed. */
  readonly oldestOutageAt: number | null;
  readonly nextRestartAt: number | null;
  readonly storm: { readonly since: number; readonly window: number } | null;
}

export interface AccountView {
  readonly account: string;
  readonly provider: string;
  readonly owned: boolean;
  readonly polledAt: number | null;
  readonly pollIntervalMs: number | null;
  readonly tasks: number;
  readonly unmanaged: number;
  readonly circuits: Readonly<
    Record<
      CircuitName,
      { readonly since: number; readonly class: string; readonly code: string | null; readonly message: string } | null
    >
  >;
  readonly storm: { readonly since: number; readonly window: number } | null;
  readonly throttledUntil: number | null;
  readonly suspectSince: number | null;
  readonly clockOffsetMs: number;
  readonly gate: GateSnapshot;
}

/** Everything a scrape needs of one account, taken at one moment. */
export interface AccountSnapshot {
  readonly account: AccountView;
  readonly groups: readonly GroupView[];
  /** Managed tasks in outage, oldest first, at most `maxTaskSeries`. */
  readonly outages: readonly TaskView[];
  /** All managed tasks if they are no more than `maxTaskSeries`, else none. */
  readonly managed: readonly TaskView[];
}

export interface StatusView {
  readonly version: string;
  readonly startedAt: number;
  readonly now: number;
  readonly configHash: string;
  readonly configFile: string;
  readonly store: { readonly kind: 'sqlite' | 'postgres'; readonly up: boolean };
  readonly accounts: readonly AccountView[];
  readonly groups: readonly GroupView[];
}

/** An operator's request, refused: `code` picks the HTTP status and the CLI's exit code. */
export class Refusal extends Error {
  readonly code: 'not-found' | 'refused' | 'bad-request' | 'unavailable';
  constructor(code: Refusal['code'], message: string) {
    super(message);
    this.name = 'Refusal';
    this.code = code;
  }
}

export interface HoldRequest {
  readonly account?: string;
  readonly target: Hold['target'];
  readonly author: string;
  readonly reason: string;
  /** Absent: until removed. */
  readonly forMs?: number;
}

/** What an operator can ask of the running daemon. All may throw `Refusal`. */
export interface Operations {
  status(): StatusView;
  tasks(filter: {
    readonly account?: string;
    readonly group?: string;
    readonly state?: TaskState;
  }): readonly TaskView[];
  /** `taskId` may be a unique prefix of at least 6 characters, or a unique title. */
  explain(taskId: string, account?: string): Promise<ExplainView>;
  events(query: EventQuery): Promise<readonly StoredEvent[]>;
  holds(): readonly Hold[];
  addHold(request: HoldRequest): Promise<Hold>;
  removeHold(id: string, by: string): Promise<Hold>;
  restart(
    taskId: string,
    options: { readonly account?: string; readonly by: string; readonly force: boolean },
  ): Promise<{ readonly task: TaskView; readonly answer: RestartAnswer }>;
  release(taskId: string, options: { readonly account?: string; readonly by: string }): Promise<TaskView>;
  /** The configuration in force with every secret left out. */
  config(): unknown;
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
  | { readonly ok: true; readonly needsRestart: readonly string[] }
  | { readonly ok: false; readonly errors: readonly string[] };

export type { CompleteObservation, FailedObservation };
