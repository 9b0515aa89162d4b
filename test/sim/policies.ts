/** The groups of a script: each policy key takes its usual values, and some that hurry. */

import type { Hours, Policies, Policy } from '../../src/domain/words/policy.ts';
import { plainPolicy } from '../domain/story.ts';
import { type Dice, hour, minute, second } from './dice.ts';

/** The cloud group that a group's tasks are in: its name, unless a glob takes several. */
export const cloudGroupFor = ({ name, match }: Policy): string => match.cloudGroup[0]?.replaceAll('*', '1') ?? name;

export const stormOf = (dice: Dice): Policies['storm'] =>
  dice.chance(0.2) ? false : { percent: dice.pick([10, 40, 40, 60]), atLeast: dice.pick([2, 3, 5, 5]) };

export function groupsOf(dice: Dice): readonly Policy[] {
  const count = dice.pick([1, 1, 2, 3, 5]);
  return Array.from({ length: count }, (_, index) => policyOf(dice, `g${index}`));
}

export function policyOf(dice: Dice, name: string): Policy {
  const glob = dice.chance(0.3);
  return {
    ...plainPolicy,
    name,
    match: {
      ...plainPolicy.match,
      cloudGroup: [glob ? `${name}x*` : name],
      exclude: { title: dice.chance(0.5) ? ['*HOLD*'] : [], taskId: [] },
    },
    mode: dice.chance(0.1) ? 'observe' : 'heal',
    firstSight: dice.chance(0.1) ? 'observe' : 'restart',
    confirm: dice.pick([1, 1, 1, 2, 3]),
    backoff: {
      initialMs: dice.pick([5, 15, 15, 30]) * second,
      factor: dice.pick([1.5, 2, 2, 3]),
      maxMs: dice.pick([60, 120, 300]) * second,
      jitterPercent: dice.pick([0, 25, 25, 50]),
      resetAfterMs: dice.pick([2, 5, 10]) * minute,
    },
    attempts: dice.pick([2, 3, 5, 8]),
    quarantine: {
      retryEveryMs: dice.pick([1, 3, 10]) * minute,
      abandonAfterMs: dice.pick([20 * minute, hour, 72 * hour]),
    },
    budget: dice.chance(0.3)
      ? false
      : { restarts: dice.pick([2, 5, 20]), perTask: dice.pick([1, 3, 12]), perMs: dice.pick([5, 20, 60]) * minute },
    storm: stormOf(dice),
    verifyWithinMs: dice.pick([20, 40, 60, 90]) * second,
    startLeadMs: dice.pick([0, 60, 120]) * second,
    endGuardMs: dice.pick([0, 60, 120]) * second,
    hours: dice.chance(0.15) ? hoursOf(dice) : [],
  };
}

/** Windows that open and close while the history goes on. */
function hoursOf(dice: Dice): readonly Hours[] {
  const shanghai = dice.chance(0.5);
  const midnight = shanghai ? 8 * 60 : 0;
  const fromMinute = (midnight + dice.int(0, 60)) % 1_440;
  const toMinute = (fromMinute + dice.int(20, 300)) % 1_440;
  const days = dice.chance(0.7)
    ? (['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const)
    : (['mon', 'wed'] as const);
  return [{ days, fromMinute, toMinute, timezone: shanghai ? 'Asia/Shanghai' : 'UTC' }];
}
