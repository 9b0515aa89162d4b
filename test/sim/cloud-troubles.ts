/** What goes wrong at the cloud and on the way there: one plan for each trouble. */
import type { Span } from '../../src/simulator/random.ts';
import { minute, second } from './dice.ts';
import type { Plan } from './weather.ts';

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

export const cloudTroubles = {
  stops: (weather, dice) => {
    const { length } = weather.tasks;
    weather.at({
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
    weather.at({ kind: 'key', sees: 'nothing' });
    weather.at({ kind: 'key', sees: 'all' });
  },
  slow: (weather, dice) => {
    // A call arrives within four seconds of its end here: limiter.md, what it assumes.
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
  unreachable: (weather, dice) => weather.at({ kind: 'unreachable', lastsMs: dice.ms(second, 3 * minute) }),
  'cloud-clock': (weather, dice) => {
    weather.fault({ kind: 'clock', offsetMs: dice.pick([-1, 1]) * dice.ms(second, dice.pick([10, 3_600]) * second) });
  },
  retire: (weather) => {
    weather.at({
      kind: 'fault',
      fault: {
        effect: { kind: 'error', code: 'InvalidActionOrVersion' },
        match: { action: 'RestartPullToPushTask' },
      },
      lastsMs: Number.POSITIVE_INFINITY,
    });
  },
  'in-vain': (weather) => weather.fault({ kind: 'in-vain' }, { action: 'restart', ...weather.somewhere() }),
} as const satisfies Readonly<Record<string, Plan>>;
