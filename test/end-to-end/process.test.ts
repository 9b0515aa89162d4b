/**
 * Runs the files named here at the same time: their tests start daemons of their own and mostly wait, for time and for
 * each other's processes. One alone: `npx vitest run test/end-to-end/process -t 'kill -9'`.
 */
import { vi } from 'vitest';
import './edge-of-the-cloud.ts';
import './ends.ts';
import './heals.ts';
import './histories.ts';
import './operator.ts';
import './settings.ts';

// A daemon is 150 MiB, and some tests have two.
vi.setConfig({ maxConcurrency: 14 });
