/**
 * The troubles of the weather: what goes wrong at the cloud and on the way there, and what the daemon meets at home: its
 * machine, its disk, its deaths, its operators, and people at the cloud's console.
 */
import type { HoldTarget } from '../../src/domain/words/events.ts';
import type { Policy } from '../../src/domain/words/policy.ts';
import { draw, type Span } from '../../src/simulator/random.ts';
import { begin } from '../domain/story.ts';
import type { Configuration } from './account.ts';
import { hour, minute, second } from './dice.ts';
import type { DiskWeather } from './disk.ts';
import { policyOf } from './policies.ts';
import type { Death } from './process.ts';
import type { Plan, Weather } from './weather.ts';

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

/** In the order in which the weather is drawn: a new one comes last. */
export const troubles: Readonly<Record<string, Plan>> = {
  stops: (weather, dice) => {
    const { length } = weather.tasks;
    weather.sometime({
      kind: 'world',
      act: { kind: 'stop', count: dice.int(1, Math.ceil(length * dice.pick([0.1, 0.5, 1]))) },
    });
  },
  errors: (weather, dice) => {
    const list = dice.chance(0.3);
    const code = dice.pick<string>(list ? errorCodes.listing : errorCodes.restarting);
    const match = list ? { action: 'list' } : { action: 'restart', ...weather.somewhere() };
    weather.fault({ kind: 'error', code, carriedOut: dice.chance(0.2) }, match);
  },
  resets: (weather, dice) => weather.fault({ kind: 'reset', when: dice.pick(['before', 'after']) }, weather.call()),
  stalls: (weather, dice) => weather.fault({ kind: 'stall', when: dice.pick(['before', 'after']) }, weather.call()),
  truncation: (weather) => weather.fault({ kind: 'truncate' }, weather.call()),
  html: (weather, dice) => {
    const status = dice.pick([200, 302, 429, 502]);
    weather.fault({ kind: 'answer', status, body: '<html>busy</html>', carriedOut: dice.chance(0.3) }, weather.call());
  },
  stale: (weather, dice) => {
    weather.fault(
      { kind: 'stale', refreshMs: dice.ms(5 * second, 2 * minute) },
      { action: 'list' },
      { probability: 1 },
    );
  },
  drift: (weather, dice) => {
    weather.fault({ kind: 'drift', shift: dice.int(-3, 3), totalOff: dice.int(-2, 2) }, { action: 'list' });
  },
  malformed: (weather) => weather.fault({ kind: 'malformed' }, weather.somewhere()),
  'unknown-status': (weather, dice) => {
    weather.fault({ kind: 'status', text: dice.pick(['迁移中', '停用', '生效中', '未开始']) }, weather.somewhere());
  },
  shrink: (weather, dice) => {
    weather.fault(dice.chance(0.4) ? { kind: 'blind' } : { kind: 'shrink', keep: dice.int(0, weather.tasks.length) }, {
      action: 'list',
    });
  },
  key: (weather) => {
    weather.sometime({ kind: 'key', sees: 'nothing' });
    weather.sometime({ kind: 'key', sees: 'all' });
  },
  slow: (weather, dice) => {
    // A call arrives within four seconds of its end here: the limiter rests on that.
    const longest = weather.configuration.requestTimeoutMs + 2_000;
    const ms: Span = dice.pick([
      [100, 2_000],
      [3_000, 6_000],
      [longest - 3_000, longest],
    ]);
    const kind = weather.slowedUp ? 'slow-down' : dice.pick(['slow-up', 'slow-down'] as const);
    weather.slowedUp ||= kind === 'slow-up';
    weather.fault({ kind, ms }, weather.call());
  },
  throttle: (weather) => weather.fault({ kind: 'error', code: 'FlowLimitExceeded' }, weather.call()),
  unreachable: (weather, dice) => weather.sometime({ kind: 'unreachable', lastsMs: dice.ms(second, 3 * minute) }),
  'cloud-clock': (weather, dice) => {
    weather.fault({ kind: 'clock', offsetMs: dice.pick([-1, 1]) * dice.ms(second, dice.pick([10, 3_600]) * second) });
  },
  step: (weather, dice) => {
    weather.sometime({
      kind: 'step',
      ms: dice.pick([-1, 1]) * dice.ms(3 * second, dice.pick([10, 600, 7_200]) * second),
    });
  },
  pace: (weather, dice) => weather.sometime({ kind: 'pace', ppm: dice.int(-300, 300) }),
  disk: (weather, dice) => {
    const condition = dice.pick<DiskWeather>([
      { ms: [0, 0], failing: 1 },
      { ms: [0, 500], failing: 0.3 },
      { ms: [200, 5_000], failing: 0 },
    ]);
    weather.sometime({ kind: 'disk', weather: condition, lastsMs: dice.ms(second, 5 * minute) });
  },
  death: (weather, dice) => {
    weather.sometime({
      kind: 'die',
      death: death(weather),
      downMs: leastDownMs(weather) + dice.ms(500, dice.pick([2_000, 60_000, 600_000])),
    });
  },
  terminate: (weather, dice) => weather.sometime({ kind: 'terminate', downMs: dice.ms(500, 20_000) }),
  'cut-off': (weather, dice) => {
    if (weather.replicas > 1) weather.sometime({ kind: 'cut-off', lastsMs: dice.ms(5 * second, 2 * minute) });
  },
  // The file as it was at first, or with something changed.
  reload: (weather, dice) => {
    const configuration = dice.chance(0.2) ? weather.configuration : reloaded(weather);
    weather.sometime({ kind: 'reload', configuration });
  },
  operator: (weather, dice) => {
    if (dice.chance(0.5)) weather.sometime({ kind: 'restart', taskId: weather.taskId(), force: dice.chance(0.3) });
    else weather.sometime({ kind: 'release', taskId: weather.taskId() });
    if (dice.chance(0.3)) weather.sometime({ kind: 'hook' });
  },
  hold: (weather, dice) => {
    const id = `h${weather.scheduled.length}`;
    const target = dice.pick<HoldTarget>([
      { kind: 'task', taskId: weather.taskId() },
      { kind: 'task', taskId: weather.taskId() },
      { kind: 'group', group: dice.pick(weather.configuration.policies.groups).name },
      { kind: 'account' },
    ]);
    weather.sometime({ kind: 'hold', id, target, forMs: dice.chance(0.6) ? dice.ms(minute, 30 * minute) : undefined });
    if (dice.chance(0.5)) weather.sometime({ kind: 'unhold', id });
  },
  console: (weather, dice) => {
    weather.edit(
      dice.chance(0.7) ? { kind: 'stop', taskId: weather.taskId() } : { kind: 'start', taskId: weather.taskId() },
    );
  },
  edit: (weather, dice) => {
    const sources = [`rtmp://pull.example.com/new/${dice.int(0, 1e9)}`];
    const change = dice.pick([
      { title: dice.pick(['HOLDit', 'other', 'renamed']) },
      { sources },
      { endsAt: begin + weather.weatherMs + dice.ms(-hour, 60 * hour) },
    ]);
    weather.edit({ kind: 'edit', taskId: weather.taskId(), change });
  },
  move: (weather, dice) => {
    weather.edit({ kind: 'edit', taskId: weather.taskId(), change: { cloudGroup: dice.pick(weather.cloudGroups) } });
  },
  delete: (weather, dice) => {
    weather.edit({ kind: 'delete', taskId: weather.taskId() });
    if (dice.chance(0.5)) create(weather);
  },
  end: (weather, dice) => {
    weather.edit({
      kind: 'edit',
      taskId: weather.taskId(),
      change: { endsAt: begin + dice.ms(5 * minute, weather.weatherMs) },
    });
  },
  retire: (weather) => {
    weather.sometime({
      kind: 'fault',
      fault: {
        effect: { kind: 'error', code: 'InvalidActionOrVersion' },
        match: { action: 'RestartPullToPushTask' },
      },
      lastsMs: Number.POSITIVE_INFINITY,
    });
  },
  'in-vain': (weather) => weather.fault({ kind: 'in-vain' }, { action: 'restart', ...weather.somewhere() }),
};

