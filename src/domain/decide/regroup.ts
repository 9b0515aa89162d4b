/**
 * A new configuration: every known task goes to the group that matches it now, and holds follow the tasks. Whoever asked
 * to leave a group's tasks alone meant those, whatever the group is called.
 */

import { movedFact } from '../learn/outage.ts';
import { isObserved } from '../memory/condition.ts';
import type { Ledger } from '../memory/ledger.ts';
import type { Memory } from '../memory/memory.ts';
import type { Hold } from '../words/events.ts';
import { groupOf, type Policies, type Policy } from '../words/policy.ts';

/** A group's hold that goes on over tasks which the group no longer has. */
export interface Followed {
  readonly hold: Hold;
  readonly tasks: number;
  /** The group is no longer there, and the hold on it neither. */
  readonly groupGone: boolean;
}

/** Shadows of groups that heal now are forgotten. */
export function regroup(memory: Memory, policies: Policies, now: number): readonly Followed[] {
  const { ledger } = memory;
  const held = holdsByGroup(ledger);
  const followed = new Map<Hold, number>();
  for (const { record, policy } of moving(ledger, policies)) {
    const { taskId } = record;
    for (const hold of held.get(record.group) ?? []) {
      const own: Hold = { ...hold, id: `${hold.id}.${taskId}`, target: { kind: 'task', taskId } };
      memory.tell(now, { type: 'hold-added', hold: own });
      followed.set(hold, (followed.get(hold) ?? 0) + 1);
    }
    memory.tell(now, movedFact(record, policy));
  }
  const policyOf = new Map<string | undefined, Policy>(policies.groups.map((policy) => [policy.name, policy]));
  for (const record of ledger.tasks.values()) {
    const { taskId, group, shadow } = record;
    const policy = shadow && policyOf.get(group);
    if (policy && !isObserved(record, policy)) memory.tell(now, { type: 'shadows-forgotten', taskId, group });
  }
  return [...held].flatMap(([group, holds]) =>
    holds.flatMap((hold) => {
      const [tasks, groupGone] = [followed.get(hold) ?? 0, !policyOf.has(group)];
      if (groupGone) memory.tell(now, { type: 'hold-removed', hold, by: 'a new configuration' });
      return groupGone || tasks > 0 ? [{ hold, tasks, groupGone }] : [];
    }),
  );
}

/** Holds of tasks that `regroup` would add, for those that leave a held group. */
export function holdsThatFollow(ledger: Ledger, policies: Policies): number {
  const held = holdsByGroup(ledger);
  let follow = 0;
  if (held.size === 0) return follow;
  for (const { record } of moving(ledger, policies)) follow += held.get(record.group)?.length ?? 0;
  return follow;
}

/** Tasks that another group has by these policies, or none. */
function* moving(ledger: Ledger, policies: Policies) {
  for (const record of ledger.tasks.values()) {
    if (record.goneAt !== undefined) continue;
    const policy = groupOf(policies, record.item);
    if (policy?.name !== record.group) yield { record, policy };
  }
}

function holdsByGroup({ holds }: Ledger): ReadonlyMap<string | undefined, readonly Hold[]> {
  const byGroup = Map.groupBy(holds.values(), ({ target }) => (target.kind === 'group' ? target.group : undefined));
  byGroup.delete(undefined);
  return byGroup;
}
