/** Secrets, read from where the settings say: what requests are checked against, and all that must appear nowhere. */

import type { Secret } from '../domain/ports/app-port.ts';
import { type Contents, maxSecretBytes } from '../settings/loaded.ts';
import { type Settings, secretsIn } from '../settings/settings.ts';
import { readUserFile } from '../user-files.ts';
import type { AccessToken } from '../web/access.ts';

/** Empty if the file cannot be read now: an empty secret opens nothing. */
export async function reveal(secret: Secret): Promise<string> {
  if (secret.kind === 'value') return secret.reveal();
  try {
    return new TextDecoder().decode(await readUserFile(secret.path, maxSecretBytes)).trim();
  } catch {
    return '';
  }
}

/** Those of the settings, as they were read with them; `atStart`: with those of the start, of which doors and store stay. */
export function secretsOf(settings: Settings, read: Contents, atStart: Contents) {
  const asRead = (secret: Secret): string => {
    if (secret.kind === 'value') return secret.reveal();
    const held = read.get(secret.path) ?? atStart.get(secret.path);
    return held && 'text' in held ? held.text.trim() : '';
  };
  const access: readonly AccessToken[] = settings.server.tokens.map(({ name, scope, token }) => ({
    name,
    scope,
    token: asRead(token),
  }));
  /** By account; accounts without one have no hook. */
  const hooks = new Map<string, string>();
  for (const { name, hookToken } of settings.accounts) if (hookToken) hooks.set(name, asRead(hookToken));
  const proxies = settings.accounts.flatMap(({ proxy }) => proxy ?? []);
  const others = secretsIn(settings).filter((secret) => !proxies.includes(secret));
  /** For the log to look for. Of a proxy's address what is secret in it. */
  const all = [...others.map(asRead), ...proxies.map(asRead).flatMap(inAddress)].filter((value) => value !== '');
  return { access, hooks, all };
}

/** The password of an address, as it is written and as it is meant; without one its user, which then is a token. */
function inAddress(text: string): readonly string[] {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const written = url?.password || url?.username || '';
  try {
    return [written, decodeURIComponent(written)];
  } catch {
    return [written];
  }
}
