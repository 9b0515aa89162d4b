/** Schemas of the answers: openapi.json is made from them, and tests check real answers against them. */

import { z } from 'zod';
import type { ReplicaSeen } from '../domain/ports/store-port.ts';
import type * as views from '../domain/views/shown.ts';
import { traits } from '../domain/views/shown.ts';
import type { Event, Hold } from '../domain/words/events.ts';
import { errorClasses, pollTroubles } from '../domain/words/failure.ts';
import { reasons } from '../domain/words/reason.ts';
import { apartWhys, taskStates } from '../domain/words/task.ts';
import { problemCodes } from './problem.ts';

/** The compiler asks for each key of the view, and for no other. */
const view = <View>(fields: { readonly [Key in keyof View]-?: z.ZodType<View[Key]> }) => z.object(fields);
/** One of many kinds, of which each has fields of its own besides these. */
const open = <Kinds>(common: z.ZodRawShape) => z.looseObject(common) as unknown as z.ZodType<Kinds>;

const at = z.number().meta({ description: 'Unix milliseconds' });
const count = z.number();
const orNull = <T extends z.ZodType>(schema: T) => schema.nullable();
const reason = z.enum(reasons);
const until = z.union([at, z.enum(['never', 'unknown'])]);
const storm = orNull(z.object({ since: at, window: count }));
const circuit = orNull(
  z.object({ since: at, class: z.enum(errorClasses), code: orNull(z.string()), message: z.string() }),
);

const rejected = orNull(view<views.RejectedConfiguration>({ since: at, errors: z.array(z.string()) }));
const covered = z.object({ tasks: count, stopped: count });
const globs = z.array(z.string());

const hold = view<Hold>({
  id: z.string(),
  account: z.string(),
  target: z.union([
    z.object({
      kind: z.literal('match').meta({ description: 'A recurring hold of the configuration' }),
      match: z.object({
        account: globs,
        cloudGroup: globs,
        title: globs,
        type: z.array(z.enum(['live', 'vod'])),
        exclude: z.object({ title: globs, taskId: globs }),
      }),
    }),
    z.object({ kind: z.literal('title'), title: z.string().meta({ description: 'A glob' }) }),
    z.object({ kind: z.literal('task'), taskId: z.string() }),
    z.object({ kind: z.literal('group'), group: z.string() }),
    z.object({ kind: z.literal('account') }),
  ]),
  author: z.string(),
  reason: z.string(),
  createdAt: at,
  startsAt: at.optional().meta({ description: 'Absent: from when it was set' }),
  endsAt: at.optional().meta({ description: 'Absent: until it is removed' }),
});

const task = view<views.TaskView>({
  account: z.string(),
  taskId: z.string(),
  title: z.string(),
  cloudGroup: z.string(),
  group: orNull(z.string()),
  type: z.enum(['live', 'vod']),
  state: z.enum(taskStates),
  statusText: z.string(),
  startsAt: orNull(at),
  endsAt: orNull(at),
  firstSeenAt: at,
  changedAt: at,
  gone: z.boolean(),
  due: z.boolean(),
  downSince: orNull(at).meta({ description: 'Null: it runs, is not due, is held or only observed' }),
  outage: orNull(z.object({ id: z.string(), since: at, attempts: count, activeAt: orNull(at) })),
  attempts: z.object({ made: count, failedInRow: count, lastAt: orNull(at), phase: orNull(z.string()) }),
  givenUp: orNull(z.enum(['quarantined', 'abandoned'])),
  verdict: z.object({
    kind: z.enum(['restart', 'wait', 'none']),
    reason: reason.optional(),
    until: until.optional(),
    wouldGo: z.object({ n: count, at: orNull(at) }).optional(),
    sentence: z.string(),
  }),
});

const eventView = view<views.EventView>({
  seq: z.number(),
  event: open<Event>({ type: z.string(), at, account: z.string() }),
  title: orNull(z.string()).meta({ description: 'Of the task that it is about' }),
  sentence: z.string(),
});

const call = view<views.CallView>({
  at,
  by: orNull(z.string()).meta({ description: 'Null: the rules' }),
  answer: orNull(z.enum(['accepted', 'refused', 'throttled', 'not-sent', 'unanswered'])),
  code: orNull(z.string()),
  requestId: orNull(z.string()),
  durationMs: orNull(z.number()),
});

const rule = view<views.RuleView>({
  reason,
  notBefore: orNull(until),
  detail: z.string(),
  objection: orNull(open<NonNullable<views.RuleView['objection']>>({ kind: z.string() })),
});

const group = view<views.GroupView>({
  account: z.string(),
  group: z.string(),
  mode: z.enum(['heal', 'observe']),
  states: z.record(z.enum(taskStates), count),
  down: count,
  apart: z.record(z.enum(apartWhys), count),
  waiting: z.partialRecord(reason, count),
  quarantined: count,
  abandoned: count,
  holds: count,
  holdEndsAt: orNull(at),
  oldestOutageAt: orNull(at),
  nextRestartAt: orNull(at),
  nextEndAt: orNull(at),
  endingSoon: count,
  storm,
});

