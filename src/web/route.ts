/** What a route of the API is, and the pieces that routes answer with. */
import { z } from 'zod';
import type { Caller, Need } from './access.ts';
import type { AnswerName } from './answers.ts';
import type { AppOptions } from './app-options.ts';
import type { Written } from './between-threads.ts';
import { checked, cursorOf, queryOf } from './inputs.ts';

/** A request: as it came, or with query and body checked. */
export interface Asked<Query = Readonly<Record<string, string>>, Body = unknown> {
  readonly caller: Caller;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Query;
  /** `{}` if there was none. */
  readonly body: Body;
  /** What a browser says when it comes back to a stream. */
  readonly lastEventId: string | undefined;
}

type Run<Query, Body> = (options: AppOptions, asked: Asked<Query, Body>) => Promise<Written> | Written;

interface Described<Query extends z.ZodType, Body extends z.ZodType> {
  readonly summary: string;
  readonly query?: Query;
  readonly body?: Body;
  readonly answer: string;
  /** Its schema, by its name in openapi.json; `[]` behind it: a list. */
  readonly schema?: AnswerName | `${AnswerName}[]`;
  /** When all went well; absent: 200. */
  readonly status?: number;
  /** Other statuses that this route can give besides those that all share. */
  readonly others?: Readonly<Record<number, string>>;
}

export interface Route extends Described<z.ZodType, z.ZodType> {
  readonly method: 'get' | 'post' | 'delete';
  /** Parameters in braces. */
  readonly path: string;
  readonly need: Need;
  readonly run: Run<Asked['query'], unknown>;
}

/** Ties the schemas to the types that `run` gets. */
export function route<Query extends z.ZodType = z.ZodUnknown, Body extends z.ZodType = z.ZodUnknown>(
  method: Route['method'],
  path: string,
  need: Need,
  { run, ...described }: Described<Query, Body> & { readonly run: Run<z.output<Query>, z.output<Body>> },
): Route {
  const query = described.query ?? (z.strictObject({}) as unknown as Query);
  const body = described.body ?? (z.unknown() as unknown as Body);
  return {
    ...described,
    method,
    path,
    need,
    run: (options, asked) =>
      run(options, {
        ...asked,
        query: checked(query, asked.query, ['the query', '查询']),
        body: checked(body, asked.body, ['the body', '内容']),
      }),
  };
}

export const json = (value: unknown, status = 200, type = 'application/json; charset=utf-8'): Written =>
  text(`${JSON.stringify(value)}\n`, status, type);
export const text = (body: string | Written['body'], status = 200, type = 'text/plain; charset=utf-8'): Written => ({
  status,
  headers: { 'content-type': type },
  body: typeof body === 'string' ? new TextEncoder().encode(body) : body,
});

/** One page of a list, and the way to the next (RFC 8288): without a path, so that it holds behind every prefix. */
export function page(
  items: readonly unknown[],
  query: Parameters<typeof queryOf>[0],
  last: readonly string[] | undefined,
): Written {
  const { headers, ...written } = json(items);
  const next = last && { link: `<${queryOf({ ...query, cursor: cursorOf(last) })}>; rel="next"` };
  return { ...written, headers: { ...headers, ...next } };
}

/** A list that is there as a whole; one whose last is gone begins again. */
export function sliced<T>(
  all: readonly T[],
  { limit, cursor }: { readonly limit: number; readonly cursor?: readonly string[] },
  keyOf: (item: T) => readonly string[],
): Written {
  const isLast = (item: T) => keyOf(item).join('\n') === cursor?.join('\n');
  const from = all.findIndex(isLast) + 1;
  const items = all.slice(from, from + limit);
  const last = items.at(-1);
  return page(items, { limit }, last && from + limit < all.length ? keyOf(last) : undefined);
}
