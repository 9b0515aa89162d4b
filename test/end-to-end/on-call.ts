/**
 * The commands on call, in this process against a real daemon's socket: a process for each would take half a second of
 * the processor. What that process adds is in test/cli/main.test.ts, and is seen wherever `command` is used.
 */
import { join } from 'node:path';
import { runCommandLine } from '../../src/cli/program.ts';
import { systemClock } from '../../src/clock.ts';

/** Ends as `command` does. */
export async function onCall(folder: string, ...args: readonly string[]) {
  let stdout = '';
  let stderr = '';
  const code = await runCommandLine([...args, '--socket', join(folder, 'rk.sock')], {
    env: { USER: 'lin' },
    clock: systemClock,
    out: {
      write: (text) => {
        stdout += text;
      },
      error: (text) => {
        stderr += text;
      },
      isTerminal: false,
      colors: false,
      columns: 80,
      rows: 24,
    },
    program: 'relaykeeper',
    ask: async () => undefined,
    signals: () => ({ stop: new AbortController().signal, onHangup: () => {} }),
    app: () => Promise.reject(new Error('no command on call needs the app')),
    configPath: undefined,
    exitCode: 0,
  });
  return { code, stdout, stderr };
}
