import { afterEach, describe, expect, it } from 'vitest';
import type { AccountView, GroupView, StatusView, TaskView } from '../../src/domain/views/shown.ts';
import { textWidth } from '../../src/settings/text-width.ts';
import { groupView, taskView } from '../telemetry/samples.ts';
import { type Answer, noon, type PretendDaemon, pretendDaemon, typed } from './pretend.ts';

const minute = 60_000;
const lane = { restart: 0, verify: 0, poll: 0, other: 0 };
const account = (name: string, more: Partial<AccountView> = {}): AccountView => ({
  account: name,
  provider: 'volcengine',
  owned: true,
  polledAt: noon - 4_000,
  pollIntervalMs: 5_000,
  tasks: 120,
  unmanaged: 20,
  calls: 0,
  circuits: { list: null, restart: null },
  storm: null,
  throttledUntil: null,
  failing: null,
  suspectSince: null,
  incompleteSince: null,
  region: 'cn-north-1',
  clockOffsetMs: 0,
  gate: { perSecond: 10, restartPerSecond: 10, listPerSecond: 10, slowed: [], queued: lane, permitsOut: 0 },
  ...more,
});
const group = (name: string, more: Partial<GroupView> = {}): GroupView => ({
  ...groupView(name),
  account: 'main',
  states: { active: 100, stopped: 0, not_started: 0, overdue: 0, ended: 0, unknown: 0 },
  down: 0,
  apart: { held: 0, 'outside-hours': 0, observed: 0 },
  waiting: {},
  quarantined: 0,
  abandoned: 0,
  holds: 0,
  storm: null,
  ...more,
});
const status: StatusView = {
  version: '0.1.0',
  startedAt: noon - 90 * minute,
  now: noon,
  configHash: 'abc123',
  configFile: 'relaykeeper.yaml',
  configLoadedAt: 1,
  configChange: null,
  store: { kind: 'sqlite', up: true, failingSince: null },
  rejected: null,
  accounts: [account('main')],
  groups: [group('vip'), group('news')],
  inCommon: [],
  ending: [],
};
const stopped = (taskId: string, title: string, minutes: number | null, more: Partial<TaskView> = {}): TaskView => ({
  ...taskView(taskId),
  taskId,
  title,
  account: 'main',
  group: 'vip',
  state: 'stopped',
  gone: false,
  downSince: minutes === null ? null : noon - minutes * minute,
  verdict: { kind: 'wait', reason: 'backoff', until: noon + minute, sentence: 'It waits.' },
  ...more,
});

let daemon: PretendDaemon | undefined;
afterEach(async () => {
  await daemon?.close();
  daemon = undefined;
});
interface Seen {
  readonly status?: Partial<StatusView>;
  readonly tasks?: readonly TaskView[];
  readonly answers?: Readonly<Record<string, Answer>>;
}
async function run(line: string, seen: Seen = {}, around = {}) {
  daemon = await pretendDaemon({
    'GET /api/v1/status': { json: { ...status, ...seen.status } },
    'GET /api/v1/tasks': { json: seen.tasks ?? [] },
    ...seen.answers,
  });
  return typed([...line.split(' '), '--socket', daemon.socket], { terminal: true, ...around });
}
const linesOf = (out: string) => out.split('\n');