const account = view<views.AccountView>({
  account: z.string(),
  provider: z.string(),
  owned: z.boolean(),
  owner: z.string().optional().meta({ description: 'The replica that owns it, if it is another' }),
  unread: z.boolean().optional().meta({ description: "It is this process's, whose memory of it is not read yet" }),
  polledAt: orNull(at),
  pollIntervalMs: orNull(z.number()),
  tasks: count,
  unmanaged: count,
  circuits: z.object({ list: circuit, restart: circuit }),
  storm,
  throttledUntil: orNull(at),
  failing: orNull(
    z.object({
      since: at,
      polls: count,
      class: z.enum(pollTroubles),
      code: orNull(z.string()),
      classes: z.array(z.enum(pollTroubles)),
      endedAt: orNull(at).meta({ description: 'Null: polls fail now' }),
    }),
  ),
  suspectSince: orNull(at),
  incompleteSince: orNull(at),
  region: z.string(),
  clockOffsetMs: z.number(),
  calls: count,
  gate: z.object({
    perSecond: z.number(),
    restartPerSecond: z.number(),
    listPerSecond: z.number(),
    slowed: z.array(
      z.object({
        limit: z.enum(['account', 'restart', 'list']),
        perSecond: count,
        configured: count,
        forMs: z.number(),
      }),
    ),
    queued: z.object({ restart: count, verify: count, poll: count, other: count }),
    permitsOut: count,
  }),
});

const common = view<views.InCommon>({
  account: z.string(),
  trait: z.enum(traits),
  value: z.string(),
  down: count,
  ofDown: count,
  running: count.optional(),
  ofRunning: count.optional(),
  startedAt: at.optional(),
  sentence: z.string(),
});

const replica = view<ReplicaSeen>({
  id: z.string(),
  name: z.string(),
  version: z.string(),
  configHash: z.string(),
  startedAt: at,
  isThis: z.boolean(),
  owned: z.array(z.object({ account: z.string(), leftMs: z.number() })),
});

const ending = view<views.EndingTask>({
  account: z.string(),
  group: z.string(),
  taskId: z.string(),
  title: z.string(),
  cloudGroup: z.string(),
  endsAt: at,
});

/** What the charts show, a sample a minute. */
const sample = z.object({
  at,
  down: count,
  restarts: count.meta({ description: 'Answered since the sample before' }),
  failures: count.meta({ description: 'Restarts settled as failed since the sample before' }),
  callsPerSecond: z.number(),
  limitPerSecond: z.number(),
  pollAgeSeconds: orNull(z.number()).meta({ description: 'Of the account whose last complete poll is oldest' }),
});
export type Sample = Readonly<z.output<typeof sample>>;

const problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  code: z.enum(problemCodes).meta({ description: 'Stays as it is; the words may change' }),
  detail: z.string(),
  hint: z.string().meta({ description: 'What to do next' }),
});

export const answers = {
  Problem: problem,
  /** Keys as the program has them, so that a new one needs no row here. */
  Configuration: z.looseObject({ groups: z.array(z.looseObject({ name: z.string() })) }),
  RejectedConfiguration: rejected,
  Reloaded: z.object({ ok: z.literal(true), needsRestart: z.array(z.string()), warnings: z.array(z.string()) }),
  Hooked: z.object({ ok: z.literal(true) }),
  TaskView: task,
  ExplainView: view<views.ExplainView>({
    ...task.shape,
    entry: orNull(
      z.object({
        group: z.string(),
        excludedBy: orNull(z.object({ key: z.enum(['title', 'taskId']), glob: z.string() })),
      }),
    ),
    successor: orNull(z.object({ taskId: z.string(), title: z.string() })),
    calls: z.array(call),
    rules: z.array(rule),
    holds: z.array(hold),
    recent: z.array(eventView),
  }),
  GroupView: group,
  StatusView: view<views.StatusView>({
    version: z.string(),
    startedAt: at,
    now: at,
    configHash: z.string(),
    configFile: z.string(),
    configLoadedAt: at,
    configChange: orNull(z.string()),
    store: z.object({ kind: z.string(), up: z.boolean(), failingSince: orNull(at) }),
    replicas: z.array(replica).optional().meta({ description: 'Absent: nobody can share the store' }),
    othersReadAgoMs: z
      .number()
      .optional()
      .meta({ description: 'How old what is shown of the accounts of other replicas can be, milliseconds' }),
    rejected,
    accounts: z.array(account),
    groups: z.array(group),
    inCommon: z.array(common),
    ending: z.array(ending),
  }),
  Hold: hold,
  HoldView: view<views.HoldView>({
    ...hold.shape,
    inForce: z.boolean().meta({ description: 'False: it begins later' }),
    title: orNull(z.string()),
    covers: covered,
  }),
  EventView: eventView,
  HoldPreview: view<views.HoldPreview>({
    account: z.string(),
    covers: covered,
    first: z.array(
      z.object({ taskId: z.string(), title: z.string(), group: orNull(z.string()), stopped: z.boolean() }),
    ),
  }),
  Sample: sample,
  RestartView: z.object({ task, answer: z.looseObject({ kind: z.string() }) }),
} as const;

export type AnswerName = keyof typeof answers;
