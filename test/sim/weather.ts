/** The weather of a script: each trouble that its seed has, so and so often, at any time. */
import type { Policy } from '../../src/domain/policy.ts';
import type { Effect, Fault, FaultMatch } from '../../src/simulator/faults.ts';
import { draw, type Span } from '../../src/simulator/random.ts';
import type { TaskPlan } from '../../src/simulator/task.ts';
import type { Act } from '../../src/simulator/world.ts';
import { begin } from '../domain/story.ts';
import { type Dice, hour, minute, second } from './dice.ts';
import type { DiskWeather } from './disk.ts';
import { type Happening, type HoldTarget, type Scheduled, type Trouble, troubles } from './happening.ts';
import { policyOf } from './policies.ts';
import type { Configuration, Death } from './process.ts';

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

export class Weather {
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