describe('status for a person', () => {
  it('with nothing wrong says so first, and no line about groups', async () => {
    const { out } = await run('status');
    expect(out).toBe(
      'Every task that should be running is.\n\n' +
        'account main in cn-north-1: 120 tasks, 20 unmanaged; polled 4s ago; 10 calls/s\n' +
        'relaykeeper 0.1.0 up 1h30m, relaykeeper.yaml (abc123)\n',
    );
  });

  const none = { active: 0, stopped: 0, not_started: 0, overdue: 0, ended: 0, unknown: 0 };
  it.each<[string, Partial<StatusView>, string]>([
    [
      'no poll has completed',
      { accounts: [account('main', { polledAt: null })] },
      'Nothing is known yet: no poll has completed.',
    ],
    [
      'one of two accounts was never listed',
      { accounts: [account('main'), account('lab', { polledAt: null })] },
      'No task is known to be down.',
    ],
    ['no group has a task', { groups: [group('vip', { states: none })] }, 'No task is watched: no group has one.'],
    [
      'tasks have not started',
      { groups: [group('vip', { states: { ...none, active: 9, overdue: 2 } })] },
      '2 not started in time.',
    ],
  ])('while %s it does not say that all run', async (_, over, line) => {
    expect(linesOf((await run('status', { status: over })).out)[0]).toBe(line);
  });

  it('first what is wrong, a line each; then what is down, the longest first', async () => {
    const code = 'RequestForbidden.BillingStatus';
    const circuit = { since: noon - 2 * minute, class: 'billing', code, message: '' } as const;
    const seen: Seen = {
      status: {
        store: { kind: 'postgres', up: false, failingSince: noon - minute },
        accounts: [
          account('main', { circuits: { list: null, restart: circuit }, polledAt: noon - 3 * minute }),
          account('other', { owned: false }),
        ],
        groups: [group('vip', { down: 2 })],
      },
      tasks: [stopped('aaaaaaaa1', '中超05', 3), stopped('bbbbbbbb1', '世界杯01', 40)],
    };
    const { out } = await run('status', seen, { columns: 200 });
    expect(linesOf(out).slice(0, 8)).toEqual([
      expect.stringMatching(/^the store fails, so relaykeeper restarts nothing for 1m, since \S+ \S+$/),
      expect.stringMatching(/^account main: no poll has succeeded for 3m, since \S+ \S+$/),
      expect.stringMatching(
        /^account main: restart circuit open for 2m, since \S+ \S+: RequestForbidden\.BillingStatus: .*pay the bill$/,
      ),
      'account other: another process owns it: this one restarts nothing',
      '',
      expect.stringMatching(/^DOWN +ACCOUNT +TITLE +TASK +GROUP +REASON +NEXT$/),
      expect.stringMatching(/^40m +main +世界杯01 +bbbbbbbb +vip +backoff +in 1m$/),
      expect.stringMatching(/^3m +main +中超05 +aaaaaaaa +vip +backoff +in 1m$/),
    ]);
    expect(out).toContain('Why: relaykeeper explain TASK\n');
  });

  const apart = (observed: number) => ({ held: 0, 'outside-hours': 0, observed });
  it('held, observed and out-of-hours tasks are counts', async () => {
    const { out } = await run('status', {
      status: {
        groups: [
          group('vip', {
            down: 1,
            apart: { held: 2, 'outside-hours': 3, observed: 0 },
            waiting: { backoff: 1, held: 2, 'outside-hours': 3 },
            holds: 1,
            quarantined: 1,
          }),
          // What is in the way of all hides what is theirs.
          group('news', {
            mode: 'observe',
            apart: apart(4),
            waiting: { circuit: 4 },
            storm: { since: noon - minute, window: 5 },
          }),
        ],
      },
      tasks: [stopped('aaaaaaaa1', 'A', 3), stopped('bbbbbbbb1', 'HELD', null)],
    });
    expect(out).not.toContain('HELD');
    expect(out).toContain('\nvip: 1 down, 2 held, 3 outside-hours, 1 backoff, 1 given up, 1 hold; 100 running\n');
    // Whoever is quarantined is given up, and is counted once.
    const twice = { down: 3, apart: apart(1), waiting: { quarantined: 2, observing: 1 }, quarantined: 2, abandoned: 1 };
    const reported = (await run('status', { status: { groups: [group('vip', twice)] } })).out;
    expect(reported).toContain('\nvip: 3 down, 1 observed, 2 quarantined, 1 given up; 100 running\n');
    expect(out).toContain('\nnews (observe): 4 observed, 4 circuit, storm for 1m, window 5; 100 running\n');
  });

  it('without a good poll nothing is known', async () => {
    const accounts = [account('main', { polledAt: noon - 10 * minute })];
    expect((await run('status', { status: { accounts } })).out).toContain('\n\nNo task is known to be down.\n');
  });

  it('fits 80 columns with the longest titles, and counts what it leaves out', async () => {
    const tasks = Array.from({ length: 25 }, (_, n) =>
      stopped(`${n + 10}8fde6aa0281d9f6e15e6059a6e2423`, '世界杯决赛中央五套主备切换直播信号一二三', 9_000 - n, {
        group: 'sports-channels-asia',
        verdict: { kind: 'wait', reason: 'before-start', until: noon + 36 * 60 * minute, sentence: '' },
      }),
    );
    const { out } = await run('status', { tasks, status: { accounts: [account('main'), account('other')] } });
    const rows = linesOf(out).slice(0, 21);
    for (const row of rows) expect(textWidth(row)).toBeLessThanOrEqual(80);
    expect(rows[20]).toMatch(/^6d\S* +main +世界\S*… +298fde6a +\S*… +before-start +in 1d12h$/);
    expect(out).toContain('\n… and 5 more: relaykeeper tasks --state down\n');
  });

  it('prose is broken between words at 80 columns, and not in a pipe', async () => {
    const code = 'RequestForbidden.BillingStatus';
    const circuit = { since: noon - 2 * minute, class: 'billing', code, message: '' } as const;
    const accounts = [account('main', { circuits: { list: circuit, restart: circuit } }), account('other')];
    const waiting = { backoff: 1, held: 2, 'outside-hours': 3, quarantined: 4, verifying: 5, 'before-start': 6 };
    const groups = [group('vip', { down: 40, waiting, holds: 12, quarantined: 9 })];
    const sentence = `38 of 41 down have titles that begin with ${'世界杯'.repeat(6)}; of the 160 that run 2 have`;
    const inCommon = [
      { account: 'main', trait: 'title-prefix', value: '世界杯', down: 38, ofDown: 41, sentence },
    ] as const;
    const status = { accounts, groups, inCommon };
    const { out } = await run('status', { status, tasks: [stopped('aaaaaaaa1', 'A', 3)] });
    for (const line of linesOf(out)) expect([line, textWidth(line) <= 80]).toEqual([line, true]);
    expect(out).toMatch(/\n {2}[^\n]*pay the bill\n/);
    await daemon?.close();
    const pipe = (await run('status', { status }, { terminal: false })).out;
    expect(pipe).toMatch(/38 of 41 [^\n]* of the 160 that run 2 have$/m);
  });

  it('a storm says how many go at a time; what comes within a second comes now', async () => {
    const verdict = { kind: 'wait', reason: 'storm', until: noon + 400, sentence: '' } as const;
    const { out } = await run('status', {
      status: { accounts: [account('main', { storm: { since: noon - 9_000, window: 3 } })] },
      tasks: [stopped('aaaaaaaa1', 'A', 1, { verdict })],
    });
    expect(out).toMatch(/^account main: storm for 9s, since \S+ \S+: 3 restarts at a time$/m);
    expect(out).toMatch(/^1m +A +aaaaaaaa +vip +storm +now$/m);
  });

  it('--group and --account leave the others out', async () => {
    const accounts = [account('main'), account('other')];
    const groups = [
      group('vip', { holds: 1 }),
      group('news', { holds: 1 }),
      group('vip', { account: 'other', holds: 1 }),
    ];
    const { out } = await run('status --group vip --account main', { status: { accounts, groups } });
    expect(daemon?.asked[1]?.path).toBe('/api/v1/tasks?account=main&group=vip&state=stopped');
    expect(out).toContain('vip: 1 hold; 100 running\n');
    expect(out).not.toContain('news');
    expect(out).not.toContain('other');
  });

  it('a group that is not there is refused as everywhere', async () => {
    const detail = 'no group vpi: did you mean vip?';
    const answers = { 'GET /api/v1/tasks': { status: 404, json: { detail } } };
    expect(await run('status --group vpi', { answers })).toMatchObject({
      code: 1,
      err: `relaykeeper: ${detail}\n  See what is wrong: relaykeeper status\n`,
    });
  });
});

