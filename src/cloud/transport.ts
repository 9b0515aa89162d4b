/**
 * One physical HTTP request and what became of it, as a closed union. It resends nothing, follows nothing and keeps
 * nothing: who counts calls at the server counts exactly the calls of `send`.
 *
 * It stands apart so that a simulation can answer in virtual time. The real one is undici's Pool, driven at the level
 * where undici says that it is about to write the request: that moment divides "provably never left" from "lost".
 */
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import type { Dispatcher } from 'undici';
// Not by the package's front door: that loads fetch, WebSocket and caches too, 10 MiB that nobody here uses.
import Pool from 'undici/lib/dispatcher/pool.js';
import type { Clock } from '../domain/ports/time-port.ts';
import { lookupOnce } from './name-lookup.ts';
import { type ProxyAddress, tunnelThrough } from './proxy.ts';

export interface HttpRequest {
  /** Scheme, host and port. */
  readonly origin: string;
  readonly method: 'GET' | 'POST' | 'PUT';
  /** With the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** From the call of `send` to the last byte of the answer, connecting included. */
  readonly timeoutMs: number;
  /** Of the answer's body, decompressed. */
  readonly maxBytes: number;
  /** Never through a proxy: the metadata service answers this machine alone. */
  readonly direct?: boolean;
}

export type HttpOutcome =
  | {
      readonly kind: 'response';
      readonly status: number;
      /** The `Date` header as it came. */
      readonly date: string | undefined;
      readonly retryAfter?: string | undefined;
      /** Decompressed. */
      readonly body: Buffer;
      /** The body was read: its memory is for another answer from here on. */
      readonly release?: () => void;
    }
  | { readonly kind: 'too-large'; readonly status: number; readonly date: string | undefined }
  /** It was (or may have been) written, and there is no whole answer: it may have taken effect. Our end is closed. */
  | { readonly kind: 'lost'; readonly why: 'timeout' | 'reset' }
  /** Not a byte of it was written. */
  | { readonly kind: 'never-left'; readonly why: NeverLeft }
  /** The signal spoke. `left`: it was (or may have been) written, and `answerGraceMs` brought no answer. */
  | { readonly kind: 'aborted'; readonly left: boolean };

type NeverLeft = 'dns' | 'refused' | 'tls' | 'timeout' | 'proxy' | 'unreachable';

export interface Transport {
  /** Never rejects. */
  send(request: HttpRequest, signal: AbortSignal): Promise<HttpOutcome>;
  close(): Promise<void>;
}

/**
 * An idle connection is closed by us after this long unless the server's hint allows more, and always two seconds
 * before the hint: a request on a connection that the server is closing is lost without anybody knowing its effect.
 */
const idleConnectionMs = 4_000;
const longestIdleMs = 60_000;
const idleMarginMs = 2_000;

/**
 * What was written counts at the cloud though nobody wants its answer any more. The answer shows that it has; without
 * one the limiter has to keep its permit for seconds, and an account is handed over so much later.
 */
export const answerGraceMs = 1_000;

/** How long a connection may take, its tunnel included; each request's own deadline can come before. */
const connectWithinMs = 10_000;
/**
 * Node gives each address of a name 250 ms, one after the other: with an endpoint that is further away than that, or
 * behind addresses that do not answer, no connection would ever stand.
 */
const longestAttemptMs = 2_500;

export interface TransportOptions {
  readonly clock: Clock;
  /** At most so many at once to one origin; with the limiter's permits for each second it never queues. */
  readonly connections: number;
  /** Of a request; an attempt at one address takes at most a third of it. */
  readonly requestTimeoutMs?: number;
  /** By which proxy an origin is reached; absent: directly. */
  readonly proxyFor?: (origin: string) => ProxyAddress | undefined;
}

