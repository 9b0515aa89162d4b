import { defineConfig } from 'vitest/config';

/** They share nothing but pure code, so a worker keeps its modules from file to file: 9 s less on two cores. */
const pure = ['domain', 'settings', 'cloud', 'keeper', 'telemetry'].map((name) => `test/${name}/**/*.test.ts`);

export default defineConfig({
  test: {
    // On two cores: most tests wait, for time and for processes, more than they compute.
    maxWorkers: 3,
    testTimeout: 20_000,
    hookTimeout: 30_000,
    projects: [
      { extends: true, test: { name: 'rules', include: pure, isolate: false } },
      { extends: true, test: { name: 'all else', include: ['test/**/*.test.ts'], exclude: [...pure, 'test/real/**'] } },
    ],
  },
});