describe('status --watch', () => {
  it('clears the screen, shows, and ends with Ctrl-C', async () => {
    const { code, out } = await run('status --watch', {}, { stopped: true });
    const control = String.fromCharCode(27);
    expect(code).toBe(0);
    expect(out.startsWith(`${control}[H${control}[JEvery task that should be running is.\n`)).toBe(true);
  });
  it.each([
    [12, '… and 19 more lines'],
    [3, '… and 28 more lines'],
    [30, 'Why: relaykeeper explain TASK'],
  ])('keeps what is wrong in sight on a terminal of %d lines', async (rows, last) => {
    const tasks = Array.from({ length: 21 }, (_, n) => stopped(`aaaaaaa${n + 10}`, `T${n}`, n + 1));
    const store = { kind: 'sqlite', up: false, failingSince: noon - minute } as const;
    const { out } = await run('status --watch', { tasks, status: { store } }, { stopped: true, rows });
    const lines = out.split('\n');
    expect(lines[0]).toContain('the store fails');
    expect(lines.slice(-2)).toEqual([last, '']);
    expect(lines).toHaveLength(rows);
  });
  it.each([
    ['in a pipe', 'status --watch', { terminal: false }],
    ['as JSON', 'status --watch --json', {}],
  ])('not %s', async (_what, line, around) => {
    expect(await run(line, {}, around)).toMatchObject({ code: 2, err: expect.stringContaining('for a terminal') });
  });
});

