/**
 * One signed call: one permit, one physical request, one answer as a value. Reads and restarts are built on it; what
 * may be sent again is decided there, never here.
 */
import type { CloudTrace } from '../domain/ports/cloud-port.ts';
import type { Gate, LimitName, Outcome, Permit } from '../domain/ports/gate-port.ts';
import type { Clock } from '../domain/ports/time-port.ts';
import { type CallFailure, classMeanings, type ErrorClass } from '../domain/words/failure.ts';
import { type Action, classify, whyClass } from './errors.ts';
import { deepest, mostValues } from './json.ts';
import type { KeyRing } from './keys/credentials.ts';
import type { ClockOffset } from './offset.ts';
import type { Region } from './region.ts';
import { retryAfterOf } from './retry-after.ts';
import { withoutSecrets } from './shown-text.ts';
import { type Credentials, canonicalQuery, sign } from './sign.ts';
import type { HttpOutcome, Transport } from './transport.ts';
import { apiVersion, type Envelope, parseEnvelope } from './wire.ts';

/** Of one answer's body, decompressed. */
const longestAnswerBytes = 16 * 1024 * 1024;

export interface CallContext {
  readonly account: string;
  readonly endpoint: URL;
  readonly region: Region;
  readonly requestTimeoutMs: number;
  readonly gate: Gate;
  readonly clock: Clock;
  readonly transport: Transport;
  readonly keys: KeyRing;
  readonly offset: ClockOffset;
  /** No read is sent before this (monotonic): the cloud asked for it. */
  readonly readsRest: { until: number };
  readonly onTrace: (trace: CloudTrace) => void;
}

export interface Call {
  readonly action: Action;
  readonly body: object;
  /** Reads the answer's body, where `parseEnvelope` is not all there is to it. */
  readonly parse?: (body: Buffer) => Envelope;
}

type Reached = Exclude<Outcome, 'unused'>;

export type CallEnd =
  | {
      readonly kind: 'ok';
      readonly result: unknown;
      readonly requestId: string | undefined;
      /** Unix milliseconds, by our clock. */
      readonly sentAt: number;
    }
  | {
      readonly kind: 'failed';
      readonly failure: CallFailure;
      /** Whether it reached the cloud: the answer says so, nobody knows (`lost`), or provably not. */
      readonly reached: Reached;
      /** The answer is over a bound: one of a smaller page may not be. */
      readonly tooLarge?: boolean;
      /** Undefined: there were no keys to sign with. */
      readonly signedWith?: Credentials;
      /** Its answer had the cloud's time. */
      readonly hadTime?: boolean;
    };
type Failed = Extract<CallEnd, { kind: 'failed' }>;

/**
 * Sends one call with a permit that the caller has, and gives the permit back. A throttled answer slows
 * the gate; the cloud's time is learned from every answer. Rejects with the signal's reason if it aborts.
 */
export async function callOnce(
  context: CallContext,
  call: Call,
  credentials: Credentials,
  permit: Permit,
  signal: AbortSignal,
): Promise<CallEnd> {
  const { clock, offset } = context;
  const sentAt = clock.now();
  const signedAt = sentAt + offset.offsetMs();
  const startedAt = clock.monotonic();
  const outcome = await spend(permit, () => context.transport.send(signedRequest(context, call, credentials), signal));
  const reached = permitOutcome(outcome);
  if (outcome.kind === 'aborted') throw signal.reason;
  const durationMs = clock.monotonic() - startedAt;

  const retryAfterMs = retryAfterOf(outcome, clock.now() + offset.offsetMs());
  const end = callEnd(outcome, reached, call, sentAt, secretsOf(credentials), retryAfterMs);
  if (outcome.kind === 'response') outcome.release?.();
  const failure = end.kind === 'ok' ? undefined : end.failure;
  context.onTrace({ kind: 'request', account: context.account, action: call.action, durationMs, failure });
  if (end.kind === 'ok') context.region.worked();
  const means = failure && classMeanings[failure.class];
  if (failure && means?.attempt === 'throttled') {
    const limit = throttledLimit(call.action, failure);
    if (limit) context.gate.throttled(limit);
  }
  if (means?.remedy === 'clock') offset.forget();
  const hadTime =
    'date' in outcome &&
    offset.sample(outcome.date, sentAt, sentAt + durationMs, end.kind === 'ok' ? signedAt : undefined);
  return end.kind === 'failed' ? { ...end, signedWith: credentials, hadTime } : end;
}

/**
 * Gives the permit back as the request ends, also in a mistake of ours: one that nobody gives back is one call less in
 * every second, and with one a second the last.
 */
export async function spend(permit: Permit | undefined, send: () => Promise<HttpOutcome>): Promise<HttpOutcome> {
  let reached: Reached = 'lost';
  try {
    const outcome = await send();
    reached = permitOutcome(outcome);
    return outcome;
  } finally {
    permit?.done(reached);
  }
}

/** The cloud asked us to stay away with this answer to a read: so long none is sent. */
export function restReads({ readsRest, clock }: CallContext, { retryAfterMs }: CallFailure): void {
  if (retryAfterMs !== undefined) readsRest.until = Math.max(readsRest.until, clock.monotonic() + retryAfterMs);
}

/** What must not be shown of the keys, however the cloud echoes it. */
export const secretsOf = (keys: Credentials | undefined): readonly string[] =>
  [keys?.accessKeyId, keys?.secretAccessKey, keys?.sessionToken].filter((one) => one !== undefined);

