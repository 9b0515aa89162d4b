/** What a store is to the rest of the program, whichever engine keeps it. */
import type { History, LedgerStore, Ownership, Shared, StoreTrace } from '../domain/ports/store-port.ts';
import type { Clock } from '../domain/ports/time-port.ts';
import type { Database } from './tables.ts';

/** Where a store is, by its engine. */
export interface StorePlace {
  /** For people. */
  readonly name: string;
  open(options: StoreOptions): Promise<Store>;
  /** For `store copy` and `check`. `create`: makes the store if it is not there. */
  readonly tables: Offered<(clock: Clock, create: boolean) => Promise<RawStore>>;
  /** For `store backup`: a copy in a new file, also while a daemon runs on it. */
  readonly backUp: Offered<(to: string, clock: Clock) => Promise<void>>;
}

/** An engine without an errand says what to do instead. All of them reject with `StoreProblem`. */
type Offered<Errand> = Errand | { readonly instead: string };

/** A store as its tables, on which nobody else acts. */
export interface RawStore {
  /** For people. */
  readonly name: string;
  readonly db: Database;
  /** The next event gets the number after the last one. */
  numberEvents(): Promise<void>;
  close(): Promise<void>;
}

/** Where PostgreSQL is. */
export interface PostgresPlace {
  /** `postgres://user@host:port/database?sslmode=…`, without a password. */
  readonly url: string;
  /** Asked at every new connection. */
  readonly password: () => Promise<string>;
  /** The certificates to trust, PEM, read at every new connection; undefined: those that Node trusts. */
  readonly ca: (() => Promise<string>) | undefined;
}

export interface StoreOptions {
  readonly clock: Clock;
  readonly onTrace: (trace: StoreTrace) => void;
  /** Only looks: takes no lock, makes no file, writes nothing; `ownership.acquire` and `save` reject. */
  readonly readOnly?: boolean;
  /**
   * A file alone: on a thread of its own, so that a slow disk or a big save does not stop this one. False costs less
   * memory and suits a virtual clock; it is the default where the store is only read.
   */
  readonly threaded?: boolean;
  /** Bound on the events kept; the default is for tests to lower. */
  readonly maxEvents?: number;
  /** What others that share it get to know of this process. */
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
  /** The key of source fingerprints, made with the store: 32 random bytes in hexadecimal digits. */
  readonly fingerprintKey: string;
  /** Deletes events older than 30 days or beyond the bound; returns how many. A no-op for a standby. */
  prune(now: number): Promise<number>;
  /** Since when it is not up, Unix milliseconds; undefined: the last operation worked, and none is stuck. */
  failingSince(): number | undefined;
  /** Frees the lock and closes the file. */
  close(): Promise<void>;
}
