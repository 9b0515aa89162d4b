/**
 * From one integer to one history, as data: the account, its tasks and policies, and everything that will happen to
 * them, each at its moment. Nothing here is decided while the history is played, so that it can be printed, replayed,
 * shuffled and stretched.
 *
 * Swarm style: each seed leaves half of the faults out altogether and overdoes a few others.
 */
import { draw, type Span } from '../../src/simulator/random.ts';
import type { ParameterChange } from '../../src/simulator/world.ts';
import type { Configuration } from './account.ts';
import { withCoincidences, withReplicas, withStepInRefusal } from './coincidences.ts';
import { Dice, hour, minute, second } from './dice.ts';
import type { Script } from './happenings.ts';
import { cloudGroupFor, groupsOf, stormOf } from './policies.ts';
import { tasksOf } from './tasks.ts';
import { troubles } from './troubles.ts';
import { byTime, weatherOf } from './weather.ts';

export function scriptOf(seed: number): Script {
  const dice = new Dice(seed, 'script');
  const long = dice.chance(0.06);
  const weatherMs = long ? dice.ms(8 * hour, 30 * hour) : dice.ms(20 * minute, 3 * hour);
  const groups = groupsOf(dice);
  const drawn = {
    policies: { account: 'main', storm: stormOf(dice), groups },
    pollEveryMs: dice.pick(long ? [30, 60] : [10, 15, 15, 20, 30, 60]) * second,
    verifyEveryMs: dice.pick([3, 5, 5, 10]) * second,
    requestTimeoutMs: dice.pick([5, 10, 10]) * second,
    perSecond: dice.pick([10, 10, 10, 5, 3]),
    spacing: dice.pick<'even' | 'none'>(['even', 'even', 'none']),
    pageSize: dice.pick([500, 500, 50, 20]),
  } as const;
  const isSmall = dice.chance(0.12) && !long;
  const subAccount = isSmall && new Dice(seed, 'sub-account').chance(0.5);
  const configuration: Configuration = { ...drawn, subAccount, provider: 'volcengine', cloudGroups: [] };
  const cloudGroups = [...new Set(groups.map(cloudGroupFor)), 'nobodys'];
  const tasks = tasksOf(dice, long ? dice.int(1, 25) : sizeOf(dice, isSmall), cloudGroups, weatherMs);
  const appetite = Object.fromEntries(
    Object.keys(troubles).map((trouble) => [trouble, dice.chance(0.5) ? 0 : dice.chance(0.25) ? 4 : 1]),
  );
  const replicas = dice.chance(0.2) ? 3 : 1;
  const parameters = parametersOf(dice);
  const endless = new Dice(seed, 'endless').chance(0.15);
  const world = { seed, configuration, tasks, cloudGroups, parameters, weatherMs };
  const about = { ...world, replicas, appetite, endless } as const;
  const weather = weatherOf(about, dice);
  for (const [trouble, plan] of Object.entries(troubles)) {
    const often = appetite[trouble] ?? 0;
    const times = often === 0 ? 0 : weather.times(often * dice.int(1, 3), 60);
    for (let i = 0; i < times; i++) plan(weather);
  }
  const script: Script = { ...about, schedule: byTime(weather.scheduled) };
  const schedule = withCoincidences(script);
  return withStepInRefusal({ ...script, schedule: replicas === 1 ? schedule : withReplicas(script, schedule) });
}

function sizeOf(dice: Dice, isSmall: boolean): number {
  const roll = draw(dice.random);
  if (roll < 0.55) return dice.int(1, 8);
  if (roll < 0.88 || isSmall) return dice.int(9, 40);
  return roll < 0.98 ? dice.int(41, 120) : dice.int(121, 400);
}

function parametersOf(dice: Dice): ParameterChange {
  const base = dice.pick([5, 20, 50, 150]);
  const jitter = dice.pick([0, 0, 20, 200]);
  const way: Span = [base, base + jitter];
  const tail = dice.chance(0.2) ? { share: 0.02, uplinkMs: 700, downlinkMs: 700 } : undefined;
  return { latency: { uplinkMs: way, downlinkMs: way, tail } };
}
