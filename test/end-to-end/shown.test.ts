/** What people see while the daemon watches, heals and meets trouble: commands, API, metrics, log and history. */
import { expect, it } from 'vitest';
import type { StatusView } from '../../src/domain/views/shown.ts';
import { account, env, tasks } from './cloud.ts';
import { command, plainServer, Stage, until, writeConfig } from './daemon.ts';
import { onCall } from './on-call.ts';

/** A day of the week, and the one behind it, on which it is surely not now anywhere. */
function farDays(): string[] {
  const names = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
  const today = new Date().getUTCDay();
  return [names[(today + 3) % 7] ?? '', names[(today + 4) % 7] ?? ''];
}

it('watching, hours, failing polls and a rejected configuration are reported as what they are', async () => {
  await using stage = new Stage();
  const cloud = await stage.cloud({
    tasks: [
      ...tasks('vip', 5),
      ...tasks('news', 3, { stopped: true, cloudGroup: 'news' }),
      ...tasks('night', 4, { stopped: true, cloudGroup: 'night' }),
    ],
  });
  const path = stage.folder();
  const settings = (mode: 'observe' | 'heal') => ({
    server: plainServer,
    // On a busy machine an answer may take seconds, and a poll that fails of itself would be reported as well.
    accounts: [account(cloud, 'main', { requestTimeout: '20s' })],
    defaults: { verifyWithin: '2s', storm: false, budget: false },
    groups: [
      { name: 'vip', match: { cloudGroup: ['vip'] } },
      { name: 'news', match: { cloudGroup: ['news'] }, mode },
      {
        name: 'night',
        match: { cloudGroup: ['night'] },
        hours: [{ days: farDays(), from: '10:00', to: '11:00', timezone: 'UTC' }],
      },
    ],
  });
  const daemon = await stage.start({ folder: path, env, config: settings('observe') });
  const run = async (...args: string[]) => (await onCall(path, ...args)).stdout;
  const history = async () => (await run('history', '--limit', '1000')).split('\n');
  const see = () => daemon.tail();
  const inNews = { account: 'main', group: 'news' };

  // Watching: what would be sent is reported and counted apart, and nothing is sent.
  await until('shadows are counted', async () => (await daemon.metric('shadow_restarts_total', inNews)) >= 3, see);
  expect(await daemon.metric('restarts_total')).toBe(0);
  expect(cloud.restarts()).toEqual([]);
  for (const args of [['status'], ['explain', 'news-0001']])
    expect(await run(...args), args[0]).toMatch(/restart \d+ would go/);
  expect((await command(path, ['plan'], env)).stdout).toMatch(/restart \d+ would go/);

  // Down: neither outside hours nor only observed.
  const { groups } = await daemon.get<StatusView>('/api/v1/status');
  expect(groups.map(({ group, down, waiting }) => [group, down, waiting])).toEqual([
    ['vip', 0, {}],
    ['news', 0, { observing: 3 }],
    ['night', 0, { 'outside-hours': 4 }],
  ]);
  expect(await daemon.metric('tasks_down')).toBe(0);
  const outages = (await daemon.metrics()).filter(({ name }) => name.endsWith('task_outage_start_timestamp_seconds'));
  expect(outages).toEqual([]);
  expect((await history()).filter((line) => /outage-opened.*night-/.test(line))).toEqual([]);
  cloud.act({ kind: 'stop', taskId: 'vip-0001' });
  await until('one that is due is healed', () => cloud.restarts('vip-0001').length > 0, see);
  expect((await history()).filter((line) => line.includes('outage-opened') && line.includes('vip-0001'))).toHaveLength(
    1,
  );

  // Polls that fail are one period: in status while it lasts and after, and in history.
  for (const [effect, named] of [
    [{ kind: 'answer', status: 502, body: 'Bad Gateway' }, 'server'],
    [{ kind: 'error', code: 'FlowLimitExceeded', status: 429 }, 'FlowLimitExceeded'],
  ] as const) {
    const before = daemon.said('polls-recovered').length;
    const fault = cloud.fault({ match: { action: 'list' }, effect });
    await until('polls fail', () => daemon.said('polls-failing').length > before, see);
    expect(await run('status')).toMatch(new RegExp(`\tpolls fail for \\d+s, since \\S+: \\d+ in a row, ${named}: `));
    cloud.mend(fault);
    await until('they succeed again', () => daemon.said('polls-recovered').length > before, see);
    expect(await run('status')).toMatch(/polls failed for \d+s, until \S+: \d+ in a row/);
  }
  // The cloud refused polls as too many: they are slower for a while.
  expect(await run('status')).toMatch(/calls are slowed down for \d+s, since \S+: list \d+ of \d+ a second/);
  const reported = await history();
  for (const type of ['polls-failing', 'polls-recovered'])
    expect(reported.filter((line) => line.includes(`\t${type}\t`))).toHaveLength(2);
  expect([daemon.said('polls-failing').length, daemon.said('poll-failed').length]).toEqual([2, 0]);

  // A configuration that is not taken.
  writeConfig(path, { ...settings('observe'), pol: {} });
  await daemon.ask('POST', '/-/reload');
  const rejected = 'the new configuration is rejected; the old one stays in force for';
  expect(await run('status')).toMatch(
    new RegExp(`^${rejected} \\d+s, since \\S+: .*relaykeeper\\.yaml:\\d+:\\d+: .*pol`, 'm'),
  );

  // From watching to healing: at once, and from the first attempt.
  writeConfig(path, settings('heal'));
  expect((await daemon.ask('POST', '/-/reload')).status).toBe(200);
  const polled = cloud.lists().length;
  await until(
    'all are restarted',
    () => cloud.restarts().filter(({ taskId }) => /^news-/.test(taskId ?? '')).length === 3,
    see,
  );
  // By the clock that its polls are.
  expect(cloud.lists().length - polled).toBeLessThan(10);
  await until('all run', () => cloud.count('生效中', 'news-') === 3, see);
  expect(await run('status')).not.toContain(rejected);
  expect(await daemon.metric('restarts_total', inNews)).toBe(3);
  expect(cloud.restarts().filter(({ taskId }) => taskId?.startsWith('night-'))).toEqual([]);

  // What was changed today, and by whom: each change of the configuration, and what was done by hand, nothing else.
  writeConfig(path, { ...settings('heal'), log: { level: 'warn' }, store: 'sqlite:elsewhere.db' });
  expect((await daemon.ask('POST', '/-/reload')).status).toBe(200);
  expect((await run('restart', 'night-0001', '--by', 'ana')).trim()).toMatch(/accepted by the cloud/);
  await run('hold', 'add', '--group', 'news', '--reason', 'encoder', '--for', '2h', '--by', 'lin');
  const changes = (await run('history', '--changes', '--since', '1d')).trim().split('\n');
  expect(changes.map((line) => line.split('\t').slice(3, 7))).toEqual([
    ['-', '-', 'config-changed', expect.stringMatching(/^started with a new configuration \(\w+\)$/)],
    ['-', '-', 'config-changed', 'the configuration changed: groups changed: news'],
    ['-', '-', 'config-changed', 'the configuration changed: changed: log, store'],
    ['night', 'night-0001', 'restart-intended', 'sending the restart for ana'],
    ['news', '-', 'hold-added', expect.stringMatching(/^group news \(3 tasks, 0 stopped\) held by lin until /)],
  ]);
  expect((await run('history', '--group', 'news', '--type', 'hold-added')).split('\n')).toHaveLength(2);
});
