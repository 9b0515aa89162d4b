/**
 * Who sent this? Checks a "V4" HMAC-SHA256 signature as the vendor's documentation describes it.
 *
 * It shares no code with the client that signs: where both agree, two readings of the documentation agree.
 */
import { createHmac, hash, timingSafeEqual } from 'node:crypto';
import type { KnownCode } from './envelope.ts';
import type { Request } from './exchange.ts';

export interface AccessKey {
  readonly accessKeyId: string;
  /** Absent: any signature is right, for days of calls that are played in seconds. */
  readonly secretAccessKey?: string;
  /** Temporary keys: the token that must come along. */
  readonly sessionToken?: string;
  /** A sub-account's key must name its cloud groups in every call. */
  readonly subAccount?: boolean;
  /** `nothing`: a valid key of somebody else, whose lists are empty. A list: only these cloud groups. Absent: all. */
  readonly sees?: 'nothing' | readonly string[];
}

export interface SignatureRules {
  readonly region: string;
  /** How far X-Date may be from the cloud's clock. */
  readonly skewMs: number;
}

type Identity =
  | { readonly ok: true; readonly key: AccessKey }
  | { readonly ok: false; readonly code: KnownCode; readonly message?: string };

type Authorization = NonNullable<ReturnType<typeof readAuthorization>>;

const refuse = (code: KnownCode, message?: string): Identity => ({ ok: false, code, message });

/** Header names in lower case. `cloudNow` is the cloud's own clock, Unix milliseconds. */
export function identify(
  request: Request,
  keys: readonly AccessKey[],
  rules: SignatureRules,
  cloudNow: number,
): Identity {
  const { headers } = request;
  const given = headers.authorization;
  if (given === undefined || given === '') return refuse('MissingAuthenticationToken');
  if (!given.includes('Signature=')) return refuse('MissingSignature');
  const authorization = readAuthorization(given);
  if (authorization === undefined) return refuse('InvalidAuthorization');

  const date = headers['x-date'];
  if (date === undefined) return refuse('MissingRequestInfo', 'X-Date is missing');
  const sentAt = readDate(date);
  if (sentAt === undefined || Math.abs(sentAt - cloudNow) > rules.skewMs) return refuse('InvalidTimestamp');

  if (authorization.service !== 'live') return refuse('ServiceNotFound');
  if (authorization.day !== date.slice(0, 8)) return refuse('InvalidCredential', 'the day is not that of X-Date');
  if (authorization.region !== rules.region) return refuse('InvalidCredential', 'not this region');

  const key = keys.find((candidate) => candidate.accessKeyId === authorization.accessKeyId);
  if (key === undefined) return refuse('InvalidAccessKey');
  const unsigned = unsignedHeader(authorization, headers, request.body !== '');
  if (unsigned !== undefined) return unsigned;
  const { secretAccessKey: secret } = key;
  if (
    secret !== undefined &&
    !sameText(authorization.signature, signatureOf(request, headers, authorization, date, secret))
  )
    return refuse('SignatureDoesNotMatch');
  if (headers['x-security-token'] !== key.sessionToken)
    return refuse('InvalidSecretToken', 'the token is not that of the key');
  return { ok: true, key };
}

/** The headers that carry meaning must be covered by the signature, and the body by its hash. */
function unsignedHeader(
  authorization: Authorization,
  headers: Readonly<Record<string, string>>,
  hasBody: boolean,
): Identity | undefined {
  const signed = authorization.signedHeaders;
  if (!signed.every((name, index) => index === 0 || (signed[index - 1] ?? '') < name)) {
    return refuse('InvalidAuthorization', 'SignedHeaders are not sorted');
  }
  if (hasBody && headers['x-content-sha256'] === undefined) {
    return refuse('MissingRequestInfo', 'X-Content-Sha256 is missing');
  }
  const sent = ['x-content-sha256', 'x-security-token'].filter((name) => headers[name] !== undefined);
  const unsigned = ['x-date', ...sent].find((name) => !signed.includes(name));
  if (unsigned !== undefined) return refuse('SignatureDoesNotMatch', `${unsigned} is not signed`);
  const absent = signed.find((name) => headers[name] === undefined);
  return absent === undefined ? undefined : refuse('SignatureDoesNotMatch', `${absent} is signed but was not sent`);
}

/** Steps 1 to 4 of the vendor's documentation. A hash in X-Content-Sha256 that is not the body's can never match. */
function signatureOf(
  request: Request,
  headers: Readonly<Record<string, string>>,
  authorization: Authorization,
  date: string,
  secret: string,
): string {
  const bodyHash = sha256(request.body);
  if ((headers['x-content-sha256'] ?? bodyHash) !== bodyHash) return '';
  const [path = '/', ...query] = request.target.split('?');
  const canonical = [
    request.method.toUpperCase(),
    path,
    canonicalQuery(query.join('?')),
    ...authorization.signedHeaders.map((name) => `${name}:${(headers[name] ?? '').trim()}`),
    '',
    authorization.signedHeaders.join(';'),
    bodyHash,
  ].join('\n');
  const { day, region, service } = authorization;
  const toSign = ['HMAC-SHA256', date, `${day}/${region}/${service}/request`, sha256(canonical)].join('\n');
  return hmac(signingKey([secret, day, region, service]), toSign).toString('hex');
}

/** The newest key of a day: it serves all calls of that day, and days of many calls are played in seconds. */
let newestKey: { readonly of: string; readonly key: string | Buffer } | undefined;

function signingKey(parts: readonly [secret: string, day: string, region: string, service: string]): string | Buffer {
  const of = parts.join('\n');
  const [secret, ...scope] = parts;
  if (newestKey?.of !== of) newestKey = { of, key: [...scope, 'request'].reduce<string | Buffer>(hmac, secret) };
  return newestKey.key;
}

/** Read as Go's servers read a query ('+' is a space), written again with RFC 3986 escapes, sorted by key, then value. */
function canonicalQuery(query: string): string {
  const pairs = query.split('&').filter((part) => part !== '');
  return pairs
    .map((pair) => {
      const equals = pair.indexOf('=');
      return equals < 0 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)];
    })
    .map(([name = '', value = '']) => ({ name: unescaped(name), value: escaped(unescaped(value)) }))
    .sort((a, b) => order(a.name, b.name) || order(a.value, b.value))
    .map(({ name, value }) => `${escaped(name)}=${value}`)
    .join('&');
}

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}

const escaped = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);

function readAuthorization(text: string) {
  const found =
    /^HMAC-SHA256 Credential=([^/,\s]+)\/(\d{8})\/([^/,\s]+)\/([^/,\s]+)\/request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})$/.exec(
      text,
    );
  if (found === null) return undefined;
  const [, accessKeyId = '', day = '', region = '', service = '', signedHeaders = '', signature = ''] = found;
  return { accessKeyId, day, region, service, signedHeaders: signedHeaders.split(';'), signature };
}

/** 20211231T152846Z, UTC. */
function readDate(text: string): number | undefined {
  const found = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (found === null) return undefined;
  const [, year, month, day, hour, minute, second] = found;
  const at = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(at) ? undefined : at;
}

const sha256 = (text: string): string => hash('sha256', text, 'hex');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
const sameText = (a: string, b: string): boolean =>
  a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
