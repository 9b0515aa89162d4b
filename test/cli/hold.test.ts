import { afterEach, describe, expect, it } from 'vitest';
import { textWidth } from '../../src/settings/text-width.ts';
import { type Answer, type Around, noon, type PretendDaemon, pretendDaemon, typed } from './pretend.ts';

const minute = 60_000;
const hold = {
  id: 'ab12cd34',
  account: 'main',
  target: { kind: 'group', group: 'vip' },
  author: 'lin',
  reason: 'encoder is moved',
  createdAt: noon,
  endsAt: noon + 60 * minute,
};
const preview = (tasks: number, stopped: number) => ({
  account: 'main',
  covers: { tasks, stopped },
  first: [
    { taskId: '8fde6aa0281d9f6e', title: '世界杯01', group: 'vip', stopped: stopped > 0 },
    { taskId: '7aaa6aa0281d9f6e', title: '世界杯02', group: 'vip', stopped: false },
  ].slice(0, tasks),
});

let daemon: PretendDaemon | undefined;
afterEach(async () => {
  await daemon?.close();
  daemon = undefined;
});
async function run(line: string | readonly string[], around: Around, answers: Readonly<Record<string, Answer>> = {}) {
  daemon = await pretendDaemon({
    'GET /api/v1/holds/preview': { json: preview(40, 3) },
    'GET /api/v1/status': { json: { accounts: [{ account: 'main' }] } },
    'POST /api/v1/holds': { status: 201, json: hold },
    ...answers,
  });
  const ended = await typed(
    [...(typeof line === 'string' ? line.split(' ') : line), '--socket', daemon.socket],
    around,
  );
  const posts = daemon.asked.filter(({ method }) => method === 'POST');
  return { ...ended, asked: daemon.asked.map(({ path }) => path), sent: posts.length, body: posts[0]?.body };
}

describe('hold add tells a person what it covers, and asks', () => {
  it.each([
    ['--group vip', 'group=vip', 40, 3, 'This covers 40 tasks, 3 stopped.'],
    ['--all', 'all=true', 500, 0, 'This covers 500 tasks, none stopped.'],
    ['--title 世界杯*', `title=${encodeURIComponent('世界杯*')}`, 2, 1, 'This covers 2 tasks, 1 stopped.'],
    ['--title nobody*', 'title=nobody*', 0, 0, 'This covers no task now.'],
  ])('%s', async (what, query, tasks, stopped, words) => {
    const { code, err, out, sent, asked } = await run(
      `hold add ${what} --account main --reason x`,
      { terminal: true, answer: true },
      { 'GET /api/v1/holds/preview': { json: preview(tasks, stopped) } },
    );
    const named = [
      `  8fde6aa0  ${stopped > 0 ? 'stopped' : '       '}  世界杯01`,
      '  7aaa6aa0           世界杯02',
      ...(tasks > 2 ? [`  and ${tasks - 2} more`] : []),
    ].slice(0, tasks);
    expect([code, err, sent]).toEqual([0, [...named, words, 'hold them?', ''].join('\n'), 1]);
    expect(asked[0]).toBe(`/api/v1/holds/preview?account=main&${query}`);
    expect(out).toContain('hold ab12cd34 on group vip, until ');
  });

  it('after a no nothing is held', async () => {
    const { code, err, sent } = await run('hold add --group vip --reason x', { terminal: true, answer: false });
    expect([code, sent]).toEqual([0, 0]);
    expect(err).toContain('nothing was held');
  });

  it.each<[string, string, Around]>([
    ['--yes', 'hold add --group vip --reason x --yes', { terminal: true, answer: false }],
    ['a single task', 'hold add t1 --reason x', { terminal: true, answer: false }],
    ['a script', 'hold add --group vip --reason x', { answer: false }],
  ])('not asked: %s', async (_what, line, around) => {
    expect(await run(line, around)).toMatchObject({ code: 0, err: '', sent: 1 });
  });
});

it('of a group that is not there the daemon says so, and nothing is held', async () => {
  const { code, err, sent } = await run(
    'hold add --group vpi --reason x',
    { terminal: true, answer: true },
    {
      'GET /api/v1/holds/preview': { status: 404, json: { detail: 'no group vpi: did you mean vip?' } },
    },
  );
  expect([code, err, sent]).toEqual([
    1,
    'relaykeeper: no group vpi: did you mean vip?\n  See what is wrong: relaykeeper status\n',
    0,
  ]);
});

