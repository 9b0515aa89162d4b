import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

// As `src/relaykeeper` has it: threads and processes that tests start need not compile each time what one has compiled.
process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, 'node_modules/.cache/relaykeeper');

const tests = (...names: readonly string[]) => names.map((name) => `test/${name}.test.ts`);
/** Each file has a process of its own: it replaces modules or timers, sets limits, or measures its process. */
export const apart = [
  ...tests(
    'end-to-end/**/*',
    'sim/**/*',
    'app/{account,fleet,reasons}',
    'cloud/{client,credentials,transport}',
    'clock',
  ),
  ...tests(
    'settings/{load,load-apart}',
    'growth',
    'simulator/door',
    'telemetry/{metrics,scrapes,worst-case}',
    'user-files',
    'web/server',
  ),
];
const store = tests('store/**/*');
const real = tests('real/**/*');

export default defineConfig({
  test: {
    // On two cores: most tests wait, for time and for processes, more than they compute.
    maxWorkers: 3,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // A second, as it would be, is too short for a thread to start on a busy machine.
    expect: { poll: { timeout: 60_000 } },
    // Begun in the order of their names: the longest are the first.
    projects: [
      { extends: true, test: { name: 'apart', include: apart } },
      { extends: true, test: { name: 'store', include: store, isolate: false, globalSetup: 'test/store/server.ts' } },
      // A worker keeps what it has loaded: loading it for each file anew takes a third of a second of the processor.
      {
        extends: true,
        test: { name: 'together', include: tests('**/*'), exclude: [...real, ...store, ...apart], isolate: false },
      },
    ],
  },
});
