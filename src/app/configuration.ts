/** The configuration of this process: found, read, checked; its mistakes as lines for a person. */
import type { Environment } from '../domain/ports/app-port.ts';
import type { Clock } from '../domain/ports/time-port.ts';
import { findConfiguration, noConfiguration } from '../settings/find.ts';
import { loadApart } from '../settings/load-apart.ts';
import type { Loaded } from '../settings/loaded.ts';
import type { Settings } from '../settings/settings.ts';
import { localEngines } from '../store/open.ts';

export type Found =
  | {
      readonly ok: true;
      readonly path: string;
      readonly settings: Settings;
      readonly hash: string;
      readonly warnings: readonly string[];
    }
  | { readonly ok: false; readonly errors: readonly string[] };

export async function findAndLoad(flag: string | undefined, env: Environment, clock: Clock): Promise<Found> {
  const path = findConfiguration(flag);
  return path === undefined ? { ok: false, errors: [noConfiguration] } : loadBeside(path, env, clock);
}

/** By a thread of its own: other work goes on, and what only reading needs goes with the thread. */
export const loadBeside = async (path: string, env: Environment, clock: Clock): Promise<Found> =>
  foundIn(path, await loadApart({ path, env, engines: localEngines }, clock));

function foundIn(path: string, loaded: Loaded): Found {
  if (!loaded.ok) return { ok: false, errors: loaded.errors.map(({ text }) => text) };
  // One line for the log; `check` shows them whole.
  const warnings = loaded.warnings.map(
    ({ file, line, path: at, message }) => `${file}:${line ?? 1}: ${at}: ${message}`,
  );
  return { ...loaded, path, warnings };
}
