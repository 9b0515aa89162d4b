import { defineConfig } from 'vitest/config';

/** For `npm run test:real` alone: these tests wait for real programs, and for time. */
export default defineConfig({
  test: {
    include: ['test/real/**/*.test.ts'],
    fileParallelism: false,
    testTimeout: 600_000,
    hookTimeout: 120_000,
    bail: 1,
  },
});
