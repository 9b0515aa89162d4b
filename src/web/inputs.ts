/** What may stand in queries and bodies, as schemas: requests are checked by them and openapi.json is made from them. */

import { z } from 'zod';
import type { HoldRequest, Later, Operations } from '../domain/ports/operations-port.ts';
import { durationMs } from '../domain/words/duration.ts';
import { reasons, type Sentences } from '../domain/words/reason.ts';
import { taskStates } from '../domain/words/task.ts';
import { Denial } from './problem.ts';

/** In Chinese, what our own checks say; what zod says by itself it can say in Chinese too. */
const chineseOf = new Map<string, string>();
const both = (error: string, chinese: string) => {
  chineseOf.set(error, chinese);
  return { error };
};

/** Bounds of texts, in characters. */
const longestName = 128;
const longestReason = 500;
const longestGlob = 256;
/** The store gives at most so many events at once. */
const mostEvents = 1_000;
const longestHoldMs = 366 * 86_400_000;

// No control characters: the texts end up in logs and terminals.
const line = (most: number) =>
  z
    .string()
    .min(1)
    .max(most)
    .regex(/^\P{Cc}*$/u, both('must be one line of text', '须为一行文字'));
const name = line(longestName);

// Line separators, direction marks, what is invisible, half characters: with them a text reads as nobody wrote it.
const unseen = /[\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff\p{Cs}]/gu;
/** What people write, as others read it: `U+202E` in brackets instead of the mark itself. */
const prose = (most: number) =>
  line(most).transform((text) =>
    text.replace(unseen, (mark) => `[U+${(mark.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}]`),
  );

const holdLengthMs = (ms = 0) => ms >= 1_000 && ms <= longestHoldMs;
const holdFor = z
  .string()
  .max(40)
  .refine(
    (text) => holdLengthMs(durationMs(text)),
    both(
      'must be a duration such as 30m, 2h or 1d12h, from 1s to 366d',
      '须为时长，例如 30m、2h 或 1d12h，从 1s 到 366d',
    ),
  )
  .meta({ description: 'How long, such as 30m or 1d12h; absent: until it is removed', examples: ['2h'] });

export const accountQuery = z.strictObject({ account: name.optional() });

const wholeNumber = (least: number, most: number) =>
  z
    .string()
    .regex(/^\d{1,16}$/, both('must be a whole number', '须为整数'))
    .transform(Number)
    .refine(
      (value) => value >= least && value <= most,
      both(`must be from ${least} to ${most}`, `须在 ${least} 到 ${most} 之间`),
    );

/** The longest page of tasks, and what is given if nobody says: about 350 kB, 15 ms of the main thread. */
const mostTasks = 500;

const noCursor = both('must be a cursor from an earlier answer', '须为先前答复中的 cursor');
/** Where a page begins: after the names of the last one of the page before, as clients carry them. */
const cursorOfParts = <Parts extends z.ZodType>(parts: Parts) =>
  z
    .string()
    .max(1_000)
    .transform((text, context): z.output<Parts> => {
      try {
        return parts.parse(JSON.parse(Buffer.from(text, 'base64url').toString()));
      } catch {
        context.addIssue({ code: 'custom', message: noCursor.error });
        return z.NEVER;
      }
    })
    .optional()
    .meta({ description: 'From the rel="next" address in the `Link` header of the previous page' });
export const cursorOf = (last: readonly string[]): string => Buffer.from(JSON.stringify(last)).toString('base64url');

const flag = z.literal('true').transform(() => true as const);

export const tasksQuery = z
  .strictObject({
    account: name.optional(),
    group: name.optional(),
    state: z
      .enum([...taskStates, 'down'])
      .optional()
      .meta({ description: '`down`: it should run, and does not' }),
    reason: z.enum(reasons).optional().meta({ description: 'Why it is not restarted' }),
    search: name.optional().meta({ description: 'Part of title, id or cloud group, in either case' }),
    limit: wholeNumber(1, mostTasks)
      .default(mostTasks)
      .meta({ description: `How many, up to ${mostTasks}, which is the default` }),
    cursor: cursorOfParts(z.tuple([z.string(), z.string()])),
  })
  .transform(({ cursor, ...query }) => ({ ...query, after: cursor && { account: cursor[0], taskId: cursor[1] } }));

export const listQuery = z.strictObject({
  limit: wholeNumber(1, mostTasks).default(mostTasks),
  cursor: cursorOfParts(z.array(z.string()).min(1).max(2)),
});

