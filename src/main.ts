#!/usr/bin/env node
/**
 * The process: arguments, signals into one AbortSignal, exit code. What concerns the process as a whole, and nothing
 * else, is here.
 */
import inspector from 'node:inspector';
import { enableCompileCache } from 'node:module';
import { basename, delimiter, dirname, join, relative } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import type { Output } from './cli/surroundings.ts';
import type { Signals } from './domain/ports/app-port.ts';

// ---- signals: before anything that takes time, and remembered until they can be served -------------------------------

/** What a shell reports of a process that this signal ended. */
const stopSignals = { SIGINT: 130, SIGTERM: 143 } as const;
const stop = new AbortController();
let stoppedBy: keyof typeof stopSignals | undefined;
let listening = false;
let onHangup: (() => void) | undefined;
let hungUp = false;

function listen(): Signals {
  if (!listening) {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stopBy(signal));
  }
  listening = true;
  return {
    stop: stop.signal,
    onHangup: (listener) => {
      onHangup = listener;
      if (hungUp) listener();
    },
  };
}

/** The second one ends the process at once, by the signal itself: an exit would wait for threads that a dead disk holds. */
function stopBy(signal: keyof typeof stopSignals): void {
  if (!stop.signal.aborted) {
    stoppedBy = signal;
    stop.abort(new Error(`stopped by ${signal}`));
    return;
  }
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
  // The kernel spares process 1 a signal that it does not listen to.
  process.exit(stopSignals[signal]);
}

/** Any other command ends at once unless it asks for signals. */
const isDaemon = process.argv.slice(2).includes('run');
if (isDaemon) {
  listen();
  process.on('SIGHUP', () => {
    hungUp = true;
    onHangup?.();
  });
}
// Without a listener SIGUSR1 opens Node's debugger to everybody on the machine, and SIGUSR2 ends the process.
for (const signal of ['SIGUSR1', 'SIGUSR2'] as const) process.on(signal, () => {});
// One that came before this line; the launcher has Node not listen to it at all (--disable-sigusr1).
if (!process.execArgv.some((flag) => flag.startsWith('--inspect')) && !process.env.NODE_OPTIONS?.includes('--inspect'))
  inspector.close();

// ---- what is loaded ---------------------------------------------------------------------------------------------------

// Names of hosts are looked up on these threads, each for as long as a silent name server takes, and a file whose file
// system is gone holds one too. They are started at their first use, which is after this; an empty number counts as one.
process.env.UV_THREADPOOL_SIZE ||= '24';
// With what the last start compiled, this one takes half of the time. The cache lies beside the sources and not in a
// folder that others may write to (an empty name is the working directory); if it cannot be written, only that time is
// lost. Threads find it by the environment.
process.env.NODE_COMPILE_CACHE ||= join(import.meta.dirname, '../node_modules/.cache/relaykeeper');
enableCompileCache(process.env.NODE_COMPILE_CACHE);
const [{ runCommandLine }, { systemClock }, { openSink }] = await Promise.all([
  import('./cli/program.ts'),
  import('./clock.ts'),
  import('./telemetry/sink.ts'),
]);

// ---- output, and the end ----------------------------------------------------------------------------------------------

/** Exit code of a process whose reader has gone (128 + SIGPIPE). */
const brokenPipe = 141;
/** From the signal until the process kills itself. Docker kills after 10 s, and then nobody says why. */
const endsWithinMs = 9_000;
/** After a mistake nothing that still runs can be trusted. */
const mistakeEndsWithinMs = 1_000;
const lastWordsMs = 500;
const stoppedWritesWithinMs = 2_000;
const lookEveryMs = 20;

/** Ctrl-C and Ctrl-D mean no. */
async function ask(question: string): Promise<boolean | undefined> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  const { createInterface } = await import('node:readline');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  terminal.once('SIGINT', () => terminal.close());
  const answer = await new Promise<string>((resolve) => {
    terminal.once('close', () => resolve(''));
    terminal.question(`${question} [y/N] `, resolve);
  });
  terminal.close();
  return /^y(es)?$/i.test(answer.trim());
}

/** What the daemon says on stderr must not hold it up, whether or not anybody reads it. */
const complaints = openSink({ fd: 2, clock: systemClock });

