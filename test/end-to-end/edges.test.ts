/** What happens at the edge of the process, and must not stop the healing. Runs the files named here at the same time. */
import { vi } from 'vitest';
import './network.ts';
import './signals.ts';
import './sinks.ts';
import './shared.ts';
import './standby.ts';
import './taken-store.ts';

vi.setConfig({ maxConcurrency: 6 });
