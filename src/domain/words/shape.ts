/**
 * What a stored value is made of, said once: its type is inferred from it, `store/records.ts` reads it back by it, and
 * `memory/times.ts` finds in it the times that move when this machine's clock steps.
 */

import type { CloudTime } from './cloud-time.ts';

declare const type: unique symbol;
/** `type` is for the compiler alone. */
export type Shape<T = unknown> = Part & { readonly [type]: T };
export type ValueOf<S> = S extends { readonly [type]: infer T } ? T : never;

type Fields = Readonly<Record<string, Shape>>;
export type Values<F> = { readonly [K in keyof F]: ValueOf<F[K]> };

type Part =
  | { readonly kind: 'text' | 'flag' | 'count' }
  | { readonly kind: 'time'; readonly from?: (whole: never) => number }
  | { readonly kind: 'one-of'; readonly of: readonly string[] }
  | { readonly kind: 'list' | 'maybe'; readonly of: Shape }
  | { readonly kind: 'later'; readonly of: Shape; readonly before: unknown }
  | { readonly kind: 'record'; readonly of: Fields }
  | { readonly kind: 'either'; readonly of: Readonly<Record<string, Fields>> };

const shape = <T>(part: Part): Shape<T> => part as Shape<T>;

export const text = shape<string>({ kind: 'text' });
export const flag = shape<boolean>({ kind: 'flag' });
/** A number that is no time, or a time that a person wrote by the clock on the wall. */
export const count = shape<number>({ kind: 'count' });
/** By this machine's clock, Unix milliseconds. */
export const time = shape<number>({ kind: 'time' });
export const cloudsTime = shape<CloudTime>({ kind: 'count' });
/** A time that counts from another one of this machine's: its distance from that is kept. */
export const deadline = (from: (whole: never) => number) => shape<number>({ kind: 'time', from });

export const oneOf = <const Words extends readonly string[]>(of: Words) => shape<Words[number]>({ kind: 'one-of', of });
export const list = <T>(of: Shape<T>) => shape<readonly T[]>({ kind: 'list', of });
/** Undefined is not written down. */
export const maybe = <T>(of: Shape<T>) => shape<T | undefined>({ kind: 'maybe', of });
/** What was stored before there was this field has `before`. */
export const later = <T>(of: Shape<T>, before: T) => shape<T>({ kind: 'later', of, before });
export const record = <F extends Fields>(of: F) => shape<Values<F>>({ kind: 'record', of });
/** One of several records, distinguished by `kind`. */
export const either = <E extends Readonly<Record<string, Fields>>>(of: E) =>
  shape<{ readonly [K in keyof E]: { readonly kind: K } & Values<E[K]> }[keyof E]>({ kind: 'either', of });
