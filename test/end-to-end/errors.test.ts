/**
 * Each row of the error table, through the process: one daemon with an account for every code, each with a pretend
 * cloud of its own. The rows are written from the table of the design, not from the code.
 */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Effect } from '../../src/simulator/faults.ts';
import type { ParameterChange } from '../../src/simulator/world.ts';
import { account, env, type PretendCloud, tasks } from './cloud.ts';
import { type Daemon, plainServer, type Sample, Stage, sum, until } from './daemon.ts';

const backoffMs = 300;
const verifyWithinMs = 1_000;
/** The two clocks are of one machine, and times are kept in whole milliseconds. */
const roundingMs = 5;

interface Row {
  readonly name: string;
  readonly code: string;
  readonly class: string;
  readonly effect: Effect;
  readonly strikes?: number;
  readonly action?: string;
  readonly restartAction?: string;
  readonly parameters?: ParameterChange;
  readonly stopped?: number;
  readonly startsInMs?: readonly [number, number];
}

const failing = (errorClass: string, code: string, status: number, more: Partial<Row> = {}): Row => ({
  name: code.toLowerCase().replaceAll('.', '-'),
  code,
  class: errorClass,
  // Some of the vendor's messages quote what they were sent.
  effect: { kind: 'error', code, status, message: 'quotes planted-secret' },
  ...more,
});

const failedAttempts: readonly Row[] = [
  failing('common', 'CommonErr', 200),
  failing('quota', 'RequestLimitExceeded', 429),
  failing('forbidden', 'RequestForbidden', 403),
  failing('forbidden', 'RequestForbidden.AccountIDNotAllow', 403),
  failing('forbidden', 'LackProjectPolicy', 403),
  failing('not-found', 'ResourceNotFound', 404),
  failing('unknown', 'NeverHeardOf', 400),
];
interface Gate {
  readonly perSecond: number;
  readonly restartPerSecond: number;
}
/** Each with the limit that it halves: the action's own, or the account's. */
const throttled: readonly (Row & { readonly halved: keyof Gate })[] = [
  { ...failing('throttled', 'FlowLimitExceeded', 429), halved: 'restartPerSecond' },
  { ...failing('throttled', 'AccountFlowLimitExceeded', 200), halved: 'perSecond' },
  {
    name: 'bare-429',
    code: 'throttled',
    class: 'throttled',
    effect: { kind: 'answer', status: 429, body: '' },
    halved: 'perSecond',
  },
];
const needPerson: readonly Row[] = [
  failing('auth', 'InvalidAccessKey', 401),
  failing('auth', 'SignatureDoesNotMatch', 401),
  failing('auth', 'InvalidSecretToken', 401),
  failing('auth', 'MissingSignature', 401),
  failing('auth', 'MissingAuthenticationToken', 401),
  failing('auth', 'InvalidAuthorization', 400),
  failing('auth', 'InvalidCredential', 400),
  failing('billing', 'RequestForbidden.BillingStatus', 403),
  failing('retired', 'InvalidActionOrVersion', 404, { restartAction: 'ContinuePullToPushTask' }),
];
/** Of one task its own trouble: only the second task's opens the circuit. */
const denied: readonly Row[] = [failing('permission', 'AccessDenied', 403), failing('permission', 'LackPolicy', 403)];
const invalid: readonly Row[] = [
  failing('invalid', 'InvalidParam', 400),
  failing('invalid', 'InvalidParam.BindError', 400),
  failing('invalid', 'MissingParameter', 400),
  failing('invalid', 'MissingRequestInfo', 400),
];
const unanswered: readonly Row[] = [
  failing('server', 'InternalError', 500),
  failing('server', 'InternalServiceError', 502),
  failing('server', 'InternalServiceError.BadResponse', 502),
  failing('server', 'InternalServiceTimeout', 504),
  failing('server', 'ServiceUnavailableTemp', 503),
  { name: 'bare-503', code: 'server', class: 'server', effect: { kind: 'answer', status: 503, body: 'try later' } },
  {
    name: 'html',
    code: 'server',
    class: 'server',
    effect: { kind: 'answer', status: 200, body: '<html>hello</html>' },
  },
  { name: 'reset', code: 'network', class: 'network', effect: { kind: 'reset', when: 'before' } },
  { name: 'stall', code: 'timeout', class: 'timeout', effect: { kind: 'stall', when: 'before' } },
];
const doneAllTheSame: readonly Row[] = [
  failing('server', 'InternalServiceTimeout', 504, {
    name: 'done-timeout',
    effect: { kind: 'error', code: 'InternalServiceTimeout', status: 504, carriedOut: true },
  }),
  { name: 'done-reset', code: 'network', class: 'network', effect: { kind: 'reset', when: 'after' } },
  { name: 'done-stall', code: 'timeout', class: 'timeout', effect: { kind: 'stall', when: 'after' } },
  failing('invalid', 'InvalidParam', 400, {
    // The cloud's word for "it runs already": the next look has to show that.
    name: 'done-invalid',
    startsInMs: [0, 0],
    effect: { kind: 'error', code: 'InvalidParam', status: 400, carriedOut: true },
  }),
];
const resentReads: readonly Row[] = [
  failing('common', 'CommonErr', 200, { name: 'list-commonerr', action: 'list' }),
  failing('server', 'InternalError', 500, { name: 'list-internalerror', action: 'list' }),
  { name: 'list-reset', action: 'list', code: 'network', class: 'network', effect: { kind: 'reset', when: 'before' } },
];
const refusedList = failing('permission', 'AccessDenied', 403, { name: 'list-accessdenied', action: 'list' });
const skewed: Row = failing('clock', 'InvalidTimestamp', 400, {
  name: 'skewed',
  strikes: 0,
  parameters: { clockOffsetMs: 20 * 60_000 },
});
const alwaysSkewed = failing('clock', 'InvalidTimestamp', 400, { name: 'always-skewed', stopped: 2, strikes: 1_000 });
const retired: Row = failing('retired', 'InvalidActionOrVersion', 404, {
  name: 'retired',
  strikes: 0,
  parameters: { retired: ['RestartPullToPushTask'] },
});
const unreachable: Row = failing('network', 'network', 0, { name: 'unreachable', strikes: 0 });

