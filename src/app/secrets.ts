/**
 * The secrets that this process checks requests against (API tokens, hook tokens), read from where the settings say.
 */

import type { Secret } from '../domain/ports/app-port.ts';
import { maxSecretBytes } from '../settings/loaded.ts';
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

export const accessTokens = (settings: Settings): Promise<readonly AccessToken[]> =>
  Promise.all(
    settings.server.tokens.map(async ({ name, scope, token }) => ({ name, scope, token: await reveal(token) })),
  );

/** Hook tokens by account; accounts without one have no hook. */
export async function hookTokens(settings: Settings): Promise<ReadonlyMap<string, string>> {
  const tokens = new Map<string, string>();
  for (const { name, hookToken } of settings.accounts) if (hookToken) tokens.set(name, await reveal(hookToken));
  return tokens;
}

/** Every value that must appear nowhere, for the log to look for. Of a proxy's address what is secret in it. */
export async function allSecrets(settings: Settings): Promise<readonly string[]> {
  const proxies = settings.accounts.flatMap(({ proxy }) => proxy ?? []);
  const others = secretsIn(settings).filter((secret) => !proxies.includes(secret));
  const values = await Promise.all(others.map(reveal));
  const addresses = await Promise.all(proxies.map(reveal));
  return [...values, ...addresses.flatMap(inAddress)].filter((value) => value !== '');
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
