/**
 * The way to the running daemon: HTTP over its unix socket, or over TCP with a token. Every way in which it can fail
 * to answer becomes one line that says what was tried and what to do.
 */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { StatusView } from '../domain/views/shown.ts';
import { fileTrouble, readUserFile } from '../user-files.ts';
import { plain } from './show.ts';
import { type ExitCode, exitCodes, Failure, type Surroundings } from './surroundings.ts';

const defaultSocket = 'data/relaykeeper.sock';

/** A restart waits for its permit and for the cloud; nothing else takes nearly as long. */
const longestAnswerMs = 120_000;
const longestConnectMs = 5_000;
/** Room for the tasks of the largest accounts. */
const largestAnswerBytes = 128 * 1024 * 1024;

/** What the configuration and a token or certificates in a file may have at most. */
const largestConfigBytes = 1024 * 1024;
const largestSecretBytes = 256 * 1024;

/** What the daemon takes as a name; host names alone can be as long. */
const longestName = 64;

export interface DaemonOptions {
  readonly socket?: string;
  readonly url?: string;
  readonly tokenFile?: string;
  readonly caFile?: string;
}

/** Answers are taken as what `domain/views/shown.ts` says they are: daemon and command line are one version of one program. */
export interface Daemon {
  get<T>(path: string): Promise<T>;
  /** All pages of a list. */
  list<T>(path: string): Promise<readonly T[]>;
  post<T>(path: string, body: object): Promise<T>;
  delete<T>(path: string): Promise<T>;
  /** Only the status of the answer, which is all that a health check needs. */
  status(path: string): Promise<number>;
  close(): Promise<void>;
}

/** The options of every command that speaks to the daemon. */
export function withDaemonOptions(command: Command): Command {
  return command
    .option(
      '--socket <FILE>',
      `the daemon's unix socket (default: server.socket of the configuration, ${defaultSocket})`,
    )
    .option('--url <URL>', 'talk to http(s)://host:port instead of the socket')
    .option('--token-file <FILE>', 'token for --url; else the environment variable RELAYKEEPER_TOKEN')
    .option(
      '--ca-file <FILE>',
      'certificates (PEM) of the authority to trust for an https URL, in place of the usual ones',
    );
}

/** Opens the daemon for the time of `use` and closes it whatever happens. */
export async function withDaemon<T>(
  surroundings: Surroundings,
  options: DaemonOptions,
  use: (daemon: Daemon) => Promise<T>,
  timeoutMs = longestAnswerMs,
): Promise<T> {
  const daemon = await openDaemon(await findDaemon(surroundings, options), surroundings.program, timeoutMs);
  try {
    return await use(daemon);
  } finally {
    await daemon.close();
  }
}

/** With one account its name in every row says nothing. */
export const hasSeveralAccounts = async (daemon: Daemon): Promise<boolean> =>
  (await daemon.get<StatusView>('/api/v1/status')).accounts.length > 1;

type Address =
  | { readonly kind: 'socket'; readonly path: string; readonly tried: string }
  | {
      readonly kind: 'url';
      readonly url: URL;
      readonly token: string | undefined;
      readonly ca: string | undefined;
      readonly tried: string;
    };

async function findDaemon(surroundings: Surroundings, options: DaemonOptions): Promise<Address> {
  if (options.url === undefined) {
    if (options.tokenFile !== undefined) {
      throw new Failure(exitCodes.usage, '--token-file belongs to --url: the socket needs no token');
    }
    if (options.caFile !== undefined) throw new Failure(exitCodes.usage, '--ca-file belongs to --url https://…');
    const path = resolve(options.socket ?? (await configuredSocket(surroundings)) ?? defaultSocket);
    return { kind: 'socket', path, tried: path };
  }
  if (options.socket !== undefined) throw new Failure(exitCodes.usage, 'give --socket or --url, not both');
  const url = URL.parse(options.url);
  if (!url || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '' || url.search !== '') {
    // Not repeated in the message: what is wrong with it may be a secret inside.
    throw new Failure(exitCodes.usage, '--url must be http://host:port or https://host:port, without user or query');
  }
  if (options.caFile !== undefined && url.protocol === 'http:') {
    throw new Failure(exitCodes.usage, '--ca-file belongs to an https URL, and this one is http');
  }
  const { tokenFile, caFile } = options;
  return {
    kind: 'url',
    url,
    token:
      tokenFile === undefined
        ? surroundings.env.RELAYKEEPER_TOKEN?.trim() || undefined
        : (await fileText('token', tokenFile)).trim(),
    ca: caFile === undefined ? undefined : await certificates(caFile),
    tried: url.href,
  };
}

