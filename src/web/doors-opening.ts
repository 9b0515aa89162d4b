/** The thread of the doors as the main thread has it: started, spoken to, ended. */
import { chmod } from 'node:fs/promises';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Clock } from '../domain/ports/time-port.ts';
import type { Answer, Ask, Count, DoorsOptions, FromDoors, ToDoors } from './between-threads.ts';
import { WebProblem } from './problem.ts';
import { clearSocketPath, socketProblem } from './unix-socket.ts';

/** What is asked at the doors, and what they report. */
export interface Behind {
  answer(ask: Ask): Promise<Answer>;
  counted(counts: readonly Count[]): void;
  listening(listeners: number): void;
  trouble(error: string): void;
}

/** Bounds of the thread, not of the process: beyond them it ends, is opened again, and nothing else has noticed. */
const memory = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 96 };

/** After the last connection was cut, a thread that still does not end is stuck. */
const cutWithinMs = 1_000;

/** A thread that has no door yet. */
export type DoorsThread = ReturnType<typeof startDoorsThread>;

/** Its start takes 0.1 s: whoever will open doors starts it while other things are waited for. */
export function startDoorsThread() {
  const worker = new Worker(new URL(`./doors/doors-thread${extname(import.meta.url)}`, import.meta.url), {
    resourceLimits: memory,
  });
  const failed = new Promise<string>((resolve) => worker.on('error', (error) => resolve(String(error))));
  const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  return { worker, failed, ended };
}

/** Throws a WebProblem, with nothing left open and the thread ended, if a door cannot be opened as configured. */
export async function openDoors(thread: DoorsThread, options: DoorsOptions, behind: Behind, clock: Clock) {
  const { socket } = options;
  const { worker, failed, ended } = thread;
  void failed.then(behind.trouble);
  const post = (message: ToDoors, transferred: ArrayBuffer[] = []) => worker.postMessage(message, transferred);
  const refuse = async (problem: unknown): Promise<never> => {
    await worker.terminate();
    throw problem;
  };
  if (socket !== undefined) await clearSocketPath(socket, clock).catch(refuse);
  // The thread makes the socket's file, but only here can be said for whom.
  const before = process.umask(0o077);
  worker.postMessage(options);
  const opened = await firstWord(worker, ended).finally(() => process.umask(before));
  if (opened.kind !== 'opened') return refuse(problemOf(opened, options));
  if (socket !== undefined) await chmod(socket, 0o600);
  worker.on('message', (message: FromDoors) => {
    if (message.kind === 'trouble') behind.trouble(message.error);
    if (message.kind === 'listening') behind.listening(message.listeners);
    if (message.kind !== 'ask') return;
    behind.counted(message.counts);
    const { id, ask } = message;
    void behind.answer(ask).then((answer) => post({ kind: 'answer', id, answer }, [answer.body.buffer]));
  });
  return {
    /** The real one of `listen`. */
    port: opened.port,
    /** Resolves when the thread has ended, for whatever reason. */
    ended,
    post: (message: ToDoors) => post(message),
    /** Takes no new requests, finishes those under way, and cuts what is left after `withinMs`. */
    async close(withinMs: number): Promise<void> {
      post({ kind: 'close' });
      const takeBack = [
        clock.after(withinMs, () => post({ kind: 'cut' })),
        clock.after(withinMs + cutWithinMs, () => void worker.terminate()),
      ];
      await ended;
      for (const take of takeBack) take();
    },
  };
}

type FirstWord = FromDoors | { readonly kind: 'ended' };

const firstWord = (worker: Worker, ended: Promise<void>): Promise<FirstWord> =>
  new Promise((resolve) => {
    worker.once('message', resolve);
    void ended.then(() => resolve({ kind: 'ended' }));
  });

function problemOf(said: FirstWord, { host, port, socket }: DoorsOptions): WebProblem {
  if (said.kind !== 'refused') return new WebProblem('server: the thread of the doors cannot be started');
  if (said.door === 'socket') return socketProblem(socket ?? '', said.code);
  const advice = adviceFor[said.code]?.(host, port) ?? said.code;
  return new WebProblem(`server.listen: cannot listen on ${withPort(host, port)}: ${advice}`, {
    taken: said.code === 'EADDRINUSE',
  });
}

const adviceFor: Readonly<Record<string, (host: string, port: number) => string>> = {
  EADDRINUSE: (_host, port) => `the port is taken; see by whom with: ss -ltnp 'sport = :${port}'`,
  EACCES: () => 'this user may not use the port; choose one above 1023',
  EADDRNOTAVAIL: (host) => `this machine has no address ${host}`,
  ENOTFOUND: noSuchName,
  EAI_AGAIN: noSuchName,
};

function noSuchName(host: string): string {
  return `${host} is no name of this machine; write an address such as 127.0.0.1 or 0.0.0.0`;
}

const withPort = (host: string, port: number) => `${host.includes(':') ? `[${host}]` : host}:${port}`;
