/** What is kept on disk, who may write it, and the history of events. */
import type { AccountRecord, StoredLedger, TaskRecord } from '../memory/ledger.ts';
import type { Event, EventOf, Hold } from '../words/events.ts';
import type { Refusal } from '../words/refusal.ts';
import type { RestartAnswer } from '../words/task.ts';

/** What one save writes, all or nothing. */
export interface LedgerChanges {
  readonly events: readonly Event[];
  readonly tasks: readonly TaskRecord[];
  readonly removedTasks: readonly string[];
  readonly holds: readonly Hold[];
  readonly removedHolds: readonly string[];
  readonly accountRecord: AccountRecord | undefined;
}

export interface LedgerStore {
  /** Rejects if `signal` aborts before it has begun: whoever takes many accounts over reads them one after the other. */
  load(account: string, budgetSince: number, signal?: AbortSignal): Promise<StoredLedger>;
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
  /** Only events with a larger one. */
  readonly after?: number;
  /** Only events that happened at or after this moment, Unix milliseconds. */
  readonly since?: number;
  /** Only what people changed: `changeTypes`; of those that the rules write too, what an operator asked for. */
  readonly changes?: boolean;
  /** With account and task: also the account's events of no task, those that this takes. */
  readonly besides?: (event: Event) => boolean;
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
  /** The sequence number up to which every event is there: none with a smaller one comes later. 0: none is. */
  settledUpTo(): Promise<number>;
}

/** An account that is this process's. */
export interface Owned {
  /** Counts the owners of the account. */
  readonly epoch: number;
  /** Aborts when it is another's, or is to be handed over: no new call then. */
  readonly lost: AbortSignal;
  /** Called when no call is out and all is saved: another may have it. Never rejects. Absent: the end of the process shows it. */
  handOver?(): Promise<void>;
}

export interface Ownership {
  /** Resolves when this process owns the account, or rejects with the signal's reason. */
  acquire(account: string, signal: AbortSignal): Promise<Owned>;
  /** Milliseconds during which a call that is sent now is still covered; Infinity with a lock of the operating system. */
  remainingMs(account: string): number;
}

// ---- a store that replicas share ---------------------------------------------------------------------------------

/** What an operator asks for an account, wherever its owner is. */
export type OperatorRequest =
  | { readonly kind: 'restart'; readonly taskId: string; readonly by: string; readonly force: boolean }
  | { readonly kind: 'release'; readonly taskId: string; readonly by: string }
  | {
      readonly kind: 'hold';
      readonly event: EventOf<'hold-added' | 'hold-extended' | 'hold-removed'>;
    };

export type OperatorOutcome =
  | { readonly kind: 'done'; readonly answer?: RestartAnswer }
  | {
      readonly kind: 'refused';
      readonly code: Refusal['code'];
      readonly message: string;
      /** Absent: an older version answered. */
      readonly chinese?: string;
      readonly next?: string;
    };

/** Where the next look at the others' ledgers goes on. */
export type NewsMark = number;

/** By account: records that changed, and all holds. */
export interface News {
  readonly mark: NewsMark;
  readonly tasks: readonly (readonly [string, TaskRecord])[];
  readonly records: readonly (readonly [string, AccountRecord])[];
  readonly holds: readonly (readonly [string, Hold])[];
}

export interface ReplicaSeen {
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly configHash: string;
  readonly startedAt: number;
  readonly isThis: boolean;
  /** The accounts that it owns, and for how long yet, milliseconds. */
  readonly owned: readonly { readonly account: string; readonly leftMs: number }[];
}

export interface Shared {
  /** All that live, by the newest look, and how old that is, milliseconds. */
  replicas(): { readonly all: readonly ReplicaSeen[]; readonly ageMs: number };
  /** What others wrote of these accounts: since the mark of each, or all of it. */
  news(accounts: readonly string[], since: ReadonlyMap<string, NewsMark>): Promise<News>;
  /** Has the owner of the account do it. */
  ask(account: string, request: OperatorRequest): Promise<OperatorOutcome>;
  /** From now on this process does what others are asked for its accounts. */
  serve(served: {
    readonly isReady: (account: string) => boolean;
    readonly serve: (account: string, request: OperatorRequest) => Promise<OperatorOutcome>;
  }): void;
}

export type StoreOperation = 'open' | 'migrate' | 'load' | 'save' | 'events' | 'prune' | 'lock';
/** One for every operation of the store: fed to the metrics. */
export interface StoreTrace {
  readonly operation: StoreOperation;
  readonly durationMs: number;
  readonly error: Error | undefined;
  /** Every operation that a restart needs worked the last time it was used, however this one ended. */
  readonly up: boolean;
  /** Every other one too: loading accounts, reading and pruning the history. */
  readonly whole: boolean;
}