describe('when a hold begins and ends', () => {
  const at = (text: string) => Date.parse(text);
  it.each<[string, object]>([
    ['--for 2h', { for: '7200s' }],
    ['--until 2026-03-01T13:30Z', { for: '5400s' }],
    ['--from 2026-03-01T13:00Z', { startsAt: at('2026-03-01T13:00Z') }],
    ['--from 2026-03-01T13:00Z --for 45m', { startsAt: at('2026-03-01T13:00Z'), for: '2700s' }],
    ['--from 2026-03-01T13:00Z --until 2026-03-01T21:30+08:00', { startsAt: at('2026-03-01T13:00Z'), for: '1800s' }],
  ])('%s', async (options, expected) => {
    const { code, body } = await run(`hold add t1 --reason x ${options}`, {});
    expect(code).toBe(0);
    expect(body).toEqual({
      target: { kind: 'task', taskId: 't1' },
      author: expect.any(String),
      reason: 'x',
      ...expected,
    });
  });
  it.each([
    ['--from 2026-03-01T11:59Z', '--from 2026-03-01T11:59Z has passed: leave it out to begin at once'],
    ['--until 2026-03-01T11:59Z', '--until 2026-03-01T11:59Z has passed'],
    [
      '--from 2026-03-01T13:00Z --until 2026-03-01T13:00Z',
      '--until 2026-03-01T13:00Z is not after --from 2026-03-01T13:00Z',
    ],
    ['--from tomorrow', '--from tomorrow is not a time: write 2026-01-31T18:00 or 2026-01-31T18:00Z'],
    // JavaScript takes it for a day of March.
    ['--until 2027-02-29T18:00', '--until 2027-02-29T18:00 is not a time: there is no such day'],
    ['--from 2026-04-31T18:00+08:00', '--from 2026-04-31T18:00+08:00 is not a time: there is no such day'],
    ['--until 2026-02-30T18:00Z', '--until 2026-02-30T18:00Z is not a time: there is no such day'],
    ['--for 2h --until 2026-03-01T13:00Z', 'give --for or --until, not both'],
    ['--title x', 'say what to hold: one of TASK, --title GLOB, --group NAME and --all'],
  ])('refused: %s', async (options, words) => {
    const { code, err, sent } = await run(`hold add t1 --reason x ${options}`, {});
    expect([code, err, sent]).toEqual([2, `relaykeeper: ${words}\n  See: relaykeeper hold add --help\n`, 0]);
  });
});

describe('hold extend', () => {
  it.each<[string, object]>([
    ['--for 30m', { for: '1800s' }],
    ['--until 2026-03-01T13:00Z', { endsAt: Date.parse('2026-03-01T13:00Z') }],
  ])('%s', async (options, expected) => {
    const { code, out, body, asked } = await run(
      `hold extend ab12 ${options} --by bob`,
      {},
      {
        'POST /api/v1/holds/ab12/extend': { json: hold },
      },
    );
    expect([code, out]).toEqual([0, 'hold ab12cd34 on group vip, until 2026-03-01T13:00:00.000Z\n']);
    expect([asked, body]).toEqual([['/api/v1/holds/ab12/extend'], { ...expected, by: 'bob' }]);
  });
  it.each(['', '--for 30m --until 2026-03-01T13:00Z'])('refused with "%s"', async (options) => {
    const { code, err } = await run(`hold extend ab12 ${options}`.trim(), {});
    expect([code, err]).toEqual([
      2,
      'relaykeeper: say how much longer: --for DURATION, or --until TIME\n  See: relaykeeper hold extend --help\n',
    ]);
  });
});

const twoAccounts = { 'GET /api/v1/status': { json: { accounts: [{ account: 'main' }, { account: 'lab' }] } } };

