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
  stops: ({ dice, edit, tasks: { length } }) =>
    edit({ kind: 'stop', count: dice.int(1, Math.ceil(length * dice.pick([0.1, 0.5, 1]))) }),
  errors: ({ dice, fault, somewhere }) => {
    const list = dice.chance(0.3);
    const code = dice.pick<string>(list ? errorCodes.listing : errorCodes.restarting);
    const match = list ? { action: 'list' } : { action: 'restart', ...somewhere() };
    fault({ kind: 'error', code, carriedOut: dice.chance(0.2) }, match);
  },
  resets: ({ dice, fault, call }) => fault({ kind: 'reset', when: dice.pick(['before', 'after']) }, call()),
  stalls: ({ dice, fault, call }) => fault({ kind: 'stall', when: dice.pick(['before', 'after']) }, call()),
  truncation: ({ fault, call }) => fault({ kind: 'truncate' }, call()),
  html: ({ dice, fault, call }) => {
    const status = dice.pick([200, 302, 429, 502]);
    fault({ kind: 'answer', status, body: '<html>busy</html>', carriedOut: dice.chance(0.3) }, call());
  },
  stale: ({ dice, fault }) =>
    fault({ kind: 'stale', refreshMs: dice.ms(5 * second, 2 * minute) }, { action: 'list' }, { probability: 1 }),
  drift: ({ dice, fault }) =>
    fault({ kind: 'drift', shift: dice.int(-3, 3), totalOff: dice.int(-2, 2) }, { action: 'list' }),
  malformed: ({ fault, somewhere }) => fault({ kind: 'malformed' }, somewhere()),
  'unknown-status': ({ dice, fault, somewhere }) =>
    fault({ kind: 'status', text: dice.pick(['迁移中', '停用', '生效中', '未开始']) }, somewhere()),
  shrink: ({ dice, fault, tasks: { length } }) =>
    fault(dice.chance(0.4) ? { kind: 'blind' } : { kind: 'shrink', keep: dice.int(0, length) }, { action: 'list' }),
  key: ({ sometime }) => {
    sometime({ kind: 'key', sees: 'nothing' });
    sometime({ kind: 'key', sees: 'all' });
  },
  slow: (weather) => {
    const { dice, fault, call, configuration } = weather;
    // A call arrives within four seconds of its end here: limiter.md, what it assumes.
    const longest = configuration.requestTimeoutMs + 2_000;
    const ms: Span = dice.pick([
      [100, 2_000],
      [3_000, 6_000],
      [longest - 3_000, longest],
    ]);
    const kind = weather.slowedUp ? 'slow-down' : dice.pick(['slow-up', 'slow-down'] as const);
    weather.slowedUp ||= kind === 'slow-up';
    fault({ kind, ms }, call());
  },
  throttle: ({ fault, call }) => fault({ kind: 'error', code: 'FlowLimitExceeded' }, call()),
  unreachable: ({ dice, sometime }) => sometime({ kind: 'unreachable', lastsMs: dice.ms(second, 3 * minute) }),
  'cloud-clock': ({ dice, fault }) =>
    fault({ kind: 'clock', offsetMs: dice.pick([-1, 1]) * dice.ms(second, dice.pick([10, 3_600]) * second) }),
  step: ({ dice, sometime }) =>
    sometime({ kind: 'step', ms: dice.pick([-1, 1]) * dice.ms(3 * second, dice.pick([10, 600, 7_200]) * second) }),
  pace: ({ dice, sometime }) => sometime({ kind: 'pace', ppm: dice.int(-300, 300) }),
  disk: ({ dice, sometime }) => {
    const weather = dice.pick<DiskWeather>([
      { ms: [0, 0], failing: 1 },
      { ms: [0, 500], failing: 0.3 },
      { ms: [200, 5_000], failing: 0 },
    ]);
    sometime({ kind: 'disk', weather, lastsMs: dice.ms(second, 5 * minute) });
  },
  death: ({ dice, sometime, appetite, configuration }) => {
    const death = dice.pick<Death | 'now'>([
      'now',
      { at: 'save', write: 'before' },
      { at: 'save', write: 'after' },
      { at: 'send' },
      { at: 'answer' },
      { at: 'event' },
    ]);
    // What a dead process had sent arrives before its successor's second of silence is over.
    const leastMs = (appetite.slow ?? 0) > 0 ? configuration.requestTimeoutMs + 4_000 : 0;
    sometime({ kind: 'die', death, downMs: leastMs + dice.ms(500, dice.pick([2_000, 60_000, 600_000])) });
  },
  terminate: ({ dice, sometime }) => sometime({ kind: 'terminate', downMs: dice.ms(500, 20_000) }),
  'cut-off': ({ dice, sometime, replicas }) => {
    if (replicas > 1) sometime({ kind: 'cut-off', lastsMs: dice.ms(5 * second, 2 * minute) });
  },
  // The file as it was at first, or with something changed.
  reload: (weather) => {
    const { dice, sometime, configuration } = weather;
    sometime({ kind: 'reload', configuration: dice.chance(0.2) ? configuration : reloaded(weather) });
  },
  operator: ({ dice, sometime, taskId }) => {
    if (dice.chance(0.5)) sometime({ kind: 'restart', taskId: taskId(), force: dice.chance(0.3) });
    else sometime({ kind: 'release', taskId: taskId() });
    if (dice.chance(0.3)) sometime({ kind: 'hook' });
  },
  hold: ({ dice, sometime, taskId, scheduled, configuration }) => {
    const id = `h${scheduled.length}`;
    const target = dice.pick<HoldTarget>([
      { kind: 'task', taskId: taskId() },
      { kind: 'task', taskId: taskId() },
      { kind: 'group', group: dice.pick(configuration.policies.groups).name },
      { kind: 'account' },
    ]);
    sometime({ kind: 'hold', id, target, forMs: dice.chance(0.6) ? dice.ms(minute, 30 * minute) : undefined });
    if (dice.chance(0.5)) sometime({ kind: 'unhold', id });
  },
  console: ({ dice, edit, taskId }) => edit({ kind: dice.chance(0.7) ? 'stop' : 'start', taskId: taskId() }),
  edit: ({ dice, edit, taskId, weatherMs }) => {
    const sources = [`rtmp://pull.example.com/new/${dice.int(0, 1e9)}`];
    const change = dice.pick([
      { title: dice.pick(['HOLDit', 'other', 'renamed']) },
      { sources },
      { endsAt: begin + weatherMs + dice.ms(-hour, 60 * hour) },
    ]);
    edit({ kind: 'edit', taskId: taskId(), change });
  },
  move: ({ dice, edit, taskId, cloudGroups }) =>
    edit({ kind: 'edit', taskId: taskId(), change: { cloudGroup: dice.pick(cloudGroups) } }),
  delete: ({ dice, edit, taskId, scheduled, cloudGroups, weatherMs }) => {
    edit({ kind: 'delete', taskId: taskId() });
    if (!dice.chance(0.5)) return;
    const startsAt = begin + dice.ms(0, weatherMs);
    const id = `n${String(scheduled.length).padStart(3, '0')}`;
    const times = { startsAt, endsAt: startsAt + 6 * 24 * hour };
    const task = { taskId: id, title: `new${id}`, cloudGroup: dice.pick(cloudGroups), ...times };
    edit({ kind: 'create', task: { ...task, stopped: dice.chance(0.5), life: { stopsPerHour: 1 } } });
  },
  end: ({ dice, edit, taskId, weatherMs }) =>
    edit({ kind: 'edit', taskId: taskId(), change: { endsAt: begin + dice.ms(5 * minute, weatherMs) } }),
  retire: ({ strike, somewhen }) =>
    strike(
      somewhen(),
      Infinity,
      { kind: 'error', code: 'InvalidActionOrVersion' },
      { action: 'RestartPullToPushTask' },
    ),
  'in-vain': ({ fault, somewhere }) => fault({ kind: 'in-vain' }, { action: 'restart', ...somewhere() }),
};

/** The same file with one thing changed: a group's policy, their order, the pace, or a group taken out. */
function reloaded({ dice, configuration, taskId }: Weather): Configuration {
  const { policies } = configuration;
  const changed = dice.pick(policies.groups);
  /** To these, or to none. */
  const to = (...become: readonly Policy[]): Configuration => {
    const groups = policies.groups.flatMap((group) => (group === changed ? become : [group]));
    return { ...configuration, policies: { ...policies, groups } };
  };
  const roll = draw(dice.random);
  if (roll < 0.2) return configuration;
  if (roll < 0.5) return to({ ...policyOf(dice, changed.name), match: changed.match });
  if (roll < 0.55) return policies.groups.length === 1 ? configuration : to();
  if (roll < 0.65) {
    const exclude = { title: dice.pick([['title1*'], ['*HOLD*', 'title?'], []]), taskId: [taskId()] };
    return to({ ...changed, match: { ...changed.match, exclude } });
  }
  if (roll < 0.7) return to({ ...changed, mode: 'observe' });
  if (roll < 0.85) return { ...configuration, perSecond: dice.pick([2, 5, 10]), spacing: dice.pick(['even', 'none']) };
  return { ...configuration, pollEveryMs: dice.pick([10, 20, 30]) * second };
}
