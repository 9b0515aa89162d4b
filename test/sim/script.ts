/**
 * From one integer to one history, as data: the account, its tasks and policies, and everything that will happen to
 * them, each at its moment. Nothing here is decided while the history is played, so that it can be printed, replayed,
 * shuffled and stretched.
 *
 * Swarm style: each seed leaves half of the faults out altogether and overdoes a few others.
 */
import type { Hours, Policies, Policy } from '../../src/domain/policy.ts';
import type { Effect, Fault, FaultMatch } from '../../src/simulator/faults.ts';
import { between, draw, pick, type Random, type Span, seeded } from '../../src/simulator/random.ts';
import type { Life, TaskPlan } from '../../src/simulator/task.ts';
import type { Act, ParameterChange } from '../../src/simulator/world.ts';
import { begin, plainPolicy } from '../domain/story.ts';
import type { DiskWeather } from './disk.ts';
import type { Call, Configuration, Death } from './process.ts';

export type Happening =
  | { readonly kind: 'world'; readonly act: Act }
  | { readonly kind: 'fault'; readonly fault: Fault; readonly lastsMs: number }
  | { readonly kind: 'unreachable'; readonly lastsMs: number }
  | { readonly kind: 'key'; readonly sees: 'all' | 'nothing' }
  | { readonly kind: 'hold'; readonly id: string; readonly target: HoldTarget; readonly forMs: number | undefined }
  | { readonly kind: 'unhold'; readonly id: string }
  | { readonly kind: 'restart'; readonly taskId: string; readonly force: boolean }
  | { readonly kind: 'release'; readonly taskId: string }
  | { readonly kind: 'reload'; readonly configuration: Configuration }
  /** Refused before it touches anything. */
  | { readonly kind: 'bad-reload' }
  | { readonly kind: 'hook' }
  /** At once, or while the next such call is out. */
  | { readonly kind: 'step'; readonly ms: number; readonly during?: Call }
  | { readonly kind: 'pace'; readonly ppm: number }
  | { readonly kind: 'disk'; readonly weather: DiskWeather; readonly lastsMs: number }
  | { readonly kind: 'die'; readonly death: Death | 'now'; readonly downMs: number }
  | { readonly kind: 'terminate'; readonly downMs: number }
  | { readonly kind: 'cut-off'; readonly lastsMs: number };

export type HoldTarget =
  | { readonly kind: 'task'; readonly taskId: string }
  | { readonly kind: 'group'; readonly group: string }
  | { readonly kind: 'account' };

export interface Scheduled {
  /** Milliseconds since the story's begin. */
  readonly atMs: number;
  readonly what: Happening;
}

export interface Script {
  readonly seed: number;
  readonly configuration: Configuration;
  readonly tasks: readonly TaskPlan[];
  readonly parameters: ParameterChange;
  readonly replicas: 1 | 2;
  readonly weatherMs: number;
  readonly schedule: readonly Scheduled[];
  /** Faults that this seed has, and how much of each. */
  readonly appetite: Readonly<Record<Trouble, number>> | undefined;
}

const troubles = [
  'stops',
  'errors',
  'resets',
  'stalls',
  'truncation',
  'html',
  'stale',
  'drift',
  'malformed',
  'unknown-status',
  'shrink',
  'key',
  'slow',
  'throttle',
  'unreachable',
  'cloud-clock',
  'step',
  'pace',
  'disk',
  'death',
  'terminate',
  'cut-off',
  'reload',
  'operator',
  'hold',
  'console',
  'edit',
  'move',
  'delete',
  'end',
  'retire',
  'in-vain',
] as const;
export type Trouble = (typeof troubles)[number];

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

export class Dice {
  readonly random: Random;
  constructor(seed: number, salt: string) {
    this.random = seeded(seed, salt);
    // The first numbers of neighbouring seeds are alike.
    for (let i = 0; i < 8; i++) draw(this.random);
  }
  chance = (p: number): boolean => draw(this.random) < p;
  int = (least: number, most: number): number => least + Math.floor(draw(this.random) * (most - least + 1));
  ms = (least: number, most: number): number => Math.round(between(this.random, [least, most]));
  pick = <T>(list: readonly T[]): T => pick(this.random, list);
}

