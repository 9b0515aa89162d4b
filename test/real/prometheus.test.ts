/**
 * The alerts on the real thing: the daemon as a process over the pretend cloud, scraped by a real Prometheus, reported by
 * a real Alertmanager. Each page is brought about by a fault and goes when that is mended; a quiet hour tells nothing.
 *
 * One story, in order: each test begins where the one before it ended, with everything well.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { alertRules } from '../../src/mixin/alerts/all.ts';
import { marks as annotations, rows } from '../../src/mixin/dashboard/panels.ts';
import { account, env, type PretendCloud, tasks } from '../end-to-end/cloud.ts';
import { type Daemon, Stage, sleep, until, writeConfig } from '../end-to-end/daemon.ts';
import { freePort } from '../ports.ts';
import { type Drawn, drawPage, legendOf, type Mark } from './draw.ts';
import { pace, times, Watchers } from './programs.ts';

const stage = new Stage();
const watchers = new Watchers();
const marks: Mark[] = [];
let cloud: PretendCloud;
let folder: string;
let port: number;
let daemon: Daemon;
let began: number;

const seconds = () => Date.now() / 1000;
const mark = (text: string) => marks.push({ at: seconds(), text });
const listen = (to: number) => `127.0.0.1:${to}`;

/** The defaults of a policy at the same pace as the rules; fewer attempts, so that quarantine is seen too. */
const config = (name: string, to: number) => ({
  server: { listen: listen(to), socket: `${name}.sock` },
  store: 'sqlite:rk.db',
  accounts: [account(cloud)],
  defaults: {
    verifyWithin: '3s',
    backoff: { initial: '750ms', max: '15s', resetAfter: '30s' },
    attempts: 4,
    quarantine: { retryEvery: '30s' },
    budget: { restarts: 20, perTask: 12, per: '3m' },
  },
  groups: [{ name: 'vip' }, { name: 'sports' }],
});

const start = () => stage.start({ folder, env, config: config('rk', port) });

beforeAll(async () => {
  folder = stage.folder();
  port = await freePort();
  cloud = await stage.cloud({
    parameters: { latency: { uplinkMs: [10, 40], downlinkMs: [10, 40] } },
    tasks: [...tasks('vip', 20), ...tasks('sports', 20, { cloudGroup: 'sports' })],
  });
  daemon = await start();
  await watchers.start(stage, port);
  began = seconds();
  await until('the first scrape', async () => (await watchers.now('relaykeeper_build_info')).length > 0);
});

afterAll(async () => {
  await stage[Symbol.asyncDispose]();
});

/** The longest window of the rules, an hour, is three minutes here: so long flapping is reported after it has ended. */
const longestWaitMs = 240_000;

const isTold = (alert: string, status: 'firing' | 'resolved') =>
  watchers.received.some(({ labels, status: reported }) => labels.alertname === alert && reported === status);

const annotationsOf = (alert: string) =>
  watchers.received.findLast(({ labels }) => labels.alertname === alert)?.annotations ?? {};

const state = async () =>
  `firing: ${(await watchers.firingNow()).join(', ')}\nreceived: ${watchers.received.map(({ status, labels }) => `${labels.alertname} ${status}`).join(', ')}\n${daemon.tail()}`;

async function toldOf(alerts: readonly string[], status: 'firing' | 'resolved'): Promise<void> {
  let seen = '';
  await until(
    `Alertmanager tells ${status} of ${alerts.filter((alert) => !isTold(alert, status)).join(', ')}`,
    async () => {
      seen = await state();
      return alerts.every((alert) => isTold(alert, status));
    },
    () => seen,
    longestWaitMs,
  );
  for (const alert of alerts) mark(`${alert} ${status}`);
}

interface Episode {
  readonly alerts: readonly string[];
  readonly provoke: () => unknown;
  readonly mend: () => unknown;
  /** What may fire beside them: a consequence that is reported as well. */
  readonly also?: readonly string[];
  /** Looks at what was reported, while it fires. */
  readonly look?: () => Promise<void>;
}

