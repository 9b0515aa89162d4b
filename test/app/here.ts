/** The daemon in this process, with its doors: its clock and its end are the test's. */
import { runApp } from '../../src/app/app.ts';
import type { Clock } from '../../src/domain/ports/time-port.ts';

export const runHere = (configPath: string, clock: Clock, stop: AbortSignal) =>
  runApp({
    configPath,
    listen: undefined,
    program: 'relaykeeper',
    version: '1.2.3',
    env: {},
    clock,
    signals: { stop, onHangup: () => {} },
    stderr: process.stderr,
  });

/** The status with which its API answers who has this token; 0 while nobody listens. */
export const answerTo = (url: string, token: string) =>
  fetch(`${url}/api/v1/status`, { headers: { authorization: `Bearer ${token}` } }).then(
    ({ status }) => status,
    () => 0,
  );