const rows: readonly Row[] = [
  ...failedAttempts.map((row) => ({ ...row, strikes: 2 })),
  ...throttled,
  ...[...needPerson, ...denied].map((row) => ({ ...row, stopped: 2, strikes: 1_000 })),
  ...invalid,
  ...unanswered,
  ...doneAllTheSame,
  ...resentReads.map((row) => ({ ...row, strikes: 2 })),
  { ...refusedList, strikes: 1_000 },
  skewed,
  alwaysSkewed,
  retired,
  unreachable,
];

const stage = new Stage();
const clouds = new Map<string, PretendCloud>();
let daemon: Daemon;
let path: string;

const cloudOf = ({ name }: Row): PretendCloud => {
  const cloud = clouds.get(name);
  if (!cloud) throw new Error(`no cloud for ${name}`);
  return cloud;
};
const idOf = ({ name }: Row, number = 1): string => `${name}-${String(number).padStart(4, '0')}`;
const see = (row: Row) => () =>
  daemon.lines
    .filter(({ account: one }) => one === row.name)
    .slice(-15)
    .map((line) => JSON.stringify(line))
    .join('\n');
const saidOf = (row: Row, event: string, fields: object = {}) => daemon.said(event, { account: row.name, ...fields });
const healed = (row: Row, withinMs?: number) =>
  until(`every task of ${row.name} runs`, () => cloudOf(row).count('停用') === 0, see(row), withinMs);
/** Once it has gone round so often more, it has had its chances. */
async function polledAgain(row: Row, polls: number): Promise<void> {
  const before = cloudOf(row).lists().length;
  await until(`${polls} more polls of ${row.name}`, () => cloudOf(row).lists().length >= before + polls, see(row));
}
/** Calls of the action in question that failed so: on a starved machine another one may time out. */
const errorsOf = (samples: readonly Sample[], row: Row, code = row.code) => {
  const ofAction = row.action === 'list' || row === skewed ? ['ListPullToPushTaskV2'] : restartActions;
  return ofAction.reduce(
    (total, action) => total + sum(samples, 'api_errors_total', { account: row.name, code, class: row.class, action }),
    0,
  );
};
const restartActions = ['RestartPullToPushTask', 'ContinuePullToPushTask'];
const gaps = (times: readonly number[]) => times.slice(1).map((at, index) => at - (times[index] ?? 0));

