/** The secrets that this process itself compares with (API tokens, hook tokens), read from where the settings say. */

import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Secret, Settings } from '../settings/settings.ts';
import type { AccessToken } from '../web/access.ts';

/** Empty if the file cannot be read now: an empty secret opens nothing. */
export function reveal(secret: Secret): string {
  if (secret.kind === 'value') return secret.reveal();
  try {
    return readFileSync(secret.path, 'utf8').trim();
  } catch {
    return '';
  }
}

/** The API's tokens as they are now. */
export const accessTokens = (settings: Settings): readonly AccessToken[] =>
  settings.server.tokens.map(({ name, scope, token }) => ({ name, scope, token: reveal(token) }));

/** Hook tokens by account; accounts without one have no hook. */
export const hookTokens = (settings: Settings): ReadonlyMap<string, string> =>
  new Map(settings.accounts.flatMap(({ name, hookToken }) => (hookToken ? [[name, reveal(hookToken)] as const] : [])));

/** Every value that must appear nowhere, for the log to look for. */
export function allSecrets(settings: Settings): readonly string[] {
  const secrets: Secret[] = [];
  for (const { credentials, hookToken } of settings.accounts) {
    if (hookToken) secrets.push(hookToken);
    if (credentials.kind !== 'keys') continue;
    secrets.push(credentials.accessKeyId, credentials.secretAccessKey);
    if (credentials.sessionToken) secrets.push(credentials.sessionToken);
  }
  for (const { token } of settings.server.tokens) secrets.push(token);
  return secrets.map(reveal).filter((value) => value !== '');
}

/** In the same time wherever they differ; an empty one never fits. */
export function sameSecret(given: string, known: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(known)) && known !== '';
}
