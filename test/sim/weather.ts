/**
 * The weather of a script, as it is drawn with one row of dice: troubles at any time (troubles.ts), and what was there
 * before them stays as it was, coincidences with dice of their own (coincidences.ts).
 */
import type { Effect, Fault, FaultMatch } from '../../src/simulator/faults.ts';
import { draw } from '../../src/simulator/random.ts';
import type { Act } from '../../src/simulator/world.ts';
import { type Dice, hour, minute, second } from './dice.ts';
import type { Happening, Scheduled, Script } from './happenings.ts';

/** Draws one occurrence of a trouble. */
export type Plan = (weather: Weather) => void;
export type Weather = ReturnType<typeof weatherOf>;

export function weatherOf(script: Omit<Script, 'schedule'>, dice: Dice) {
  const { tasks, cloudGroups, weatherMs } = script;
  const scheduled: Scheduled[] = [];
  const at = (atMs: number, what: Happening) => {
    scheduled.push({ atMs: Math.min(weatherMs, Math.max(0, atMs)), what });
  };
  const somewhen = () => dice.ms(0, weatherMs);
  const sometime = (what: Happening) => at(somewhen(), what);
  const taskId = (): string => dice.pick(tasks).taskId ?? '';
  /** Some tasks, one task, or all of it. */
  const somewhere = (): FaultMatch => {
    const roll = draw(dice.random);
    if (roll < 0.2) return { taskId: taskId() };
    return roll < 0.3 ? { cloudGroup: dice.pick(cloudGroups) } : {};
  };
  return {
    ...script,
    dice,
    scheduled,
    /** Two slow ways there at once would add up to more than the limiter assumes. */
    slowedUp: false,
    at,
    somewhen,
    sometime,
    taskId,
    somewhere,
    call: (): FaultMatch => {
      const action = dice.pick(['list', 'restart', 'restart']);
      return action === 'list' ? { action } : { action, ...somewhere() };
    },
    fault: (effect: Effect, match: FaultMatch = {}, more: Partial<Fault> = {}) => {
      const lastsMs = dice.chance(0.3) ? dice.ms(5 * minute, 30 * minute) : dice.ms(second, 3 * minute);
      const probability = dice.pick([1, 1, 0.5, 0.1]);
      sometime({ kind: 'fault', lastsMs, fault: { effect, match, probability, ...more } });
    },
    edit: (act: Act) => sometime({ kind: 'world', act }),
    /** Absent: half of all tasks. */
    stop: (atMs: number, count = Math.ceil(tasks.length / 2)) =>
      at(atMs, { kind: 'world', act: { kind: 'stop', count } }),
    strike: (atMs: number, lastsMs: number, effect: Effect, match: FaultMatch) =>
      at(atMs, { kind: 'fault', lastsMs, fault: { effect, match } }),
    /** By the hour of weather; at least once. */
    times: (anHour: number, most: number) => Math.min(most, Math.max(1, Math.round((anHour * weatherMs) / hour))),
  };
}

/** In the order in which they happen. */
export const byTime = (...all: readonly (readonly Scheduled[])[]): readonly Scheduled[] =>
  all.flat().sort((a, b) => a.atMs - b.atMs);