/** A query string with its question mark, of what is given. */
export function queryOf(
  values: Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>,
): string {
  const given = Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${encodeURIComponent(String(value))}`],
  );
  return given.length === 0 ? '' : `?${given.join('&')}`;
}

/** The number of an event that a client names. */
export const seqOf = (named = ''): number | undefined => (/^\d{1,15}$/.test(named) ? Number(named) : undefined);

const aboutEvents = {
  account: name.optional(),
  group: name.optional(),
  task: name.optional().meta({ description: 'Its id, a beginning of at least 6 characters, or its title' }),
  type: line(1_000)
    .regex(
      /^[a-z-]+(,[a-z-]+)*$/,
      both(
        'must be event types with commas between, such as restart-failed,outage-opened',
        '须为以逗号分隔的事件类型，例如 restart-failed,outage-opened',
      ),
    )
    .transform((types) => types.split(','))
    .optional()
    .meta({ description: 'Only these types, commas between' }),
};

/** What a stream of events can be narrowed to. */
export const streamQuery = z.strictObject(aboutEvents);

export const eventsQuery = z
  .strictObject({
    ...aboutEvents,
    cursor: cursorOfParts(z.tuple([z.string()])),
    since: wholeNumber(0, Number.MAX_SAFE_INTEGER)
      .optional()
      .meta({ description: 'Only events since then, Unix milliseconds' }),
    changes: flag.optional().meta({
      description:
        'Only what people changed: holds, edits, restarts and releases that an operator asked for, the configuration',
    }),
    besides: flag
      .optional()
      .meta({ description: 'With `task`: also what happened to its account and group, and holds over it' }),
    before: wholeNumber(1, Number.MAX_SAFE_INTEGER)
      .optional()
      .meta({ description: 'Only events with a smaller number' }),
    limit: wholeNumber(1, mostEvents)
      .default(100)
      .meta({ description: `How many, up to ${mostEvents}; 100 if absent` }),
  })
  .transform(({ cursor, before = seqOf(cursor?.[0]), ...query }) => ({ ...query, before }));

/** As the daemon is asked: a task by its id, whatever it was called. */
export const eventsAsked = <Query extends z.output<typeof streamQuery>>(
  { taskIdOf }: Pick<Operations, 'taskIdOf'>,
  { task, type, ...query }: Query,
) => ({ ...query, taskId: task && taskIdOf(task, query.account), types: type });

const by = prose(64)
  .optional()
  .meta({ description: 'Who asks; used on the socket only, elsewhere the name of the token is' });

export const byQuery = z.strictObject({ by });

export const restartBody = z.strictObject({
  account: name.optional(),
  force: z.boolean().optional().meta({ description: 'Also if a hold covers it' }),
  by,
});

export const releaseBody = z.strictObject({ account: name.optional(), by });

export const holdBody = z
  .strictObject({
    account: name.optional(),
    target: z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('task'), taskId: name }),
      z.strictObject({ kind: z.literal('group'), group: name }),
      z.strictObject({ kind: z.literal('title'), title: line(longestGlob).meta({ description: 'A glob: * and ?' }) }),
      z.strictObject({ kind: z.literal('account') }),
    ]),
    startsAt: z.int().min(0).optional().meta({ description: 'Unix milliseconds; absent: at once' }),
    reason: prose(longestReason),
    author: by,
    by,
    for: holdFor.optional(),
    forMs: z.int().min(1_000).max(longestHoldMs).optional().meta({ description: 'The same in milliseconds' }),
  })
  .refine((body) => body.for === undefined || body.forMs === undefined, { error: 'give `for` or `forMs`, not both' })
  .transform(({ for: length = '', forMs = durationMs(length), by, author = by, ...hold }) => ({
    ...hold,
    forMs,
    author,
  }));

export const extendBody = z
  .strictObject({
    for: holdFor.optional().meta({ description: 'How much later than its end, such as 30m' }),
    endsAt: z.int().min(0).optional().meta({ description: 'Until when, Unix milliseconds' }),
    by,
  })
  .refine((body) => (body.for === undefined) !== (body.endsAt === undefined), { error: 'give `for` or `endsAt`' })
  .transform(({ for: length = '', endsAt, by }): { by?: string; later: Later } => ({
    by,
    later: endsAt === undefined ? { forMs: durationMs(length) ?? 0 } : { endsAt },
  }));

/** What a hold would be on; exactly one besides `account`. */
export const previewQuery = z
  .strictObject({
    account: name.optional(),
    task: name.optional(),
    group: name.optional(),
    title: line(longestGlob).optional().meta({ description: 'A glob: * and ?' }),
    all: z.literal('true').optional().meta({ description: 'The whole account' }),
  })
  .refine(({ account: _, ...given }) => Object.values(given).filter((one) => one !== undefined).length === 1, {
    error: 'give one of `task`, `group`, `title` and `all`',
  })
  .transform((query) => ({ account: query.account, target: targetOf(query) }));

function targetOf(query: Readonly<Partial<Record<'task' | 'group' | 'title', string>>>): HoldRequest['target'] {
  const { task, group, title } = query;
  if (task !== undefined) return { kind: 'task', taskId: task };
  if (group !== undefined) return { kind: 'group', group };
  return title === undefined ? { kind: 'account' } : { kind: 'title', title };
}

export const taskId = name;

const { localeError } = z.locales.zhCN();
function wordsOf(issue: z.core.$ZodIssue): Sentences {
  const { message } = issue;
  const said = localeError(issue as z.core.$ZodRawIssue);
  return [message, chineseOf.get(message) ?? (typeof said === 'string' ? said : (said?.message ?? message))];
}

export const theForm: Sentences = ['the form', '表单'];
export const theAddress: Sentences = ['the address', '地址'];

/** The checked value, or a denial that names every place that is wrong. */
export function checked<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  [english, chinese]: Sentences,
): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const { issues } = result.error;
  const places = (language: 0 | 1, colon: string) =>
    issues.map((issue) =>
      [...(issue.path.length > 0 ? [issue.path.join('.')] : []), wordsOf(issue)[language]].join(colon),
    );
  throw new Denial('bad-request', [
    `${english} is wrong: ${places(0, ': ').join('; ')}`,
    `${chinese}有误：${places(1, '：').join('；')}`,
  ]);
}
