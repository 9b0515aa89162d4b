/**
 * Records and events as JSON and back. What a record is made of stands in `domain/memory/ledger.ts`; what is read is
 * checked against that before anyone decides from it. Names and shapes of older files stand here.
 *
 * JSON has neither `undefined` (left out) nor Infinity: `until: Infinity`, "never", is stored as null.
 */
import { z } from 'zod';
import type { AccountRecord, TaskRecord } from '../domain/memory/ledger.ts';
import * as shapes from '../domain/memory/ledger.ts';
import { type Event, type Hold, hold as storedHold } from '../domain/words/events.ts';
import { field } from '../domain/words/mapping.ts';
import type { Shape } from '../domain/words/shape.ts';

function typeOf<T>(shape: Shape<T>): z.ZodType<T>;
function typeOf(shape: Shape): z.ZodType {
  switch (shape.kind) {
    case 'text':
      return z.string();
    case 'flag':
      return z.boolean();
    case 'count':
    case 'time':
      return z.number();
    case 'one-of':
      return z.enum(shape.of);
    case 'list':
      return z.array(typeOf(shape.of));
    case 'maybe':
      return typeOf(shape.of).optional();
    case 'later':
      return typeOf(shape.of).default(shape.before);
    case 'record':
      return z.object(typesOf(shape.of));
    case 'either': {
      const kinds: z.ZodObject[] = Object.entries(shape.of).map(([kind, of]) =>
        z.object({ kind: z.literal(kind), ...typesOf(of) }),
      );
      return z.discriminatedUnion('kind', kinds as [z.ZodObject, ...z.ZodObject[]]);
    }
    default:
      return shape satisfies never;
  }
}

const typesOf = (fields: Readonly<Record<string, Shape>>): Record<string, z.ZodType> =>
  Object.fromEntries(Object.entries(fields).map(([key, shape]) => [key, typeOf(shape)]));

/** Names in files of 84bac68 and before. */
const formerNames: Readonly<Record<string, string>> = {
  tries: 'attempts',
  lastTryAt: 'lastAttemptAt',
  previousTryAt: 'previousAttemptAt',
  failedTryAt: 'failedAttemptAt',
};

/** By today's names; every record of those files has `tries`. */
function renamed(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || !('tries' in body)) return body;
  const inToday = (part: object) =>
    Object.fromEntries(Object.entries(part).map(([key, value]) => [formerNames[key] ?? key, value]));
  const { attempt, ...rest } = body as { readonly attempt?: object };
  return { ...inToday(rest), attempt: attempt && inToday(attempt) };
}

/** In files of 0c3a3cd and before an attempt that is `proving` is `holding`. */
function proving(body: unknown): unknown {
  const attempt = field(body, 'attempt');
  if (field(field(attempt, 'phase'), 'kind') !== 'holding') return body;
  const { phase, ...rest } = attempt as { readonly phase: object };
  return { ...(body as object), attempt: { ...rest, phase: { ...phase, kind: 'proving' } } };
}

/** Old files have attempts that nobody sent among the real ones. With one that is awaited all are forgotten. */
function withoutShadows(body: unknown): unknown {
  const shadowed = field(field(body, 'attempt'), 'trigger') === 'shadow';
  const forgotten = {
    attempt: undefined,
    attempts: 0,
    row: 0,
    failedAt: [],
    lastAttemptAt: undefined,
    stageTold: undefined,
  };
  return shadowed ? { ...(body as object), ...forgotten } : body;
}

/** What reads a stored body. */
type Reader<T> = Pick<z.ZodType<T>, 'safeParse'>;

const taskRecordToday = typeOf(shapes.taskRecord);
/** Not by `z.preprocess`: at a start with 100,000 records that is 40 ms. */
export const taskRecord: Reader<TaskRecord> = {
  safeParse: (body) => taskRecordToday.safeParse(withoutShadows(proving(renamed(body)))),
};

export const accountRecord: z.ZodType<AccountRecord> = typeOf(shapes.accountRecord);
export const hold: z.ZodType<Hold> = typeOf(storedHold);

/** Types of events that have another name today, by the one they are stored under. */
export const renamedTypes: ReadonlyMap<string, string> = new Map([['restart-held', 'restart-proved']]);

/** Events are only shown (and the budget rests on a few fields that are checked where it is read): the frame is enough. */
const eventFrame = z.looseObject({
  type: z.string().transform((type) => renamedTypes.get(type) ?? type),
  at: z.number(),
  account: z.string(),
  until: z
    .number()
    .nullable()
    .transform((until) => until ?? Number.POSITIVE_INFINITY)
    .optional(),
});

/** What a failed attempt must have to count in a budget. */
export const failedAttempt = z.object({
  at: z.number(),
  attemptId: z.string(),
  group: z.string(),
  // `shadow`: in files of 84bac68 and before.
  trigger: z.enum(['auto', 'manual', 'shadow']),
});

/** The JSON of a record. Throws if it has a number that JSON cannot hold: that is our mistake, and would be a null. */
export function encode(value: TaskRecord | AccountRecord | Hold): string {
  const body = JSON.stringify(value);
  // No field is ever null, so the word can only stand in a text, or for a number that is none.
  if (body.includes('null')) JSON.stringify(value, refuseUnstorable);
  return body;
}

export function encodeEvent(event: Event): string {
  const forever = 'until' in event && event.until === Number.POSITIVE_INFINITY;
  const body = JSON.stringify(forever ? { ...event, until: null } : event);
  if (body.includes('null')) JSON.stringify(forever ? { ...event, until: undefined } : event, refuseUnstorable);
  return body;
}

function refuseUnstorable(key: string, value: unknown): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) throw new RangeError(`${key} is ${value}: not storable`);
  return value;
}

type Decoded<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly why: string };

/** Never throws: `why` is one short sentence about the first thing wrong. */
export function decode<T>(type: Reader<T>, body: string): Decoded<T> {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return { ok: false, why: 'it is not JSON' };
  }
  const result = type.safeParse(value);
  if (result.success) return { ok: true, value: result.data };
  const [issue] = result.error.issues;
  return { ok: false, why: `${issue?.path.join('.') || 'it'}: ${issue?.message ?? 'not as expected'}` };
}

export function decodeEvent(body: string): Decoded<Event> {
  // The frame is checked, the rest is as it was written by `encodeEvent`.
  return decode(eventFrame, body) as Decoded<Event>;
}