export function scriptOf(seed: number): Script {
  const dice = new Dice(seed, 'script');
  const long = dice.chance(0.06);
  const weatherMs = long ? dice.ms(8 * hour, 30 * hour) : dice.ms(20 * minute, 3 * hour);
  const groups = groupsOf(dice);
  const configuration: Configuration = {
    policies: { account: 'main', storm: stormOf(dice), groups },
    pollEveryMs: dice.pick(long ? [30, 60] : [10, 15, 15, 20, 30, 60]) * second,
    verifyEveryMs: dice.pick([3, 5, 5, 10]) * second,
    requestTimeoutMs: dice.pick([5, 10, 10]) * second,
    perSecond: dice.pick([10, 10, 10, 5, 3]),
    spacing: dice.pick(['even', 'even', 'none']),
    pageSize: dice.pick([500, 500, 50, 20]),
    client: dice.chance(0.12) && !long ? 'real' : 'thin',
  };
  const cloudGroups = [...new Set(groups.map(cloudGroupFor)), 'nobodys'];
  const tasks = tasksOf(dice, long ? dice.int(1, 25) : sizeOf(dice, configuration.client), cloudGroups, weatherMs);
  const appetite = Object.fromEntries(
    troubles.map((trouble) => [trouble, dice.chance(0.5) ? 0 : dice.chance(0.25) ? 4 : 1]),
  ) as Record<Trouble, number>;
  if (configuration.client === 'real') appetite.malformed = Math.min(appetite.malformed, 1);
  const replicas = dice.chance(0.2) ? 2 : 1;
  const weather = new Weather({ dice, tasks, configuration, cloudGroups, weatherMs, appetite, replicas });
  return {
    seed,
    configuration,
    tasks,
    parameters: parametersOf(dice),
    replicas,
    weatherMs,
    schedule: coincidences(seed, weather.all(), configuration, tasks.length, weatherMs, appetite, replicas),
    appetite,
  };
}

/**
 * Coincidences that chance alone is too slow to bring: restarts wait in the lane while a reload comes, the clock steps
 * while a call is out, a refusal was carried out all the same, the weather ends in the middle of a refusal. With dice
 * of their own: what was there before them stays as it was.
 */
function coincidences(
  seed: number,
  schedule: readonly Scheduled[],
  { policies, ...configuration }: Configuration,
  tasks: number,
  weatherMs: number,
  appetite: Readonly<Record<Trouble, number>>,
  replicas: number,
): readonly Scheduled[] {
  const dice = new Dice(seed, 'coincidences');
  const more: Scheduled[] = [];
  const at = (atMs: number, what: Happening) => more.push({ atMs: Math.min(weatherMs, Math.max(0, atMs)), what });
  const stopHalf = (atMs: number) => at(atMs, { kind: 'world', act: { kind: 'stop', count: Math.ceil(tasks / 2) } });
  const sometime = () => dice.ms(0, weatherMs);
  const refuse = (action: string, code: string, atMs: number, lastsMs: number, carriedOut: boolean) =>
    at(atMs, { kind: 'fault', lastsMs, fault: { effect: { kind: 'error', code, carriedOut }, match: { action } } });

  const excluding = policies.groups.map((group) => {
    const exclude = { ...group.match.exclude, title: ['*1*', '*3*', '*5*', 'HOLD*'] };
    return { ...group, match: { ...group.match, exclude } };
  });
  for (const { atMs, what } of schedule) {
    if (what.kind !== 'reload' || !dice.chance(0.4)) continue;
    stopHalf(atMs - dice.ms(0, 30_000));
    at(atMs, { kind: 'reload', configuration: { ...configuration, policies: { ...policies, groups: excluding } } });
    at(atMs + 3 * minute, what);
  }
  if (appetite.step > 0)
    for (const during of ['list', 'look', 'restart'] as const) {
      const ms = dice.pick([-1, 1]) * dice.ms(3 * second, 600 * second);
      at(sometime(), { kind: 'step', ms, during });
    }
  if (appetite.step > 0 && replicas === 2) {
    // The owner has moved what it waits for along with the step, and saved it, when the standby takes over.
    const ms = dice.pick([-1, -1, 1]) * dice.ms(minute, 10 * minute);
    const stepsAt = dice.ms(3 * minute, weatherMs - 3 * minute);
    const inVain = { effect: { kind: 'in-vain' }, match: { action: 'restart' } } as const;
    at(stepsAt - 3 * minute, { kind: 'fault', lastsMs: 8 * minute, fault: inVain });
    stopHalf(stepsAt - dice.ms(30 * second, 2 * minute));
    at(stepsAt, { kind: 'step', ms });
    at(stepsAt + dice.ms(80 * second, 150 * second), { kind: 'terminate', downMs: dice.ms(second, minute) });
  }
  if (appetite.errors > 0) {
    const from = sometime();
    refuse('restart', 'InvalidParam', from, dice.ms(minute, 15 * minute), true);
    stopHalf(from + 10 * second);
  }
  const from = weatherMs - dice.ms(30 * second, 10 * minute);
  const refused = dice.pick(['list', 'restart', 'nothing', 'nothing', 'nothing', 'nothing'] as const);
  if (refused === 'list') refuse('list', 'AccessDenied', from, Number.POSITIVE_INFINITY, false);
  if (refused === 'restart') {
    refuse('restart', dice.pick(['AccessDenied', 'InternalError']), from, Number.POSITIVE_INFINITY, false);
    stopHalf(from + 10 * second);
  }
  return [...schedule, ...more].sort((a, b) => a.atMs - b.atMs);
}