describe('hold list on a terminal', () => {
  const ended = (type: string, minutesAgo: number, more: object = {}) => ({
    seq: 1,
    event: { type, at: noon - minutesAgo * minute, account: 'main', hold: { ...hold, id: `e${minutesAgo}` }, ...more },
  });
  it('shows titles, what is covered, and what ended within a day', async () => {
    const { out } = await run(
      'hold list',
      { terminal: true },
      {
        'GET /api/v1/holds': {
          json: [
            { ...hold, inForce: true, title: null, covers: { tasks: 40, stopped: 3 } },
            {
              ...hold,
              id: 'maintenance-1',
              target: {
                kind: 'match',
                match: {
                  cloudGroup: ['*'],
                  title: ['CDN*'],
                  type: ['live', 'vod'],
                  exclude: { title: [], taskId: [] },
                },
              },
              author: 'maintenance',
              startsAt: noon + 15 * 60 * minute,
              inForce: false,
              title: null,
              covers: { tasks: 2, stopped: 0 },
            },
            {
              ...hold,
              id: 'ff',
              target: { kind: 'task', taskId: 't1' },
              inForce: true,
              title: '世界杯01',
              covers: { tasks: 1, stopped: 1 },
            },
          ],
        },
        'GET /api/v1/events': {
          json: [ended('hold-expired', 5), ended('hold-removed', 90, { by: 'ana' }), ended('hold-expired', 1500)],
        },
      },
    );
    expect(out).toMatch(/^ab12cd34 {2}group vip: 40 tasks, 3 stopped {2}in 1h {2}/m);
    expect(out).toMatch(/^ff +世界杯01 +in 1h /m);
    expect(out).toMatch(/^Planned:\nID.*\nmaintenance-1 {2}titles CDN\* {2}03-02 \d\d:00 {2}maintenance {2}/m);
    expect(out).toContain('e5 on group vip: expired 5m ago; encoder is moved\n');
    expect(out).toContain('e90 on group vip: removed by ana 1h30m ago; encoder is moved\n');
    expect(out).not.toContain('e1500');
  });
  it('among several accounts names that of a lone hold, of a planned one and of one that ended', async () => {
    const view = { ...hold, inForce: true, title: null, covers: { tasks: 40, stopped: 3 } };
    const planned = { ...view, id: 'later', inForce: false, startsAt: noon + minute };
    const { out } = await run(
      'hold list',
      { terminal: true },
      {
        'GET /api/v1/holds': { json: [view, planned] },
        'GET /api/v1/events': { json: [ended('hold-expired', 5)] },
        ...twoAccounts,
      },
    );
    expect(out).toMatch(/^ab12cd34 +main +group vip: /m);
    expect(out).toMatch(/^later +main +group vip +03-01 /m);
    expect(out).toContain('e5 on account main: group vip: expired 5m ago');
  });
  it('with none, says so', async () => {
    const none = { 'GET /api/v1/holds': { json: [] }, 'GET /api/v1/events': { json: [] } };
    expect((await run('hold list', { terminal: true }, none)).out).toBe('no holds in force\n');
  });
});

it('on 80 columns a hold of one of two accounts says which, and its reason keeps to its column', async () => {
  const view = {
    ...hold,
    inForce: true,
    title: null,
    covers: { tasks: 40, stopped: 3 },
    reason: 'word '.repeat(20).trim(),
  };
  const holds = [
    { ...view, target: { kind: 'group', group: '重要频道重要频道' } },
    { ...view, id: 'ff', account: 'lab', title: '长'.repeat(200) },
  ];
  const { out } = await run(
    'hold list',
    { terminal: true },
    {
      'GET /api/v1/holds': { json: holds },
      'GET /api/v1/events': { json: [] },
      ...twoAccounts,
    },
  );
  expect(out).toMatch(/^ID +ACCOUNT +COVERS/);
  expect(out).toMatch(/^ff +lab +长+…/m);
  expect(out).toMatch(/\n {56}word word/);
});

it('a hold of the file fits 80 columns, beside another account and with the longest match', async () => {
  const match = { cloudGroup: ['sports-*', 'news'], title: ['*'], type: ['live'], exclude: { title: [], taskId: [] } };
  const recurring = {
    ...{ ...hold, id: 'maintenance-1', author: 'maintenance', reason: 'the CDN is updated every week' },
    ...{ target: { kind: 'match', match }, startsAt: noon + 15 * 60 * minute, title: null, inForce: false },
    covers: { tasks: 28, stopped: 4 },
  };
  const { out } = await run(
    'hold list',
    { terminal: true },
    {
      'GET /api/v1/holds': { json: [recurring, { ...recurring, startsAt: noon, inForce: true }] },
      'GET /api/v1/events': { json: [] },
      ...twoAccounts,
    },
  );
  for (const line of out.split('\n')) expect([line, textWidth(line) <= 80]).toEqual([line, true]);
  // A time is one word.
  expect(out).toMatch(/^maintenance-1 +main +cloud group sports-… +in 1h +maintenance +the CDN is$/m);
});

it('a preview of long titles keeps to the lines of the terminal', async () => {
  const long = preview(2, 1);
  const json = { ...long, first: long.first.map((one) => ({ ...one, title: '长'.repeat(200) })) };
  const answers = { 'GET /api/v1/holds/preview': { json } };
  const { err } = await run('hold add --group vip --reason x', { terminal: true, answer: false }, answers);
  for (const line of err.split('\n')) expect(textWidth(line)).toBeLessThanOrEqual(80);
  expect(err).toMatch(/^ {2}8fde6aa0 {2}stopped {2}长+…$/m);
});
