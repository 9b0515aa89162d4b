/** Periods of trouble in virtual time: what `status` says of them during and after, and what history has. */
import { afterEach, describe, expect, it } from 'vitest';
import { Memory } from '../../src/domain/memory/memory.ts';
import { situationOf } from '../../src/domain/memory/situation.ts';
import type { StatusView } from '../../src/domain/views/shown.ts';
import { accountView } from '../../src/domain/views/views.ts';
import { isRecorded } from '../../src/domain/words/events.ts';
import type { ErrorClass } from '../../src/domain/words/failure.ts';
import { at, begin, hours, minutes, Story, tasks, unnoted } from '../domain/story.ts';
import { accountView as anAccount, groupView } from '../telemetry/samples.ts';
import { type PretendDaemon, pretendDaemon, typed } from './pretend.ts';

let daemon: PretendDaemon | undefined;
afterEach(async () => {
  await daemon?.close();
  daemon = undefined;
});

async function printed(status: StatusView, terminal: boolean): Promise<string> {
  daemon = await pretendDaemon({ 'GET /api/v1/status': { json: status }, 'GET /api/v1/tasks': { json: [] } });
  const { out } = await typed(['status', '--socket', daemon.socket], { terminal });
  await daemon.close();
  return out;
}

const statusOf = (seconds: number, more: Partial<StatusView> = {}): StatusView => ({
  version: '0.1.0',
  startedAt: begin,
  now: at(seconds),
  configHash: 'abc123',
  configFile: 'relaykeeper.yaml',
  configLoadedAt: 1,
  configChange: null,
  store: { kind: 'sqlite', up: true, failingSince: null },
  rejected: null,
  accounts: [anAccount({ polledAt: at(seconds) })],
  groups: [],
  inCommon: [],
  ending: [],
  ...more,
});

/** The column TROUBLE of the account, as a program reads it. */
async function says(story: Story, seconds: number): Promise<string> {
  const situation = situationOf(story.ledger, story.policies, story.moment(seconds));
  const account = { ...anAccount(), ...accountView(situation, 0) };
  const row = (await printed(statusOf(seconds, { accounts: [account] }), false))
    .split('\n')
    .find((line) => line.startsWith('main\t'));
  return row?.split('\t').at(-1) ?? 'no such account';
}

const history = (story: Story, from: number) =>
  story.events.filter((event) => event.at >= at(from) && isRecorded(event)).map(({ type }) => type);

const server =
  'The cloud failed internally, or its answer could not be read. Wait; if it lasts, ask the vendor with the request id from the log';
const throttled =
  'More calls than the cloud allows. Nothing if it passes; if it lasts, another program uses this account: lower `rateLimit`';
const denied = 'The key may not do this. Give this key the Live (拉流转推) permissions in IAM';
const timeout = 'No complete answer within `requestTimeout`. Check the network; if it is slow, raise `requestTimeout`';

