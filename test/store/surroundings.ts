/**
 * What the tests of the store share: files and processes that go away.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { StoreTrace } from '../../src/domain/ports/store-port.ts';
import { openStore, type Store, type StoreOptions } from '../../src/store/open.ts';

export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'relaykeeper-store-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export const temporaryFile = () => join(temporaryDirectory(), 'relaykeeper.db');

/** Opens a store that is closed when the test ends. On this thread unless told otherwise: that is faster. */
export async function opened(
  file: string,
  options: Partial<StoreOptions> = {},
): Promise<Store & { readonly traces: readonly StoreTrace[] }> {
  const traces: StoreTrace[] = [];
  const store = await openStore({
    file,
    clock: systemClock,
    onTrace: (trace) => traces.push(trace),
    threaded: false,
    ...options,
  });
  onTestFinished(() => store.close());
  return { ...store, traces };
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
