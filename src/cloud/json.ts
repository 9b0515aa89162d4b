/**
 * Parses JSON from outside. The cost depends on the structure, not on the length: ten megabytes of `[` become 900 MB.
 * So one pass over the bytes first counts nesting and values, and refuses too many.
 */

/** A page of tasks has eight levels. */
export const deepest = 64;
/** A page of 500 tasks has 25,000; as empty objects these are 20 MB. */
export const mostValues = 300_000;

type Json =
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'not-json' }
  | { readonly kind: 'too-complex' };

export function readJson(text: Buffer): Json {
  const wrong = wrongStructure(text);
  if (wrong) return { kind: wrong };
  try {
    return { kind: 'json', value: JSON.parse(text.toString()) };
  } catch {
    return { kind: 'not-json' };
  }
}

/** For what is short, where too much is as wrong as no JSON at all: undefined. */
export function parseJson(text: string): unknown {
  const read = readJson(Buffer.from(text));
  return read.kind === 'json' ? read.value : undefined;
}

const [quote, backslash, comma] = [0x22, 0x5c, 0x2c] as const;
const [openBracket, closeBracket, openBrace, closeBrace] = [0x5b, 0x5d, 0x7b, 0x7d] as const;

/** Bytes of UTF-8 beyond ASCII are never one of these. */
function wrongStructure(text: Buffer): Exclude<Json['kind'], 'json'> | undefined {
  let depth = 0;
  let values = 1;
  for (let at = 0; at < text.length; at++) {
    const byte = text[at];
    if (byte === quote) {
      for (at++; at < text.length && text[at] !== quote; at++) if (text[at] === backslash) at++;
    } else if (byte === comma) {
      values++;
    } else if (byte === openBracket || byte === openBrace) {
      values++;
      depth++;
      if (depth > deepest) return 'too-complex';
    } else if (byte === closeBracket || byte === closeBrace) {
      depth--;
    }
    if (values > mostValues) return 'too-complex';
  }
  return undefined;
}
