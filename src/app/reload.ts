/**
 * Reload: read, check, build, swap. A file that is wrong changes nothing; it is logged, counted, and answered with
 * all its errors. One reload at a time.
 */
import type { Environment } from '../domain/ports/app-port.ts';
import type { ReloadResult } from '../domain/ports/operations-port.ts';
import type { Clock } from '../domain/ports/time-port.ts';
import type { RejectedConfiguration } from '../domain/views/shown.ts';
import type { ConfigDifference } from '../domain/words/events.ts';
import { compareForReload, withoutRestart } from '../settings/compare.ts';
import { watched } from '../settings/file-watch.ts';
import type { Contents } from '../settings/loaded.ts';
import type { Settings } from '../settings/settings.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { differenceWords } from '../telemetry/sentences.ts';
import { loadBeside } from './configuration.ts';
import type { Fleet } from './fleet.ts';

/** The settings in force; a reload that succeeds replaces them. */
export interface Current {
  settings: Settings;
  hash: string;
  /** Unix milliseconds. */
  loadedAt: number;
  /** How it differs from the one before, if that was not when the daemon began. */
  change?: string;
  /** The last that was not taken, if none was since. */
  rejected?: RejectedConfiguration;
  /** What the last reading found in the files that decide about it, taken or not: when they change, it is read again. */
  read: Contents;
}

interface ReloadOptions {
  readonly path: string;
  readonly env: Environment;
  readonly current: Current;
  readonly fleet: Fleet;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly adapt: (settings: Settings) => Settings;
  readonly onSwapped: (settings: Settings, difference: ConfigDifference, read: Contents) => void;
}

/** `file`: the file changed by itself, and perhaps by accident. */
type ReloadCause = 'file' | 'hangup' | 'asked';

export function reloadFrom(options: ReloadOptions): (cause: ReloadCause) => Promise<ReloadResult> {
  let last: Promise<unknown> = Promise.resolve();
  const waiting = new Map<ReloadCause, Promise<ReloadResult>>();
  return (cause) => {
    // One that has not begun will read the file as it is then: nobody needs another behind it.
    const same = waiting.get(cause);
    if (same) return same;
    const mine = last.then(() => {
      waiting.delete(cause);
      return reloadOnce(options, cause);
    });
    waiting.set(cause, mine);
    last = mine.catch(() => undefined);
    return mine;
  };
}

async function reloadOnce(options: ReloadOptions, cause: ReloadCause): Promise<ReloadResult> {
  const { path, env, current, fleet, log, metrics, clock, adapt, onSwapped } = options;
  const loaded = await loadBeside(path, env, clock);
  current.read = loaded.read;
  if (!loaded.ok) {
    const then = loaded.unchecked ? '; it is tried again every minute' : '';
    return reject(
      options,
      loaded.errors.map((error) => error + then),
    );
  }
  const settings = adapt(loaded.settings);
  const { managed, lost, lostNow } = fleet.wouldUnmanage(settings);
  if (cause === 'file' && lostNow > 0 && lost * 2 > managed)
    return reject(options, [
      `${path}: would leave ${lost} of ${managed} tasks unmanaged that are managed or were ten minutes ago. If you want that, send SIGHUP or POST /-/reload; a change of the file alone is not enough`,
    ]);
  const { needsRestart, ...rest } = compareForReload(current.settings, settings);
  const difference = { ...rest, changed: [...rest.changed, ...needsRestart] };
  let prepared: ReturnType<Fleet['prepare']>;
  try {
    prepared = fleet.prepare(settings);
  } catch (error) {
    return reject(options, [`${path}: ${error instanceof Error ? error.message : String(error)}`]);
  }
  const warnings = [
    ...loaded.warnings,
    ...(lostNow > 0 ? [`${lostNow} of ${managed} tasks are unmanaged from now on: relaykeeper leaves them alone`] : []),
    ...(await fleet.swap(prepared)),
  ];
  current.settings = withoutRestart(current.settings, settings);
  current.hash = loaded.hash;
  current.loadedAt = clock.now();
  current.change = differenceWords(difference);
  current.rejected = undefined;
  current.read = watched(path, settings, loaded.read);
  onSwapped(current.settings, difference, loaded.read);
  log.configure(settings.log);
  metrics.process({ reloaded: true, config: { readAt: clock.now(), hash: loaded.hash } });
  log.notice(
    'config-loaded',
    { config: path, hash: loaded.hash },
    `The configuration was read again: ${current.change}.`,
  );
  for (const warning of warnings) log.notice('config-warning', {}, warning);
  if (needsRestart.length > 0)
    log.notice(
      'config-needs-restart',
      { keys: needsRestart.join(', ') },
      `${needsRestart.join(', ')} changed: that takes effect when the daemon starts again.`,
    );
  return { ok: true, needsRestart, warnings };
}

function reject({ path, log, metrics, current, clock }: ReloadOptions, errors: readonly string[]): ReloadResult {
  current.rejected = { since: current.rejected?.since ?? clock.now(), errors };
  metrics.process({ reloaded: false });
  log.notice(
    'config-rejected',
    { config: path, errors: errors.length },
    `The new configuration is rejected, the old one stays in force: ${errors.join(' | ')}`,
  );
  return { ok: false, errors };
}
