/**
 * Faults as data: which calls, what goes wrong, from when to when, how often.
 *
 * Two sorts. *Ends* replace the answer: the first live one that matches takes the call. *Twists* change what a call
 * does or what a list shows, and add up.
 */
import type { Called } from './arrivals.ts';
import type { Headers } from './exchange.ts';
import { draw, type Random, type Span } from './random.ts';

/** All that are given must hold. */
export interface FaultMatch {
  /** One action, or `list` (both lists), or `restart` (Restart, Continue, Relaunch). */
  readonly action?: string;
  /** A call that names this task; for twists of a list: only this item. */
  readonly taskId?: string;
  /** A call that names this cloud group, or whose task is in it; for twists of a list: only its items. */
  readonly cloudGroup?: string;
  readonly accessKeyId?: string;
}

/** `carriedOut`: the call has its effect all the same. */
export type End =
  | {
      readonly kind: 'error';
      readonly code: string;
      readonly status?: number;
      readonly message?: string;
      readonly headers?: Headers;
      readonly carriedOut?: boolean;
    }
  /** The connection breaks: before the call is carried out, or after. */
  | { readonly kind: 'reset' | 'stall'; readonly when: 'before' | 'after' }
  /** Any answer at all: HTML, a redirect, an empty body. */
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers?: Headers;
      readonly body: string;
      readonly carriedOut?: boolean;
    }
  /** The real answer, cut: all but its last byte, or the first `bytes`. */
  | { readonly kind: 'truncate'; readonly bytes?: number }
  /** A valid envelope with an endless title; with `gzip` small on the wire. */
  | { readonly kind: 'huge'; readonly bytes: number; readonly gzip?: boolean }
  | { readonly kind: 'drip'; readonly bytes: number; readonly everyMs: number; readonly headersToo?: boolean };

type Twist =
  /** Added to the way there, and to the way back. */
  | { readonly kind: 'slow-up' | 'slow-down'; readonly ms: Span }
  /** The cloud's clock is off by this much more. Ignores match, count and probability. */
  | { readonly kind: 'clock'; readonly offsetMs: number }
  /** Restarts are accepted and do nothing. */
  | { readonly kind: 'in-vain' }
  /** The list is empty, as with the key of an account that has no tasks. */
  | { readonly kind: 'blind' }
  /** The list has only these many of its tasks. */
  | { readonly kind: 'shrink'; readonly keep: number }
  /** The list shows an old picture, taken anew when it is older than `refreshMs` (absent: never). */
  | { readonly kind: 'stale'; readonly refreshMs?: number }
  /** Pages after the first begin `shift` items later (earlier if negative), and their TotalCount is off. */
  | { readonly kind: 'drift'; readonly shift: number; readonly totalOff?: number }
  /** However many are asked for, a page (of groups too) has at most so many. */
  | { readonly kind: 'page-cap'; readonly most: number }
  /** What the lists say that there are, whatever there is: a number or no number. */
  | { readonly kind: 'promise'; readonly total: unknown }
  /** Items show this status, known or not. */
  | { readonly kind: 'status'; readonly text: string }
  /** Items are broken: TaskId is a number, StartTime no time, … */
  | { readonly kind: 'malformed' };

export type Effect = End | Twist;

export interface Fault {
  readonly match?: FaultMatch;
  readonly effect: Effect;
  /** Strikes so many times at most. */
  readonly count?: number;
  /** Of each matching call, 0 to 1. */
  readonly probability?: number;
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
const ends: ReadonlySet<string> = new Set([
  'error',
  'reset',
  'stall',
  'answer',
  'truncate',
  'huge',
  'drip',
] satisfies readonly End['kind'][]);
/** The value that the newest twist of this kind has, if one struck. */
export const twistOf = <K extends Twist['kind']>(
  struck: readonly LiveFault[],
  kind: K,
): Extract<Twist, { kind: K }> | undefined =>
  struck
    .map(({ fault }) => fault.effect)
    .findLast((effect): effect is Extract<Twist, { kind: K }> => effect.kind === kind);

const isTwist = (effect: Effect): effect is Twist => !ends.has(effect.kind);

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
