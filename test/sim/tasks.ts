/** The tasks of a script: some dead, some that flap, some stopped from the start, some that end in the weather. */

import type { Life, TaskPlan } from '../../src/simulator/pretend-task.ts';
import type { Span } from '../../src/simulator/random.ts';
import { begin } from '../domain/story.ts';
import { type Dice, hour, minute, second } from './dice.ts';

export function tasksOf(
  dice: Dice,
  count: number,
  cloudGroups: readonly string[],
  weatherMs: number,
): readonly TaskPlan[] {
  const deadShare = dice.pick([0, 0, 0.1, 0.4]);
  const flapShare = dice.pick([0, 0.1, 0.3]);
  const stoppedShare = dice.pick([0, 0.1, 1]);
  const stopsPerHour = dice.pick([0.05, 0.5, 3]);
  return Array.from({ length: count }, (_, index) => {
    const startsAt = begin + (dice.chance(0.1) ? dice.ms(0, weatherMs) : -dice.ms(0, hour));
    const lastsMs = dice.chance(0.15) ? dice.ms(10 * minute, weatherMs + hour) : 6.5 * 24 * hour;
    return {
      taskId: `t${String(index).padStart(3, '0')}`,
      title: dice.chance(0.05) ? `HOLD${index}` : `title${index}`,
      cloudGroup: dice.chance(0.05) ? 'nobodys' : dice.pick(cloudGroups),
      type: dice.chance(0.2) ? 'vod' : 'live',
      startsAt,
      endsAt: startsAt + lastsMs,
      life: lifeOf(dice, deadShare, flapShare, stopsPerHour),
      stopped: dice.chance(stoppedShare),
    };
  });
}

function lifeOf(dice: Dice, deadShare: number, flapShare: number, stopsPerHour: number): Partial<Life> {
  const startsInMs: Span = dice.chance(0.2) ? [5_000, 50_000] : [1_000, 8_000];
  const common = { startsInMs, stopsPerHour, ...(dice.chance(0.1) ? { returnsInMs: [30_000, 600_000] as Span } : {}) };
  if (dice.chance(deadShare)) return { ...common, restartsInVain: Number.POSITIVE_INFINITY };
  if (dice.chance(flapShare)) {
    const survives = dice.pick([5, 30, 120, 300]) * second;
    return { ...common, survivesMs: [survives, survives * 2] };
  }
  return { ...common, restartsInVain: dice.chance(0.2) ? dice.int(1, 4) : 0 };
}
