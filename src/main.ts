#!/usr/bin/env node
/**
 * The process: arguments, signals into one AbortSignal, exit code. Everything that belongs to the process as a whole
 * and to nothing else is here.
 */
import { enableCompileCache } from 'node:module';
import { basename, delimiter, dirname, join, relative } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import type { App, Output, Signals } from './cli/surroundings.ts';

// Before anything else is loaded: with what the last start compiled, this one takes half of the time. It lies beside the
// sources and not in a folder that others may write to; where it cannot be written, nothing is lost but that time.
// Threads look for it in their environment.
process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, '../node_modules/.cache/relaykeeper');
enableCompileCache(process.env.NODE_COMPILE_CACHE);
const [{ runCommandLine }, { systemClock }] = await Promise.all([import('./cli/program.ts'), import('./clock.ts')]);

/** Exit code of a process whose reader has gone (128 + SIGPIPE). */
const brokenPipe = 141;
const stoppedWritesWithinMs = 2_000;

const stdout: Output = {
  write: (text) => void process.stdout.write(text),
  error: (text) => void process.stderr.write(text),
  isTerminal: process.stdout.isTTY === true,
  colors: process.stdout.isTTY === true && process.stderr.isTTY === true && !process.env.NO_COLOR,
};

const stop = new AbortController();

function listenForSignals(): Signals {
  for (const [signal, exitCode] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted) process.exit(exitCode);
      stop.abort(new Error(`stopped by ${signal}`));
    });
  }
  return { stop: stop.signal, onHangup: (listener) => void process.on('SIGHUP', listener) };
}

/** A mistake of our own: one line, and the end. What matters is in the ledger, on disk. */
function endByMistake(error: unknown): never {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`relaykeeper: ended by a mistake of its own: ${text.replace(/\s*\n\s*/g, ' | ')}\n`);
  process.exit(1);
}

/** All that was written to the stream so far has left this process, or never will. */
const written = (stream: NodeJS.WriteStream): Promise<void> =>
  new Promise((resolve) => {
    stream.write('', () => resolve());
  });

/** What can be typed again as it stands; a script of npm brings the right Node along. */
function programName(): string {
  if (process.env.npm_lifecycle_event !== undefined) return 'npm run -s relaykeeper --';
  const launcher = process.env.RELAYKEEPER_LAUNCHER;
  const onPath = (process.env.PATH ?? '').split(delimiter);
  if (launcher) return onPath.includes(dirname(launcher)) ? basename(launcher) : relative(process.cwd(), launcher);
  const path = process.argv[1] ?? '';
  return basename(path) === 'main.ts' ? `node ${relative(process.cwd(), path)}` : 'relaykeeper';
}

// V8 lets garbage double the heap before it looks for it: with 100,000 tasks that was 200 MB. Here memory is dearer
// than the few percent of computing that earlier collections cost, and the young generation stays as small as it begins.
setFlagsFromString('--heap-growing-percent=20');
setFlagsFromString('--semi-space-growth-factor=1');

// Unhandled rejections come here too.
process.on('uncaughtException', endByMistake);
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(brokenPipe);
    throw error;
  });
}

const exitCode = await runCommandLine(process.argv.slice(2), {
  env: process.env,
  clock: systemClock,
  out: stdout,
  program: programName(),
  signals: listenForSignals,
  app: (): Promise<App> => import('./app/daemon.ts'),
  configPath: undefined,
  exitCode: 0,
});
// What is still open may go, but nothing that was printed: a pipe takes no more at once than its reader makes room for.
// Somebody who told it to stop does not wait for a reader that never reads.
const allWritten = Promise.all([process.stdout, process.stderr].map(written));
await (stop.signal.aborted ? Promise.race([allWritten, systemClock.sleep(stoppedWritesWithinMs)]) : allWritten);
process.exit(exitCode);
