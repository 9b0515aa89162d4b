import { afterEach, describe, expect, it } from 'vitest';
import type { TaskView } from '../../src/domain/views/shown.ts';
import { cut, textWidth } from '../../src/settings/text-width.ts';
import { taskView } from '../telemetry/samples.ts';
import { noon, type PretendDaemon, pretendDaemon, typed } from './pretend.ts';

const minute = 60_000;
const outage = (minutes: number) => ({ id: 'o', since: noon - minutes * minute, attempts: 1, activeAt: null });
const stopped = (taskId: string, title: string, minutes: number, more: Partial<TaskView> = {}): TaskView => ({
  ...taskView(taskId),
  taskId,
  title,
  group: 'vip',
  state: 'stopped',
  downSince: noon - minutes * minute,
  outage: outage(minutes),
  verdict: { kind: 'wait', reason: 'backoff', until: noon + minute, sentence: 'It waits.' },
  ...more,
});
const active = (taskId: string, title: string, more: Partial<TaskView> = {}): TaskView => ({
  ...taskView(taskId),
  taskId,
  title,
  group: 'vip',
  state: 'active',
  outage: null,
  verdict: { kind: 'none', sentence: 'It runs.' },
  ...more,
});

let daemon: PretendDaemon | undefined;
afterEach(async () => {
  await daemon?.close();
  daemon = undefined;
});

async function listed(
  tasks: readonly TaskView[],
  args: readonly string[] = [],
  terminal = true,
  names: readonly string[] = ['main'],
): Promise<string> {
  const accounts = names.map((account) => ({ account }));
  daemon = await pretendDaemon({
    'GET /api/v1/tasks': { json: tasks },
    'GET /api/v1/status': { json: { accounts } },
  });
  const ended = await typed(['tasks', ...args, '--socket', daemon.socket], { terminal });
  expect(ended).toMatchObject({ code: 0, err: '' });
  return ended.out;
}
const rowsOf = (out: string) => out.split('\n\n')[0]?.split('\n') ?? [];
const titles = (out: string) =>
  rowsOf(out)
    .slice(1)
    .map((row) => row.split(' ')[0]);