/** The alerts fire and reach Alertmanager; mended, they are resolved there; and no other page was reported. */
async function play({ alerts, provoke, mend, also = [], look }: Episode): Promise<void> {
  watchers.received.length = 0;
  const from = seconds();
  mark(`fault for ${alerts.join(', ')}`);
  await provoke();
  await toldOf(alerts, 'firing');
  expect(alerts.filter((alert) => isTold(alert, 'resolved'))).toEqual([]);
  await look?.();
  mark('mended');
  await mend();
  await toldOf(alerts, 'resolved');
  let left: readonly string[] = [];
  await until(
    'nothing fires any more',
    async () => {
      left = await watchers.firingNow();
      return left.length === 0;
    },
    () => left.join(', '),
    longestWaitMs,
  );
  // A task that is down for less than the rule's ten minutes fires nothing yet, and would fire into the next episode.
  await until(
    'no task is down any more',
    async () => (await daemon.metric('task_outage_start_timestamp_seconds')) === 0,
    () => daemon.tail(),
    longestWaitMs,
  );
  const pages = alertRules()
    .filter(({ severity }) => severity === 'page')
    .map(({ name }): string => name);
  const fired = await watchers.firedBetween(from, seconds());
  expect(fired.filter((alert) => pages.includes(alert) && !alerts.includes(alert) && !also.includes(alert))).toEqual(
    [],
  );
}

/** Of the operator, over the socket: passes backoff, and is the probe of an open circuit. */
async function restartByHand(taskId: string): Promise<void> {
  await until('a restart by hand is accepted', async () => {
    const { status } = await daemon.ask('POST', `/api/v1/tasks/${taskId}/restart`, { by: 'lin' });
    return status === 200;
  });
}

const stop = (...taskIds: readonly string[]) => {
  for (const taskId of taskIds) cloud.act({ kind: 'stop', taskId });
};
const range = (prefix: string, from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, i) => `${prefix}-${String(from + i).padStart(4, '0')}`);

test(`a quiet hour in ${3600 / times} seconds: tasks stop now and then and are healed; nothing fires`, async () => {
  const from = seconds();
  mark('a quiet hour begins');
  // Twelve outages an hour over forty tasks.
  for (const taskId of [...range('vip', 1, 6), ...range('sports', 1, 6)]) {
    stop(taskId);
    await sleep((3_600_000 / times / 12) | 0);
  }
  expect(await watchers.firedBetween(from, seconds())).toEqual([]);
  expect(watchers.received).toEqual([]);
  expect(await daemon.metric('outage_endings_total', { ending: 'recovered' })).toBeGreaterThanOrEqual(11);
});

