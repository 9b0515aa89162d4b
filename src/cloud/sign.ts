/**
 * The vendor's request signature (HMAC-SHA256, "V4"), our own so that the official package's old dependencies stay
 * out of production. The official `Signer` is the oracle of its test.
 *
 * The steps are those of the vendor's documentation. Signed are host, x-content-sha256, x-date and, with temporary keys,
 * x-security-token.
 */
import { createHmac, createSecretKey, hash, type KeyObject } from 'node:crypto';

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Only with temporary keys. */
  readonly sessionToken: string | undefined;
}

interface SignInput {
  /** With the port if it is not the scheme's own: as the Host header will say. */
  readonly host: string;
  readonly path: string;
  /** As `canonicalQuery` gives it. */
  readonly query: string;
  readonly body: string;
  readonly credentials: Credentials;
  readonly region: string;
  /** By the cloud's clock. */
  readonly at: Date;
}

/**
 * The query as it is signed, sorted by key and escaped as RFC 3986 says. The request must carry exactly this.
 * Lone surrogates, which no URL can carry, become U+FFFD.
 */
export function canonicalQuery(query: Readonly<Record<string, string>>): string {
  return Object.entries(query)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([key, value]) => `${escape3986(key)}=${escape3986(value)}`)
    .join('&');
}

/** Every header that a signed POST must be sent with; `host` is left to the HTTP client. */
export function sign(input: SignInput): Readonly<Record<string, string>> {
  const xDate = input.at.toISOString().replace(/[-:]|\.\d{3}/g, '');
  const day = xDate.slice(0, 8);
  const bodyHash = sha256(input.body);
  const { accessKeyId, secretAccessKey, sessionToken } = input.credentials;

  const signed: [name: string, value: string][] = [
    ['host', input.host],
    ['x-content-sha256', bodyHash],
    ['x-date', xDate],
  ];
  if (sessionToken) signed.push(['x-security-token', sessionToken]);
  const names = signed.map(([name]) => name).join(';');

  const canonicalRequest = [
    'POST',
    input.path,
    input.query,
    ...signed.map(([name, value]) => `${name}:${value.replace(/\s+/g, ' ').trim()}`),
    '',
    names,
    bodyHash,
  ].join('\n');

  const scope = `${day}/${input.region}/live/request`;
  const toSign = ['HMAC-SHA256', xDate, scope, sha256(canonicalRequest)].join('\n');
  const signature = hmac(signingKey(secretAccessKey, day, input.region), toSign).toString('hex');

  return {
    'x-content-sha256': bodyHash,
    'x-date': xDate,
    ...(sessionToken ? { 'x-security-token': sessionToken } : {}),
    authorization: `HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`,
  };
}

/** The key of a day; the newest is kept, since it serves every call of that day. */
let newestKey: { readonly of: string; readonly key: KeyObject } | undefined;

function signingKey(secretAccessKey: string, day: string, region: string): KeyObject {
  const of = [secretAccessKey, day, region].join('\n');
  if (newestKey?.of !== of) {
    const first = hmac(secretAccessKey, day);
    newestKey = { of, key: createSecretKey([region, 'live', 'request'].reduce(hmac, first)) };
  }
  return newestKey.key;
}

const sha256 = (text: string): string => hash('sha256', text, 'hex');
const hmac = (key: KeyObject | Buffer | string, text: string): Buffer =>
  createHmac('sha256', key).update(text).digest();

/** encodeURIComponent leaves !'()* as they are; RFC 3986 does not. */
const escape3986 = (text: string): string =>
  encodeURIComponent(text.toWellFormed()).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
