/**
 * The times in what is kept. Two things rest on it. This machine's clock steps: our times move along, so that no wait
 * gets shorter or longer. A stored time lies in the future: a clock that ran ahead when it was written must not make
 * anybody wait for it.
 */

import { hold } from '../words/events.ts';
import type { Shape, ValueOf } from '../words/shape.ts';
import { accountRecord, budgetEntry, storm, taskRecord, type WritableLedger } from './ledger.ts';

/** Everything with times that is kept. */
const kept = { task: taskRecord, account: accountRecord, failure: budgetEntry, storm, hold };
type Kept = { readonly [K in keyof typeof kept]: ValueOf<(typeof kept)[K]> };

type MapTime = (at: number) => number;

/** The record with `f` done to each time of ours in it; the very record if that changed none. */
export const mapTimes = <K extends keyof Kept>(kind: K, record: Kept[K], f: MapTime): Kept[K] =>
  movers[kind](record, f, undefined) as Kept[K];

type Move = (value: unknown, f: MapTime, whole: unknown) => unknown;

/** Made once for each shape: a start and a clock step move the times of 100,000 records. Undefined: it has no time. */
function moverOf(shape: Shape): Move | undefined {
  switch (shape.kind) {
    case 'time': {
      const { from } = shape;
      if (!from) return (value, f) => f(value as number);
      return (value, f, whole) => f(from(whole as never)) + ((value as number) - from(whole as never));
    }
    case 'maybe':
    case 'later':
      return moverOf(shape.of);
    case 'list': {
      const move = moverOf(shape.of);
      return move && ((value, f, whole) => movedList(value as readonly unknown[], (one) => move(one, f, whole)));
    }
    case 'record':
      return fieldsMover(shape.of);
    case 'either': {
      const ofKind = new Map(Object.entries(shape.of).map(([kind, fields]) => [kind, fieldsMover(fields)]));
      return (value, f, whole) => ofKind.get((value as Values).kind as string)?.(value, f, whole) ?? value;
    }
    default:
      return undefined;
  }
}

function movedList(before: readonly unknown[], move: (one: unknown) => unknown): readonly unknown[] {
  const after = before.map(move);
  return after.some((one, index) => one !== before[index]) ? after : before;
}

type Values = Readonly<Record<string, unknown>>;

function fieldsMover(fields: Readonly<Record<string, Shape>>): Move | undefined {
  const moves = Object.entries(fields).flatMap(([key, shape]) => {
    const move = moverOf(shape);
    return move ? [{ key, move }] : [];
  });
  if (moves.length === 0) return undefined;
  return (value, f) => {
    const before = value as Values;
    let after: Record<string, unknown> | undefined;
    for (const { key, move } of moves) {
      const was = before[key];
      const moved = was === undefined ? was : move(was, f, before);
      if (moved === was) continue;
      after ??= { ...before };
      after[key] = moved;
    }
    return after ?? before;
  };
}

const unmoved: Move = (value) => value;
const movers = Object.fromEntries(
  Object.entries(kept).map(([kind, shape]) => [kind, moverOf(shape) ?? unmoved]),
) as Readonly<Record<keyof Kept, Move>>;

/** For `mapTimes`: what lies in the future is taken as now. */
export const notAfter =
  (now: number): MapTime =>
  (at) =>
    Math.min(at, now);

/**
 * The machine's clock stepped: every time that a wait is measured from moves along. Gives the tasks whose records
 * changed. A hold is left alone: a person wrote its end for the clock on the wall.
 */
export function stepClock(ledger: WritableLedger, deltaMs: number): readonly string[] {
  const step = (at: number) => at + deltaMs;
  const changed: string[] = [];
  for (const record of ledger.tasks.values()) {
    const { outage, attempt, missing, lastAttemptAt, shadow, goneAt, left } = record;
    // An attempt that was given back can leave a time behind, and nothing that counts.
    const tried = lastAttemptAt !== undefined || record.attempts > 0 || record.row > 0 || shadow !== undefined;
    const waits = outage || attempt || missing || left || tried;
    if (!waits && goneAt === undefined) continue;
    changed.push(record.taskId);
    ledger.tasks.set(record.taskId, mapTimes('task', record, step));
  }
  ledger.budget = ledger.budget.map((entry) => mapTimes('failure', entry, step));
  for (const [key, storm] of ledger.storms) ledger.storms.set(key, mapTimes('storm', storm, step));
  for (const [group, empty] of ledger.emptyGroups)
    ledger.emptyGroups.set(group, { ...empty, since: step(empty.since) });
  const { incomplete } = ledger;
  ledger.incomplete = incomplete && { ...incomplete, since: step(incomplete.since) };
  ledger.accountRecord = mapTimes('account', ledger.accountRecord, step);
  return changed;
}