beforeAll(async () => {
  path = stage.folder();
  for (const row of rows) {
    const cloud = await stage.cloud({
      tasks: tasks(row.name, row.stopped ?? 1, {
        stopped: true,
        ...(row.startsInMs ? { life: { startsInMs: row.startsInMs } } : {}),
      }),
      ...(row.parameters ? { parameters: row.parameters } : {}),
      onArrival: ({ action }) => {
        // Away as soon as the first list is answered: the restart that follows cannot leave.
        if (row === unreachable && action.startsWith('List') && cloud.lists().length === 1)
          setTimeout(() => void cloud.close(), 100);
      },
    });
    if (row.strikes !== 0)
      cloud.fault({ match: { action: row.action ?? 'restart' }, effect: row.effect, count: row.strikes ?? 1 });
    clouds.set(row.name, cloud);
  }
  daemon = await stage.start({
    folder: path,
    env,
    config: {
      log: { level: 'debug' },
      server: plainServer,
      accounts: rows.map((row) =>
        account(cloudOf(row), row.name, {
          requestTimeout: row.class === 'timeout' ? '5s' : '30s',
          ...(row.restartAction ? { restartAction: row.restartAction } : {}),
          ...(row === unreachable ? { rateLimit: { perSecond: 1 } } : {}),
        }),
      ),
      defaults: {
        attempts: 20,
        verifyWithin: `${verifyWithinMs}ms`,
        backoff: { initial: `${backoffMs}ms`, factor: 1, max: '10s', jitter: 0 },
      },
      groups: [
        // The second task's turn is to come before the first one's next attempt, however slow the machine is.
        { name: 'denied', match: { account: denied.map(({ name }) => name) }, backoff: { initial: '5m', max: '5m' } },
        { name: 'vip' },
      ],
    },
  });
});

afterAll(() => stage[Symbol.asyncDispose]());

describe.concurrent('a failed attempt', () => {
  it.each(failedAttempts)(
    '$code ($class) on a restart: the next comes after the backoff, at full speed',
    async (row) => {
      await healed(row);
      const restarts = cloudOf(row).restarts();
      expect(restarts.map(({ outcome }) => outcome)).toEqual([row.code, row.code, 'ok']);
      const sentAt = saidOf(row, 'restart-intended').map(({ time }) => Date.parse(time));
      for (const gapMs of gaps(sentAt)) expect(gapMs).toBeGreaterThanOrEqual(backoffMs - roundingMs);
      expect(saidOf(row, 'restart-failed').map(({ cause, class: errorClass }) => [cause, errorClass])).toEqual(
        Array(2).fill([row.code, row.class]),
      );
      const samples = await daemon.metrics();
      const label = row.class === 'unknown' ? 'other' : row.code;
      expect(errorsOf(samples, row, label)).toBe(2);
      expect(sum(samples, 'restart_failures_total', { account: row.name, code: label })).toBe(2);
      expect(sum(samples, 'api_rate_limit_per_second', { account: row.name })).toBe(10);
    },
  );
});

describe.concurrent('throttled', () => {
  it.each(throttled)('$name: costs no attempt, halves its own limit, and restarts wait 5 s', async (row) => {
    await until(`${row.name} is throttled`, () => saidOf(row, 'restarts-throttled').length > 0, see(row));
    const { accounts } = await daemon.get<{ accounts: { account: string; gate: Gate }[] }>('/api/v1/status');
    const { perSecond = 0, restartPerSecond = 0 } = accounts.find(({ account: name }) => name === row.name)?.gate ?? {};
    const limits: Gate = { perSecond, restartPerSecond };
    const saidAt = Date.parse(String(saidOf(row, 'restarts-throttled')[0]?.time));
    // Of ten a second: five, and one more for every ten seconds.
    expect(limits[row.halved]).toBeGreaterThanOrEqual(5);
    expect(limits[row.halved]).toBeLessThanOrEqual(5 + Math.floor((Date.now() - saidAt + 1_000) / 10_000));
    expect(perSecond + restartPerSecond).toBe(10 + limits[row.halved]);
    expect(errorsOf(await daemon.metrics(), row)).toBe(1);
    expect(saidOf(row, 'restart-given-back')[0]?.why).toBe('throttled');
    await healed(row);
    const restarts = cloudOf(row).restarts();
    expect(restarts).toHaveLength(2);
    expect(gaps(restarts.map(({ at }) => at))[0]).toBeGreaterThanOrEqual(5_000 - roundingMs);
    expect(saidOf(row, 'restart-intended').map(({ n }) => n)).toEqual([1, 1]);
    expect(await daemon.metric('restart_failures_total', { account: row.name })).toBe(0);
  });
});

