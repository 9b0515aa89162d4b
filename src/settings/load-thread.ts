/** The thread that reads a configuration for load-apart.ts: once, and ends. */
import { parentPort, workerData } from 'node:worker_threads';
import { readFileNow } from '../user-files.ts';
import { checkSettings } from './load.ts';
import type { ApartRequest } from './load-apart.ts';

const { path, env } = workerData as ApartRequest;
parentPort?.postMessage(checkSettings({ path, env, readFile: readFileNow }));