describe('each page is brought about, reported, and resolved when it is mended', () => {
  test('TaskDown, TaskOverdue', () =>
    play({
      alerts: ['RelaykeeperTaskDown', 'RelaykeeperTaskOverdue'],
      provoke: () => {
        cloud.fault({ match: { action: 'restart', taskId: 'vip-0001' }, effect: { kind: 'in-vain' } });
        cloud.fault({ match: { taskId: 'sports-0001' }, effect: { kind: 'status', text: '未开始' } });
        stop('vip-0001');
      },
      look: async () => {
        const { tasks: named = '', runbook_url = '', page = '' } = annotationsOf('RelaykeeperTaskDown');
        expect(named).toMatch(/^vip1, down for .*: relaykeeper explain vip-0001 --account main\n$/);
        expect((await fetch(page)).status).toBe(200);
        const runbook = new URL(runbook_url);
        expect(await (await fetch(runbook)).text()).toContain(`<section id="${runbook.hash.slice(1)}">`);
      },
      mend: () => cloud.mend(),
    }));

  test('AccountUnpaid and KeyRefused', () =>
    play({
      alerts: ['RelaykeeperAccountUnpaid', 'RelaykeeperKeyRefused'],
      provoke: async () => {
        const effect = { kind: 'error', code: 'RequestForbidden.BillingStatus', status: 403 } as const;
        cloud.fault({ match: { action: 'restart' }, effect });
        stop('vip-0002');
        await daemon.saying('circuit-opened', { circuit: 'restart' });
        cloud.fault({ match: { action: 'list' }, effect: { kind: 'error', code: 'InvalidAccessKey', status: 401 } });
      },
      mend: async () => {
        cloud.mend();
        await daemon.saying('circuit-closed', { circuit: 'list' }, 120_000);
        await restartByHand('vip-0002');
      },
      also: ['RelaykeeperPollStale', 'RelaykeeperTaskDown'],
    }));

  test('ClockRefused and ActionRetired', () =>
    play({
      alerts: ['RelaykeeperClockRefused', 'RelaykeeperActionRetired'],
      provoke: async () => {
        cloud.fault({
          match: { action: 'restart' },
          effect: { kind: 'error', code: 'InvalidActionOrVersion', status: 404 },
        });
        stop('vip-0003');
        await until(
          'the restart circuit is open',
          () => daemon.said('circuit-opened', { circuit: 'restart' }).length > 1,
        );
        cloud.fault({ match: { action: 'list' }, effect: { kind: 'error', code: 'InvalidTimestamp', status: 400 } });
      },
      mend: async () => {
        cloud.mend();
        await until(
          'the list circuit is closed',
          () => daemon.said('circuit-closed', { circuit: 'list' }).length > 1,
          undefined,
          120_000,
        );
        await restartByHand('vip-0003');
      },
      also: ['RelaykeeperPollStale', 'RelaykeeperTaskDown'],
    }));

  test('PollStale, and the warning ApiErrors', () =>
    play({
      alerts: ['RelaykeeperPollStale', 'RelaykeeperApiErrors'],
      provoke: () =>
        cloud.fault({ match: { action: 'list' }, effect: { kind: 'error', code: 'InternalError', status: 500 } }),
      mend: () => cloud.mend(),
    }));

  test('StoreFailing: another program keeps the file locked', () => {
    const other = new DatabaseSync(join(folder, 'rk.db'), { timeout: 10_000 });
    return play({
      alerts: ['RelaykeeperStoreFailing'],
      provoke: () => other.exec('BEGIN IMMEDIATE'),
      mend: () => {
        other.exec('ROLLBACK');
        other.close();
      },
      also: ['RelaykeeperPollStale'],
    });
  });

  // Alertmanager keeps Absent back while TargetDown says the same.
  test('TargetDown and NoOwner: the process is killed', () =>
    play({
      alerts: ['RelaykeeperTargetDown', 'RelaykeeperNoOwner'],
      also: ['RelaykeeperAbsent'],
      provoke: () => daemon.kill(),
      mend: async () => {
        daemon = await start();
      },
    }));

  test('NoOwner: a process that nobody scrapes has the lock', async () => {
    const elsewhere = stage.folder();
    let other: Daemon | undefined;
    await play({
      alerts: ['RelaykeeperNoOwner'],
      provoke: async () => {
        await daemon.stop();
        const more = { ...config('other', await freePort()), store: `sqlite:${join(folder, 'rk.db')}` };
        other = await stage.start({ folder: elsewhere, env, config: more });
        await other.saying('owner-gained');
        daemon = await start();
      },
      mend: () => other?.stop(),
    });
  });
});

describe('warnings on the real thing', () => {
  test('Storm and CircuitOpen: most tasks stop, and the cloud is no help', () =>
    play({
      alerts: ['RelaykeeperStorm', 'RelaykeeperCircuitOpen'],
      provoke: () => {
        cloud.fault({ match: { action: 'restart' }, effect: { kind: 'error', code: 'InternalError', status: 500 } });
        // All of one cloud group and half of the other: what most share is the one.
        stop(...range('vip', 1, 20), ...range('sports', 1, 10));
      },
      look: async () => {
        const { tasks: named = '', shared = '' } = annotationsOf('RelaykeeperStorm');
        expect(named.trim().split('\n')).toHaveLength(3);
        expect(shared).toMatch(/^\d+ of \d+ down .+; of the \d+ that run (none|\d+) (do|are|have)$/m);
      },
      mend: async () => {
        cloud.mend();
        await restartByHand('vip-0001');
      },
      also: ['RelaykeeperTaskDown'],
    }));

  test('Throttled, ListSuspect, ClockSkew', () =>
    play({
      alerts: ['RelaykeeperThrottled', 'RelaykeeperListSuspect', 'RelaykeeperClockSkew'],
      provoke: () => {
        cloud.fault({ effect: { kind: 'clock', offsetMs: 120_000 } });
        cloud.fault({
          match: { action: 'list' },
          effect: { kind: 'error', code: 'FlowLimitExceeded', status: 429 },
          count: 8,
        });
        cloud.fault({ match: { action: 'list' }, effect: { kind: 'shrink', keep: 5 } });
      },
      mend: () => cloud.mend(),
      also: ['RelaykeeperPollStale'],
    }));

  test('RestartsFailing and TaskFlapping', () =>
    play({
      alerts: ['RelaykeeperRestartsFailing', 'RelaykeeperTaskFlapping'],
      provoke: async () => {
        for (const taskId of range('vip', 1, 4))
          cloud.act({ kind: 'edit', taskId, change: { life: { survivesMs: [1_500, 2_500] } } });
      },
      mend: () => {
        for (const taskId of range('vip', 1, 4))
          cloud.act({ kind: 'edit', taskId, change: { life: { survivesMs: [86_400_000, 86_400_000] } } });
      },
      also: ['RelaykeeperTaskDown'],
    }));

  test('ConfigRejected: a bad file', () =>
    play({
      alerts: ['RelaykeeperConfigRejected'],
      provoke: () => {
        writeConfig(folder, 'groups: [{nam: vip}]');
        daemon.hangUp();
      },
      mend: () => {
        writeConfig(folder, config('rk', port));
        daemon.hangUp();
      },
    }));
});

