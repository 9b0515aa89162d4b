/**
 * Records and events as JSON and back: the one place that knows the stored shape.
 *
 * JSON has neither `undefined` (left out) nor Infinity: `until: Infinity`, "never", is stored as null. What is read is
 * checked against the domain's types before anyone decides from it. A field that is added to a record later must be
 * `maybe(…)` or have a `.default(…)` here, or records stored before it are refused.
 */
import { z } from 'zod';
import type {
  AccountRecord,
  Attempt,
  FailingPolls,
  ListCircuit,
  Outage,
  RestartCircuit,
  StretchEntry,
  TaskRecord,
} from '../domain/memory/ledger.ts';
import { cloudTime } from '../domain/words/cloud-time.ts';
import type { Event, Hold } from '../domain/words/events.ts';
import { type CallFailure, errorClasses, pollTroubles } from '../domain/words/failure.ts';
import { reasons } from '../domain/words/reason.ts';
import type { TaskItem } from '../domain/words/task.ts';

/** May be absent. The cast makes the key required and its value possibly undefined, as in the domain's types. */
const maybe = <T extends z.ZodType>(type: T) => type.optional() as unknown as z.ZodType<z.output<T> | undefined>;

const time = z.number();
const cloudsTime = z.number().transform(cloudTime);
const count = z.number();
const text = z.string();

const taskItem: z.ZodType<TaskItem> = z.object({
  taskId: text,
  title: text,
  cloudGroup: text,
  type: z.enum(['live', 'vod']),
  status: z.enum(['stopped', 'active', 'not-started', 'ended', 'unknown']),
  statusText: text,
  startsAt: maybe(cloudsTime),
  endsAt: maybe(cloudsTime),
  source: text,
  requestedAt: time,
});

const attempt: z.ZodType<Attempt> = z.object({
  id: text,
  n: count,
  trigger: z.enum(['auto', 'manual']),
  by: maybe(text),
  probe: z.boolean(),
  free: z.boolean(),
  at: time,
  previousAttemptAt: maybe(time),
  givenBack: z.boolean(),
  phase: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('in-flight') }),
    z.object({ kind: z.literal('verifying'), from: time, answer: z.enum(['accepted', 'unanswered']) }),
    z.object({ kind: z.literal('doubted'), from: time, code: text }),
    // `holding`: its name in files of 0c3a3cd and before.
    z.object({ kind: z.enum(['proving', 'holding']).transform(() => 'proving' as const), activeAt: time }),
  ]),
});

const outage: z.ZodType<Outage> = z.object({
  id: text,
  since: time,
  sights: count,
  attempts: count,
  calls: count.default(0),
  lastCallAt: maybe(time),
  lastEffectAt: maybe(time),
  activeAt: maybe(time),
  failedInStretch: z.boolean(),
  throttled: z.boolean().default(false),
});

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

/** Old files have attempts that nobody sent among the real ones. With one that is awaited all are forgotten. */
function withoutShadows(body: unknown): unknown {
  const shadowed = z.object({ attempt: z.object({ trigger: z.literal('shadow') }) }).safeParse(body).success;
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

const taskRecordToday: z.ZodType<TaskRecord> = z.object({
  taskId: text,
  item: taskItem,
  group: maybe(text),
  left: maybe(z.object({ group: text, at: time })),
  firstSeenAt: time,
  stoppedAtFirstSight: z.boolean(),
  changedAt: time,
  activeSince: maybe(time),
  missing: maybe(z.object({ since: time, counted: count })),
  goneAt: maybe(time),
  overdueTold: maybe(cloudsTime),
  attempts: count,
  row: count,
  failedAt: z.array(time),
  failedAttemptAt: maybe(time),
  lastAttemptAt: maybe(time),
  attempt: maybe(attempt),
  stageTold: maybe(z.enum(['quarantined', 'abandoned'])),
  shadow: maybe(z.object({ n: count, at: time })),
  outage: maybe(outage),
  reasonTold: maybe(z.enum(reasons)),
});
export const taskRecord: z.ZodType<TaskRecord> = z.preprocess((body) => withoutShadows(renamed(body)), taskRecordToday);

const failure: z.ZodType<CallFailure> = z.object({
  class: z.enum(errorClasses),
  code: maybe(text),
  httpStatus: maybe(z.number()),
  requestId: maybe(text),
  message: text,
});

const stretch: z.ZodType<StretchEntry[]> = z.array(
  z.object({ taskId: text, attemptId: text, denied: z.boolean().default(false), at: time }),
);

const opened = { kind: z.literal('open'), since: time, failure, lastProbeAt: time };

const listCircuit: z.ZodType<ListCircuit> = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('closed') }),
  z.object({ ...opened, probes: count }),
]);

const restartCircuit: z.ZodType<RestartCircuit> = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('closed'), streak: stretch, unansweredExcusedUntil: maybe(time) }),
  z.object({ ...opened, stretch }),
]);

const failingPolls: z.ZodType<FailingPolls> = z.object({
  since: time,
  polls: count,
  class: z.enum(pollTroubles),
  code: maybe(text),
  classes: z.array(z.enum(pollTroubles)),
  endedAt: maybe(time),
});

export const accountRecord: z.ZodType<AccountRecord> = z.object({
  lastComplete: maybe(
    z.object({ startedAt: time, finishedAt: time, tasks: count, unlisted: z.array(text).default([]) }),
  ),
  pollDurationsMs: z.array(z.number()),
  suspect: maybe(z.object({ since: time, before: count })),
  failing: maybe(failingPolls),
  circuits: z.object({ list: listCircuit, restart: restartCircuit }),
  throttle: maybe(z.object({ inRow: count, setAt: time, until: time })),
  retiredActions: z.array(text),
  region: maybe(text),
});

export const hold: z.ZodType<Hold> = z.object({
  id: text,
  account: text,
  target: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('task'), taskId: text }),
    z.object({ kind: z.literal('group'), group: text }),
    z.object({ kind: z.literal('title'), title: text }),
    z.object({ kind: z.literal('account') }),
  ]),
  author: text,
  reason: text,
  createdAt: time,
  startsAt: maybe(time),
  endsAt: maybe(time),
});

/** Types of events that have another name today, by the one they are stored under. */
export const renamedTypes: ReadonlyMap<string, string> = new Map([['restart-held', 'restart-proved']]);

/** Events are only shown (and the budget rests on a few fields that are checked where it is read): the frame is enough. */
const eventFrame = z.looseObject({
  type: text.transform((type) => renamedTypes.get(type) ?? type),
  at: time,
  account: text,
  until: z
    .number()
    .nullable()
    .transform((until) => until ?? Number.POSITIVE_INFINITY)
    .optional(),
});

/** What a failed attempt must have to count in a budget. */
export const failedAttempt = z.object({
  at: time,
  attemptId: text,
  group: text,
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
export function decode<T>(type: z.ZodType<T>, body: string): Decoded<T> {
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
