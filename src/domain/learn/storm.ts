/**
 * Mass failures: when too many due tasks are stopped, or too many attempts failed, a storm is on, and restarts go
 * through its window.
 *
 * Account and group each have a storm of their own.
 */

import type { Counts, Ledger } from '../memory/ledger.ts';
import type { Fact, StormCause, StormScope } from '../words/events.ts';
import type { Budget, Policies, StormLimits } from '../words/policy.ts';

/** Begins, changes and ends storms by the newest census and the failures in each budget's sliding time. */
export function reviewStorms(ledger: Ledger, policies: Policies, now: number): Fact[] {
  const failures = recentFailures(ledger, policies, now);
  const facts = reviewOne(ledger, { group: undefined }, policies.storm, false, failures);
  for (const policy of policies.groups)
    facts.push(...reviewOne(ledger, { group: policy.name }, policy.storm, policy.budget, failures));
  const scopes = new Set([undefined, ...policies.groups.map(({ name }) => name)]);
  for (const group of ledger.storms.keys())
    if (!scopes.has(group)) facts.push({ type: 'storm-ended', scope: { group } });
  return facts;
}

const nobody: Counts = { due: 0, stopped: 0, dueForBudget: 0 };

function reviewOne(
  ledger: Ledger,
  scope: StormScope,
  limits: StormLimits | false,
  budget: Budget | false,
  failures: ReadonlyMap<string | undefined, number>,
): Fact[] {
  const { group } = scope;
  const storm = ledger.storms.get(group);
  const { account, groups } = ledger.counted ?? { account: nobody, groups: undefined };
  const counts = group === undefined ? account : (groups?.get(group) ?? nobody);
  const failed = failures.get(group) ?? 0;
  const by: StormCause = {
    stopped: limits !== false && tooManyStopped(limits, counts, storm?.by.stopped ?? false),
    budget: budget !== false && budgetSpent(budget, counts, failed, storm?.by.budget ?? false),
  };
  const { stopped, due } = counts;
  if (!by.stopped && !by.budget) return storm ? [{ type: 'storm-ended', scope }] : [];
  if (!storm) return [{ type: 'storm-started', scope, by, stopped, due, failures: failed }];
  if (storm.by.stopped === by.stopped && storm.by.budget === by.budget) return [];
  return [{ type: 'storm-changed', scope, by }];
}

/** On from both numbers, off below half of either. */
function tooManyStopped({ percent, atLeast }: StormLimits, { due, stopped }: Counts, on: boolean): boolean {
  const share = on ? 0.5 : 1;
  return stopped > 0 && stopped >= atLeast * share && stopped * 100 >= percent * due * share;
}

/** On when the failures have reached the budget, off below half of it. */
function budgetSpent(budget: Budget, { dueForBudget }: Counts, failed: number, on: boolean): boolean {
  const allowed = Math.max(budget.restarts, budget.perTask * dueForBudget);
  return failed > 0 && failed >= allowed * (on ? 0.5 : 1);
}

function recentFailures(ledger: Ledger, policies: Policies, now: number): ReadonlyMap<string, number> {
  const since = new Map(policies.groups.map(({ name, budget }) => [name, budget === false ? now : now - budget.perMs]));
  const counts = new Map<string, number>();
  for (const { at, group } of ledger.budget) {
    if (at <= (since.get(group) ?? now)) continue;
    counts.set(group, (counts.get(group) ?? 0) + 1);
  }
  return counts;
}
