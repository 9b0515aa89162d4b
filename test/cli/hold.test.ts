import { afterEach, describe, expect, it } from 'vitest';
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
const status = {
  groups: [
    { account: 'main', group: 'vip', states: { active: 37, stopped: 3 } },
    { account: 'main', group: 'news', states: { active: 10, stopped: 0 } },
    { account: 'other', group: 'vip', states: { active: 500, stopped: 0 } },
  ],
};

let daemon: PretendDaemon | undefined;
afterEach(async () => {
  await daemon?.close();
  daemon = undefined;
});
async function run(line: string, around: Around, answers: Readonly<Record<string, Answer>> = {}) {
  daemon = await pretendDaemon({
    'GET /api/v1/status': { json: status },
    'POST /api/v1/holds': { status: 201, json: hold },
    ...answers,
  });
  const ended = await typed([...line.split(' '), '--socket', daemon.socket], around);
  return { ...ended, sent: daemon.asked.filter(({ method }) => method === 'POST').length };
}

describe('hold add tells a person what it covers, and asks', () => {
  it.each([
    ['--group vip --account main', 'This covers 40 tasks, 3 stopped.'],
    ['--all --account main', 'This covers 50 tasks, 3 stopped.'],
    ['--all --account other', 'This covers 500 tasks, none stopped.'],
  ])('%s', async (what, words) => {
    const { code, err, out, sent } = await run(`hold add ${what} --reason x`, { terminal: true, answer: true });
    expect([code, err, sent]).toEqual([0, `${words}\nhold them?\n`, 1]);
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
    [
      'a group that is not there: the daemon says so',
      'hold add --group vpi --reason x',
      { terminal: true, answer: false },
    ],
  ])('not asked: %s', async (_what, line, around) => {
    expect(await run(line, around)).toMatchObject({ code: 0, err: '', sent: 1 });
  });
});

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
            { ...hold, title: null, covers: { tasks: 40, stopped: 3 } },
            {
              ...hold,
              id: 'ff',
              target: { kind: 'task', taskId: 't1' },
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
    expect(out).toMatch(/^ab12cd34 {2}group vip: 40 tasks, 3 stopped {2}2026-/m);
    expect(out).toMatch(/^ff +世界杯01 +2026-/m);
    expect(out).toContain('e5 on group vip: its end came 5m ago; encoder is moved\n');
    expect(out).toContain('e90 on group vip: removed by ana 1h30m ago; encoder is moved\n');
    expect(out).not.toContain('e1500');
  });
  it('with none, says so', async () => {
    const none = { 'GET /api/v1/holds': { json: [] }, 'GET /api/v1/events': { json: [] } };
    expect((await run('hold list', { terminal: true }, none)).out).toBe('no holds\n');
  });
});
