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
  mapped(record, kept[kind], f, undefined) as Kept[K];

function mapped(value: unknown, shape: Shape, f: MapTime, whole: unknown): unknown {
  if (value === undefined) return value;
  switch (shape.kind) {
    case 'time': {
      const from = shape.from ? shape.from(whole as never) : (value as number);
      return f(from) + ((value as number) - from);
    }
    case 'maybe':
    case 'later':
      return mapped(value, shape.of, f, whole);
    case 'list': {
      const before = value as readonly unknown[];
      const after = before.map((one) => mapped(one, shape.of, f, whole));
      return after.some((one, index) => one !== before[index]) ? after : before;
    }
    case 'record':
      return mappedFields(value as Values, shape.of, f);
    case 'either':
      return mappedFields(value as Values, shape.of[(value as Values).kind as string] ?? {}, f);
    default:
      return value;
  }
}

type Values = Readonly<Record<string, unknown>>;

function mappedFields(before: Values, fields: Readonly<Record<string, Shape>>, f: MapTime): Values {
  let after: Record<string, unknown> | undefined;
  for (const key in fields) {
    const shape = fields[key];
    const moved = shape && mapped(before[key], shape, f, before);
    if (moved === before[key]) continue;
    after ??= { ...before };
    after[key] = moved;
  }
  return after ?? before;
}

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