const stdout: Output = {
  write: (text) => void process.stdout.write(text),
  error: (text) => (isDaemon ? complaints.write(text) : void process.stderr.write(text)),
  isTerminal: process.stdout.isTTY === true,
  get columns() {
    return process.stdout.columns || 80;
  },
  get rows() {
    return process.stdout.rows || 24;
  },
  colors: process.stdout.isTTY === true && process.stderr.isTTY === true && !process.env.NO_COLOR,
};
let unwritable = false;
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // The end looks whether all is written, and fails like everything before it.
  if (isDaemon || unwritable) return;
  unwritable = true;
  if (error.code === 'EPIPE') process.exit(brokenPipe);
  complaints.write(`relaykeeper: the output cannot be written (${error.code ?? error.message})\n`);
  void end(1);
});
// Nobody is left to read about it.
process.stderr.on('error', () => {});

/** Kills the process after that time, whatever holds it up: a disk that does not answer, or a name server. */
function endBy(ms: number): void {
  systemClock.after(ms, async () => {
    complaints.write(
      `relaykeeper: it did not end within ${ms / 1_000} s because something hangs, so it kills itself; calls in flight count as unanswered\n`,
    );
    await complaints.drained(lastWordsMs);
    process.kill(process.pid, 'SIGKILL');
    // The kernel spares process 1 its own SIGKILL, but not this.
    process.abort();
  });
}

/** All that was written to the stream so far has left this process, or never will. */
const written = (stream: NodeJS.WriteStream): Promise<void> =>
  new Promise((resolve) => {
    stream.write('', () => resolve());
  });

async function end(exitCode: number, withinMs = endsWithinMs): Promise<void> {
  // All that was printed must arrive: a pipe takes no more at once than its reader makes room for.
  // After a signal it does not wait long for a reader that never reads.
  const allWritten = Promise.all([process.stdout, process.stderr].map(written));
  await (stop.signal.aborted ? Promise.race([allWritten, systemClock.sleep(stoppedWritesWithinMs)]) : allWritten);
  endBy(withinMs);
  await complaints.drained(lastWordsMs);
  // `process.exit` waits for the threads of Node's pool, and nothing could end it then.
  while (process.getActiveResourcesInfo().some((kind) => /^(FSReq|GetAddrInfo|GetNameInfo)/.test(kind)))
    await systemClock.sleep(lookEveryMs);
  process.exit(exitCode === 0 && unwritable ? 1 : exitCode);
}

let mistaken = false;

/** A bug: one line, and the end. What matters is in the ledger, on disk. */
function endByMistake(error: unknown): void {
  if (mistaken) return;
  mistaken = true;
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  complaints.write(`relaykeeper: ended by a bug: ${text.replace(/\s*\n\s*/g, ' | ')}\n`);
  void end(1, mistakeEndsWithinMs);
}

/** What people can type again as it stands; a script of npm brings the right Node along. */
function programName(): string {
  if (process.env.npm_lifecycle_event !== undefined) return 'npm run -s relaykeeper --';
  const launcher = process.env.RELAYKEEPER_LAUNCHER;
  const onPath = (process.env.PATH ?? '').split(delimiter);
  if (launcher) return onPath.includes(dirname(launcher)) ? basename(launcher) : relative(process.cwd(), launcher);
  const path = process.argv[1] ?? '';
  return basename(path) === 'main.ts' ? `node ${relative(process.cwd(), path)}` : 'relaykeeper';
}

/** Whether the working directory was removed: whatever names a file by a relative path would fail with a stack. */
function isHomeless(): boolean {
  try {
    process.cwd();
    return false;
  } catch {
    return true;
  }
}

// Memory is dearer here than computing: the young generation stays as small as it begins.
setFlagsFromString('--semi-space-growth-factor=1');

// Unhandled rejections come here too.
process.on('uncaughtException', endByMistake);
stop.signal.addEventListener('abort', () => endBy(endsWithinMs), { once: true });

if (isHomeless()) {
  stdout.error('relaykeeper: the working directory was removed: cd to one that exists, and start it there\n');
  await end(1);
}
// Nothing has begun yet that needs an end.
if (stop.signal.aborted) process.exit(0);
await end(
  await runCommandLine(process.argv.slice(2), {
    env: process.env,
    clock: systemClock,
    out: stdout,
    program: programName(),
    ask,
    signals: listen,
    app: () => import('./app/app.ts'),
    configPath: undefined,
    exitCode: 0,
  }).catch((error: unknown) => {
    // A command that was stopped half way has nothing to say.
    if (stoppedBy === undefined || error !== stop.signal.reason) throw error;
    return stopSignals[stoppedBy];
  }),
);
