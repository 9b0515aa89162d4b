/**
 * Talks to the running daemon: HTTP over its unix socket, or over TCP with a token. If the daemon does not answer, one
 * line says what was tried and what to do.
 */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { StatusView } from '../domain/views/shown.ts';
import { field } from '../domain/words/mapping.ts';
import { fileTrouble, readUserFile } from '../user-files.ts';
import { plainLines } from './show.ts';
import { type ExitCode, exitCodes, Failure, misuse, type Surroundings } from './surroundings.ts';

const defaultSocket = 'data/relaykeeper.sock';

/** A restart waits for its permit and for the cloud; nothing else takes nearly as long. */
const longestAnswerMs = 120_000;
const longestConnectMs = 5_000;
/** Room for the tasks of the largest accounts. */
const largestAnswerBytes = 128 * 1024 * 1024;

/** The largest configuration, and the largest file with a token or certificates. */
const largestConfigBytes = 1024 * 1024;
const largestSecretBytes = 256 * 1024;

/** The longest name that the daemon accepts; host names alone can be as long. */
const longestName = 64;

/** The options that commands on call have in common; each declares those that it takes. */
export interface DaemonOptions {
  readonly socket?: string;
  readonly url?: string;
  readonly tokenFile?: string;
  readonly caFile?: string;
  readonly account?: string;
  readonly group?: string;
  readonly by?: string;
  readonly yes?: true;
  readonly json?: true;
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

/** Where the daemon listens, and what it takes to talk to it. */
interface Address {
  readonly scheme: 'socket' | 'http' | 'https';
  /** As messages call it. */
  readonly tried: string;
  readonly origin: string;
  /** Stands before every path; a proxy can ask for it. */
  readonly prefix: string;
  readonly connect: { readonly socketPath: string } | { readonly ca?: string };
  readonly token?: string | undefined;
}

async function findDaemon(surroundings: Surroundings, options: DaemonOptions): Promise<Address> {
  const { socket, tokenFile, caFile } = options;
  if (options.url === undefined) {
    if (tokenFile !== undefined) throw misuse('--token-file belongs to --url: the socket needs no token');
    if (caFile !== undefined) throw misuse('--ca-file belongs to --url https://…');
    const path = resolve(socket ?? (await configuredSocket(surroundings)) ?? defaultSocket);
    return { scheme: 'socket', tried: path, origin: 'http://relaykeeper', prefix: '', connect: { socketPath: path } };
  }
  if (socket !== undefined) throw misuse('give --socket or --url, not both');
  const url = URL.parse(options.url);
  if (!url || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '' || url.search !== '') {
    // Not repeated in the message: what is wrong with it may be a secret inside.
    throw misuse('--url must be http://host:port or https://host:port, without user or query');
  }
  const scheme = url.protocol === 'http:' ? 'http' : 'https';
  if (caFile !== undefined && scheme === 'http')
    throw misuse('--ca-file belongs to an https URL, and this one is http');
  const token =
    tokenFile === undefined
      ? surroundings.env.RELAYKEEPER_TOKEN
      : await fileText('token', tokenFile, ', or give the token in RELAYKEEPER_TOKEN');
  return {
    scheme,
    tried: url.href,
    origin: url.origin,
    prefix: url.pathname.replace(/\/+$/, ''),
    connect: caFile === undefined ? {} : { ca: await certificates(caFile) },
    token: token?.trim(),
  };
}

async function certificates(file: string): Promise<string> {
  const text = await fileText('CA', file);
  if (text.includes('-----BEGIN CERTIFICATE-----')) return text;
  throw misuse(`${file} has no certificate in it: it must be PEM, -----BEGIN CERTIFICATE-----`);
}

async function fileText(what: string, file: string, instead = ''): Promise<string> {
  try {
    return new TextDecoder().decode(await readUserFile(file, largestSecretBytes));
  } catch (error) {
    const wrong = `cannot read the ${what} file ${file}: ${fileTrouble(error)}`;
    throw new Failure(exitCodes.failed, wrong, `Name a file that you can read${instead}.`);
  }
}

/**
 * `server.socket` of the configuration, read separately: the shell of an operator rarely has the variables and secret
 * files that the whole configuration needs. If it cannot be read, it counts as absent.
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

/** Trusts that answers have the types of `domain/views/shown.ts`: daemon and command line are one version of one program. */
export type Daemon = Awaited<ReturnType<typeof openDaemon>>;

async function openDaemon(address: Address, program: string, timeoutMs: number) {
  const { Client } = await import('undici');
  const client = new Client(address.origin, {
    connect: { timeout: Math.min(longestConnectMs, timeoutMs), ...address.connect },
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    maxResponseSize: largestAnswerBytes,
  });
  const headers: Record<string, string> = { accept: 'application/json' };
  if (address.token) headers.authorization = `Bearer ${address.token}`;

  async function send(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object) {
    try {
      const answer = await client.request({
        method,
        path: address.prefix + path,
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
  return {
    get: <T>(path: string) => call<T>('GET', path),
    post: <T>(path: string, body: object) => call<T>('POST', path, body),
    delete: <T>(path: string) => call<T>('DELETE', path),
    /** All pages of a list. */
    async list<T>(path: string): Promise<readonly T[]> {
      const all: T[] = [];
      for (let next: string | undefined = path; next !== undefined; ) {
        const { status, text, link } = await send('GET', next);
        all.push(...readAnswer<readonly T[]>(address, program, status, text));
        const query = /^<(\?[^>]*)>; rel="next"$/.exec(String(link))?.[1];
        next = query && path.replace(/\?.*/s, query);
      }
      return all;
    },
    /** Only the status of the answer, which is all that a health check needs. */
    status: async (path: string) => (await send('GET', path)).status,
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
  if (typeof detail !== 'string') {
    throw new Failure(
      exitCodes.failed,
      `what answers on ${address.tried} is not relaykeeper (HTTP ${status})`,
      'Check --url or --socket; with a path prefix, give it in --url.',
    );
  }
  const hint = field(answer, 'hint');
  // The hint of the API speaks of HTTP headers; on the command line the token comes from elsewhere.
  const next = status === 401 ? tokenHint : typeof hint === 'string' ? typable(hint, program) : undefined;
  throw new Failure(answerCodes[status] ?? exitCodes.failed, plainLines(detail), next);
}

/** A hint of the API as people can type it here; undefined if it speaks of HTTP alone. */
function typable(hint: string, program: string): string | undefined {
  if (hint.startsWith('GET ')) return undefined;
  return hint.replace(/, or GET \S+$/, '').replaceAll(': relaykeeper ', `: ${program} `);
}

const tokenHint =
  'Give a token with --token-file FILE or in RELAYKEEPER_TOKEN, or use the socket on the machine itself.';

const answerCodes: Readonly<Record<number, ExitCode>> = {
  400: exitCodes.usage,
  401: exitCodes.refused,
  403: exitCodes.refused,
  409: exitCodes.refused,
};

function unreachable({ scheme, tried }: Address, program: string, error: unknown): Failure {
  const code = codeOf(error);
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') {
    return new Failure(exitCodes.failed, 'the answer of the daemon is too large', 'Ask for less: --account, --limit.');
  }
  const talk = tlsTroubles[code];
  if (talk) return new Failure(exitCodes.unreachable, `${tried} ${talk.what}`, talk.next);
  const what = unreachableWords[code] ?? code;
  const next = () => {
    if (scheme === 'http' && what === closed) return 'If it has server.tls, it speaks only TLS: --url https://…';
    if (scheme !== 'socket')
      return 'Check host and port, and that server.listen in its configuration is not 127.0.0.1 only.';
    if (what === foreign) return 'Run it as the user that runs the daemon, for example with sudo -u.';
    return `Is it running, and is this its working directory? Start it: ${program} run. Elsewhere: --socket FILE or --url URL.`;
  };
  const where = scheme === 'socket' ? 'on the socket' : 'at';
  return new Failure(exitCodes.unreachable, `the daemon is not reachable ${where} ${tried}: ${what}`, next());
}

const untrusted = {
  what: 'shows a certificate that this machine does not trust',
  next: 'Name the authority that signed it (or the certificate itself, if it signed itself): --ca-file FILE.',
};
const plainHttp = {
  what: 'does not speak TLS: it answers plain HTTP',
  next: 'Give --url http://… instead, or set server.tls in the configuration of the daemon.',
};

/** Somebody answers, but not in the way that the URL says. */
const tlsTroubles: Readonly<Record<string, typeof untrusted>> = {
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
const foreign = 'the socket belongs to another user';
const silent = 'it took the request and did not answer in time';
const unreachableWords: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such socket',
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'no such host',
  EACCES: foreign,
  EPERM: foreign,
  UND_ERR_CONNECT_TIMEOUT: 'no connection within 5 s',
  UND_ERR_HEADERS_TIMEOUT: silent,
  UND_ERR_BODY_TIMEOUT: silent,
  UND_ERR_SOCKET: closed,
  ECONNRESET: closed,
};

function codeOf(error: unknown): string {
  const code = field(error, 'code') ?? field(field(error, 'cause'), 'code');
  return typeof code === 'string' ? code : error instanceof Error ? error.name : 'unknown';
}

/** A query string with its question mark, from the values that are given. */
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
