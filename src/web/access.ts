/**
 * Who asks, and what they may do.
 *
 * Everybody who can open the unix socket is admin: the file's mode 0600 is the check. On `listen` a bearer token says who
 * asks, which a browser cannot be made to send across sites; or the cookie of somebody who signed in on the page, and then
 * a request that changes something must come from that page.
 */

import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { parse } from 'hono/utils/cookie';
import type { Ask } from './between-threads.ts';
import { Denial } from './problem.ts';

const scopes = ['read', 'operate', 'admin'] as const;
type Scope = (typeof scopes)[number];
/** Each may do what those before it may. */
export const reaches = (scope: Scope, need: Scope): boolean => scopes.indexOf(scope) >= scopes.indexOf(need);

/** What a route needs: `nothing` is open to everybody. */
export type Need = 'nothing' | Scope;

export interface AccessToken {
  readonly name: string;
  readonly scope: Scope;
  readonly token: string;
}

export type Caller =
  | { readonly kind: 'socket' }
  | { readonly kind: 'token'; readonly name: string }
  | { readonly kind: 'anyone' };

/** Gives back who asks, or throws the denial: 401 who are you, 403 not you. */
export function admit(
  need: Need,
  { door, headers }: Pick<Ask, 'door' | 'headers'>,
  tokens: readonly AccessToken[],
  externalUrl: string | undefined,
): Caller {
  if (door === 'socket') return { kind: 'socket' };
  if (need === 'nothing') return { kind: 'anyone' };
  if (tokens.length === 0) {
    admitHost(headers, externalUrl);
    if (need === 'read') return { kind: 'anyone' };
    throw new Denial(
      'no-tokens-configured',
      ['no tokens are configured, so nobody can change anything here', '没有配置令牌，所以这里没有人能更改'],
      [
        'Use the unix socket on the machine itself, or add server.tokens to the configuration.',
        '请在本机使用 unix 套接字，或在配置中加入 server.tokens。',
      ],
    );
  }
  const token = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1];
  const known = token === undefined ? signedIn(headers.cookie, tokens) : findToken(token, tokens);
  if (!known) {
    throw new Denial(
      token === undefined ? 'no-token' : 'unknown-token',
      token === undefined ? ['a token is needed', '需要令牌'] : ['this token is not known', '没有这个令牌'],
      [
        'Send the header "Authorization: Bearer TOKEN" with a token of server.tokens.',
        '请用 server.tokens 中的令牌发送请求头 "Authorization: Bearer TOKEN"。',
      ],
    );
  }
  if (!reaches(known.scope, need)) {
    throw new Denial(
      'scope-too-small',
      [
        `the token ${known.name} has scope ${known.scope}, this needs scope ${need}`,
        `令牌 ${known.name} 的权限是 ${known.scope}，这里需要 ${need}`,
      ],
      ['Use a token of that scope.', '请用有该权限的令牌。'],
    );
  }
  if (token === undefined && need !== 'read') admitOrigin(headers, externalUrl);
  return { kind: 'token', name: known.name };
}

/**
 * A browser sends the cookie whatever page asks, but says which page that is, and no page can forge that. Asked only for
 * requests that change something.
 */
export function admitOrigin({ origin, host }: Ask['headers'], externalUrl: string | undefined): void {
  const from = origin === undefined ? undefined : URL.parse(origin);
  const own = externalUrl === undefined ? undefined : URL.parse(externalUrl);
  if (from && (from.host === host || from.origin === own?.origin)) return;
  throw new Denial(
    'foreign-origin',
    ['this was not sent from a page of relaykeeper', '这不是从 relaykeeper 的页面发出的'],
    [
      'Open the page itself and try again; behind a proxy, set server.externalUrl. Programs send a token.',
      '请打开页面本身再试；若在代理之后，请设置 server.externalUrl。程序应发送令牌。',
    ],
  );
}

export const sessionCookie = 'relaykeeper';

/** What a browser keeps of a token: it opens the page, is no token itself, and ends with the token. */
const sessionOf = ({ token }: AccessToken): string =>
  createHmac('sha256', token).update('relaykeeper session').digest('base64url');

/** The token that somebody signed in with, by the cookie that `sessionFor` gave. */
export function signedIn(cookie: string | undefined, tokens: readonly AccessToken[]): AccessToken | undefined {
  const given = parse(cookie ?? '', sessionCookie)[sessionCookie];
  if (given === undefined) return undefined;
  return tokens.find((known) => known.token !== '' && sameSecret(given, sessionOf(known)));
}

/** The cookie's value for a token that is known. */
export function sessionFor(token: string, tokens: readonly AccessToken[]): string | undefined {
  const known = findToken(token, tokens);
  return known && sessionOf(known);
}

/** Loopback names, and addresses: nobody can give a page of theirs an address that is not theirs, only a name. */
const ours = /^(?:localhost|.+\.localhost|\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:.]+\])$/;

/**
 * Where no token keeps strangers out, the name must be an address, one of this machine, or of `externalUrl`: a page
 * in a browser inside the network can give its own name our address, and would read whatever the browser can reach.
 * What is open to everybody (health, metrics) is asked for by every name that a monitoring has for it.
 */
function admitHost({ host }: Ask['headers'], externalUrl: string | undefined): void {
  if (host === undefined) return;
  const name = URL.parse(`http://${host}`)?.hostname;
  const own = externalUrl === undefined ? undefined : URL.parse(externalUrl)?.hostname;
  if (name !== undefined && (ours.test(name) || name === own)) return;
  throw new Denial(
    'foreign-host',
    [
      'without tokens, relaykeeper answers this only under an IP address, loopback names and the name of server.externalUrl',
      '没有令牌时，只在 IP 地址、本机名称和 server.externalUrl 的名称下提供',
    ],
    [
      'Open it by one of these names, set server.externalUrl, or add server.tokens to the configuration.',
      '请用这些名称打开，或设置 server.externalUrl，或在配置中加入 server.tokens。',
    ],
  );
}

/** Compares with every token, whichever matches: how long it takes says nothing. */
const findToken = (given: string, tokens: readonly AccessToken[]): AccessToken | undefined =>
  tokens.filter(({ token }) => sameSecret(given, token)).at(-1);

/** In the same time wherever they differ; an empty one never fits. */
export function sameSecret(given: string, known: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(known)) && known !== '';
}

/** Whose name stands under what was done: the token's; on the socket, what the client says. */
export function authorOf(caller: Caller, said: string | undefined): string {
  switch (caller.kind) {
    case 'token':
      return caller.name;
    case 'socket':
      return said ?? 'socket';
    case 'anyone':
      return 'anyone';
    default:
      return caller satisfies never;
  }
}
