/**
 * Another account of the same process, under a calm sky: whatever happens to the first, each of its tasks that stops is
 * restarted as soon as a list shows it.
 */
import { begin, policiesOf } from '../domain/story.ts';
import { Dice, minute, second } from './dice.ts';
import { defaultPolicy, Stage, tasks } from './stage.ts';
import type { VirtualClock } from './virtual-clock.ts';

/** One of so many histories has it: it costs as much as a small history itself. */
const oneIn = 3;
const taskCount = 8;
/** From the end of the list that shows it to the intent of its restart. */
const atOnceMs = second;

export function neighbourOf(seed: number, clock: VirtualClock) {
  if (!new Dice(seed, 'neighbour').chance(1 / oneIn)) return undefined;
  // Longer than resetAfter: the attempts of before are forgotten, and no backoff is owed.
  const life = { survivesMs: [13 * minute, 40 * minute] as const };
  const stage = new Stage({
    clock,
    seed,
    pollEveryMs: minute,
    // Five of the eight may stop within a poll by chance.
    policies: { ...policiesOf({ ...defaultPolicy, storm: false }), storm: false },
    tasks: tasks(taskCount, { life }),
  });
  return {
    /** What is wrong with what it did so far. */
    wrong(): string | undefined {
      const { events, seconds } = stage;
      for (const { at, taskId } of stage.told('outage-opened')) {
        if (at - begin > seconds * 1_000 - atOnceMs) continue;
        const isRestart = (event: (typeof events)[number]) =>
          event.type === 'restart-intended' && event.taskId === taskId && event.at >= at;
        const next = events.find(isRestart);
        if (!next || next.at - at > atOnceMs) return `the neighbour's ${taskId} waits for its restart`;
      }
      const isLong = seconds * 1_000 > 60 * minute;
      return isLong && stage.told('restart-intended').length === 0 ? 'the neighbour restarts nothing' : undefined;
    },
    stop: () => stage.stop(),
  };
}