it('in a pipe: accounts, groups, stopped tasks with whole titles and ids, what they share', async () => {
  const title = '世界杯决赛中央五套主备切换直播信号一二三';
  const sentence = '5 of 5 down are of the type vod; of the 95 that run none are';
  const inCommon = [{ account: 'main', trait: 'type', value: 'vod', down: 5, ofDown: 5, sentence }] as const;
  const seen = { tasks: [stopped('8fde6aa0281d9f6e', title, 5)], status: { inCommon } };
  const { out } = await run('status', seen, { terminal: false });
  expect(out).toContain('\nmain\tvolcengine\tcn-north-1\tthis process\t4s ago, every 5s\t120\t20\t10\t-\n');
  expect(out).toContain(`\n8fde6aa0281d9f6e\t${title}\tvip\t5m\t0\tbackoff\t2026-03-01T12:01:00.000Z\n`);
  expect(out).toContain(`\n${sentence}\n`);
});

it('tells what ends soon with nobody to follow, the soonest first, and no more than five on a terminal', async () => {
  const ending = Array.from({ length: 7 }, (_, n) => ({
    account: 'main',
    group: 'vip',
    taskId: `8fde6aa0281d9f6e15e6059a6e24236${n}`,
    title: `世界杯 ${n}`,
    cloudGroup: 'vip',
    endsAt: noon + (n + 1) * 30 * minute,
  }));
  const { out } = await run('status', { status: { ending } });
  expect(out).toContain('\nEnds soon, and no later task has its destination:\nENDS');
  expect(out).toMatch(/^in 30m +世界杯 0 +8fde6aa\S+ +vip$/m);
  expect(out).toMatch(/^in 2h30m +世界杯 4 .*\n… and 2 more: relaykeeper tasks --sort end$/m);
  await daemon?.close();
  const piped = await run('status', { status: { ending } }, { terminal: false });
  expect(piped.out).toContain(`2026-03-01T12:30:00.000Z\tmain\t世界杯 0\t${ending[0]?.taskId}\tvip\n`);
  expect(piped.out.match(/世界杯/g)).toHaveLength(7);
});
