/** A web with fake operations behind it, and clients for both doors. */
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, onTestFinished } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { Operations } from '../../src/domain/ports/operations-port.ts';
import type { StatusView } from '../../src/domain/views/shown.ts';
import type { Hold } from '../../src/domain/words/events.ts';
import type { AccessToken } from '../../src/web/access.ts';
import { createWeb, type Web, type WebOptions } from '../../src/web/server.ts';
import { groupView, taskView } from '../telemetry/samples.ts';

export const tokens: readonly AccessToken[] = [
  { name: 'dash', scope: 'read', token: 'read-token-1234' },
  { name: 'ann', scope: 'operate', token: 'operate-token-1234' },
  { name: 'root', scope: 'admin', token: 'admin-token-1234' },
];

export const hold: Hold = {
  id: 'h1',
  account: 'main',
  target: { kind: 'account' },
  author: 'ann',
  reason: 'why not',
  createdAt: 1,
  endsAt: undefined,
};

export const status: StatusView = {
  version: '1.2.3',
  startedAt: 1,
  now: 2,
  configHash: 'c0ffee',
  configFile: 'relaykeeper.yaml',
  configLoadedAt: 1,
  configChange: null,
  store: { kind: 'sqlite', up: true, failingSince: null },
  rejected: null,
  accounts: [],
  groups: [groupView('vip')],
  inCommon: [],
  ending: [],
};

/** Every call as it came; what each answers can be replaced. */
export function fakeOperations(over: Partial<Operations> = {}) {
  const calls: (readonly [string, ...unknown[]])[] = [];
  const answers: Operations = {
    status: () => status,
    tasks: () => ({ tasks: [taskView('task-1')], more: false }),
    taskIdOf: (named) => named,
    explain: async () => ({
      ...taskView('task-1'),
      entry: null,
      successor: null,
      calls: [],
      rules: [],
      holds: [],
      recent: [],
    }),
    events: async () => [],
    settledUpTo: async () => 0,
    holds: () => [{ ...hold, inForce: true, title: null, covers: { tasks: 40, stopped: 3 } }],
    previewHold: () => ({ account: 'main', covers: { tasks: 1, stopped: 0 }, first: [] }),
    addHold: async () => hold,
    extendHold: async () => hold,
    removeHold: async () => hold,
    restart: async () => ({ task: taskView('task-1'), answer: { kind: 'accepted', requestId: 'R' } }),
    release: async () => taskView('task-1'),
    config: () => ({ version: 1 }),
    rejected: () => undefined,
    reload: async () => ({ ok: true, needsRestart: [], warnings: [] }),
    snapshot: () => [],
    healthy: () => true,
    ready: () => true,
    hook: (account, token) => account === 'main' && token === 'hook-token',
    ...over,
  };
  const operations = new Proxy(answers, {
    get:
      (target, name: keyof Operations) =>
      (...given: readonly unknown[]) => {
        calls.push([name, ...given]);
        return (target[name] as (...given: readonly unknown[]) => unknown)(...given);
      },
  });
  return { operations, calls };
}

export type AtEnd = (end: () => void | Promise<void>) => void;

export const emptyFolder = (atEnd: AtEnd = onTestFinished): string => {
  const folder = mkdtempSync(join(tmpdir(), 'rk-web-'));
  atEnd(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
};

export interface Logged {
  readonly notice: string;
  readonly fields: Readonly<Record<string, string | undefined>>;
  readonly msg: string;
}

/** One web for all tests of a file that need no other; each begins with nothing called. */
export function sharedWeb() {
  const ends: (() => void | Promise<void>)[] = [];
  let opened: Awaited<ReturnType<typeof openWeb>> | undefined;
  afterAll(async () => {
    for (const end of ends.reverse()) await end();
  });
  return async () => {
    opened ??= await openWeb({}, (end) => ends.push(end));
    opened.calls.length = 0;
    opened.logged.length = 0;
    return opened;
  };
}

export async function openWeb(
  over: Partial<WebOptions> & { readonly fake?: Partial<Operations> } = {},
  atEnd: AtEnd = onTestFinished,
) {
  const { operations, calls } = fakeOperations(over.fake);
  const logged: Logged[] = [];
  const web = await createWeb({
    operations,
    renderMetrics: async () =>
      '# HELP relaykeeper_owner x\n# TYPE relaykeeper_owner gauge\nrelaykeeper_owner{account="main"} 1\n',
    past: { samples: () => [] },
    version: '1.2.3',
    tokens: () => tokens,
    listen: { host: '127.0.0.1', port: 0 },
    socket: join(emptyFolder(atEnd), 'rk.sock'),
    tls: undefined,
    externalUrl: undefined,
    program: 'npm run -s relaykeeper -- --config "a & b.yaml"',
    clock: systemClock,
    log: { notice: (notice, fields, msg) => void logged.push({ notice, fields, msg }) },
    ...over,
  });
  let open = true;
  const close = async (withinMs = 0) => {
    if (open) await web.close(withinMs);
    open = false;
  };
  atEnd(() => close());
  return { web, calls, logged, close, on: (door: 'listen' | 'socket') => clientOf(web, door) };
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
  readonly text: string;
  readonly json: unknown;
}

export interface Sent {
  readonly token?: string;
  readonly body?: unknown;
  /** Sent as it is. */
  readonly raw?: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Plain node:http: it sends what it is given, also what fetch would refuse to. */
export function clientOf(web: Web, door: 'listen' | 'socket') {
  return (method: string, path: string, { token, body, raw, headers = {} }: Sent = {}): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const payload = raw ?? (body === undefined ? undefined : JSON.stringify(body));
      const { hostname, port } = new URL(web.url);
      const call = request({
        ...(door === 'socket' ? { socketPath: web.socket } : { host: hostname, port }),
        method,
        path,
        agent: false,
        headers: {
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(payload === undefined ? {} : { 'content-type': 'application/json', ...lengthOf(payload, headers) }),
          ...headers,
        },
      });
      call.on('error', reject);
      call.on('response', (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const body = Buffer.concat(chunks);
          const text = body.toString();
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body, text, json: parsed(text) });
        });
      });
      call.end(payload);
    });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A body says its length or comes in chunks, never both. */
const lengthOf = (payload: string | Buffer, headers: Readonly<Record<string, string>>) =>
  'transfer-encoding' in headers ? {} : { 'content-length': Buffer.byteLength(payload) };
