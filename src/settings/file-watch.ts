/**
 * Notices that the configuration changed, and waits until it stays the same. Compares contents at intervals instead of
 * asking the kernel: a mounted ConfigMap is swapped by a symbolic link two directories away, editors replace files,
 * network file systems send no notices, and the file is small.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '../domain/ports/time-port.ts';
import { fileTrouble, type ReadFile } from '../user-files.ts';
import { maxFileBytes, maxSecretBytes } from './loaded.ts';
import type { Settings } from './settings.ts';

export const lookEveryMs = 500;
/** How long they must stay the same before they are taken. */
const standStillMs = 2000;

interface Watched {
  /** The files in question; asked before each look, because a reload can name others. */
  readonly files: () => readonly string[];
  /** Files for whose sake the settings were refused, with the reason why they could not be read then. */
  readonly unread?: () => ReadonlyMap<string, string>;
  /** What was read of some of them, or its beginning: a change between then and the first look is one. */
  readonly loaded?: Contents;
  readonly clock: Clock;
  readonly readFile: ReadFile;
  /** The files changed and have stood still. The next look waits for its end. Must not throw. */
  readonly onChange: () => void | Promise<void>;
  readonly signal: AbortSignal;
}

/** By file: a digest of what it holds. */
type Contents = ReadonlyMap<string, string>;

/**
 * Watches until the signal aborts; what the files hold when it is called is taken as known, but for those that were
 * loaded. Never rejects for a file.
 */
export async function watchSettings(watched: Watched): Promise<void> {
  const { files, unread = () => new Map(), loaded, clock, readFile, onChange, signal } = watched;
  let seen = await contentsOf(files(), readFile);
  let known: Contents = new Map(
    [...seen].map(([file, now]) => {
      const before = loaded?.get(file) ?? now;
      return [file, now.startsWith(before) ? now : before];
    }),
  );
  let sinceMs = clock.monotonic();
  while (!signal.aborted) {
    await clock.sleep(lookEveryMs, signal);
    if (signal.aborted) return;
    const now = new Map([
      ...(await contentsOf(files(), readFile)),
      ...(await contentsOf([...unread().keys()], readFile, maxSecretBytes)),
    ]);
    if (signal.aborted) return;
    // One that was just named is known as it is.
    known = new Map([...now, ...known, ...unread()]);
    if (differ(now, seen)) {
      sinceMs = clock.monotonic();
    } else if (differ(now, known) && clock.monotonic() - sinceMs >= standStillMs) {
      known = now;
      await onChange();
    }
    seen = now;
  }
}

/** A file that only one of them has is no change of it: it was just named, or no longer is. */
function differ(a: Contents, b: Contents): boolean {
  return [...a].some(([file, digest]) => b.has(file) && b.get(file) !== digest);
}

/** A file that cannot be read counts as holding the reason. */
export async function contentsOf(
  files: readonly string[],
  readFile: ReadFile,
  maxBytes = maxFileBytes,
): Promise<Contents> {
  const digest = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex');
  return new Map(
    await Promise.all(
      files.map(async (file) => {
        try {
          return [file, digest(await readFile(file, maxBytes))] as const;
        } catch (error) {
          return [file, fileTrouble(error)] as const;
        }
      }),
    ),
  );
}

/** The files whose change is a change of the settings: the configuration and the tokens that the web door compares with. */
export function watchedFiles(path: string, settings: Settings): readonly string[] {
  const secrets = [
    ...settings.server.tokens.map(({ token }) => token),
    ...settings.accounts.flatMap(({ hookToken, proxy }) => [hookToken, proxy]),
  ];
  return [path, ...secrets.flatMap((secret) => (secret?.kind === 'file' ? [secret.path] : []))];
}
