/** A pretend endpoint over real HTTP, a gate that lets everything through and counts, and short words for options. */
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock } from '../../src/clock.ts';
import { type CloudOptions, createCloud } from '../../src/cloud/client.ts';
import { createTransport, type HttpOutcome, type HttpRequest, type Transport } from '../../src/cloud/transport.ts';
import type { Cloud, CloudTrace } from '../../src/domain/ports/cloud-port.ts';
import type { Gate, Lane, LimitName, Permit } from '../../src/domain/ports/gate-port.ts';
import type { Clock } from '../../src/domain/ports/time-port.ts';

export type Served = {
  readonly action: string;
  readonly body: Record<string, unknown>;
  readonly headers: IncomingMessage['headers'];
};

export interface Pretend {
  readonly url: string;
  /** Every physical request, in order. */
  readonly requests: Served[];
  close(): Promise<void>;
}

/** Serves `answer` on a free port; each request is recorded before it is answered. */
export async function serve(
  answer: (response: ServerResponse, request: Served, nth: number) => unknown,
): Promise<Pretend> {
  const requests: Served[] = [];
  const listener: RequestListener = (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('error', () => {});
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      const action = new URL(request.url ?? '/', 'http://x').searchParams.get('Action') ?? request.url ?? '';
      const body = text.startsWith('{') ? JSON.parse(text) : { text };
      const served = { action, body, headers: request.headers };
      requests.push(served);
      void answer(response, served, requests.length);
    });
  };
  const server = createServer(listener).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export interface CountingGate extends Gate {
  readonly lanes: Lane[];
  readonly outcomes: string[];
  /** Limits that were slowed, in order. */
  readonly slowed: LimitName[];
  /** A permit of the restart lane, as the keeper would bring it. */
  permit(lane?: Lane): Permit;
}

export function countingGate(): CountingGate {
  const lanes: Lane[] = [];
  const outcomes: string[] = [];
  const gate: CountingGate = {
    lanes,
    outcomes,
    slowed: [],
    permit(lane = 'restart') {
      lanes.push(lane);
      let given = false;
      return {
        done(outcome) {
          if (given) throw new Error('a permit was given back twice');
          given = true;
          outcomes.push(outcome);
        },
      };
    },
    acquire: async (lane, signal) => {
      signal?.throwIfAborted();
      return gate.permit(lane);
    },
    throttled: (limit) => gate.slowed.push(limit),
    configure() {},
    takenOver() {},
    countedInMs: () => 0,
    admitted: () => 0,
    snapshot: () => ({
      perSecond: 10,
      restartPerSecond: 10,
      listPerSecond: 10,
      slowed: [],
      queued: { restart: 0, verify: 0, poll: 0, other: 0 },
      permitsOut: 0,
    }),
  };
  return gate;
}

/** The system's clock, except that sleeping takes no time and is recorded. */
export function hastyClock(): Clock & { readonly slept: number[]; shiftMs: number } {
  const slept: number[] = [];
  const clock = {
    ...systemClock,
    slept,
    shiftMs: 0,
    now: () => systemClock.now() + clock.shiftMs,
    sleep: async (ms: number) => {
      slept.push(ms);
    },
  };
  return clock;
}

export const keys = { accessKeyId: 'AKLTexample', secretAccessKey: 'c2VjcmV0LWV4YW1wbGU' };
export const staticKeys = {
  kind: 'keys',
  accessKeyId: { kind: 'value', reveal: () => keys.accessKeyId },
  secretAccessKey: { kind: 'value', reveal: () => keys.secretAccessKey },
} as const;

export interface Bench {
  readonly cloud: Cloud;
  readonly gate: CountingGate;
  readonly clock: ReturnType<typeof hastyClock>;
  readonly traces: CloudTrace[];
  restart(taskId?: string, cloudGroup?: string): ReturnType<Cloud['restart']>;
}

export const never = new AbortController().signal;

/** A client against `endpoint` (a URL, or a transport of the test's own). */
export function bench(endpoint: string | Transport, options: Partial<CloudOptions> = {}): Bench {
  const gate = countingGate();
  const clock = hastyClock();
  const traces: CloudTrace[] = [];
  const transport = typeof endpoint === 'string' ? createTransport({ clock, connections: 10 }) : endpoint;
  const cloud = createCloud({
    account: 'main',
    provider: 'volcengine',
    endpoint: typeof endpoint === 'string' ? endpoint : undefined,
    credentials: staticKeys,
    env: {},
    subAccount: false,
    cloudGroups: ['*'],
    pageSize: 500,
    requestTimeoutMs: 2_000,
    restartAction: 'auto',
    retiredActions: () => [],
    fingerprintKey: 'k',
    gate,
    clock,
    transport,
    onTrace: (trace) => traces.push(trace),
    ...options,
  });
  const restart = async (taskId = 't1', cloudGroup = 'vip') => {
    // As in life, where a poll has been before: the keys of the configuration have been read.
    await new Promise((resolve) => setImmediate(resolve));
    return cloud.restart({ taskId, cloudGroup }, gate.permit(), () => true);
  };
  return { cloud, gate, clock, traces, restart };
}

/** A transport that answers from a function, with the call's action and body. */
export function scripted(
  answer: (action: string, body: Record<string, unknown>, request: HttpRequest) => Partial<HttpOutcome> | object,
): Transport & { readonly calls: { action: string; body: Record<string, unknown> }[] } {
  const calls: { action: string; body: Record<string, unknown> }[] = [];
  return {
    calls,
    async send(request) {
      const action = new URL(request.path, 'http://x').searchParams.get('Action') ?? '';
      const body = JSON.parse(request.body);
      calls.push({ action, body });
      // Answers come later than they are asked for, as over a network.
      await new Promise((resolve) => setImmediate(resolve));
      const said = answer(action, body, request);
      if ('kind' in said) return said as HttpOutcome;
      return { kind: 'response', status: 200, date: new Date().toUTCString(), body: Buffer.from(JSON.stringify(said)) };
    },
    close: async () => {},
  };
}

export const envelope = (
  result?: unknown,
  error?: { readonly Code: string; readonly Message?: string },
  RequestId = '20211231152846010225099008082A0F4D',
) => ({
  ResponseMetadata: {
    RequestId,
    Action: 'x',
    Version: '2023-01-01',
    Service: 'live',
    Region: 'cn-north-1',
    ...(error ? { Error: error } : {}),
  },
  ...(result === undefined ? {} : { Result: result }),
});

export const send = (response: ServerResponse, status: number, body: unknown) =>
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));

export const rawTask = (taskId: string, fields: Record<string, unknown> = {}) => ({
  Title: `title ${taskId}`,
  TaskId: taskId,
  GroupName: 'vip',
  StartTime: '2024-01-01T00:00:00+08:00',
  EndTime: '2024-01-07T00:00:00Z',
  Type: 0,
  SrcAddr: 'https://pull.example.com/app/stream.flv?sign=1',
  DstAddr: 'rtmp://push.example.com/app/key',
  Status: '停用',
  ...fields,
});

/** A page of the list as the cloud gives it, out of all its tasks. */
export function pageOf(tasks: readonly unknown[], body: Record<string, unknown>): object {
  const page = Number(body.Page);
  const size = Number(body.Size);
  return envelope({
    List: tasks.slice((page - 1) * size, page * size),
    Pagination: {
      PageCur: page,
      PageSize: size,
      PageTotal: Math.ceil(tasks.length / size),
      TotalCount: tasks.length,
    },
  });
}