/** What Grafana puts in for its variables, for all accounts and groups. */
const filled = (expr: string) =>
  expr
    .replaceAll('$account', '.*')
    .replaceAll('$group', '.*')
    .replaceAll('$__rate_interval', '10s')
    .replaceAll('$__interval', '2s');

describe('what was written is understood', () => {
  test('every rule is evaluated without an error', async () => {
    const { groups } = await watchers.ask<{
      groups: { rules: { name: string; health: string; lastError?: string }[] }[];
    }>('rules');
    const rules = groups.flatMap((group) => group.rules);
    expect(rules.filter(({ health }) => health !== 'ok')).toEqual([]);
    expect(rules.map(({ name }) => name).sort()).toEqual(
      alertRules()
        .map(({ name }) => name)
        .sort(),
    );
  });

  test('the PromQL that explains an alert is understood', async () => {
    for (const { name, explain } of alertRules(pace)) {
      const query = explain.replaceAll(
        /\{\{ \.Labels\.(\w+) \}\}/g,
        (_, label) => ({ account: 'main', group: 'vip' })[String(label)] ?? 'x',
      );
      await expect(watchers.now(query), name).resolves.toBeDefined();
    }
  });

  test('every panel, mark and variable is answered; the page is drawn', async () => {
    const end = seconds();
    const drawn: Drawn[] = [];
    for (const row of rows) {
      for (const panel of row.panels) {
        const series = [];
        for (const [legend, expr] of Object.entries(panel.queries))
          for (const one of await watchers.range(filled(expr), began, end, Math.max(1, (end - began) / 600)))
            series.push({ legend: legendOf(legend, one), series: one });
        drawn.push({ row, panel, series });
      }
    }
    for (const { expr } of annotations) await watchers.range(filled(expr), began, end, 2);
    console.log(`drawn: ${drawPage(drawn, marks, began, end).join(', ')}`);
    const empty = drawn
      .filter(({ series }) => series.length === 0)
      .map(({ row, panel }) => `${row.title}: ${panel.title}`);
    expect(empty).toEqual([]);
  });

  test('promtool has nothing against our metrics', async () => {
    const { text } = await daemon.ask('GET', '/metrics');
    const { stdout, stderr, status } = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
    expect(`${stdout}${stderr}`).toBe('');
    expect(status).toBe(0);
    // The linter is awake: it complains of a counter without _total.
    const bad = spawnSync('promtool', ['check', 'metrics'], {
      input: '# HELP x_seen x\n# TYPE x_seen counter\nx_seen 1\n',
      encoding: 'utf8',
    });
    expect(bad.stderr + bad.stdout).toContain('x_seen');
  });

  test('how long a scrape takes, and how many series it has', async () => {
    const [duration] = await watchers.now('max_over_time(scrape_duration_seconds{job="relaykeeper"}[5m])');
    const [usual] = await watchers.now('quantile_over_time(0.5, scrape_duration_seconds{job="relaykeeper"}[5m])');
    const [samples] = await watchers.now('scrape_samples_scraped{job="relaykeeper"}');
    console.log(
      `scrapes of ${samples?.value} samples: half took less than ${usual?.value} s, the longest ${duration?.value} s`,
    );
    expect(samples?.value).toBeGreaterThan(100);
  });
});