export function createTransport(options: TransportOptions): Transport {
  const attemptMs = Math.min(longestAttemptMs, Math.ceil((options.requestTimeoutMs ?? Number.POSITIVE_INFINITY) / 3));
  const pools = new Map<string, Pool>();

  const poolOf = ({ origin, direct = false }: HttpRequest): Pool => {
    const name = `${direct} ${origin}`;
    const known = pools.get(name);
    if (known) return known;
    const proxy = direct ? undefined : options.proxyFor?.(origin);
    const pool = new Pool(origin, {
      connections: options.connections,
      pipelining: 1,
      // HTTP/2 would put several calls on one connection and lets the server hand them back unprocessed.
      allowH2: false,
      keepAliveTimeout: idleConnectionMs,
      keepAliveMaxTimeout: longestIdleMs,
      keepAliveTimeoutThreshold: idleMarginMs,
      maxHeaderSize: 32 * 1024,
      // The deadline of each request rules; these two could only come before it.
      headersTimeout: 0,
      bodyTimeout: 0,
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: attemptMs,
      connectTimeout: connectWithinMs,
      connect: proxy
        ? tunnelThrough(proxy, { timeoutMs: connectWithinMs, attemptMs })
        : { rejectUnauthorized: true, timeout: connectWithinMs, lookup: lookupOnce },
    });
    pools.set(name, pool);
    return pool;
  };

  return {
    send: (request, signal) => exchange(poolOf(request), options.clock, request, signal),
    close: async () => {
      await Promise.all([...pools.values()].map((pool) => pool.destroy()));
      pools.clear();
    },
  };
}

function exchange(pool: Pool, clock: Clock, request: HttpRequest, signal: AbortSignal): Promise<HttpOutcome> {
  if (signal.aborted) return Promise.resolve({ kind: 'aborted', left: false });
  const giveUpAt = clock.monotonic() + request.timeoutMs;
  return new Promise((resolve) => {
    let controller: Dispatcher.DispatchController | undefined;
    let body: BodyReader | undefined;
    let settled = false;
    let ended = false;

    const settle = (outcome: HttpOutcome) => {
      if (settled) return;
      settled = true;
      takeBackDeadline();
      takeBackGrace();
      signal.removeEventListener('abort', onAbort);
      resolve(outcome);
      body?.destroy();
      if (!ended) controller?.abort(new Error('given up'));
    };
    let takeBackGrace = () => {};
    const onAbort = () => {
      if (!controller) settle({ kind: 'aborted', left: false });
      else takeBackGrace = clock.after(answerGraceMs, () => settle({ kind: 'aborted', left: true }));
    };
    signal.addEventListener('abort', onAbort, { once: true });
    const takeBackDeadline = clock.after(request.timeoutMs, () =>
      settle({ kind: controller ? 'lost' : 'never-left', why: 'timeout' }),
    );

    pool.dispatch(
      { path: request.path, method: request.method, headers: request.headers, body: request.body },
      {
        // Called when a connection stands, right before the request is written to it.
        onRequestStart(itsController) {
          // A process that was stopped hears of its connection before its timers: it may be late for this call.
          if (clock.monotonic() >= giveUpAt) settle({ kind: controller ? 'lost' : 'never-left', why: 'timeout' });
          // Given up before it left, or (should undici ever do that) a second sending: not a byte more.
          if (settled || controller) return itsController.abort(new Error('not to be sent'));
          controller = itsController;
        },
        onResponseStart(itsController, status, headers) {
          const date = textOf(headers.date);
          const retryAfter = textOf(headers['retry-after']);
          const flow = { pause: () => itsController.pause(), resume: () => itsController.resume() };
          body = readBody(headers, request.maxBytes, flow, (end) => {
            if (end === 'too-large') settle({ kind: 'too-large', status, date });
            else settle({ kind: 'response', status, date, retryAfter, body: end.body, release: end.release });
          });
        },
        onResponseData: (_controller, chunk) => body?.write(chunk),
        onResponseEnd() {
          ended = true;
          body?.end();
        },
        onResponseError: (_controller, error) =>
          settle(controller ? { kind: 'lost', why: 'reset' } : { kind: 'never-left', why: whyNeverLeft(error) }),
      },
    );
  });
}

/** What failed before a connection stood. */
function whyNeverLeft(error: Error): NeverLeft {
  const code = 'code' in error ? String(error.code) : '';
  if (code === 'ERR_PROXY') return 'proxy';
  if (/^(ENOTFOUND|EAI_.*|ENODATA)$/.test(code)) return 'dns';
  if (code === 'ECONNREFUSED') return 'refused';
  if (/TIMEOUT|TIMEDOUT/.test(code)) return 'timeout';
  if (/^(ERR_TLS|ERR_SSL|EPROTO|CERT_|UNABLE_TO_|DEPTH_|SELF_SIGNED_|HOSTNAME_|CRL_|INVALID_CA)/.test(code))
    return 'tls';
  if (/secure TLS connection/.test(error.message)) return 'tls';
  return 'unreachable';
}

