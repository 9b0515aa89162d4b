/**
 * Faults as data: which calls, what goes wrong, from when to when, how often.
 *
 * Two sorts. *Ends* replace the answer: the first live one that matches takes the call. *Twists* change what a call
 * does or what a list shows, and add up.
 */
import { z } from 'zod';
import type { Called } from './arrivals.ts';
import { draw, type Random, span } from './random.ts';

/** All that are given must hold. */
const faultMatch = z.strictObject({
  /** One action, or `list` (both lists), or `restart` (Restart, Continue, Relaunch). */
  action: z.string().optional(),
  /** A call that names this task; for twists of a list: only this item. */
  taskId: z.string().optional(),
  /** A call that names this cloud group, or whose task is in it; for twists of a list: only its items. */
  cloudGroup: z.string().optional(),
  accessKeyId: z.string().optional(),
});
export type FaultMatch = Readonly<z.output<typeof faultMatch>>;

const when = z.enum(['before', 'after']);
const bytes = z.int().min(1);
const headers = z.record(z.string(), z.string()).readonly().optional();

/** `carriedOut`: the call has its effect all the same. */
const end = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('error'),
    code: z.string(),
    status: z.int().optional(),
    message: z.string().optional(),
    headers,
    carriedOut: z.boolean().optional(),
  }),
  /** The connection breaks: before the call is carried out, or after. */
  z.strictObject({ kind: z.literal('reset'), when }),
  z.strictObject({ kind: z.literal('stall'), when }),
  /** Any answer at all: HTML, a redirect, an empty body. */
  z.strictObject({
    kind: z.literal('answer'),
    status: z.int().min(200).max(599),
    headers,
    body: z.string(),
    carriedOut: z.boolean().optional(),
  }),
  /** The real answer, cut: all but its last byte, or the first `bytes`. */
  z.strictObject({ kind: z.literal('truncate'), bytes: z.int().min(0).optional() }),
  /** A valid envelope with an endless title; with `gzip` small on the wire. */
  z.strictObject({ kind: z.literal('huge'), bytes, gzip: z.boolean().optional() }),
  z.strictObject({ kind: z.literal('drip'), bytes, everyMs: z.number().min(0), headersToo: z.boolean().optional() }),
]);
export type End = Readonly<z.output<typeof end>>;

const twist = z.discriminatedUnion('kind', [
  /** Added to the way there, and to the way back. */
  z.strictObject({ kind: z.literal('slow-up'), ms: span }),
  z.strictObject({ kind: z.literal('slow-down'), ms: span }),
  /** The cloud's clock is off by this much more. Ignores match, count and probability. */
  z.strictObject({ kind: z.literal('clock'), offsetMs: z.number() }),
  /** Restarts are accepted and do nothing. */
  z.strictObject({ kind: z.literal('in-vain') }),
  /** The list is empty, as with the key of an account that has no tasks. */
  z.strictObject({ kind: z.literal('blind') }),
  /** The list has only these many of its tasks. */
  z.strictObject({ kind: z.literal('shrink'), keep: z.int().min(0) }),
  /** The list shows an old picture, taken anew when it is older than `refreshMs` (absent: never). */
  z.strictObject({ kind: z.literal('stale'), refreshMs: z.number().min(0).optional() }),
  /** Pages after the first begin `shift` items later (earlier if negative), and their TotalCount is off. */
  z.strictObject({ kind: z.literal('drift'), shift: z.int(), totalOff: z.int().optional() }),
  /** However many are asked for, a page (of groups too) has at most so many. */
  z.strictObject({ kind: z.literal('page-cap'), most: z.int().min(1) }),
  /** What the lists say that there are, whatever there is: a number or no number. */
  z.strictObject({ kind: z.literal('promise'), total: z.json() }),
  /** Items show this status, known or not. */
  z.strictObject({ kind: z.literal('status'), text: z.string() }),
  /** Items are broken: TaskId is a number, StartTime no time, … */
  z.strictObject({ kind: z.literal('malformed') }),
]);
type Twist = Readonly<z.output<typeof twist>>;

