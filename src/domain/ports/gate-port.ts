/** What stands between the keeper and the cloud: permits to send, by lane. */
export type Lane = 'restart' | 'verify' | 'poll' | 'other';

/** The account's limit, in which every call counts, and those of single actions inside it. */
export type LimitName = 'account' | 'restart' | 'list';

/** Calls in any second, at least 1. What is no whole number is rounded down: half a call cannot be counted. */
export interface RateLimit {
  /** All actions together. */
  readonly perSecond: number;
  /** Restart, Continue and Relaunch together; absent: as many as the account may. */
  readonly restart?: number;
  /** The task list; absent: as many as the account may. */
  readonly list?: number;
  /** `even`: no two calls of a limit are admitted closer than a second / limit. `none`: as soon as a permit is there. */
  readonly spacing: 'even' | 'none';
}

/**
 * What became of a call. `answered`: its response (headers and body) has arrived. `lost`: no response, our end is closed.
 * `never-left`: provably not sent (DNS, refused connection, TLS). `unused`: not sent at all.
 */
export type Outcome = 'answered' | 'lost' | 'never-left' | 'unused';

/** Permission to send one call. `done` must be called exactly once. */
export interface Permit {
  done(outcome: Outcome): void;
}

export interface Gate {
  /** Waits for a permit. Rejects with the signal's reason if it aborts first (that costs nothing). */
  acquire(lane: Lane, signal?: AbortSignal): Promise<Permit>;
  /** The cloud throttled us: halve the rate of this limit. */
  throttled(limit: LimitName): void;
  configure(limit: RateLimit): void;
  /** This process has just become the owner of the account: nothing goes for one window, as another may have called. */
  takenOver(): void;
  /** Milliseconds until an owner who comes then and waits for one window meets no call of ours; Infinity while one is out. */
  countedInMs(): number;
  snapshot(): GateSnapshot;
  /** Calls of the lane admitted so far. */
  admitted(lane: Lane): number;
}

export interface GateSnapshot {
  /** Present limits, after halving and recovery: the account's, and those of its actions. */
  readonly perSecond: number;
  readonly restartPerSecond: number;
  readonly listPerSecond: number;
  /** Limits that the cloud's refusals keep below the configured ones, and for how long, milliseconds. */
  readonly slowed: readonly {
    readonly limit: LimitName;
    readonly perSecond: number;
    readonly configured: number;
    readonly forMs: number;
  }[];
  readonly queued: Readonly<Record<Lane, number>>;
  readonly permitsOut: number;
}