function sizeOf(dice: Dice, client: 'thin' | 'real'): number {
  const roll = draw(dice.random);
  if (roll < 0.55) return dice.int(1, 8);
  if (roll < 0.88 || client === 'real') return dice.int(9, 40);
  return roll < 0.98 ? dice.int(41, 120) : dice.int(121, 400);
}

function parametersOf(dice: Dice): ParameterChange {
  const base = dice.pick([5, 20, 50, 150]);
  const jitter = dice.pick([0, 0, 20, 200]);
  const way: Span = [base, base + jitter];
  const tail = dice.chance(0.2) ? { share: 0.02, uplinkMs: 700, downlinkMs: 700 } : undefined;
  return { latency: { uplinkMs: way, downlinkMs: way, tail } };
}

// ---- policies ----------------------------------------------------------------------------------------------------

/** The cloud group that a group's tasks are in: its name, unless a glob takes several. */
export const cloudGroupFor = ({ name, match }: Policy): string => match.cloudGroup[0]?.replaceAll('*', '1') ?? name;

const stormOf = (dice: Dice): Policies['storm'] =>
  dice.chance(0.2) ? false : { percent: dice.pick([10, 40, 40, 60]), atLeast: dice.pick([2, 3, 5, 5]) };

function groupsOf(dice: Dice): readonly Policy[] {
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

/** Windows that open and close while the history goes on; in zones without summer time, so that they can be judged. */
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

// ---- tasks -------------------------------------------------------------------------------------------------------

function tasksOf(dice: Dice, count: number, cloudGroups: readonly string[], weatherMs: number): readonly TaskPlan[] {
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

// ---- weather -----------------------------------------------------------------------------------------------------

interface WeatherOptions {
  readonly dice: Dice;
  readonly tasks: readonly TaskPlan[];
  readonly configuration: Configuration;
  readonly cloudGroups: readonly string[];
  readonly weatherMs: number;
  readonly appetite: Readonly<Record<Trouble, number>>;
  readonly replicas: number;
}

const errorCodes = {
  listing: [
    'InternalError',
    'CommonErr',
    'AccessDenied',
    'SignatureDoesNotMatch',
    'FlowLimitExceeded',
    'ServiceUnavailableTemp',
    'RequestForbidden.BillingStatus',
    'SomethingNew',
  ],
  restarting: [
    'InternalError',
    'InternalServiceTimeout',
    'CommonErr',
    'RequestLimitExceeded',
    'AccessDenied',
    'InvalidAccessKey',
    'LackProjectPolicy',
    'RequestForbidden.BillingStatus',
    'InvalidParam',
    'ResourceNotFound',
    'InvalidActionOrVersion',
    'SomethingNew',
  ],
} as const;

class Weather {
  readonly #o: WeatherOptions;
  readonly #dice: Dice;
  readonly #scheduled: Scheduled[] = [];
  #slowedUp = false;

  constructor(options: WeatherOptions) {
    this.#o = options;
    this.#dice = options.dice;
  }

  all(): readonly Scheduled[] {
    for (const trouble of troubles) {
      const often = this.#o.appetite[trouble];
      if (often === 0) continue;
      // By the hour of weather, at least once.
      const times = Math.min(60, Math.max(1, Math.round((often * this.#dice.int(1, 3) * this.#o.weatherMs) / hour)));
      for (let i = 0; i < times; i++) this.#plan(trouble);
    }
    return this.#scheduled.sort((a, b) => a.atMs - b.atMs);
  }

  #at(what: Happening): void {
    this.#scheduled.push({ atMs: this.#dice.ms(0, this.#o.weatherMs), what });
  }

  /** Some tasks, one task, or all of it. */
  #somewhere(): FaultMatch {
    const roll = draw(this.#dice.random);
    if (roll < 0.2) return { taskId: this.#taskId() };
    if (roll < 0.3) return { cloudGroup: this.#dice.pick(this.#o.cloudGroups) };
    return {};
  }

  #taskId = (): string => this.#dice.pick(this.#o.tasks).taskId ?? '';

  #fault(effect: Effect, match: FaultMatch = {}, more: Partial<Fault> = {}): void {
    const lastsMs = this.#dice.chance(0.3) ? this.#dice.ms(5 * minute, 30 * minute) : this.#dice.ms(second, 3 * minute);
    const probability = this.#dice.pick([1, 1, 0.5, 0.1]);
    this.#at({ kind: 'fault', lastsMs, fault: { effect, match, probability, ...more } });
  }

  #call = (): FaultMatch => {
    const action = this.#dice.pick(['list', 'restart', 'restart']);
    return action === 'list' ? { action } : { action, ...this.#somewhere() };
  };

  #plan(trouble: Trouble): void {
    const dice = this.#dice;
    switch (trouble) {
      case 'stops': {
        const { length } = this.#o.tasks;
        this.#at({
          kind: 'world',
          act: { kind: 'stop', count: dice.int(1, Math.ceil(length * dice.pick([0.1, 0.5, 1]))) },
        });
        return;
      }
      case 'errors': {
        const list = dice.chance(0.3);
        const code = dice.pick<string>(list ? errorCodes.listing : errorCodes.restarting);
        const match = list ? { action: 'list' } : { action: 'restart', ...this.#somewhere() };
        this.#fault({ kind: 'error', code, carriedOut: dice.chance(0.2) }, match);
        return;
      }
      case 'resets':
        this.#fault({ kind: 'reset', when: dice.pick(['before', 'after']) }, this.#call());
        return;
      case 'stalls':
        this.#fault({ kind: 'stall', when: dice.pick(['before', 'after']) }, this.#call());
        return;
      case 'truncation':
        this.#fault({ kind: 'truncate' }, this.#call());
        return;
      case 'html': {
        const status = dice.pick([200, 302, 429, 502]);
        this.#fault({ kind: 'answer', status, body: '<html>busy</html>', carriedOut: dice.chance(0.3) }, this.#call());
        return;
      }
      case 'stale':
        this.#fault(
          { kind: 'stale', refreshMs: dice.ms(5 * second, 2 * minute) },
          { action: 'list' },
          { probability: 1 },
        );
        return;
      case 'drift':
        this.#fault({ kind: 'drift', shift: dice.int(-3, 3), totalOff: dice.int(-2, 2) }, { action: 'list' });
        return;
      case 'malformed':
        this.#fault({ kind: 'malformed' }, this.#somewhere());
        return;
      case 'unknown-status':
        this.#fault({ kind: 'status', text: dice.pick(['迁移中', '停用', '生效中', '未开始']) }, this.#somewhere());
        return;
      case 'shrink':
        this.#fault(
          dice.chance(0.4) ? { kind: 'blind' } : { kind: 'shrink', keep: dice.int(0, this.#o.tasks.length) },
          { action: 'list' },
        );
        return;
      case 'key':
        this.#at({ kind: 'key', sees: 'nothing' });
        this.#at({ kind: 'key', sees: 'all' });
        return;
      case 'slow': {
        // A call arrives within four seconds of its end here: limiter.md, what it assumes.
        const longest = this.#o.configuration.requestTimeoutMs + 2_000;
        const ms: Span = dice.pick([
          [100, 2_000],
          [3_000, 6_000],
          [longest - 3_000, longest],
        ]);
        // Two at once would add up to more than that.
        const kind = this.#slowedUp ? 'slow-down' : dice.pick(['slow-up', 'slow-down'] as const);
        this.#slowedUp ||= kind === 'slow-up';
        this.#fault({ kind, ms }, this.#call());
        return;
      }
      case 'throttle':
        this.#fault({ kind: 'error', code: 'FlowLimitExceeded' }, this.#call());
        return;
      case 'unreachable':
        this.#at({ kind: 'unreachable', lastsMs: dice.ms(second, 3 * minute) });
        return;
      case 'cloud-clock':
        this.#fault({ kind: 'clock', offsetMs: dice.pick([-1, 1]) * dice.ms(second, dice.pick([10, 3_600]) * second) });
        return;
      case 'step':
        this.#at({ kind: 'step', ms: dice.pick([-1, 1]) * dice.ms(3 * second, dice.pick([10, 600, 7_200]) * second) });
        return;
      case 'pace':
        this.#at({ kind: 'pace', ppm: dice.int(-300, 300) });
        return;
      case 'disk': {
        const weather = dice.pick<DiskWeather>([
          { ms: [0, 0], failing: 1 },
          { ms: [0, 500], failing: 0.3 },
          { ms: [200, 5_000], failing: 0 },
        ]);
        this.#at({ kind: 'disk', weather, lastsMs: dice.ms(second, 5 * minute) });
        return;
      }
      case 'death':
        this.#at({
          kind: 'die',
          death: this.#death(),
          downMs: this.#leastDownMs() + dice.ms(500, dice.pick([2_000, 60_000, 600_000])),
        });
        return;
      case 'terminate':
        this.#at({ kind: 'terminate', downMs: dice.ms(500, 20_000) });
        return;
      case 'cut-off':
        if (this.#o.replicas === 2) this.#at({ kind: 'cut-off', lastsMs: dice.ms(5 * second, 2 * minute) });
        return;
      case 'reload':
        this.#at(dice.chance(0.2) ? { kind: 'bad-reload' } : { kind: 'reload', configuration: this.#reloaded() });
        return;
      default:
        this.#plan2(trouble);
    }
  }

  #plan2(trouble: Trouble): void {
    const dice = this.#dice;
    switch (trouble) {
      case 'operator':
        if (dice.chance(0.5)) this.#at({ kind: 'restart', taskId: this.#taskId(), force: dice.chance(0.3) });
        else this.#at({ kind: 'release', taskId: this.#taskId() });
        if (dice.chance(0.3)) this.#at({ kind: 'hook' });
        return;
      case 'hold': {
        const id = `h${this.#scheduled.length}`;
        const target = dice.pick<HoldTarget>([
          { kind: 'task', taskId: this.#taskId() },
          { kind: 'task', taskId: this.#taskId() },
          { kind: 'group', group: dice.pick(this.#o.configuration.policies.groups).name },
          { kind: 'account' },
        ]);
        this.#at({ kind: 'hold', id, target, forMs: dice.chance(0.6) ? dice.ms(minute, 30 * minute) : undefined });
        if (dice.chance(0.5)) this.#at({ kind: 'unhold', id });
        return;
      }
      case 'console':
        this.#edit(
          dice.chance(0.7) ? { kind: 'stop', taskId: this.#taskId() } : { kind: 'start', taskId: this.#taskId() },
        );
        return;
      case 'edit': {
        const sources = [`rtmp://pull.example.com/new/${dice.int(0, 1e9)}`];
        const change = dice.pick([
          { title: dice.pick(['HOLDit', 'other', 'renamed']) },
          { sources },
          { endsAt: begin + this.#o.weatherMs + dice.ms(-hour, 60 * hour) },
        ]);
        this.#edit({ kind: 'edit', taskId: this.#taskId(), change });
        return;
      }
      case 'move':
        this.#edit({ kind: 'edit', taskId: this.#taskId(), change: { cloudGroup: dice.pick(this.#o.cloudGroups) } });
        return;
      case 'delete':
        this.#edit({ kind: 'delete', taskId: this.#taskId() });
        if (dice.chance(0.5)) this.#create();
        return;
      case 'end':
        this.#edit({
          kind: 'edit',
          taskId: this.#taskId(),
          change: { endsAt: begin + dice.ms(5 * minute, this.#o.weatherMs) },
        });
        return;
      case 'retire':
        this.#at({
          kind: 'fault',
          fault: {
            effect: { kind: 'error', code: 'InvalidActionOrVersion' },
            match: { action: 'RestartPullToPushTask' },
          },
          lastsMs: Number.POSITIVE_INFINITY,
        });
        return;
      case 'in-vain':
        this.#fault({ kind: 'in-vain' }, { action: 'restart', ...this.#somewhere() });
        return;
      default:
        throw new Error(`nothing is planned for ${trouble}`);
    }
  }

  #edit(act: Act): void {
    this.#at({ kind: 'world', act });
  }

  #create(): void {
    const dice = this.#dice;
    const startsAt = begin + dice.ms(0, this.#o.weatherMs);
    const taskId = `n${String(this.#scheduled.length).padStart(3, '0')}`;
    const task = {
      taskId,
      title: `new${taskId}`,
      cloudGroup: dice.pick(this.#o.cloudGroups),
      startsAt,
      endsAt: startsAt + 6 * 24 * hour,
    };
    this.#edit({ kind: 'create', task: { ...task, stopped: dice.chance(0.5), life: { stopsPerHour: 1 } } });
  }

  /** What a dead process had sent arrives before its successor's second of silence is over. */
  #leastDownMs = (): number => (this.#o.appetite.slow > 0 ? this.#o.configuration.requestTimeoutMs + 4_000 : 0);

  #death(): Death | 'now' {
    return this.#dice.pick<Death | 'now'>([
      'now',
      { at: 'save', write: 'before' },
      { at: 'save', write: 'after' },
      { at: 'send' },
      { at: 'answer' },
      { at: 'event' },
    ]);
  }

  /** The same file with one thing changed: a group's policy, their order, the pace, or a group taken out. */
  #reloaded(): Configuration {
    const dice = this.#dice;
    const { configuration } = this.#o;
    const { groups } = configuration.policies;
    const changed = dice.pick(groups);
    const withGroups = (next: readonly Policy[]) => ({
      ...configuration,
      policies: { ...configuration.policies, groups: next },
    });
    const roll = draw(dice.random);
    if (roll < 0.2) return configuration;
    if (roll < 0.5)
      return withGroups(
        groups.map((group) => (group === changed ? { ...policyOf(dice, group.name), match: group.match } : group)),
      );
    if (roll < 0.55) return withGroups(groups.filter((group) => group !== changed || groups.length === 1));
    if (roll < 0.65) {
      const exclude = { title: dice.pick([['title1*'], ['*HOLD*', 'title?'], []]), taskId: [this.#taskId()] };
      return withGroups(
        groups.map((group) => (group === changed ? { ...group, match: { ...group.match, exclude } } : group)),
      );
    }
    if (roll < 0.7)
      return withGroups(groups.map((group) => (group === changed ? { ...group, mode: 'observe' } : group)));
    if (roll < 0.85)
      return { ...configuration, perSecond: dice.pick([2, 5, 10]), spacing: dice.pick(['even', 'none']) };
    return { ...configuration, pollEveryMs: dice.pick([10, 20, 30]) * second };
  }
}