describe('polls that fail', () => {
  interface Row {
    readonly what: string;
    readonly fail: readonly (readonly [second: number, named: ErrorClass])[];
    readonly again: number;
    readonly during: string;
    readonly after: string;
    readonly history: readonly string[];
  }
  const rows: readonly Row[] = [
    {
      what: '502 for 105 s',
      fail: [15, 30, 45, 60, 75, 90, 105].map((second) => [second, 'server']),
      again: 120,
      during: `polls fail for 1m30s, since 2026-01-05T00:00:15.000Z: 7 in a row, server: ${server}`,
      after: 'polls failed for 1m45s, until 2026-01-05T00:02:00.000Z: 7 in a row, server',
      history: ['polls-failing', 'polls-recovered'],
    },
    {
      what: 'throttled for 45 s',
      fail: [15, 30, 45].map((second) => [second, 'throttled']),
      again: 60,
      during: `polls fail for 30s, since 2026-01-05T00:00:15.000Z: 3 in a row, throttled: ${throttled}`,
      after: 'polls failed for 45s, until 2026-01-05T00:01:00.000Z: 3 in a row, throttled',
      history: ['polls-failing', 'polls-recovered'],
    },
    {
      what: 'refused for 34 s',
      fail: [
        [15, 'permission'],
        [34, 'permission'],
      ],
      again: 49,
      during:
        `polls fail for 19s, since 2026-01-05T00:00:15.000Z: 2 in a row, permission: ${denied}; ` +
        `list circuit open for 19s, since 2026-01-05T00:00:15.000Z: permission: ${denied}`,
      after: 'polls failed for 34s, until 2026-01-05T00:00:49.000Z: 2 in a row, permission',
      history: ['polls-failing', 'circuit-opened', 'circuit-closed', 'polls-recovered'],
    },
    {
      what: 'one poll',
      fail: [[15, 'timeout']],
      again: 30,
      during: `polls fail for 0s, since 2026-01-05T00:00:15.000Z: 1 in a row, timeout: ${timeout}`,
      after: 'polls failed for 15s, until 2026-01-05T00:00:30.000Z: 1 in a row, timeout',
      history: ['polls-failing', 'polls-recovered'],
    },
    {
      what: 'now so, now otherwise: each class is reported once',
      fail: [15, 30, 45, 60, 75].map((second, n) => [second, n % 2 === 0 ? 'timeout' : 'server']),
      again: 90,
      during: `polls fail for 1m, since 2026-01-05T00:00:15.000Z: 5 in a row, timeout: ${timeout}`,
      after: 'polls failed for 1m15s, until 2026-01-05T00:01:30.000Z: 5 in a row, timeout, server',
      history: ['polls-failing', 'polls-failing', 'polls-recovered'],
    },
  ];
  it.each(rows)('$what', async ({ fail, again, during, after, history: reported }) => {
    const story = new Story().list(0, { t: 'active' });
    expect(await says(story, 14)).toBe('-');
    for (const [second, named] of fail) story.failedList(second, named);
    expect(await says(story, fail.at(-1)?.[0] ?? 0)).toBe(during);
    story.list(again, { t: 'active' });
    expect(await says(story, again)).toBe(after);
    // An hour later it is history.
    story.list(again + hours(1), { t: 'active' });
    expect(await says(story, again + hours(1))).toBe('-');
    expect(history(story, 1)).toEqual(reported);
  });

  it('a list beyond belief is such a period', async () => {
    const story = new Story().list(0, tasks(20, 'active'));
    for (const second of [15, 30, 45]) story.list(second, tasks(2, 'active'));
    expect(await says(story, 45)).toBe(
      'the list lost too many tasks to be trusted for 30s, since 2026-01-05T00:00:15.000Z',
    );
    story.list(60, tasks(20, 'active'));
    expect(await says(story, 60)).toBe('polls failed for 45s, until 2026-01-05T00:01:00.000Z: 3 in a row, suspect');
    expect(history(story, 1)).toEqual(['polls-failing', 'polls-recovered']);
  });

  it('a second period begins anew; one that a process leaves open goes on in the next', () => {
    const story = new Story().list(0, { t: 'active' }).failedList(15).list(30, { t: 'active' }).failedList(45);
    expect(story.told('polls-failing')).toMatchObject([{ since: at(15) }, { since: at(45) }]);
    const stored = { tasks: [], holds: [], budget: [], accountRecord: story.ledger.accountRecord };
    const next = new Story();
    Object.assign(next, { memory: new Memory('main', unnoted, stored) });
    expect(next.memory.ledger.accountRecord.failing).toMatchObject({ since: at(45), polls: 1, endedAt: undefined });
  });
});

describe('what else is wrong', () => {
  it('a list without a task is told with the first poll, and not after the next that shows one', async () => {
    const story = new Story().list(0, {});
    expect(await says(story, 1)).toBe('the list shows no task: no cloud group was found, or none has one');
    expect(await says(story.list(15, { t: 'active' }), 16)).toBe('-');
  });

  it('that other cloud groups are asked for from now on is no list without a task, nor is it for the next owner', async () => {
    const story = new Story();
    story.memory.rescope('vip');
    story.list(0, { t: 'active', u: 'active' }).memory.rescope('vip,news');
    expect(await says(story, 15)).toBe('-');
    const { tasks, accountRecord } = story.ledger;
    const next = new Story(story.policies, { tasks: [...tasks.values()], holds: [], accountRecord, budget: [] }, 20);
    expect(await says(next, 21)).toBe('-');
    expect(await says(next.list(30, {}), 31)).toMatch(/^the list shows no task: /);
  });

  it('an account without a task beside one whose tasks run is no reason to say that all is well', async () => {
    const accounts = [anAccount({ polledAt: at(0) }), anAccount({ account: 'lab', polledAt: at(0), tasks: 0 })];
    const lines = await printed(statusOf(1, { accounts, groups: [groupView('vip', { down: 0 })] }), true);
    expect(lines).toMatch(/^account lab: the list shows no task: [\s\S]*\nNo task is known to be down\.\n/);
  });

  it.each([
    [
      'a rejected configuration',
      { rejected: { since: at(0), errors: ['a.yaml:3:1: unknown key pol', 'a.yaml:4:1: no'] } },
      'the new configuration is rejected; the old one stays in force for 2m, since',
      ': a.yaml:3:1: unknown key pol (+1)\n',
    ],
    [
      'a store that fails',
      { store: { kind: 'sqlite', up: false, failingSince: at(0) } },
      'the store fails, so relaykeeper restarts nothing for 2m, since',
      '',
    ],
    [
      'a limit that was slowed down',
      {
        accounts: [
          anAccount({
            polledAt: at(minutes(2)),
            gate: { ...anAccount().gate, slowed: [{ limit: 'list', perSecond: 2, configured: 10, forMs: 30_000 }] },
          }),
        ],
      },
      'account main: calls are slowed down for 30s, since',
      ': list 2 of 10 a second\n',
    ],
  ] as const)('%s', async (_what, more, begins, ends) => {
    const status = statusOf(minutes(2), more);
    const [line = ''] = (await printed(status, true)).replaceAll('\n  ', ' ').split(/(?<=\n)/);
    expect(line.startsWith(begins)).toBe(true);
    expect(line.endsWith(ends)).toBe(true);
    // A program reads it too.
    expect(await printed(status, false)).toContain(begins.replace('account main: ', ''));
  });
});