/** Opens the restart circuit and is kept back by it: two tasks are stopped, and no more than `most` calls find that out. */
async function opensCircuit(row: Row, [least, most]: readonly [number, number], probeEveryMs: number): Promise<void> {
  await until(`${row.name} opens the circuit`, () => saidOf(row, 'circuit-opened').length > 0, see(row));
  await polledAgain(row, 4);
  const openedAt = Date.parse(String(saidOf(row, 'circuit-opened')[0]?.time));
  // A slow machine may have come to the first probe.
  const calls = cloudOf(row)
    .restarts()
    .filter(({ at }) => at < openedAt + probeEveryMs - roundingMs);
  expect(calls.length).toBeGreaterThanOrEqual(least);
  expect(calls.length).toBeLessThanOrEqual(most);
  expect(saidOf(row, 'restart-given-back')[0]?.why).toBe('circuit');
  // Not while a probe is out.
  await vi.waitFor(
    async () => {
      const samples = await daemon.metrics();
      expect(errorsOf(samples, row)).toBe(cloudOf(row).restarts().length);
      expect(sum(samples, 'api_circuit_open', { account: row.name, circuit: 'restart', class: row.class })).toBe(1);
      expect(sum(samples, 'tasks_waiting', { account: row.name, reason: 'circuit' })).toBe(2);
      for (const number of [1, 2]) {
        const { attempts } = await daemon.get<{ attempts: object }>(`/api/v1/tasks/${idOf(row, number)}`);
        expect(attempts).toMatchObject({ made: 0, failedInRow: 0 });
      }
      const { verdict } = await daemon.get<{ verdict: { until: number } }>(`/api/v1/tasks/${idOf(row)}`);
      const probedAt = Date.parse(
        String(saidOf(row, 'circuit-probed').at(-1)?.time ?? saidOf(row, 'circuit-opened')[0]?.time),
      );
      expect(verdict.until - probedAt).toBeGreaterThan(probeEveryMs - 10_000);
      expect(verdict.until - probedAt).toBeLessThan(probeEveryMs + 10_000);
    },
    { timeout: 60_000, interval: 500 },
  );
}

async function mendedByHand(row: Row): Promise<void> {
  cloudOf(row).mend();
  // A person's restart is the probe.
  const { status, text } = await daemon.ask('POST', `/api/v1/tasks/${idOf(row)}/restart`, { by: 'lin' });
  expect([status, text]).toEqual([200, expect.stringContaining('accepted')]);
  await healed(row);
  expect(saidOf(row, 'circuit-closed')).toHaveLength(1);
}

describe.concurrent('what needs a person', () => {
  it.each([...needPerson, alwaysSkewed])(
    '$code ($class): stops everything but a probe, costs no attempt, and is over at once when it is mended',
    async (row) => {
      // Before the first answer was there the other task's turn may have come; only for `clock` each is sent again.
      await opensCircuit(row, row.class === 'clock' ? [2, 4] : [1, 2], 5 * 60_000);
      expect(saidOf(row, 'restart-failed')).toEqual([]);
      await mendedByHand(row);
    },
  );

  it.each(denied)(
    '$code ($class) on two tasks in a row: stops everything but a probe, gives both attempts back, and is over at once when it is mended',
    async (row) => {
      await opensCircuit(row, [2, 2], 30_000);
      // The first two: a slow machine may have come to the first probe, which is given back as well.
      const tasksOf = (event: string) =>
        saidOf(row, event)
          .slice(0, 2)
          .map(({ task }) => task)
          .toSorted();
      expect(saidOf(row, 'restart-failed').map(({ cause }) => cause)).toEqual([row.code, row.code]);
      for (const event of ['restart-failed', 'restart-given-back'])
        expect(tasksOf(event)).toEqual([idOf(row, 1), idOf(row, 2)]);
      await mendedByHand(row);
    },
  );
});

describe.concurrent('an invalid parameter', () => {
  it.each(invalid)('$code: a failed attempt once the next look shows the task stopped', async (row) => {
    await healed(row);
    expect(saidOf(row, 'restart-failed').map(({ cause }) => cause)).toEqual([row.code]);
    const [first, second, ...more] = cloudOf(row).restarts();
    expect(more).toEqual([]);
    const between = cloudOf(row)
      .lists()
      .filter(({ at }) => at > (first?.at ?? 0) && at < (second?.at ?? 0));
    expect(between.length).toBeGreaterThan(0);
    expect(errorsOf(await daemon.metrics(), row)).toBe(1);
  });
});

