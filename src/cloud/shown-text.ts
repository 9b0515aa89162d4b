/**
 * Makes texts of the cloud fit to be shown: here, where they come in, and nowhere later. Addresses (they carry stream
 * keys), values that are named as secrets, and the account's own keys are masked; control characters, line separators,
 * direction marks and half characters are made visible; the length is bounded.
 */

/** Any address; of each only the scheme stays. */
const address = /([a-z][a-z0-9+.-]*:\/\/)\S+/gi;
/** What stands behind a word for a secret, as in the query of an address. */
const named = /(\w*(?:secret|token|sign|auth|passw|key)\w*\s*[=:]\s*)[^\s&,;]+/gi;
/** They forge lines, or turn the text around. A surrogate stands here only without its other half. */
const unprintable = /[\p{Cc}\p{Cs}\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff]/gu;
/** Nothing else needs a closer look: hardly a title has one of these. */
const worthALook = new RegExp(`[:=]|${unprintable.source}`, 'u');
/** Beyond this nothing of a text is looked at, nor shown. */
const longestLookedAt = 8_192;
/** Shorter values are no keys, and stand in many a word. */
const shortestSecret = 6;

export function shownText(text: string, longest: number, secrets: readonly string[]): string {
  const known = secrets.filter((secret) => secret.length >= shortestSecret && text.includes(secret));
  if (known.length === 0 && text.length <= longest && !worthALook.test(text)) return text;
  let shown = text.slice(0, longestLookedAt);
  for (const secret of known) shown = shown.replaceAll(secret, '***');
  shown = shown.replace(address, '$1***').replace(named, '$1***').replace(unprintable, visible);
  // Copied, so that what is cut off is not kept in memory, and no character is cut in half.
  return Buffer.from(shown.slice(0, longest).replace(/[\ud800-\udbff]$/, '')).toString();
}

const visible = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** Of what the cloud calls an identifier, and is none: it could quote an address or a key. */
const malformed = 'malformed';

/** Hexadecimal digits (a time and a random number), with dashes or without. */
const requestId = /^[0-9A-Fa-f-]{8,64}$/;
/** Words with dots between them; digits are rare, and never many. */
const errorCode = /^[A-Za-z][A-Za-z._-]*\d{0,4}[A-Za-z._-]*$/;
const longestCode = 64;

export const shownRequestId = (value: unknown): string | undefined =>
  typeof value !== 'string' || value === '' ? undefined : requestId.test(value) ? value : malformed;

export const shownCode = (value: unknown): string | undefined =>
  typeof value !== 'string' || value === ''
    ? undefined
    : value.length <= longestCode && errorCode.test(value)
      ? value
      : malformed;

/** An identifier that has one of these in it is not shown. */
export const withoutSecrets = (identifier: string | undefined, secrets: readonly string[]): string | undefined =>
  identifier !== undefined && secrets.some((secret) => secret.length >= shortestSecret && identifier.includes(secret))
    ? malformed
    : identifier;
