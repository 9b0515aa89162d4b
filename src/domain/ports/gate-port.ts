/** What stands between the keeper and the cloud: permits to send, by lane. */
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