describe.concurrent('an unanswered restart', () => {
  it.each(unanswered)(
    '$name: is not sent again before an observation has said "stopped" after verifyWithin',
    async (row) => {
      await healed(row);
      const [first, second, ...more] = cloudOf(row).restarts();
      if (!first || !second) throw new Error('it was not tried twice');
      expect(more).toEqual([]);
      expect(saidOf(row, 'restart-answered')[0]?.answer).toBe('unanswered');
      expect(saidOf(row, 'restart-failed').map(({ cause }) => cause)).toEqual(['not-recovered']);
      const settledBy = cloudOf(row)
        .lists()
        .filter(({ at }) => at >= first.at + verifyWithinMs && at < second.at);
      expect(settledBy.length).toBeGreaterThan(0);
      expect(errorsOf(await daemon.metrics(), row)).toBe(1);
    },
  );

  it.each(doneAllTheSame)(
    '$name: that took effect all the same costs no second call and counts for nothing',
    async (row) => {
      await healed(row);
      await until(`the outage of ${row.name} is over`, () => saidOf(row, 'outage-ended').length > 0, see(row));
      expect(cloudOf(row).restarts()).toHaveLength(1);
      expect(saidOf(row, 'restart-failed')).toEqual([]);
      await until(`${row.name} is counted`, async () => errorsOf(await daemon.metrics(), row) === 1, see(row));
    },
  );

  it('that provably never left is given back, and sent again once the cloud can be reached', async () => {
    const row = unreachable;
    await until('a restart could not leave', () => saidOf(row, 'restart-given-back').length > 0, see(row));
    expect(saidOf(row, 'restart-given-back')[0]?.why).toBe('not-sent');
    expect(cloudOf(row).restarts()).toEqual([]);
    await cloudOf(row).open();
    await healed(row);
    expect(saidOf(row, 'restart-intended').map(({ n }) => n)).toEqual([1, 1]);
    expect(saidOf(row, 'restart-failed')).toEqual([]);
    expect(saidOf(row, 'restart-answered')[0]).toMatchObject({ answer: 'not-sent', class: 'network' });
    expect(errorsOf(await daemon.metrics(), row)).toBe(1);
  });
});

describe.concurrent('the list', () => {
  it.each(resentReads)('$name: a read is sent again, and the poll is none the worse', async (row) => {
    await healed(row);
    const samples = await daemon.metrics();
    expect(errorsOf(samples, row)).toBe(2);
    expect(sum(samples, 'poll_failures_total', { account: row.name })).toBe(0);
    expect(cloudOf(row).restarts()).toHaveLength(1);
  });

  it('AccessDenied: the list circuit opens, nothing is restarted, polls grow rare; mended, it goes on by itself', async () => {
    const row = refusedList;
    await until('the list circuit opens', () => saidOf(row, 'circuit-opened').length > 0, see(row));
    await until('a probe', () => saidOf(row, 'circuit-probed').length >= 1, see(row));
    const samples = await daemon.metrics();
    expect(sum(samples, 'api_circuit_open', { account: row.name, circuit: 'list', class: 'permission' })).toBe(1);
    expect(sum(samples, 'poll_failures_total', { account: row.name, class: 'permission' })).toBeGreaterThan(1);
    expect(cloudOf(row).restarts()).toEqual([]);
    cloudOf(row).mend();
    await healed(row);
    expect(saidOf(row, 'circuit-closed')).toHaveLength(1);
  });

  it('a 20-minute clock skew is learned in one extra call', async () => {
    await healed(skewed);
    const refused = cloudOf(skewed).arrivals.filter(({ outcome }) => outcome === 'InvalidTimestamp');
    expect(refused).toHaveLength(1);
    const samples = await daemon.metrics();
    expect(errorsOf(samples, skewed)).toBe(1);
    expect(sum(samples, 'poll_failures_total', { account: skewed.name })).toBe(0);
    expect(Math.abs(sum(samples, 'clock_skew_seconds', { account: skewed.name }) - 1_200)).toBeLessThan(3);
  });
});

// The last: it ends the process.
it('InvalidActionOrVersion on Restart moves to Continue within the same outage, and is remembered by the next process', async () => {
  await healed(retired);
  await until('the outage is over', () => saidOf(retired, 'outage-ended').length > 0, see(retired));
  const actions = () =>
    cloudOf(retired)
      .restarts()
      .map(({ action }) => action);
  expect(actions()).toEqual(['RestartPullToPushTask', 'ContinuePullToPushTask']);
  expect(saidOf(retired, 'outage-opened')).toHaveLength(1);
  expect(saidOf(retired, 'restart-failed')).toEqual([]);
  expect(errorsOf(await daemon.metrics(), retired)).toBe(1);

  expect((await daemon.stop()).code).toBe(0);
  cloudOf(retired).act({ kind: 'stop', taskId: idOf(retired) });
  daemon = await stage.start({ folder: path, env });
  await healed(retired);
  expect(actions()).toEqual(['RestartPullToPushTask', 'ContinuePullToPushTask', 'ContinuePullToPushTask']);
});
