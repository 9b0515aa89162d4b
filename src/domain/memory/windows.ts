/**
 * The windows of storms: how many restarts may be unsettled, and which are. A window opens with each success and closes
 * with each failure, so that curable tasks come back fast and an incurable cause does not cost a call a second.
 */

import type { StormScope, TaskEvent } from '../words/events.ts';
import type { Ledger, Storm, TaskRecord, WritableLedger } from './ledger.ts';

/** A window's first and smallest size. */
export const stormWindowStart = 3;
const perSuccess = 2;
/** More attempts than the circuit gives back at once. */
const maxChargedKept = 50;

export const stormKey = ({ group, observed }: StormScope): string =>
  `${observed ? 'observed' : 'acting'}/${group ?? ''}`;

/** The scopes a task counts in: its account's and its group's. */
export const scopesOf = (group: string, observed: boolean): readonly [StormScope, StormScope] => [
  { group: undefined, observed },
  { group, observed },
];

/**
 * The windows after an attempt was settled: +2 for a task seen active (taken back, with one more, if it stops
 * again), −1 for each other failure, never below 3. Attempts that do not count leave them as they are, and one that
 * is given back returns what its failure took; at the smallest size that was nothing.
 */
export function settleInWindows(ledger: WritableLedger, record: TaskRecord, event: TaskEvent): void {
  if (event.group === undefined || !('attemptId' in event)) return;
  for (const scope of scopesOf(event.group, event.trigger === 'shadow')) {
    const storm = ledger.storms.get(stormKey(scope));
    const after = storm && settledIn(storm, record, event);
    if (after && after !== storm) ledger.storms.set(stormKey(scope), after);
  }
}

function settledIn(storm: Storm, record: TaskRecord, event: Extract<TaskEvent, { attemptId: string }>): Storm {
  const { window, charged } = storm;
  if (event.type === 'restart-given-back') {
    if (!charged.includes(event.attemptId)) return storm;
    return { ...storm, window: window + 1, charged: charged.filter((attemptId) => attemptId !== event.attemptId) };
  }
  const { attempt } = record;
  if (!attempt || attempt.givenBack || attempt.free || attempt.trigger === 'manual') return storm;
  if (event.type === 'restart-worked') return { ...storm, window: window + perSuccess };
  if (event.type !== 'restart-failed') return storm;
  if (event.cause === 'stopped-again') return { ...storm, window: Math.max(stormWindowStart, window - perSuccess - 1) };
  if (window <= stormWindowStart) return storm;
  return { ...storm, window: window - 1, charged: [...charged, event.attemptId].slice(-maxChargedKept) };
}

/** Restarts that are out or whose effect is awaited, by storm key; those that do not count are left out. */
export function unsettledByScope(ledger: Ledger): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const taskId of ledger.unsettled) {
    const record = ledger.tasks.get(taskId);
    const attempt = record?.attempt;
    if (!attempt || record.group === undefined) continue;
    if (attempt.givenBack || attempt.free || attempt.trigger === 'manual') continue;
    for (const scope of scopesOf(record.group, attempt.trigger === 'shadow')) {
      const key = stormKey(scope);
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  return counts;
}

/** Whether a storm that is on has room for one more restart of the task; `free` says that it passes without being counted. */
export function passesStorms(
  ledger: Ledger,
  unsettled: ReadonlyMap<string, number>,
  record: TaskRecord,
  group: string,
  observed: boolean,
): { readonly passes: boolean; readonly free: boolean } {
  const storms = stormsOver(ledger, group, observed);
  const first = record.outage?.attempts === 0;
  const free = storms.length > 0 && first && storms.every(([, storm]) => !storm.by.stopped);
  const passes = storms.every(
    ([key, storm]) => (first && !storm.by.stopped) || (unsettled.get(key) ?? 0) < storm.window,
  );
  return { passes, free };
}

export function stormsOver(ledger: Ledger, group: string, observed: boolean): readonly (readonly [string, Storm])[] {
  if (ledger.storms.size === 0) return [];
  return scopesOf(group, observed).flatMap((scope) => {
    const key = stormKey(scope);
    const storm = ledger.storms.get(key);
    return storm ? [[key, storm] as const] : [];
  });
}
