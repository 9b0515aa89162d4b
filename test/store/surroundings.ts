/**
 * What the tests of the store share: files and processes that go away.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { inject, onTestFinished } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { StoreTrace } from '../../src/domain/ports/store-port.ts';
import { databaseAt, type Store, type StoreOptions } from '../../src/store/open.ts';
import { sqliteAt } from '../../src/store/sqlite/sqlite-store.ts';
import { databasesOf } from '../postgres.ts';

export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'relaykeeper-store-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export const temporaryFile = () => join(temporaryDirectory(), 'relaykeeper.db');

// ---- PostgreSQL ----------------------------------------------------------------------------------------------------

const databases = databasesOf(inject('postgresPort'));

/** The one of `server.ts`. */
export const postgres = async () => databases;

/** Where a new store of each engine can be. */
export const engines = [
  { engine: 'SQLite', newPlace: async () => temporaryFile() },
  { engine: 'PostgreSQL', newPlace: () => databases.database() },
] as const;

type Opened = Store & { readonly traces: readonly StoreTrace[] };

/**
 * Opens a store that is closed when the test ends. SQLite is used on this thread unless asked otherwise: that is faster. A
 * `place` that is an address is a database; then accounts are owned before they are first saved.
 */
export async function opened(place: string, options: Partial<StoreOptions> = {}): Promise<Opened> {
  const traces: StoreTrace[] = [];
  const onTrace = (trace: StoreTrace) => {
    // The look at the leases comes every second.
    if (trace.operation !== 'lock') traces.push(trace);
  };
  const common = { clock: systemClock, onTrace, ...options };
  const at = place.startsWith('postgres:') ? await databaseAt(addressed(place)) : sqliteAt(place);
  const store = await at.open({ threaded: false, patienceMs: 2_000, ...common });
  onTestFinished(() => store.close());
  return { ...store, ledgerStore: place.startsWith('postgres:') ? owning(store) : store.ledgerStore, traces };
}

export const addressed = (url: string) => ({ url, password: async () => '', ca: undefined });

function owning({ ledgerStore, ownership }: Store): Store['ledgerStore'] {
  const owned = new Map<string, Promise<unknown>>();
  const own = async (account: string) => {
    await ownership.acquire(account, new AbortController().signal);
    await ledgerStore.load(account, 0);
  };
  return {
    load: ledgerStore.load,
    save: async (account, changes) => {
      if (!owned.has(account)) owned.set(account, own(account));
      await owned.get(account);
      await ledgerStore.save(account, changes);
    },
  };
}

// ---- other processes ---------------------------------------------------------------------------------------------

export interface Other {
  readonly process: ChildProcess;
  /** The next line it writes; undefined when it has ended. */
  line(): Promise<string | undefined>;
  /** kill -9, and waits until it is dead. */
  kill(): Promise<void>;
}

/** Runs test/store/other.ts, as another user if that is given (root only). */
export function otherProcess(command: 'save' | 'open', file: string, uid?: number): Other {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'other.ts'), command, file], {
    stdio: ['ignore', 'pipe', 'inherit'],
    ...(uid === undefined ? {} : { uid }),
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const kill = async () => {
    child.kill('SIGKILL');
    await ended;
  };
  onTestFinished(kill);
  return { process: child, kill, line: async () => (await lines.next()).value };
}
