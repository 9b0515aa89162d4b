/**
 * The weather of a script: each trouble that its seed has, so and so often, at any time. What each is stands in
 * cloud-troubles.ts and home-troubles.ts.
 */
import type { Effect, Fault, FaultMatch } from '../../src/simulator/faults.ts';
import type { TaskPlan } from '../../src/simulator/pretend-task.ts';
import { draw } from '../../src/simulator/random.ts';
import type { Act } from '../../src/simulator/world.ts';
import { cloudTroubles } from './cloud-troubles.ts';
import { type Dice, hour, minute, second } from './dice.ts';
import { type Happening, type Scheduled, type Trouble, troubles } from './happening.ts';
import { homeTroubles } from './home-troubles.ts';
import type { Configuration } from './process.ts';

/** Draws one occurrence of a trouble. */
export type Plan = (weather: Weather, dice: Dice) => void;

const plans: Readonly<Record<Trouble, Plan>> = { ...cloudTroubles, ...homeTroubles };

export class Weather {
  readonly dice: Dice;
  readonly tasks: readonly TaskPlan[];
  readonly configuration: Configuration;
  readonly cloudGroups: readonly string[];
  readonly weatherMs: number;
  readonly appetite: Readonly<Record<Trouble, number>>;
  readonly replicas: number;
  readonly scheduled: Scheduled[] = [];
  /** Two slow ways there at once would add up to more than the limiter assumes. */
  slowedUp = false;

  constructor(
    options: Omit<
      Weather,
      'scheduled' | 'slowedUp' | 'all' | 'at' | 'somewhere' | 'taskId' | 'fault' | 'call' | 'edit'
    >,
  ) {
    const { dice, tasks, configuration, cloudGroups, weatherMs, appetite, replicas } = options;
    this.dice = dice;
    this.tasks = tasks;
    this.configuration = configuration;
    this.cloudGroups = cloudGroups;
    this.weatherMs = weatherMs;
    this.appetite = appetite;
    this.replicas = replicas;
  }

  all(): readonly Scheduled[] {
    for (const trouble of troubles) {
      const often = this.appetite[trouble];
      if (often === 0) continue;
      // By the hour of weather, at least once.
      const times = Math.min(60, Math.max(1, Math.round((often * this.dice.int(1, 3) * this.weatherMs) / hour)));
      for (let i = 0; i < times; i++) plans[trouble](this, this.dice);
    }
    return this.scheduled.sort((a, b) => a.atMs - b.atMs);
  }

  at(what: Happening): void {
    this.scheduled.push({ atMs: this.dice.ms(0, this.weatherMs), what });
  }

  /** Some tasks, one task, or all of it. */
  somewhere(): FaultMatch {
    const roll = draw(this.dice.random);
    if (roll < 0.2) return { taskId: this.taskId() };
    if (roll < 0.3) return { cloudGroup: this.dice.pick(this.cloudGroups) };
    return {};
  }

  readonly taskId = (): string => this.dice.pick(this.tasks).taskId ?? '';

  fault(effect: Effect, match: FaultMatch = {}, more: Partial<Fault> = {}): void {
    const lastsMs = this.dice.chance(0.3) ? this.dice.ms(5 * minute, 30 * minute) : this.dice.ms(second, 3 * minute);
    const probability = this.dice.pick([1, 1, 0.5, 0.1]);
    this.at({ kind: 'fault', lastsMs, fault: { effect, match, probability, ...more } });
  }

  readonly call = (): FaultMatch => {
    const action = this.dice.pick(['list', 'restart', 'restart']);
    return action === 'list' ? { action } : { action, ...this.somewhere() };
  };

  edit(act: Act): void {
    this.at({ kind: 'world', act });
  }
}
