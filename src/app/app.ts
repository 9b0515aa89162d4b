/** What the command line asks of the wiring. Each part is loaded when it is asked for. */
import { flushCompileCache } from 'node:module';
import type { App } from '../domain/ports/app-port.ts';
import { loadAhead } from '../store/open.ts';
import { findAndLoad } from './configuration.ts';

/** The configuration is read by a thread while what every daemon needs is loaded, and another thread starts. */
export const runApp: App['runApp'] = async (options) => {
  const found = findAndLoad(options.configPath, options.env, options.clock);
  const [{ runDaemon }, { startDoorsThread }] = await Promise.all([
    import('./daemon.ts'),
    import('../web/doors-opening.ts'),
  ]);
  const doors = startDoorsThread();
  await loadAhead();
  // What the cache was read into stays in memory until it is flushed: 4 MiB of what all modules have by then.
  flushCompileCache();
  return runDaemon(options, await found, doors);
};

export const planOnce: App['planOnce'] = async (options) => (await import('./plan-once.ts')).planOnce(options);

export const doStoreErrand: App['doStoreErrand'] = async (options) =>
  (await import('./store-errands.ts')).doStoreErrand(options);
