/**
 * Who asks, and what they may do.
 *
 * On the unix socket everybody who can open it is admin: the file's mode 0600 is the check. On `listen` a bearer token
 * says who. A browser cannot be made to send one across sites, so nothing that changes anything answers without.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { Denial } from './problem.ts';

export const scopes = ['read', 'operate', 'admin'] as const;
export type Scope = (typeof scopes)[number];

/** What a route needs: `nothing` is open to everybody. */
export type Need = 'nothing' | Scope;

export interface AccessToken {
  readonly name: string;
  readonly scope: Scope;
  readonly token: string;
}

/** Through which door a request came. */
export type Door = 'listen' | 'socket';

export type Caller =
  | { readonly kind: 'socket' }
  | { readonly kind: 'token'; readonly name: string }
  | { readonly kind: 'anyone' };

/** Gives back who asks, or throws the denial: 401 who are you, 403 not you. */
export function admit(
  need: Need,
  door: Door,
  authorization: string | undefined,
  tokens: readonly AccessToken[],
): Caller {
  if (door === 'socket') return { kind: 'socket' };
  if (need === 'nothing') return { kind: 'anyone' };
  if (tokens.length === 0) {
    if (need === 'read') return { kind: 'anyone' };
    throw new Denial(
      403,
      'no tokens are configured, so nobody can change anything here',
      'Use the unix socket on the machine itself, or add server.tokens to the configuration.',
    );
  }
  const token = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
  const known = token === undefined ? undefined : findToken(token, tokens);
  if (!known) {
    throw new Denial(
      401,
      token === undefined ? 'a token is needed' : 'this token is not known',
      'Send the header "Authorization: Bearer TOKEN" with a token of server.tokens.',
    );
  }
  if (scopes.indexOf(known.scope) < scopes.indexOf(need)) {
    throw new Denial(
      403,
      `the token ${known.name} has scope ${known.scope}, this needs scope ${need}`,
      'Use a token of that scope.',
    );
  }
  return { kind: 'token', name: known.name };
}

const loopback = /^(?:localhost|.+\.localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/**
 * Where no token keeps strangers out, the name in the address must be one of this machine, or of `externalUrl`: a page
 * in a browser inside the network can give its own name our address, and would read whatever the browser can reach.
 * What is open to everybody (health, metrics) is asked for by every name that a monitoring has for it.
 */
export function admitHost(
  need: Need,
  door: Door,
  host: string | undefined,
  tokens: readonly AccessToken[],
  externalUrl: string | undefined,
): void {
  if (door === 'socket' || need === 'nothing' || tokens.length > 0 || host === undefined) return;
  const name = URL.parse(`http://${host}`)?.hostname;
  const own = externalUrl === undefined ? undefined : URL.parse(externalUrl)?.hostname;
  if (name !== undefined && (loopback.test(name) || name === own)) return;
  throw new Denial(
    403,
    'without tokens, relaykeeper answers this only under loopback names and the name of server.externalUrl',
    'Open it by one of these names, set server.externalUrl, or add server.tokens to the configuration.',
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
