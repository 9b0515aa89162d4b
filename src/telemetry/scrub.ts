/**
 * The last look at free text before it is written: one line, bounded, without addresses or known secrets.
 *
 * Nothing secret should come this far (the client leaves the cloud's messages and addresses out). This is the
 * second lock, for what others write into titles, reasons of holds and the errors of libraries.
 */

const maxTextLength = 500;

/** Anything with a scheme. Live addresses carry their stream keys in path and query. */
const address = /\b([a-z][a-z0-9+.-]{1,15}):\/\/([^\s"'<>，。/?#]*)([^\s"'<>，。]*)/gi;
/** Paths of our own pages, which the first lines of the log point to. */
const openPaths = new Set(['', '/', '/metrics']);

/** Of http and https the host stays, without user and password; of others only the scheme. */
function bareAddress(_whole: string, scheme: string, authority: string, path: string): string {
  if (!/^https?$/i.test(scheme)) return `${scheme}://***`;
  // The sentence goes on behind an address.
  const mark = /[;,.:!)]?$/.exec(path)?.[0] ?? '';
  const shown = openPaths.has(path.slice(0, path.length - mark.length)) ? path : `/***${mark}`;
  return `${scheme}://${authority.slice(authority.lastIndexOf('@') + 1)}${shown}`;
}

/**
 * What stands behind a word for a secret; the word stays. `word=…` as in a query, `"word": "…"` as in JSON, and the two
 * headers; not `word: …`, which is how a configuration error names a key.
 */
const word = '(?:authorization|signature|secret\\w*|password|passwd|token|access_?key\\w*|x-security-token)';
const assigned = new RegExp(`\\b(${word}\\s*=\\s*)[^\\s"',;&]+`, 'gi');
const quoted = new RegExp(`(["']${word}["']\\s*:\\s*["'])[^"']+`, 'gi');
const header = /\b((?:authorization|x-security-token):\s*)\S.*/gi;
const controls = /[\p{Cc}\u2028\u2029]+/gu;

/** `secrets`: values that must not appear, as they are configured now; those under 6 characters are not looked for. */
export function scrub(text: string, secrets: readonly string[] = []): string {
  // Cut with room for what is replaced, so that a secret across the cut is still seen whole.
  let clean = text.slice(0, 4 * maxTextLength);
  for (const secret of secrets) if (secret.length >= 6) clean = clean.replaceAll(secret, '***');
  clean = clean.replace(controls, ' ').replace(address, bareAddress);
  for (const pattern of [assigned, quoted, header]) clean = clean.replace(pattern, '$1***');
  return clean.length > maxTextLength ? `${clean.slice(0, maxTextLength)}…` : clean;
}

/** An identifier that the cloud sent (code, request id): nothing but such characters is one. */
export const identifier = (text: string) => (/^[\w.:/-]{1,128}$/.test(text) ? text : '(unreadable)');