function withoutKeys(envelope: Envelope, secrets: readonly string[]): Envelope {
  if (envelope.kind !== 'parsed') return envelope;
  const { requestId, error } = envelope;
  const code = withoutSecrets(error?.code, secrets);
  return {
    ...envelope,
    requestId: withoutSecrets(requestId, secrets),
    error: error && (code === undefined ? {} : { code }),
  };
}

/** Cloud groups are listed once a minute: there is nothing to slow. */
const limitOf = {
  ListPullToPushTaskV2: 'list',
  ListPullToPushGroup: undefined,
  RestartPullToPushTask: 'restart',
  ContinuePullToPushTask: 'restart',
  RelaunchPullToPushTask: 'restart',
} as const satisfies Record<Action, LimitName | undefined>;

/** `FlowLimitExceeded` speaks of the action's own limit, another code and 429 without one of the account's. */
const throttledLimit = (action: Action, { code }: Pick<CallFailure, 'code'>): LimitName | undefined =>
  code === 'FlowLimitExceeded' ? limitOf[action] : 'account';

function signedRequest(context: CallContext, { action, body }: Call, credentials: Credentials) {
  const { endpoint } = context;
  const query = canonicalQuery({ Action: action, Version: apiVersion });
  const text = JSON.stringify(body);
  const headers = sign({
    host: endpoint.host,
    path: endpoint.pathname,
    query,
    body: text,
    credentials,
    region: context.region.current(),
    at: new Date(context.clock.now() + context.offset.offsetMs()),
  });
  return {
    origin: endpoint.origin,
    method: 'POST' as const,
    path: `${endpoint.pathname}?${query}`,
    headers: { ...headers, 'content-type': 'application/json', accept: 'application/json', 'accept-encoding': 'gzip' },
    body: text,
    timeoutMs: context.requestTimeoutMs,
    maxBytes: longestAnswerBytes,
  };
}

function permitOutcome(outcome: HttpOutcome): Reached {
  if (outcome.kind === 'aborted') return outcome.left ? 'lost' : 'never-left';
  // Of one that is too large the beginning has arrived, and the call was counted before that.
  return outcome.kind === 'response' || outcome.kind === 'too-large' ? 'answered' : outcome.kind;
}

function callEnd(
  outcome: Exclude<HttpOutcome, { kind: 'aborted' }>,
  reached: Reached,
  { action, parse = parseEnvelope }: Call,
  sentAt: number,
  secrets: readonly string[],
  retryAfterMs: number | undefined,
): CallEnd {
  const failed = (failure: CallFailure): Failed => ({ kind: 'failed', failure, reached });
  const tooLarge = (status: number, bound: string): Failed => ({
    ...failed(noAnswer('server', `${action}: the answer ${bound}`, status)),
    tooLarge: true,
  });
  switch (outcome.kind) {
    case 'response': {
      const envelope = withoutKeys(parse(outcome.body), secrets);
      if (envelope.kind === 'too-complex') {
        return tooLarge(outcome.status, `has more than ${mostValues} values or ${deepest} levels`);
      }
      const success = envelope.kind === 'parsed' && !envelope.error && outcome.status >= 200 && outcome.status < 300;
      if (success) {
        return { kind: 'ok', result: envelope.result, requestId: envelope.requestId, sentAt };
      }
      return failed({ ...classify({ httpStatus: outcome.status, envelope }, action), retryAfterMs });
    }
    case 'too-large':
      return tooLarge(outcome.status, `is longer than ${longestAnswerBytes} bytes`);
    case 'lost':
      return failed(noAnswer(whyClass(outcome.why), `${action}: ${whyLost[outcome.why]}`));
    case 'never-left':
      return failed(noAnswer(whyClass(outcome.why), `${action}: not sent, ${whyNotSent[outcome.why]}`));
    default:
      return outcome satisfies never;
  }
}

const whyLost = {
  timeout: 'no complete answer in time',
  reset: 'the connection broke before the answer was complete',
};

const whyNotSent = {
  dns: 'the endpoint’s name could not be resolved (DNS)',
  refused: 'the connection was refused',
  tls: 'the TLS handshake failed (certificate or protocol)',
  timeout: 'no connection in time',
  proxy:
    'the proxy cannot be reached, refused, or has no usable address (`proxy` of the account, HTTPS_PROXY, HTTP_PROXY)',
  unreachable: 'no connection',
};

const noAnswer = (errorClass: ErrorClass, message: string, httpStatus?: number): CallFailure => ({
  class: errorClass,
  httpStatus,
  message,
});

/**
 * What is done before a refused call may be sent again, once for each class (`remedied`): take the time from the answer,
 * read the keys again, sign for another region, or `retire` the action. False: nothing can be done.
 */
export async function remedy(
  { keys, region }: CallContext,
  { failure, signedWith, hadTime = false }: Failed,
  remedied: Set<ErrorClass>,
  signal: AbortSignal,
  retire: () => boolean = () => false,
): Promise<boolean> {
  if (!signedWith || remedied.has(failure.class)) return false;
  const isFound = async (): Promise<boolean> => {
    const { remedy } = classMeanings[failure.class];
    switch (remedy) {
      case 'keys':
        return (await keys.replace(signedWith, signal)) !== undefined || region.refused(failure.code);
      case 'clock':
        return hadTime;
      case 'action':
        return retire();
      case undefined:
        return false;
      default:
        return remedy satisfies never;
    }
  };
  const found = await isFound();
  if (found) remedied.add(failure.class);
  return found;
}