const textOf = (header: string | string[] | undefined): string | undefined =>
  Array.isArray(header) ? header[0] : header;

// ---- the bounded body ----------------------------------------------------------------------------------------------

type BodyEnd = { readonly body: Buffer; readonly release: () => void } | 'too-large';

interface BodyReader {
  write(chunk: Buffer): void;
  end(): void;
  destroy(): void;
}

/**
 * Keeps at most `maxBytes` of decompressed body while it streams, and reports the end (more than once at worst: the
 * first counts). What cannot be decompressed becomes an empty body, which is no answer of the API.
 */
function readBody(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  maxBytes: number,
  flow: { readonly pause: () => void; readonly resume: () => void },
  onEnd: (end: BodyEnd) => void,
): BodyReader {
  const decoder = decoderOf(textOf(headers['content-encoding']));
  const announced = decoder === 'none' ? Number(textOf(headers['content-length'])) : 0;
  const kept = boundedBytes(maxBytes, announced);
  const keep = (chunk: Buffer) => {
    if (!kept.add(chunk)) onEnd('too-large');
  };
  const finish = () => onEnd({ body: kept.bytes(), release: kept.release });
  const undecodable = () => onEnd({ body: Buffer.alloc(0), release: () => {} });

  if (decoder === 'none') return { write: keep, end: finish, destroy: () => {} };
  if (decoder === 'unknown') return { write: undecodable, end: undecodable, destroy: () => {} };
  decoder.on('data', keep);
  decoder.on('end', finish);
  decoder.on('error', undecodable);
  decoder.on('drain', flow.resume);
  return {
    write: (chunk) => {
      if (!decoder.write(chunk)) flow.pause();
    },
    end: () => decoder.end(),
    destroy: () => decoder.destroy(),
  };
}

/** More than this is not set aside because a server says so. */
const longestAnnounced = 1024 * 1024;
/** Lengths of pages differ a little from poll to poll: memory is set aside in such steps. */
const stepBytes = 64 * 1024;
/** Kept for the answers to come: else a poll of 100,000 tasks leaves 80 MB to be collected. */
const mostSpare = 4;
const spare: Buffer[] = [];

function setAside(announced: number): Buffer {
  if (!(announced > 0 && announced <= longestAnnounced)) return Buffer.alloc(0);
  const fits = spare.findIndex(({ length }) => length >= announced);
  const [kept] = fits < 0 ? [] : spare.splice(fits, 1);
  return kept ?? Buffer.allocUnsafeSlow(Math.ceil(announced / stepBytes) * stepBytes);
}

/**
 * One growing buffer: a body that comes in millions of tiny chunks costs no more than its bytes. One whose length is
 * announced needs no growing.
 */
function boundedBytes(maxBytes: number, announced: number) {
  let bytes = setAside(Math.min(announced, maxBytes));
  let length = 0;
  return {
    /** False, and everything is dropped, once there are more than `maxBytes`. */
    add(chunk: Buffer): boolean {
      if (length + chunk.length > maxBytes) {
        bytes = Buffer.alloc(0);
        length = maxBytes + 1;
        return false;
      }
      if (length + chunk.length > bytes.length) {
        const grown = Buffer.alloc(Math.min(maxBytes, Math.max(64 * 1024, 2 * bytes.length, length + chunk.length)));
        bytes.copy(grown, 0, 0, length);
        bytes = grown;
      }
      length += chunk.copy(bytes, length);
      return true;
    },
    bytes: (): Buffer => bytes.subarray(0, Math.min(length, bytes.length)),
    release: () => {
      if (bytes.length > 0 && bytes.length <= longestAnnounced && spare.length < mostSpare) spare.push(bytes);
      bytes = Buffer.alloc(0);
    },
  };
}

function decoderOf(encoding: string | undefined) {
  switch (encoding?.trim().toLowerCase() ?? '') {
    case '':
    case 'identity':
      return 'none';
    case 'gzip':
    case 'x-gzip':
      return createGunzip();
    case 'deflate':
      return createInflate();
    case 'br':
      return createBrotliDecompress();
    default:
      return 'unknown';
  }
}
