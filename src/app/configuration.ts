/** The configuration of this process: found, read, checked; its mistakes as lines for a person. */
import type { Environment } from '../domain/ports/app-port.ts';
import type { Clock } from '../domain/ports/time-port.ts';
import { findConfiguration, noConfiguration } from '../settings/find.ts';
import { loadApart } from '../settings/load-apart.ts';
import { localEngines } from '../store/open.ts';

export type Found = Awaited<ReturnType<typeof loadBeside>>;

export async function findAndLoad(flag: string | undefined, env: Environment, clock: Clock): Promise<Found> {
  const path = findConfiguration(flag);
  return path === undefined ? { ok: false, errors: [noConfiguration], read: new Map() } : loadBeside(path, env, clock);
}

/** By a thread of its own: other work goes on, and what only reading needs goes with the thread. */
export async function loadBeside(path: string, env: Environment, clock: Clock) {
  const loaded = await loadApart({ path, env, engines: localEngines }, clock);
  if (!loaded.ok) return { ...loaded, errors: loaded.errors.map(({ text }) => text) };
  // One line for the log; `check` shows them whole.
  const warnings = loaded.warnings.map(
    ({ file, line, path: at, message }) => `${file}:${line ?? 1}: ${at}: ${message}`,
  );
  return { ...loaded, path, warnings };
}
