/**
 * Storms as the judge counts them: when one must be on, by the list that was handed over, and how large its window
 * can be, by what became of the attempts.
 */
import type { Event, StormScope } from '../../src/domain/words/events.ts';
import type { Policies, Policy } from '../../src/domain/words/policy.ts';
import type { Try } from './books.ts';

const smallest = 3;

interface Window {
  size: number;
  /** Failures that made it smaller, and what they took. */
  readonly charged: Set<string>;
}

export interface Counted {
  due: number;
  stopped: number;
  dueForBudget: number;
}

const keyOf = (group: string | undefined, observed: boolean) => `${observed ? 'observed' : 'acting'}/${group ?? ''}`;

export class StormBook {
  readonly #windows = new Map<string, Window>();
  #counted: ReadonlyMap<string | undefined, Counted> = new Map();
  /** Scopes of acting tasks (group, undefined: the account) that must be in a storm since the newest list. */
  #mustBeOn = new Map<string | undefined, { readonly stopped: boolean; readonly budget: boolean }>();

  clear(): void {
    this.#windows.clear();
    this.#mustBeOn.clear();
    this.#counted = new Map();
  }

  started = (scope: StormScope): void =>
    void this.#windows.set(keyOf(scope.group, scope.observed), { size: smallest, charged: new Set() });
  ended = (scope: StormScope): void => void this.#windows.delete(keyOf(scope.group, scope.observed));

  /** After every complete list: what the numbers of design section 4 say. */
  count(
    policies: Policies,
    counted: ReadonlyMap<string | undefined, Counted>,
    failuresOf: (policy: Policy) => number,
  ): void {
    this.#counted = counted;
    this.#mustBeOn = new Map();
    const scopes = [
      { group: undefined, storm: policies.storm, policy: undefined },
      ...policies.groups.map((policy) => ({ group: policy.name, storm: policy.storm, policy })),
    ];
    for (const { group, storm, policy } of scopes) {
      const { due, stopped, dueForBudget } = counted.get(group) ?? { due: 0, stopped: 0, dueForBudget: 0 };
      const tooMany =
        storm !== false && stopped >= storm.atLeast && stopped * 100 >= storm.percent * due && stopped > 0;
      const budget = policy?.budget;
      const spent =
        policy !== undefined &&
        budget !== undefined &&
        budget !== false &&
        failuresOf(policy) >= Math.max(budget.restarts, budget.perTask * dueForBudget);
      if (tooMany || spent) this.#mustBeOn.set(group, { stopped: tooMany, budget: spent });
    }
  }

  /** The newest list counted anew: what is no storm any more may end; what is one need not have begun. */
  recount(policies: Policies, failuresOf: (policy: Policy) => number): void {
    const before = this.#mustBeOn;
    this.count(policies, this.#counted, failuresOf);
    for (const group of this.#mustBeOn.keys()) if (!before.has(group)) this.#mustBeOn.delete(group);
  }

  /** Undefined, or why one more attempt is one too many. */
  objection(next: Try, isFirstOfOutage: boolean, unsettled: Iterable<Try>): string | undefined {
    if (next.probe) return undefined;
    for (const group of [undefined, next.group]) {
      const on = this.#mustBeOn.get(group);
      if (!on || (isFirstOfOutage && !on.stopped)) continue;
      const size = this.#windows.get(keyOf(group, false))?.size ?? smallest;
      let out = 0;
      for (const other of unsettled)
        if (other !== next && counts(other) && (group === undefined || other.group === group)) out++;
      if (out >= size)
        return `${out} restarts of ${group ?? 'the account'} are unsettled and its storm window is ${size}`;
    }
    return undefined;
  }

  settle(attempt: Try, event: Event): void {
    // Of a task that is unmanaged by now, what it took from the account's window is given back all the same.
    for (const group of new Set([undefined, attempt.group])) {
      const window = this.#windows.get(keyOf(group, attempt.trigger === 'shadow'));
      if (!window) continue;
      if (event.type === 'restart-given-back') {
        if (window.charged.delete(attempt.id)) window.size++;
        continue;
      }
      if (attempt.givenBack || attempt.free || attempt.trigger === 'manual') continue;
      if (event.type === 'restart-worked') window.size += 2;
      else if (event.type === 'restart-failed' && event.cause === 'stopped-again')
        window.size = Math.max(smallest, window.size - 3);
      else if (event.type === 'restart-failed' && window.size > smallest) {
        window.size--;
        window.charged.add(attempt.id);
      }
    }
  }
}

const counts = ({ group, settled, givenBack, free, trigger }: Try): boolean =>
  group !== undefined && !settled && !givenBack && !free && trigger === 'auto';
