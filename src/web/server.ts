/**
 * The two doors, TCP (`listen`) and the unix socket, in front of the same app: opening, bounds against slow and many
 * clients, and an end that lets answers under way be finished.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import type { Operations } from '../domain/ports/operations-port.ts';
import type { Clock } from '../domain/ports/time-port.ts';
import type { AccessToken, Door } from './access.ts';
import { type Answering, createApi, type WebLog } from './api.ts';
import { codeOf, WebProblem } from './problem.ts';
import { followKeyPair, readKeyPair, type TlsFiles, tlsCheckEveryMs } from './tls.ts';
import { listenOnSocket } from './unix-socket.ts';

export interface ListenAddress {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

export interface WebOptions {
  readonly operations: Operations;
  readonly renderMetrics: () => Promise<string>;
  /** What /metrics is served as; the Prometheus text format if absent. */
  readonly metricsContentType?: string;
  readonly version: string;
  /** The tokens as they are now; asked for every request, so it should be cheap. */
  readonly tokens: () => readonly AccessToken[];
  readonly listen: ListenAddress;
  /** Path of the unix socket; undefined: none. */
  readonly socket: string | undefined;
  readonly tls: TlsFiles | undefined;
  /** For links only. */
  readonly externalUrl: string | undefined;
  /** What a person types on this machine, for hints. */
  readonly program: string;
  readonly clock: Clock;
  readonly log: WebLog;
  /** Bounds, for tests. */
  readonly limits?: Partial<Limits>;
}

export interface Web {
  /** Where `listen` is reached from this machine, with its real port. */
  readonly url: string;
  readonly socket: string | undefined;
  /** Takes no new requests, finishes those under way, and cuts what is left after `withinMs`. */
  close(withinMs: number): Promise<void>;
}

export interface Limits {
  /** From the first byte to the end of the headers, and of the whole request. */
  readonly headersMs: number;
  readonly requestMs: number;
  /** How long a connection is kept open between requests: longer than a scrape interval. */
  readonly keepAliveMs: number;
  /** Without a byte in either direction; longer than an operator's restart takes. */
  readonly silenceMs: number;
  readonly connections: number;
  readonly checkEveryMs: number;
  readonly tlsCheckEveryMs: number;
}

const defaultLimits: Limits = {
  headersMs: 10_000,
  requestMs: 20_000,
  keepAliveMs: 75_000,
  silenceMs: 180_000,
  connections: 512,
  checkEveryMs: 2_000,
  tlsCheckEveryMs,
};

const maxHeaderBytes = 16 * 1024;

/** Opens both doors. Throws a WebProblem, with nothing left open, if one cannot be opened as configured. */
export async function createWeb(options: WebOptions): Promise<Web> {
  const { clock, log, listen, socket } = options;
  const limits = { ...defaultLimits, ...options.limits };
  const state = { closing: false };
  const answer = createApi({ metricsContentType: 'text/plain; version=0.0.4; charset=utf-8', ...options });
  const pair = options.tls && (await readKeyPair(options.tls));
  const tcp = pair
    ? createTlsServer({ ...serverOptions(limits), ...pair }, listenerFor(answer, 'listen', state))
    : createServer(serverOptions(limits), listenerFor(answer, 'listen', state));
  const unix =
    socket === undefined ? undefined : createServer(serverOptions(limits), listenerFor(answer, 'socket', state));
  for (const server of [tcp, unix]) if (server) bound(server, limits);

  await listenOnTcp(tcp, listen);
  try {
    if (unix && socket !== undefined) await listenOnSocket(unix, socket, clock);
  } catch (error) {
    await close(tcp, 0, clock);
    throw error;
  }
  // Too many open files, for one: the door stays open and somebody should know.
  for (const server of [tcp, unix]) {
    server?.on('error', (error) =>
      log.tell('request-failed', { error: String(error) }, 'a connection could not be taken'),
    );
  }
  const unfollow =
    options.tls && 'setSecureContext' in tcp
      ? followKeyPair(tcp, options.tls, clock, log, limits.tlsCheckEveryMs)
      : undefined;
  return {
    url: `${pair ? 'https' : 'http'}://${nearHost(listen.host)}:${(tcp.address() as AddressInfo).port}`,
    socket,
    async close(withinMs) {
      state.closing = true;
      unfollow?.();
      // Node removes the socket's file when it stops listening.
      await Promise.all([tcp, ...(unix ? [unix] : [])].map((server) => close(server, withinMs, clock)));
    },
  };
}

const serverOptions = (limits: Limits) => ({
  maxHeaderSize: maxHeaderBytes,
  headersTimeout: limits.headersMs,
  requestTimeout: limits.requestMs,
  keepAliveTimeout: limits.keepAliveMs,
  connectionsCheckingInterval: limits.checkEveryMs,
});

function bound(server: Server, limits: Limits): void {
  server.maxConnections = limits.connections;
  server.setTimeout(limits.silenceMs);
}

function listenerFor(answer: Answering, door: Door, state: { readonly closing: boolean }) {
  const listener = getRequestListener(
    async (request) => {
      const response = await answer(request, door);
      // A connection that is kept open would hold up the end until its deadline.
      if (state.closing) response.headers.set('connection', 'close');
      return response;
    },
    // Requests without a Host header (HTTP/1.0, hand-written ones on the socket) are answered too.
    { hostname: 'relaykeeper', overrideGlobalObjects: false },
  );
  return (incoming: IncomingMessage, outgoing: ServerResponse) => void listener(incoming, outgoing);
}

function listenOnTcp(server: Server, { host, port }: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = (error: Error) => {
      reject(
        new WebProblem(`server.listen: cannot listen on ${withPort(host, port)}: ${adviceFor(error, host, port)}`, {
          cause: error,
        }),
      );
    };
    server.once('error', refuse);
    server.listen({ host, port }, () => {
      server.off('error', refuse);
      resolve();
    });
  });
}

function adviceFor(error: Error, host: string, port: number): string {
  switch (codeOf(error)) {
    case 'EADDRINUSE':
      return `the port is taken; see by whom with: ss -ltnp 'sport = :${port}'`;
    case 'EACCES':
      return 'this user may not use the port; choose one above 1023';
    case 'EADDRNOTAVAIL':
      return `this machine has no address ${host}`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `${host} is no name of this machine; write an address such as 127.0.0.1 or 0.0.0.0`;
    default:
      return codeOf(error);
  }
}

const withPort = (host: string, port: number) => `${host.includes(':') ? `[${host}]` : host}:${port}`;

/** "Every interface" is no address that one can open. */
function nearHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

async function close(server: Server, withinMs: number, clock: Clock): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const takeBack = clock.after(withinMs, () => server.closeAllConnections());
  await closed;
  takeBack();
}