describe('tasks', () => {
  it('asks for what was typed', async () => {
    await listed([], ['决赛', '--group', 'vip', '--state', 'stopped', '--reason', 'held', '--account', 'main']);
    expect(decodeURIComponent(daemon?.asked[0]?.path ?? '')).toBe(
      '/api/v1/tasks?account=main&group=vip&state=stopped&reason=held&search=决赛',
    );
  });

  const some = [
    active('c', 'B2', { endsAt: noon + 5 * minute }),
    active('d', 'B10', { group: null, endsAt: noon + minute }),
    stopped('a', 'Z', 3, { endsAt: null }),
    stopped('b', 'Y', 9, { endsAt: null }),
  ];
  it.each([
    ['down', ['Y', 'Z', 'B2', 'B10']],
    ['title', ['B2', 'B10', 'Y', 'Z']],
    ['id', ['Z', 'Y', 'B2', 'B10']],
    ['group', ['B10', 'B2', 'Y', 'Z']],
    ['end', ['B10', 'B2', 'Y', 'Z']],
  ])('--sort %s', async (sort, order) => {
    expect(titles(await listed(some, ['--sort', sort]))).toEqual(order);
  });

  it('says how long each is down, why, and when it is tried; then how many of what, by group', async () => {
    const out = await listed([...some, stopped('e', 'X', 1, { verdict: { kind: 'restart', sentence: 'It goes.' } })]);
    expect(rowsOf(out)[1]).toMatch(/^Y +b +vip +stopped +9m +backoff +in 1m$/);
    expect(rowsOf(out)[3]).toMatch(/^X +e +vip +stopped +1m +- +now$/);
    expect(out).toContain('\nvip: 4 tasks: 3 stopped, 1 active (2 backoff)\n');
    expect(out).toContain('\nno group: 1 task: 1 active\n');
  });

  it('fits 80 columns with the longest titles and ids: titles are cut, rows and reasons are not', async () => {
    const id = (n: number) => `8fde6aa0281d9f6e15e6059a6e24236${n}`;
    const verdict = { kind: 'wait', reason: 'outside-hours', until: noon + 36 * 60 * minute, sentence: '' } as const;
    const two = [
      stopped(id(1), '世界杯决赛中央五套主备切换直播信号一二三', 90_000, { group: 'sports-channels-asia', verdict }),
      stopped('0000000000000000', 'short', 2, { account: 'other' }),
    ];
    const out = await listed(two, [], true, ['main', 'other']);
    const rows = rowsOf(out);
    expect(rows).toHaveLength(3);
    for (const row of rows) expect(textWidth(row)).toBeLessThanOrEqual(80);
    expect(rows[1]).toMatch(/^main +世界\S*… +8fde6aa0 +sports-\S*… +stopped +62d12h +outside-hours +in 1d12h$/);
    expect(rows[2]).toContain('  short ');
  });

  it('ids are cut only as far as they stay different', async () => {
    const out = await listed([active('8fde6aa0281d', 'A'), active('8fde6aa0282e', 'B')]);
    expect(out).toContain('8fde6aa0281  ');
    expect(out).toContain('8fde6aa0282  ');
  });

  it('one that is found alone says in which of several accounts it is', async () => {
    expect(rowsOf(await listed([active('a', 'Z')], ['Z'], true, ['main', 'other']))[1]).toMatch(/^main +Z +a +vip/);
    await daemon?.close();
    expect(rowsOf(await listed([active('a', 'Z')], ['--account', 'main'], true, ['main', 'other']))[1]).toMatch(
      /^Z +a +vip/,
    );
  });

  it('in a pipe: whole ids, whole titles, the account, moments in UTC, and nothing but rows', async () => {
    const title = '世界杯决赛中央五套主备切换直播信号一二三';
    expect(await listed([stopped('8fde6aa0281d9f6e', title, 5)], [], false)).toBe(
      `main\t${title}\t8fde6aa0281d9f6e\tvip\tstopped\t2026-03-01T11:55:00.000Z\tbackoff\t2026-03-01T12:01:00.000Z\n`,
    );
    await daemon?.close();
    expect(await listed([], [], false)).toBe('');
  });

  it('of a reason that no stopped task has it says that, and where holds on tasks that run stand', async () => {
    expect(await listed([], ['Z', '--reason', 'backoff'])).toBe('no such task is stopped for the reason backoff\n');
    await daemon?.close();
    expect(await listed([], ['Z', '--reason', 'held'])).toBe(
      'no such task is stopped for the reason held\n  Holds, also on tasks that run: relaykeeper hold list\n',
    );
  });

  it('says so when there is none, and gives the JSON of the API', async () => {
    expect(await listed([])).toBe('no such task\n');
    await daemon?.close();
    expect(JSON.parse(await listed(some, ['--json', '--sort', 'id']))).toHaveLength(4);
  });

  it('the candidates that the daemon lists are lines of their own, and steer nothing', async () => {
    const control = String.fromCharCode(27);
    const detail = `2 tasks are called X: give the id\n  1  a${control}[2J\n  2  b`;
    daemon = await pretendDaemon({ 'GET /api/v1/tasks/X': { status: 400, json: { detail } } });
    const { code, err } = await typed(['explain', 'X', '--socket', daemon.socket]);
    expect([code, err]).toEqual([
      2,
      `relaykeeper: 2 tasks are called X: give the id\n  1  a [2J\n  2  b\n  See: relaykeeper explain --help\n`,
    ]);
  });
});

describe('places in a terminal', () => {
  it.each([
    ['ascii', 5],
    ['世界杯', 6],
    ['Ａ１', 4],
    ['한국', 4],
    ['é', 1],
    ['e\u0301', 1],
    ['が', 2],
    ['👍🏽', 2],
    ['👨‍👩‍👧', 2],
    ['🇨🇳', 2],
    ['⚽️', 2],
    ['①…★', 3],
    ['𠮷', 2],
  ])('%s takes %i', (text, places) => expect(textWidth(text)).toBe(places));

  it('a character is never cut in two', () => {
    expect(cut('世界杯', 4)).toBe('世…');
    expect(cut('世界杯', 5)).toBe('世界…');
    expect(cut('a👨‍👩‍👧b', 3)).toBe('a…');
    expect(cut('世界杯', 6)).toBe('世界杯');
  });
});
