/**
 * What the keys of the schema are made of: a zod type with its bounds, one sentence for a wrong
 * value, and the description that editors show. Apart from schema.ts so that that file reads as the list of keys.
 */

import { z } from 'zod';
import { durationPattern } from '../domain/words/duration.ts';
import { type Read, readDuration } from './values.ts';

/** Describes a key and makes it optional; `byDefault` is what editors show, in the words of the file. */
export function key<T extends z.ZodType>(type: T, description: string, byDefault?: unknown) {
  return type.meta(byDefault === undefined ? { description } : { description, default: byDefault }).optional();
}

/** Describes a key that is as if `byDefault` were written there when it is not. */
export function filled<T extends z.ZodType>(type: T, description: string, byDefault: z.input<T>) {
  return type.meta({ description }).prefault(byDefault as z.core.util.NoUndefined<z.input<T>>);
}

/** Describes a mapping whose keys have their defaults also when all of it is absent. */
export function section<T extends z.ZodType>(type: T, description: string) {
  return type
    .meta({ description })
    .optional()
    .transform((given) => given ?? type.parse({}));
}

export function required<T extends z.ZodType>(type: T, description: string) {
  return type.meta({ description });
}

const missing = (input: unknown) => input === undefined;

/** A text that `read` understands. `pattern` is for editors alone. */
export function text<T>(read: (text: string) => Read<T>, pattern?: string) {
  return z
    .string({ error: ({ input }) => (missing(input) ? undefined : notText(input, read)) })
    .meta(pattern === undefined ? {} : { pattern })
    .transform((value, context) => {
      const result = read(value);
      if (result.ok) return result.value;
      context.issues.push({ code: 'custom', message: result.wrong, input: value });
      return z.NEVER;
    });
}

/** `30` where a duration belongs lacks its unit, not its quotes. */
function notText(input: unknown, read: (text: string) => Read<unknown>): string {
  if (typeof input !== 'number' && typeof input !== 'boolean') return 'must be one text';
  const quoted = read(String(input));
  return quoted.ok ? 'must be text: put it in quotes' : quoted.wrong;
}

/** A text of 1 to `to` characters without line breaks, control characters or spaces at the ends. */
export function line(to: number) {
  const wrong = `must be one line of at most ${to} characters, without spaces at its ends`;
  return text((value) => {
    if (value === '') return { ok: false, wrong: 'is empty' };
    return value.length <= to && value === value.trim() && !/\p{Cc}/u.test(value)
      ? { ok: true, value }
      : { ok: false, wrong };
  });
}

/** A text of a shape. `forEditors` is the pattern without what only JavaScript has (`\p`, lookbehind). */
export function matching(pattern: RegExp, wrong: string, forEditors = pattern.source) {
  return text((value) => (pattern.test(value) ? { ok: true, value } : { ok: false, wrong }), forEditors);
}

export function whole(min: number, max: number, of = '') {
  const range = `must be a whole number${of} from ${min} to ${max}`;
  const error = (issue: { readonly input?: unknown }) => {
    if (missing(issue.input)) return undefined;
    return typeof issue.input === 'string'
      ? `${range}, without quotes (\`\${…}\` gives text: write the number itself)`
      : range;
  };
  return z.int({ error }).min(min, { error }).max(max, { error });
}

export function number(min: number, max: number) {
  const error = (issue: { readonly input?: unknown }) =>
    missing(issue.input) ? undefined : `must be a number from ${min} to ${max}`;
  return z.number({ error }).min(min, { error }).max(max, { error });
}

export const percent = () => whole(0, 100, ' (percent)');

export function flag() {
  return z.boolean({ error: ({ input }) => (missing(input) ? undefined : 'must be true or false, without quotes') });
}

/** Milliseconds, from a duration between two others. */
export const duration = (min: string, max: string) => text((value) => readDuration(value, min, max), durationPattern);

export function word<const T extends readonly string[]>(...words: T) {
  return z.enum(words);
}

/** A list; a single one may stand without the dash. `atMost` bounds it. */
export function list<T extends z.ZodType>(item: T, atMost: number) {
  return z
    .union([item, z.array(item).max(atMost, { error: `has more than ${atMost} entries` })])
    .transform((value): readonly z.output<T>[] => (Array.isArray(value) ? value : [value as z.output<T>]));
}

/** A mapping, or `false` to turn it off. */
export function orFalse<T extends z.ZodType>(mapping: T) {
  return z.union([z.literal(false), mapping]);
}