async function certificates(file: string): Promise<string> {
  const text = await fileText('CA', file);
  if (text.includes('-----BEGIN CERTIFICATE-----')) return text;
  throw new Failure(exitCodes.usage, `${file} has no certificate in it: it must be PEM, -----BEGIN CERTIFICATE-----`);
}

async function fileText(what: string, file: string): Promise<string> {
  try {
    return new TextDecoder().decode(await readUserFile(file, largestSecretBytes));
  } catch (error) {
    throw new Failure(
      exitCodes.failed,
      `cannot read the ${what} file ${file}: ${fileTrouble(error)}`,
      what === 'token'
        ? 'Name a file that you can read, or give the token in RELAYKEEPER_TOKEN.'
        : 'Name a file that you can read.',
    );
  }
}

/**
 * `server.socket` of the configuration, read for itself: the shell of an operator rarely has the variables and secret
 * files that the whole configuration needs. What cannot be read so is as if it were not there.
 */
async function configuredSocket({ configPath, env }: Surroundings): Promise<string | undefined> {
  const [{ parse }, { searchedPaths }, { interpolate }] = await Promise.all([
    import('yaml'),
    import('../settings/find.ts'),
    import('../settings/interpolate.ts'),
  ]);
  const files = configPath === undefined ? searchedPaths : [configPath];
  for (const file of files) {
    try {
      const text = new TextDecoder().decode(await readUserFile(file, largestConfigBytes));
      const document: unknown = parse(text, { logLevel: 'silent' });
      const socket = field(field(document, 'server'), 'socket');
      if (typeof socket !== 'string') return undefined;
      const { text: path, unfilled } = interpolate(socket, env);
      return unfilled.length === 0 ? path : undefined;
    } catch (error) {
      if (configPath !== undefined && codeOf(error) === 'ENOENT') {
        throw new Failure(
          exitCodes.badConfiguration,
          `no configuration file at ${resolve(configPath)}`,
          'Give --config FILE, or --socket FILE of the daemon.',
        );
      }
    }
  }
  return undefined;
}

const field = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;

async function openDaemon(address: Address, program: string, timeoutMs: number): Promise<Daemon> {
  const { Client } = await import('undici');
  const client = new Client(address.kind === 'url' ? address.url.origin : 'http://relaykeeper', {
    connect: {
      timeout: Math.min(longestConnectMs, timeoutMs),
      ...(address.kind === 'socket'
        ? { socketPath: address.path }
        : address.ca === undefined
          ? {}
          : { ca: address.ca }),
    },
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    maxResponseSize: largestAnswerBytes,
  });
  const prefix = address.kind === 'url' ? address.url.pathname.replace(/\/+$/, '') : '';
  const headers: Record<string, string> = { accept: 'application/json' };
  if (address.kind === 'url' && address.token !== undefined) headers.authorization = `Bearer ${address.token}`;

  async function send(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object) {
    try {
      const answer = await client.request({
        method,
        path: prefix + path,
        headers: body ? { ...headers, 'content-type': 'application/json' } : headers,
        body: body ? JSON.stringify(body) : null,
      });
      return { status: answer.statusCode, text: await answer.body.text(), link: answer.headers.link };
    } catch (error) {
      throw unreachable(address, program, error);
    }
  }
  const call = async <T>(...request: Parameters<typeof send>): Promise<T> => {
    const { status, text } = await send(...request);
    return readAnswer<T>(address, program, status, text);
  };
  async function list<T>(path: string): Promise<readonly T[]> {
    const all: T[] = [];
    for (let next: string | undefined = path; next !== undefined; ) {
      const { status, text, link } = await send('GET', next);
      all.push(...readAnswer<readonly T[]>(address, program, status, text));
      const query = /^<(\?[^>]*)>; rel="next"$/.exec(String(link))?.[1];
      next = query && path.replace(/\?.*/s, query);
    }
    return all;
  }
  return {
    list,
    get: (path) => call('GET', path),
    post: (path, body) => call('POST', path, body),
    delete: (path) => call('DELETE', path),
    status: async (path) => (await send('GET', path)).status,
    close: () => client.destroy(),
  };
}

function readAnswer<T>(address: Address, program: string, status: number, text: string): T {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    answer = undefined;
  }
  if (status >= 200 && status < 300 && answer !== undefined) return answer as T;
  const detail = field(answer, 'detail');
  // Titles stand in it.
  const said = typeof detail === 'string' ? detail.split('\n').map(plain).join('\n') : undefined;
  if (said === undefined) {
    throw new Failure(
      exitCodes.failed,
      `what answers on ${address.tried} is not relaykeeper (HTTP ${status})`,
      'Check --url or --socket; with a path prefix, give it in --url.',
    );
  }
  const hint = field(answer, 'hint');
  // Its own hint speaks of HTTP headers; on the command line the token comes from elsewhere.
  if (status === 401) throw new Failure(exitCodes.refused, said, tokenHint);
  throw new Failure(exitCodeOf(status), said, typeof hint === 'string' ? typable(hint, program) : undefined);
}

