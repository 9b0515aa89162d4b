/** The thread that reads a configuration for load-apart.ts: once, and ends. */
import { flushCompileCache } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import { readFileNow } from '../user-files.ts';
import { checkSettings } from './load.ts';
import type { ApartRequest } from './load-apart.ts';

// At the next start they need not be compiled again. A thread that is ended does not see to that.
flushCompileCache();
parentPort?.postMessage(checkSettings({ ...(workerData as ApartRequest), readFile: readFileNow }));
