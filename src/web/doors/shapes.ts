/**
 * An answer in the form this client accepts, made in the thread of the doors: compressed, or just "not modified". Clients
 * that get the same answer share the work.
 */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Answer } from '../between-threads.ts';

/** Smaller bodies fit into one packet as they are. */
const leastCompressed = 1_024;
/** Fastest: the thread has more to do. */
const level = 1;

interface Made {
  readonly etag: string;
  compressed?: Promise<Buffer>;
}

const made = new WeakMap<Answer, Made>();
const compress = promisify(gzip);

interface Shape {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export async function shapeFor(answer: Answer, { headers }: IncomingMessage): Promise<Shape> {
  // A scrape wants the newest, and two of them are hardly ever the same.
  if (answer.status !== 200 || answer.handler === '/metrics') return answer;
  const known = made.get(answer) ?? { etag: etagOf(answer.body) };
  made.set(answer, known);
  const said = { ...answer.headers, etag: known.etag, vary: 'accept-encoding' };
  if (isKnown(known.etag, headers['if-none-match'])) return { status: 304, headers: said, body: new Uint8Array() };
  if (answer.body.length < leastCompressed || !takesGzip(headers['accept-encoding']))
    return { status: 200, headers: said, body: answer.body };
  known.compressed ??= compress(answer.body, { level });
  return { status: 200, headers: { ...said, 'content-encoding': 'gzip' }, body: await known.compressed };
}

/** Weak: compressed or not, it says the same. */
const etagOf = (body: Uint8Array): string =>
  `W/"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;

const bare = (etag: string) => etag.trim().replace(/^W\//, '');

const isKnown = (etag: string, given: string | undefined): boolean =>
  given?.split(',').some((one) => one.trim() === '*' || bare(one) === bare(etag)) ?? false;

const takesGzip = (accepted: string | string[] | undefined): boolean =>
  /(?:^|[\s,])gzip(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))/i.test(String(accepted ?? ''));