/** A hint of the API as it can be typed here; undefined: it speaks of HTTP alone. */
function typable(hint: string, program: string): string | undefined {
  if (hint.startsWith('GET ')) return undefined;
  return hint.replace(/, or GET \S+$/, '').replaceAll(': relaykeeper ', `: ${program} `);
}

const tokenHint =
  'Give a token with --token-file FILE or in RELAYKEEPER_TOKEN, or use the socket on the machine itself.';

function exitCodeOf(status: number): ExitCode {
  if (status === 400) return exitCodes.usage;
  if (status === 403 || status === 409) return exitCodes.refused;
  return exitCodes.failed;
}

function unreachable(address: Address, program: string, error: unknown): Failure {
  const code = codeOf(error);
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') {
    return new Failure(exitCodes.failed, 'the answer of the daemon is too large', 'Ask for less: --account, --limit.');
  }
  const talk = code in tlsTroubles ? tlsTroubles[code] : undefined;
  if (talk && address.kind === 'url') {
    return new Failure(exitCodes.unreachable, `${address.tried} ${talk.what}`, talk.next);
  }
  const what = unreachableWords[code] ?? code;
  const denied = code === 'EACCES' || code === 'EPERM';
  if (address.kind === 'url') {
    const next =
      what === closed && address.url.protocol === 'http:'
        ? 'If it has server.tls, it speaks only TLS: --url https://…'
        : 'Check host and port, and that server.listen in its configuration is not 127.0.0.1 only.';
    return new Failure(exitCodes.unreachable, `the daemon is not reachable at ${address.tried}: ${what}`, next);
  }
  const next = denied
    ? 'Run it as the user that runs the daemon, for example with sudo -u.'
    : `Is it running, and is this its working directory? Start it: ${program} run. Elsewhere: --socket FILE or --url URL.`;
  return new Failure(exitCodes.unreachable, `the daemon is not reachable on the socket ${address.path}: ${what}`, next);
}

const untrusted = {
  what: 'shows a certificate that this machine does not trust',
  next: 'Name the authority that signed it (or the certificate itself, if it signed itself): --ca-file FILE.',
} as const;
const plainHttp = {
  what: 'does not speak TLS: it answers plain HTTP',
  next: 'Give --url http://… instead, or set server.tls in the configuration of the daemon.',
} as const;

/** Where somebody answers, but not in the way that the URL says. */
const tlsTroubles: Readonly<Record<string, { readonly what: string; readonly next: string }>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  UNABLE_TO_GET_ISSUER_CERT: untrusted,
  CERT_SIGNATURE_FAILURE: untrusted,
  CERT_HAS_EXPIRED: {
    what: 'shows a certificate that has expired',
    next: 'Renew the files of server.tls: the daemon reads them again when they change.',
  },
  ERR_TLS_CERT_ALTNAME_INVALID: {
    what: 'shows a certificate for another name',
    next: 'Give in --url a host name that the certificate has.',
  },
  EPROTO: plainHttp,
  ERR_SSL_WRONG_VERSION_NUMBER: plainHttp,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: plainHttp,
};

const closed = 'it closed the connection';
const unreachableWords: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such socket',
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'no such host',
  EACCES: 'the socket belongs to another user',
  EPERM: 'the socket belongs to another user',
  UND_ERR_CONNECT_TIMEOUT: 'no connection within 5 s',
  UND_ERR_HEADERS_TIMEOUT: 'it took the request and did not answer in time',
  UND_ERR_BODY_TIMEOUT: 'it took the request and did not answer in time',
  UND_ERR_SOCKET: closed,
  ECONNRESET: closed,
};

function codeOf(error: unknown): string {
  const code = field(error, 'code') ?? field(field(error, 'cause'), 'code');
  return typeof code === 'string' ? code : error instanceof Error ? error.name : 'unknown';
}

/** A query string with its question mark, of what is given. */
export function query(values: Readonly<Record<string, string | number | undefined>>): string {
  const given = Object.entries(values).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}=${encodeURIComponent(value)}`],
  );
  return given.length === 0 ? '' : `?${given.join('&')}`;
}

/** Who asks: `--by`, else the person behind sudo, else the user, at this machine. */
export async function askedBy(by: string | undefined, env: Surroundings['env']): Promise<string> {
  if (by !== undefined) return by;
  const { hostname, userInfo } = await import('node:os');
  return `${env.SUDO_USER || env.USER || nameOf(userInfo)}@${hostname()}`.slice(0, longestName);
}

/** A container's user id often has no name. */
function nameOf(userInfo: () => { username: string; uid: number }): string {
  try {
    return userInfo().username;
  } catch {
    return 'unknown';
  }
}
