/**
 * The windows of storms: how many restarts may be unsettled, and which are. A window opens with each success and closes
 * with each failure, so that curable tasks come back fast and an incurable cause does not cost a call a second.
 */

import type { AttemptEvent, TaskEvent } from '../words/events.ts';
import type { Policy } from '../words/policy.ts';
import { type Attempt, type Ledger, recordsOf, type Storm, type TaskRecord, type WritableLedger } from './ledger.ts';

/** A window's first and smallest size. */
export const stormWindowStart = 3;
const perSuccess = 2;
/** More attempts than the circuit gives back at once. */
const maxChargedKept = 50;

/**
 * The windows after an attempt was settled: +2 for a task seen active (taken back, with one more, if it stops
 * again), −1 for each other failure, never below 3. Attempts that do not count leave them as they are, and one that
 * is given back returns what its failure took; at the smallest size that was nothing.
 */
export function settleInWindows(ledger: WritableLedger, record: TaskRecord, event: TaskEvent): void {
  if (!('attemptId' in event)) return;
  for (const scope of [undefined, event.group]) {
    const storm = ledger.storms.get(scope);
    const after = storm && settledIn(storm, record, event);
    if (after && after !== storm) ledger.storms.set(scope, after);
  }
}

function settledIn(storm: Storm, record: TaskRecord, event: AttemptEvent): Storm {
  const { window, charged } = storm;
  if (event.type === 'restart-given-back') {
    if (!charged.includes(event.attemptId)) return storm;
    return { ...storm, window: window + 1, charged: charged.filter((attemptId) => attemptId !== event.attemptId) };
  }
  const { attempt } = record;
  if (!attempt || passesBy(attempt)) return storm;
  if (event.type === 'restart-worked') return { ...storm, window: window + perSuccess };
  if (event.type !== 'restart-failed') return storm;
  if (event.cause === 'stopped-again') return { ...storm, window: Math.max(stormWindowStart, window - perSuccess - 1) };
  if (window <= stormWindowStart) return storm;
  return { ...storm, window: window - 1, charged: [...charged, event.attemptId].slice(-maxChargedKept) };
}

/** Windows neither count it nor learn from it. */
const passesBy = ({ givenBack, free, trigger }: Attempt): boolean => givenBack || free || trigger === 'manual';

/** Polls that an attempt is given to be seen, beyond its `verifyWithin`. */
const pollsToBeSeen = 2;

/**
 * How long after its answer others wait for what becomes of a restart. A list that does not show its task (an unknown
 * status, a cloud group that cannot be read) must not keep them waiting for ever.
 */
export const patienceMs = ({ verifyWithinMs }: Policy, pollGapMs: number): number =>
  verifyWithinMs + pollsToBeSeen * pollGapMs;

interface Asked {
  readonly ledger: Ledger;
  readonly policyOf: ReadonlyMap<string | undefined, Policy>;
  readonly now: number;
  readonly pollGapMs: number;
}

/** As storms are kept: since when the effect of each restart is awaited; Infinity: the call is out. */
type Unsettled = ReadonlyMap<string | undefined, readonly number[]>;

/**
 * Restarts that are out or whose effect is awaited. Left out are those that do not count, and those that were not seen in
 * good time.
 */
export function unsettledByScope(asked: Asked): Unsettled {
  const byScope = new Map<string | undefined, number[]>();
  for (const { attempt, policy, since } of awaited(asked)) {
    if (passesBy(attempt)) continue;
    for (const scope of [undefined, policy.name]) {
      const others = byScope.get(scope);
      if (others) others.push(since);
      else byScope.set(scope, [since]);
    }
  }
  return byScope;
}

/** Attempts that are out, and those whose effect is awaited and may still be seen in good time. */
function* awaited({ ledger, policyOf, now, pollGapMs }: Asked) {
  for (const record of recordsOf(ledger, ledger.unsettled)) {
    const { attempt, group } = record;
    const policy = policyOf.get(group);
    if (!attempt || !policy) continue;
    const since = 'from' in attempt.phase ? attempt.phase.from : Number.POSITIVE_INFINITY;
    if (now < since + patienceMs(policy, pollGapMs)) yield { record, attempt, policy, since };
  }
}

/** Cloud groups of restarts that a look may settle: it lists them. What was not seen in good time, only polls wait for. */
export function awaitedCloudGroups(asked: Asked): readonly string[] {
  const cloudGroups = new Set<string>();
  for (const { record, attempt } of awaited(asked))
    if (attempt.phase.kind !== 'in-flight') cloudGroups.add(record.item.cloudGroup);
  return [...cloudGroups];
}

/**
 * Whether a storm that is on has room for one more restart of the task; `free` says that it passes without being
 * counted. Nobody waits for another's restart longer than for one of its own.
 */
export function passesStorms(
  { ledger, unsettled, now, pollGapMs }: Asked & { readonly unsettled: Unsettled },
  record: TaskRecord,
  policy: Policy,
): { readonly passes: boolean; readonly free: boolean } {
  const first = record.outage?.attempts === 0;
  const fromThen = now - patienceMs(policy, pollGapMs);
  let [passes, isStormy, byBudgets] = [true, false, true];
  for (const scope of [undefined, policy.name]) {
    const storm = ledger.storms.get(scope);
    if (!storm) continue;
    const byBudget = !storm.by.stopped;
    isStormy = true;
    byBudgets &&= byBudget;
    passes &&= (first && byBudget) || countAfter(fromThen, unsettled.get(scope)) < storm.window;
  }
  return { passes, free: isStormy && first && byBudgets };
}

/** A loop: it is asked for each stopped task. */
function countAfter(at: number, times: readonly number[] = []): number {
  let count = 0;
  for (const time of times) if (time > at) count++;
  return count;
}

/** Whether a storm of the account or of the group is on. */
export const isStormOver = ({ storms }: Ledger, group: string): boolean =>
  storms.size > 0 && (storms.has(undefined) || storms.has(group));
