/** What a store is to the rest of the program, whichever engine keeps it. */
import type { History, LedgerStore, Ownership, Shared, StoreTrace } from '../domain/ports/store-port.ts';
import type { Clock } from '../domain/ports/time-port.ts';
import type { PostgresPlace } from './postgres/connection.ts';

export interface StoreOptions {
  /** Path of the SQLite file; its directory is made if it is missing. `<file>.lock` is beside it. */
  readonly file: string;
  readonly clock: Clock;
  readonly onTrace: (trace: StoreTrace) => void;
  /** Only looks: takes no lock, makes no file, writes nothing; `ownership.acquire` and `save` reject. */
  readonly readOnly?: boolean;
  /**
   * Default true: the file is used on a thread of its own, so that a slow disk or a big save does not stop this one.
   * False costs less memory and suits a virtual clock.
   */
  readonly threaded?: boolean;
  /** Bound on the events kept; the default is for tests to lower. */
  readonly maxEvents?: number;
}

/** A database that any number of processes share. */
export interface SharedStoreOptions extends Omit<StoreOptions, 'file' | 'threaded'> {
  readonly place: PostgresPlace;
  /** What the others are told of this process. */
  readonly replica?: { readonly version: string; readonly configHash: () => string };
  /** How long a database that does not answer is waited for, milliseconds; the default is for tests to lower. */
  readonly patienceMs?: number;
}

export interface Store {
  /** The engine's name, for people. */
  readonly kind: string;
  readonly ledgerStore: LedgerStore;
  readonly history: History;
  readonly ownership: Ownership;
  /** Undefined: nobody can share it. */
  readonly shared: Shared | undefined;
  /** 32 random bytes made with the store: the key of source fingerprints. */
  fingerprintKey(): Uint8Array;
  /** Deletes events older than 30 days or beyond the bound; returns how many. A no-op for a standby. */
  prune(now: number): Promise<number>;
  /** Since when it is not up, Unix milliseconds; undefined: the last operation worked, and none is stuck. */
  failingSince(): number | undefined;
  /** Frees the lock and closes the file. */
  close(): Promise<void>;
}
