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
const pollEveryMs = minute;
/** From the end of the list that shows it to the intent of its restart. */
const atOnceMs = second;

export class Neighbour {
  readonly #stage: Stage;

  static of(seed: number, clock: VirtualClock): Neighbour | undefined {
    return new Dice(seed, 'neighbour').chance(1 / oneIn) ? new Neighbour(seed, clock) : undefined;
  }

  private constructor(seed: number, clock: VirtualClock) {
    // Longer than resetAfter: the attempts of before are forgotten, and no backoff is owed.
    const life = { survivesMs: [13 * minute, 40 * minute] as const };
    this.#stage = new Stage({
      clock,
      seed,
      pollEveryMs,
      // Five of the eight may stop within a poll by chance.
      policies: { ...policiesOf({ ...defaultPolicy, storm: false }), storm: false },
      tasks: tasks(taskCount, { life }),
    });
  }

  /** What is wrong with what it did so far. */
  wrong(): string | undefined {
    const { events, seconds } = this.#stage;
    let restarts = 0;
    for (const [index, event] of events.entries()) {
      if (event.type === 'restart-intended') restarts++;
      if (event.type !== 'outage-opened' || event.at - begin > seconds * 1_000 - atOnceMs) continue;
      const { taskId } = event;
      const next = events.slice(index).find((later) => later.type === 'restart-intended' && later.taskId === taskId);
      if (!next || next.at - event.at > atOnceMs) return `the neighbour's ${taskId} waits for its restart`;
    }
    const long = seconds * 1_000 > 60 * minute;
    return long && restarts === 0 ? 'the neighbour restarts nothing' : undefined;
  }

  stop(): Promise<void> {
    return this.#stage.stop();
  }
}
