/** What the command line asks of the wiring. Each part is loaded when it is asked for. */
import { flushCompileCache } from 'node:module';
import { setFlagsFromString } from 'node:v8';
import type { App } from '../domain/ports/app-port.ts';
import { loadAhead } from '../store/open.ts';
import { findAndLoad } from './configuration.ts';

/** The configuration is read by a thread while what every daemon needs is loaded. */
export const runApp: App['runApp'] = async (options) => {
  const found = findAndLoad(options.configPath, options.env, options.clock);
  const { runDaemon } = await import('./daemon.ts');
  await loadAhead();
  // What the cache was read into stays in memory until it is flushed: 4 MiB of what all modules have by then.
  flushCompileCache();
  const configuration = await found;
  // V8 lets garbage double the heap before it looks for it: with 100,000 tasks that was 200 MB. Earlier collections cost a
  // few percent of computing; while modules load the heap only grows, and they would cost a tenth of the start.
  setFlagsFromString('--heap-growing-percent=20');
  // undici's parser is WebAssembly. To optimize it takes V8 20 MB, and an answer's body, nearly all of it, is skipped anyway.
  setFlagsFromString('--no-wasm-tier-up --no-wasm-dynamic-tiering');
  return runDaemon(options, configuration);
};

export const planOnce: App['planOnce'] = async (options) => (await import('./plan-once.ts')).planOnce(options);

export const doStoreErrand: App['doStoreErrand'] = async (options) =>
  (await import('./store-errands.ts')).doStoreErrand(options);
