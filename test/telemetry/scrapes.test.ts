/**
 * What a process shows at /metrics while things happen to it: every scrape adds up, whatever it falls into; counters
 * outlive a reload and nothing else; what was deleted is gone with the next list. Of a standby: test/end-to-end/ends.ts.
 */
import { expect, test } from 'vitest';
import { account, env, type PretendCloud, tasks } from '../end-to-end/cloud.ts';
import {
  type Daemon,
  plainServer,
  readMetrics,
  type Sample,
  Stage,
  sleep,
  sum,
  until,
  writeConfig,
} from '../end-to-end/daemon.ts';

const config = (cloud: PretendCloud, more: object = {}) => ({
  server: plainServer,
  store: 'sqlite:rk.db',
  metrics: { maxTaskSeries: 10_000 },
  accounts: [account(cloud, 'main', { storm: false, rateLimit: { perSecond: 100 } })],
  defaults: { storm: false, budget: false, verifyWithin: '1s', backoff: { initial: '300ms', max: '1s' } },
  groups: [{ name: 'vip' }, { name: 'sports' }],
  ...more,
});

const count = (samples: readonly Sample[], name: string, labels: Readonly<Record<string, string>>) =>
  samples.filter(
    (sample) =>
      sample.name === `relaykeeper_${name}` &&
      Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
  ).length;

/** What does not add up in one scrape of a process that has seen every outage from its beginning. */
function wrongIn(samples: readonly Sample[]): readonly string[] {
  return ['vip', 'sports'].flatMap((group) => {
    const of = { account: 'main', group };
    const open = sum(samples, 'outages_total', of) - sum(samples, 'outage_endings_total', of);
    const shown = count(samples, 'task_outage_start_timestamp_seconds', of);
    const stopped = sum(samples, 'tasks', { ...of, state: 'stopped' });
    const down = sum(samples, 'tasks_down', of);
    const ended = sum(samples, 'outage_duration_seconds_count', of);
    return [
      ...(stopped === shown && stopped === down ? [] : [`${group}: ${stopped} stopped, ${shown} named, ${down} down`]),
      ...(stopped <= open ? [] : [`${group}: ${stopped} stopped, ${open} outages open`]),
      ...(ended === sum(samples, 'outage_endings_total', of) ? [] : [`${group}: endings and durations differ`]),
    ];
  });
}

const wide = { limits: { accountPerSecond: 10_000, actionPerSecond: {} } };

test.concurrent('in a burst of outages over 2,000 tasks every scrape adds up', async () => {
  await using stage = new Stage();
  const cloud = await stage.cloud({
    parameters: wide,
    tasks: [...tasks('vip', 1_000), ...tasks('sports', 1_000, { cloudGroup: 'sports' })],
  });
  // Fewer than there are tasks: then only those in outage are reported one by one, and a scrape is short.
  const daemon = await stage.start({
    folder: stage.folder(),
    env,
    config: config(cloud, { metrics: { maxTaskSeries: 1_999 } }),
  });
  await until('all are known', async () => (await daemon.metric('tasks')) === 2_000);

  let over = false;
  const texts: string[] = [];
  // Several at once, and read only afterwards: some fall between two slices of a list that is taken in.
  const scrape = async () => {
    while (!over) texts.push((await daemon.ask('GET', '/metrics')).text);
  };
  const scrapers = [scrape(), scrape(), scrape(), scrape()];
  // However busy the machine is: waves go on until the scrapes have fallen into enough different moments of them.
  const moments = () =>
    new Set(texts.map((text) => text.match(/^relaykeeper_outage(?:s|_endings)_total.*$/gm)?.join()));
  await until(
    'scrapes at different moments of the burst',
    async () => {
      for (const cloudGroup of ['vip', 'sports']) cloud.act({ kind: 'stop', cloudGroup, count: 15 });
      await sleep(500);
      return moments().size > 5;
    },
    () => `${texts.length} scrapes, ${moments().size} moments`,
    100_000,
  );
  over = true;
  await Promise.all(scrapers);
  const scrapes = texts.map(readMetrics);
  expect(scrapes.flatMap(wrongIn)).toEqual([]);
  expect(await daemon.metric('outages_total')).toBeGreaterThan(30);
});

test.concurrent('deleted tasks leave with the list that lacks them; a reload keeps the counters, a new process begins at 0', async () => {
  await using stage = new Stage();
  const cloud = await stage.cloud({ tasks: tasks('vip', 6) });
  const folder = stage.folder();
  let daemon: Daemon = await stage.start({ folder, env, config: config(cloud) });
  cloud.act({ kind: 'stop', taskId: 'vip-0001' });
  await until('the outage is over', async () => (await daemon.metric('outage_endings_total')) === 1);

  const listsBefore = cloud.lists().length;
  cloud.act({ kind: 'delete', taskId: 'vip-0001' });
  const polls = () => daemon.metric('polls_total');
  const before = await polls();
  // The poll under way may have been answered before; the one after it has not.
  await until('two polls', async () => (await polls()) >= before + 2);
  const after = await daemon.metrics();
  expect(cloud.lists().length).toBeGreaterThan(listsBefore);
  expect(after.filter(({ labels }) => labels.task === 'vip-0001')).toEqual([]);
  expect(sum(after, 'tasks', { group: 'vip' })).toBe(5);
  expect(count(after, 'task_up', { group: 'vip' })).toBe(5);

  const restarts = await daemon.metric('restarts_total');
  expect(restarts).toBeGreaterThan(0);
  writeConfig(folder, config(cloud, { groups: [{ name: 'vip' }, { name: 'news' }] }));
  daemon.hangUp();
  await daemon.saying('config-loaded');
  expect(await daemon.metric('restarts_total', { group: 'vip' })).toBe(restarts);
  expect(count(await daemon.metrics(), 'restarts_total', { group: 'sports' })).toBe(0);
  expect(count(await daemon.metrics(), 'restarts_total', { group: 'news' })).toBe(2);

  await daemon.stop();
  daemon = await stage.start({ folder, env, config: config(cloud) });
  await until('it has polled', async () => (await polls()) > 0);
  expect(await daemon.metric('restarts_total')).toBe(0);
});

test.concurrent('a task that moves to another group while it is down: its outage ends where it was counted', async () => {
  await using stage = new Stage();
  const cloud = await stage.cloud({ tasks: tasks('vip', 3) });
  const folder = stage.folder();
  const daemon = await stage.start({ folder, env, config: config(cloud) });
  const fault = cloud.fault({ match: { action: 'restart' }, effect: { kind: 'in-vain' } });
  cloud.act({ kind: 'stop', taskId: 'vip-0001' });
  await until('it is down', async () => (await daemon.metric('outages_total', { group: 'vip' })) === 1);
  cloud.act({ kind: 'edit', taskId: 'vip-0001', change: { cloudGroup: 'sports' } });
  await until('it has moved', async () => (await daemon.metric('tasks', { group: 'sports', state: 'stopped' })) === 1);
  cloud.mend(fault);
  await until('it is up', async () => (await daemon.metric('outage_endings_total')) === 1);
  expect(await daemon.metric('outage_endings_total', { group: 'vip', ending: 'recovered' })).toBe(1);
  expect(await daemon.metric('outage_duration_seconds_count', { group: 'sports' })).toBe(0);
});
