/**
 * Which number in a record is a time, and whose: one table for each record, and the compiler asks for every number.
 *
 * Two things rest on it. This machine's clock steps: our times move along, so that no wait gets shorter or longer.
 * A stored time lies in the future: a clock that ran ahead when it was written must not make anybody wait for it.
 */

import type { CloudTime } from '../words/cloud-time.ts';
import type { Hold } from '../words/events.ts';
import {
  type AccountRecord,
  type BudgetEntry,
  excuseUnansweredMs,
  type RestartCircuit,
  type Storm,
  type TaskRecord,
  type WritableLedger,
} from './ledger.ts';

/** Everything with times that is kept. */
interface Kept {
  readonly task: TaskRecord;
  readonly account: AccountRecord;
  readonly failure: BudgetEntry;
  readonly storm: Storm;
  readonly hold: Hold;
}

/**
 * `ours`: by this machine's clock. `theirs`: by the cloud's, or as a person wrote it. A function gives the time of ours
 * that a deadline counts from: its distance is kept.
 */
type Meaning<Whole> = 'ours' | 'theirs' | 'count' | ((whole: Whole) => number);

type KeysOf<T> = T extends unknown ? keyof T : never;
type FieldOf<T, K> = T extends unknown ? (K extends keyof T ? T[K] : never) : never;
/** `true` if there is a time or another number anywhere in it. */
type HasNumber<T> = T extends number | CloudTime
  ? true
  : T extends readonly (infer E)[]
    ? HasNumber<E>
    : T extends object
      ? { [K in keyof T]-?: HasNumber<T[K]> }[keyof T]
      : never;
type Entry<T, Whole> = [T] extends [CloudTime]
  ? 'theirs'
  : [T] extends [number]
    ? Meaning<Whole>
    : [T] extends [readonly (infer E)[]]
      ? Entry<E, Whole>
      : Table<T>;
/** Every field with a number in it, of all members of a union. */
type Table<T> = {
  readonly [K in KeysOf<T> as [HasNumber<FieldOf<T, K>>] extends [never] ? never : K]: Entry<
    NonNullable<FieldOf<T, K>>,
    T
  >;
};

const tried = { at: 'ours' } as const;
const opened = { since: 'ours', lastProbeAt: 'ours', failure: { httpStatus: 'count', retryAfterMs: 'count' } } as const;
const unansweredWorkedAt = (circuit: RestartCircuit): number =>
  (circuit.kind === 'closed' ? (circuit.unansweredExcusedUntil ?? 0) : 0) - excuseUnansweredMs;

const tables: { readonly [K in keyof Kept]: Table<Kept[K]> } = {
  task: {
    item: { startsAt: 'theirs', endsAt: 'theirs', requestedAt: 'ours' },
    left: { at: 'ours' },
    firstSeenAt: 'ours',
    changedAt: 'ours',
    activeSince: 'ours',
    missing: { since: 'ours', counted: 'count' },
    goneAt: 'ours',
    overdueTold: 'theirs',
    attempts: 'count',
    row: 'count',
    failedAt: 'ours',
    failedAttemptAt: 'ours',
    lastAttemptAt: 'ours',
    shadow: { n: 'count', at: 'ours' },
    attempt: { n: 'count', at: 'ours', previousAttemptAt: 'ours', phase: { from: 'ours', activeAt: 'ours' } },
    outage: {
      since: 'ours',
      sights: 'count',
      attempts: 'count',
      calls: 'count',
      lastCallAt: 'ours',
      lastEffectAt: 'ours',
      activeAt: 'ours',
    },
  },
  account: {
    lastComplete: { startedAt: 'ours', finishedAt: 'ours', tasks: 'count' },
    pollDurationsMs: 'count',
    suspect: { since: 'ours', before: 'count' },
    failing: { since: 'ours', polls: 'count', endedAt: 'ours' },
    circuits: {
      list: { ...opened, probes: 'count' },
      restart: { ...opened, streak: tried, stretch: tried, unansweredExcusedUntil: unansweredWorkedAt },
    },
    throttle: { inRow: 'count', setAt: 'ours', until: ({ setAt }) => setAt },
  },
  failure: { at: 'ours' },
  storm: { since: 'ours', window: 'count' },
  hold: { createdAt: 'ours', startsAt: 'theirs', endsAt: 'theirs' },
};

type AnyEntry = 'ours' | 'theirs' | 'count' | ((whole: never) => number) | { readonly [key: string]: AnyEntry };

/** The record with `f` done to each time of ours in it; the very record if that changed none. */
export function mapTimes<K extends keyof Kept>(kind: K, record: Kept[K], f: (at: number) => number): Kept[K] {
  return mapped(record, tables[kind] as AnyEntry, f, undefined) as Kept[K];
}

function mapped(value: unknown, entry: AnyEntry, f: (at: number) => number, whole: unknown): unknown {
  if (Array.isArray(value)) {
    const all = value.map((one) => mapped(one, entry, f, whole));
    return all.some((one, index) => one !== value[index]) ? all : value;
  }
  if (typeof value === 'number') {
    if (typeof entry !== 'function') return entry === 'ours' ? f(value) : value;
    const from = entry(whole as never);
    return f(from) + (value - from);
  }
  if (typeof value !== 'object' || value === null || typeof entry !== 'object') return value;
  const before = value as Record<string, unknown>;
  let after = before;
  for (const key in entry) {
    const one = entry[key];
    if (one === undefined || before[key] === undefined) continue;
    const moved = mapped(before[key], one, f, before);
    if (moved === before[key]) continue;
    if (after === before) after = { ...before };
    after[key] = moved;
  }
  return after;
}

/** For `mapTimes`: what lies in the future is taken as now. */
export const notAfter =
  (now: number) =>
  (at: number): number =>
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
