/**
 * Mass failures: when too many due tasks are stopped, or too many attempts failed, restarts go through a window
 * that opens with each success and closes with each failure, so that curable tasks come back fast and an
 * incurable cause does not cost a call a second.
 *
 * Account and group each have a storm of their own; observed tasks count only among themselves.
 */

import type { Census, Ledger, Storm, TaskRecord } from '../memory/ledger.ts';
import type { Event, StormCause, StormScope, TaskEvent } from '../words/events.ts';
import type { Budget, Policies, Policy, StormLimits } from '../words/policy.ts';

/** A window's first and smallest size. */
export const stormWindowStart = 3;
const perSuccess = 2;
const dayMs = 24 * 3_600_000;
/** More attempts than the circuit gives back at once. */
const maxChargedKept = 50;

export const stormKey = ({ group, observed }: StormScope): string =>
  `${observed ? 'observed' : 'acting'}/${group ?? ''}`;

/** The scopes a task counts in: its account's and its group's. */
export const scopesOf = (group: string, observed: boolean): readonly [StormScope, StormScope] => [
  { group: undefined, observed },
  { group, observed },
];

/** Whether restarts of the task are only watched: its group observes, or it was stopped at first sight. */
export const isObserved = (record: TaskRecord, policy: Policy): boolean =>
  policy.mode === 'observe' || (record.stoppedAtFirstSight && policy.firstSight === 'observe');

/**
 * The windows after an attempt was settled: +2 for a task seen active (taken back, with one more, if it stops
 * again), −1 for each other failure, never below 3. Attempts that do not count leave them as they are, and one that
 * is given back returns what its failure took; at the smallest size that was nothing.
 */
export function settleInWindows(ledger: Ledger, record: TaskRecord, event: TaskEvent): void {
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

/** Begins, changes and ends storms by the newest census and the failures in each budget's sliding time. */
export function reviewStorms(ledger: Ledger, policies: Policies, now: number): Event[] {
  const events: Event[] = [];
  const failures = recentFailures(ledger, policies, now);
  for (const observed of [false, true]) {
    events.push(...reviewOne(ledger, { group: undefined, observed }, policies.storm, false, failures, now));
    for (const policy of policies.groups)
      events.push(...reviewOne(ledger, { group: policy.name, observed }, policy.storm, policy.budget, failures, now));
  }
  const groups = new Set(policies.groups.map(({ name }) => name));
  for (const key of ledger.storms.keys()) {
    const group = key.slice(key.indexOf('/') + 1);
    if (group !== '' && !groups.has(group))
      events.push({
        type: 'storm-ended',
        at: now,
        account: ledger.account,
        scope: { group, observed: key.startsWith('observed') },
      });
  }
  return events;
}

const nobody: Census = { due: 0, stopped: 0, dueForBudget: 0 };

function reviewOne(
  ledger: Ledger,
  scope: StormScope,
  limits: StormLimits | false,
  budget: Budget | false,
  failures: ReadonlyMap<string, number>,
  now: number,
): Event[] {
  const key = stormKey(scope);
  const storm = ledger.storms.get(key);
  const census = ledger.census.get(key) ?? nobody;
  const failed = failures.get(key) ?? 0;
  const by: StormCause = {
    stopped: limits !== false && tooManyStopped(limits, census, storm?.by.stopped ?? false),
    budget: budget !== false && budgetSpent(budget, census, failed, storm?.by.budget ?? false),
  };
  const { stopped, due } = census;
  const common = { at: now, account: ledger.account, scope };
  if (!by.stopped && !by.budget) return storm ? [{ ...common, type: 'storm-ended' }] : [];
  if (!storm) return [{ ...common, type: 'storm-started', by, stopped, due, failures: failed }];
  if (storm.by.stopped === by.stopped && storm.by.budget === by.budget) return [];
  return [{ ...common, type: 'storm-changed', by }];
}

/** On from both numbers, off below half of either. */
function tooManyStopped({ percent, atLeast }: StormLimits, { due, stopped }: Census, on: boolean): boolean {
  const share = on ? 0.5 : 1;
  return stopped > 0 && stopped >= atLeast * share && stopped * 100 >= percent * due * share;
}

/** On when the failures have reached the budget, off below half of it. */
function budgetSpent(budget: Budget, { dueForBudget }: Census, failed: number, on: boolean): boolean {
  const allowed = Math.max(budget.restarts, budget.perTask * dueForBudget);
  return failed > 0 && failed >= allowed * (on ? 0.5 : 1);
}

function recentFailures(ledger: Ledger, policies: Policies, now: number): ReadonlyMap<string, number> {
  const since = new Map(policies.groups.map(({ name, budget }) => [name, budget === false ? now : now - budget.perMs]));
  const counts = new Map<string, number>();
  for (const { at, group, observed } of ledger.budget) {
    if (at <= (since.get(group) ?? now)) continue;
    const key = stormKey({ group, observed });
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

/**
 * Forgets failures older than every budget's sliding time, and than a day: a circuit that opens gives back what
 * failed on the way, in groups without a budget too.
 */
export function trimBudget(ledger: Ledger, policies: Policies, now: number): void {
  const longestMs = Math.max(dayMs, ...policies.groups.map(({ budget }) => (budget === false ? 0 : budget.perMs)));
  const kept = ledger.budget.findIndex(({ at }) => at > now - longestMs);
  if (kept !== 0) ledger.budget = kept < 0 ? [] : ledger.budget.slice(kept);
}
