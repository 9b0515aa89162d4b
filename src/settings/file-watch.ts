/**
 * Notices that the configuration changed, and waits until it stays the same. Compares contents at intervals instead of
 * asking the kernel: a mounted ConfigMap is swapped by a symbolic link two directories away, editors replace files,
 * network file systems send no notices, and the file is small.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../domain/ports/time-port.ts';
import { fileTrouble, type Held, type ReadFile } from '../user-files.ts';
import { type Contents, maxFileBytes, maxSecretBytes } from './loaded.ts';
import type { Settings } from './settings.ts';

export const lookEveryMs = 500;
/** How long they must stay the same before they are taken. */
const standStillMs = 2000;
/** What a reading did not find as it is, such as files that it could not read in time, is tried again after so long. */
const tryAgainMs = 60_000;

interface Watched {
  /** The configuration. */
  readonly path: string;
  /** What the last reading found in the files in question, whatever came of it: what differs from that is a change. */
  readonly read: () => Contents;
  readonly clock: Clock;
  readonly readFile: ReadFile;
  /** The files changed and have stood still. The next look waits for its end. Must not throw. */
  readonly onChange: () => void | Promise<void>;
  readonly signal: AbortSignal;
}

/** Watches until the signal aborts. Never rejects for a file. */
export async function watchSettings(watched: Watched): Promise<void> {
  const { path, read, clock, readFile, onChange, signal } = watched;
  let seen = read();
  let sinceMs = clock.monotonic();
  while (!signal.aborted) {
    await clock.sleep(lookEveryMs, signal);
    if (signal.aborted) return;
    const now = await contentsOf([...read().keys()], path, readFile);
    if (signal.aborted) return;
    if (differ(now, new Map([...read(), ...seen]))) {
      sinceMs = clock.monotonic();
    } else if (differ(now, read()) && clock.monotonic() - sinceMs >= standStillMs) {
      await onChange();
      if (differ(now, read())) sinceMs = clock.monotonic() + tryAgainMs - standStillMs;
    }
    seen = now;
  }
}

/** A file that only one of them has is no change of it: it was just named, or no longer is. */
function differ(a: Contents, b: Contents): boolean {
  const same = (one: object, other: object | undefined) => !other || isDeepStrictEqual(one, other);
  return [...a].some(([file, held]) => !same(held, b.get(file)));
}

async function contentsOf(files: readonly string[], path: string, readFile: ReadFile): Promise<Contents> {
  const held = async (file: string): Promise<Held> => {
    try {
      return { text: new TextDecoder().decode(await readFile(file, file === path ? maxFileBytes : maxSecretBytes)) };
    } catch (error) {
      return { why: fileTrouble(error) };
    }
  };
  return new Map(await Promise.all(files.map(async (file) => [file, await held(file)] as const)));
}

/** Of what was read: the files whose change is a change of the settings. Keys and certificates have readers of their own. */
export function watched(path: string, settings: Settings, read: Contents): Contents {
  const secrets = [
    ...settings.server.tokens.map(({ token }) => token),
    ...settings.accounts.flatMap(({ hookToken, proxy }) => [hookToken, proxy]),
  ];
  const files = [path, ...secrets.flatMap((secret) => (secret?.kind === 'file' ? [secret.path] : []))];
  return new Map([...read].filter(([file]) => files.includes(file)));
}