function create(weather: Weather): void {
  const { dice } = weather;
  const startsAt = begin + dice.ms(0, weather.weatherMs);
  const taskId = `n${String(weather.scheduled.length).padStart(3, '0')}`;
  const task = {
    taskId,
    title: `new${taskId}`,
    cloudGroup: dice.pick(weather.cloudGroups),
    startsAt,
    endsAt: startsAt + 6 * 24 * hour,
  };
  weather.edit({ kind: 'create', task: { ...task, stopped: dice.chance(0.5), life: { stopsPerHour: 1 } } });
}

/** What a dead process had sent arrives before its successor's second of silence is over. */
const leastDownMs = (weather: Weather): number =>
  (weather.appetite.slow ?? 0) > 0 ? weather.configuration.requestTimeoutMs + 4_000 : 0;

const death = ({ dice }: Weather): Death | 'now' =>
  dice.pick<Death | 'now'>([
    'now',
    { at: 'save', write: 'before' },
    { at: 'save', write: 'after' },
    { at: 'send' },
    { at: 'answer' },
    { at: 'event' },
  ]);

/** The same file with one thing changed: a group's policy, their order, the pace, or a group taken out. */
function reloaded({ dice, configuration, taskId }: Weather): Configuration {
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
    const exclude = { title: dice.pick([['title1*'], ['*HOLD*', 'title?'], []]), taskId: [taskId()] };
    return withGroups(
      groups.map((group) => (group === changed ? { ...group, match: { ...group.match, exclude } } : group)),
    );
  }
  if (roll < 0.7) return withGroups(groups.map((group) => (group === changed ? { ...group, mode: 'observe' } : group)));
  if (roll < 0.85) return { ...configuration, perSecond: dice.pick([2, 5, 10]), spacing: dice.pick(['even', 'none']) };
  return { ...configuration, pollEveryMs: dice.pick([10, 20, 30]) * second };
}
