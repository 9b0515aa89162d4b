/** The thread of the doors. */
import { parentPort } from 'node:worker_threads';
import { systemClock } from '../../clock.ts';
import type { DoorsOptions } from '../between-threads.ts';
import { runDoors } from './doors.ts';

const port = parentPort;
port?.once('message', (options: DoorsOptions) => void runDoors(port, options, systemClock.yield));
