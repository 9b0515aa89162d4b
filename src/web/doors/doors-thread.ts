/** The thread of the doors. */
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../../clock.ts';
import { runDoors } from './doors.ts';

if (parentPort) await runDoors(parentPort, workerData, systemClock.yield);
