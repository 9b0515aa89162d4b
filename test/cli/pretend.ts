/** A pretend terminal and a pretend daemon, so that commands run inside the test's process. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommandLine } from '../../src/cli/program.ts';
import type { Surroundings } from '../../src/cli/surroundings.ts';
import { systemClock } from '../../src/clock.ts';
import type { App } from '../../src/domain/ports/app-port.ts';

/** 2026-03-01T12:00:00Z */
export const noon = Date.UTC(2026, 2, 1, 12);

export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface Around {
  readonly terminal?: boolean;
  readonly colors?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  /** What a person types for the program. */
  readonly program?: string;
  /** What a person at the terminal says; absent: nobody is there. */
  readonly answer?: boolean;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly app?: Partial<App>;
  /** The signal to stop has come before the command began. */
  readonly stopped?: boolean;
}

/** Runs one command line and gives what it printed. */
export async function typed(args: readonly string[], around: Around = {}): Promise<Ended> {
  let out = '';
  let err = '';
  const surroundings: Surroundings = {
    env: { USER: 'lin', ...around.env },
    clock: { ...systemClock, now: () => noon },
    out: {
      write: (text) => {
        out += text;
      },
      error: (text) => {
        err += text;
      },
      isTerminal: around.terminal ?? false,
      colors: around.colors ?? false,
      columns: around.columns ?? 80,
      rows: around.rows ?? 24,
    },
    program: around.program ?? 'relaykeeper',
    ask: async (question) => {
      err += `${question}\n`;
      return around.answer;
    },
    signals: () => ({ stop: around.stopped ? AbortSignal.abort() : new AbortController().signal, onHangup: () => {} }),
    app: async () => {
      const missing = () => Promise.reject(new Error('this test gives no app'));
      return { runApp: missing, planOnce: missing, doStoreErrand: missing, ...around.app };
    },
    configPath: undefined,
    exitCode: 0,
  };
  const code = await runCommandLine(args, surroundings);
  return { code, out, err };
}

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
  readonly token: string | undefined;
}

export interface Answer {
  readonly status?: number;
  readonly json?: unknown;
  readonly text?: string;
}

export interface PretendDaemon {
  readonly socket: string;
  readonly url: string;
  /** Every request it got, oldest first. */
  readonly asked: readonly Asked[];
  close(): Promise<void>;
}

/** Answers by `METHOD /path` (without the query); what is not listed is 404. On a socket, or on a port of its own. */
export async function pretendDaemon(
  answers: Readonly<Record<string, Answer>>,
  where: 'socket' | 'port' = 'socket',
): Promise<PretendDaemon> {
  const folder = mkdtempSync(join(tmpdir(), 'relaykeeper-cli-'));
  const asked: Asked[] = [];
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const piece of request) text += piece;
    const path = request.url ?? '';
    asked.push({
      method: request.method ?? '',
      path,
      body: text === '' ? undefined : JSON.parse(text),
      token: request.headers.authorization,
    });
    const answer = answers[`${request.method} ${path.split('?')[0]}`] ?? {
      status: 404,
      json: { detail: 'there is no such thing', hint: 'Look elsewhere.' },
    };
    response.writeHead(answer.status ?? 200, { 'content-type': 'application/json' });
    response.end(answer.text ?? JSON.stringify(answer.json));
  });
  const socket = join(folder, 'd.sock');
  await new Promise<void>((resolve) => {
    if (where === 'socket') server.listen(socket, resolve);
    else server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return {
    socket,
    url: `http://127.0.0.1:${port}`,
    asked,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