const effect = z.discriminatedUnion('kind', [end, twist]);
export type Effect = End | Twist;

/** What strikes; when, is added to it. */
export const faultFields = z.strictObject({
  match: faultMatch.readonly().optional(),
  effect: effect.readonly(),
  /** Strikes so many times at most. */
  count: z.int().min(1).optional(),
  /** Of each matching call, 0 to 1. */
  probability: z.number().min(0).max(1).optional(),
});

export interface Fault extends Readonly<z.output<typeof faultFields>> {
  /** Unix milliseconds on the world's clock. Absent: from now on, for ever. */
  readonly from?: number;
  readonly until?: number;
}

/** A fault in force, with what it did so far. */
export interface LiveFault {
  readonly id: string;
  readonly fault: Fault;
  struck: number;
  /** For `stale`: the picture, kept with the fault that shows it. */
  picture: { readonly takenAt: number; readonly entries: readonly unknown[] } | undefined;
}

const lists = ['ListPullToPushTaskV2', 'ListPullToPushGroup'];
const restarts = ['RestartPullToPushTask', 'ContinuePullToPushTask', 'RelaunchPullToPushTask'];

/** These name items of a list, not calls: their task and cloud group are matched item by item. */
const itemTwists: ReadonlySet<Effect['kind']> = new Set(['status', 'malformed']);
const twists: ReadonlySet<Effect['kind']> = new Set(twist.options.map(({ shape }) => shape.kind.value));
/** The value that the newest twist of this kind has, if one struck. */
export const twistOf = <K extends Twist['kind']>(
  struck: readonly LiveFault[],
  kind: K,
): Extract<Twist, { kind: K }> | undefined =>
  struck
    .map(({ fault }) => fault.effect)
    .findLast((effect): effect is Extract<Twist, { kind: K }> => effect.kind === kind);

const isTwist = (effect: Effect): effect is Twist => twists.has(effect.kind);

export const inForce = ({ from = Number.NEGATIVE_INFINITY, until = Number.POSITIVE_INFINITY }: Fault, now: number) =>
  from <= now && now < until;

/**
 * The faults that strike this call, counted as struck: every twist, and at most one end. With `wanted`, only faults
 * of these kinds are asked (the way there is asked before the arrival).
 */
export function strike(
  faults: readonly LiveFault[],
  call: Called,
  random: Random,
  now: number,
  wanted: (effect: Effect) => boolean,
): { readonly twists: readonly LiveFault[]; readonly end: End | undefined } {
  const struck: LiveFault[] = [];
  let end: End | undefined;
  for (const live of faults) {
    const { fault } = live;
    if (!wanted(fault.effect) || !inForce(fault, now) || !matches(fault, call)) continue;
    if (live.struck >= (fault.count ?? Number.POSITIVE_INFINITY)) continue;
    if (!isTwist(fault.effect) && end !== undefined) continue;
    if (fault.probability !== undefined && draw(random) >= fault.probability) continue;
    live.struck += 1;
    if (isTwist(fault.effect)) struck.push(live);
    else end = fault.effect;
  }
  return { twists: struck, end };
}

function matches({ match = {}, effect }: Fault, call: Called): boolean {
  if (match.action !== undefined && !isAction(match.action, call.action)) return false;
  if (match.accessKeyId !== undefined && match.accessKeyId !== call.accessKeyId) return false;
  if (itemTwists.has(effect.kind)) return true;
  if (match.taskId !== undefined && match.taskId !== call.taskId) return false;
  return match.cloudGroup === undefined || call.cloudGroups.includes(match.cloudGroup);
}

function isAction(wanted: string, action: string): boolean {
  if (wanted === 'list') return lists.includes(action);
  if (wanted === 'restart') return restarts.includes(action);
  return wanted === action;
}

export function matchesItem(
  { match = {} }: Fault,
  item: { readonly taskId: string; readonly cloudGroup: string },
): boolean {
  return (
    (match.taskId === undefined || match.taskId === item.taskId) &&
    (match.cloudGroup === undefined || match.cloudGroup === item.cloudGroup)
  );
}
