/** What `explain` and `history` tell of a task: the entry that has it, its calls, and what concerns it besides. */
import { expect, test } from 'vitest';
import { besides } from '../../src/app/explained.ts';
import type { Event, Hold } from '../../src/domain/words/events.ts';
import { StoreProblem } from '../../src/store/open.ts';
import { lineOf } from '../../src/telemetry/sentences.ts';
import { eventSentence } from '../../src/web/page/chinese-events.ts';
import { events } from '../telemetry/samples.ts';
import { account, running } from './running.ts';

const yaml = `accounts: [${account('main')}]
groups:
  - {name: vip, match: {cloudGroup: vip, exclude: {title: ['央视体育*']}}}
  - {name: news}
  - {name: rest, match: {cloudGroup: ['vip', 'sports-*']}}
`;

test('which entry has a task, or which one keeps it out by what', async () => {
  await using daemon = await running(yaml);
  await daemon.run(20);
  const explain = async (search: string) => {
    const [task] = daemon.operations.tasks({ search, limit: 1 }).tasks;
    const { entry, group, rules } = await daemon.operations.explain(task?.taskId ?? '');
    return { entry, group, unmanaged: rules.find(({ reason }) => reason === 'unmanaged')?.detail };
  };
  expect(await explain('湖南卫视')).toEqual({ entry: { group: 'vip', excludedBy: null }, group: 'vip', unmanaged: '' });
  // The entry `rest` would match it, and does not get it.
  expect(await explain('央视体育')).toEqual({
    entry: { group: 'vip', excludedBy: { key: 'title', glob: '央视体育*' } },
    group: null,
    unmanaged: 'entry vip of groups: excludes it by title 央视体育*',
  });
  expect(await explain('备用')).toEqual({ entry: null, group: null, unmanaged: 'no entry of groups: matches it' });
});

test('its events are found by id, by the beginning of it or by title; what no task is called stays as it is', async () => {
  await using daemon = await running(yaml);
  await daemon.run(20);
  const { tasks, taskIdOf } = daemon.operations;
  const [task] = tasks({ group: 'vip', limit: 1 }).tasks;
  const { taskId = '', title = '' } = task ?? {};
  expect([taskId, taskId.slice(0, 20), title].map((named) => taskIdOf(named))).toEqual([taskId, taskId, taskId]);
  expect(taskIdOf('gone-for-long')).toBe('gone-for-long');
});

test('a restart that is refused leads to the rules of that task', async () => {
  await using daemon = await running(yaml);
  await daemon.run(20);
  const [task] = daemon.operations.tasks({ state: 'active', group: 'vip', limit: 1 }).tasks;
  const { taskId = '' } = task ?? {};
  await expect(daemon.operations.restart(taskId, { by: 'eve', force: false })).rejects.toMatchObject({
    message: 'it runs, according to the newest list: there is nothing to restart',
    next: `See every rule for it: relaykeeper explain ${taskId}`,
  });
});

test('its newest calls with who asked, the answer, code and request id; newest first', async () => {
  await using daemon = await running(yaml);
  await daemon.run(20);
  const [task] = daemon.operations.tasks({ group: 'vip', limit: 1 }).tasks;
  const { taskId = '' } = task ?? {};
  const about = { account: 'main', taskId, group: 'vip', trigger: 'auto' } as const;
  const reported: Event[] = [1, 2, 3, 4, 5, 6].flatMap((n): Event[] => {
    const attempt = { ...about, attemptId: `${taskId}#${n}` };
    const intended = { ...events['restart-intended'], ...attempt, at: n * 10 };
    const answered = { ...events['restart-answered'], ...attempt, at: n * 10 + 1, durationMs: 100 + n };
    if (n === 6) return [{ ...intended, trigger: 'manual', by: 'lin' }];
    if (n !== 5) return [intended, answered];
    const failure = { class: 'invalid', code: 'InvalidParam', requestId: 'REQ5', message: 'x' } as const;
    return [intended, { ...answered, answer: { kind: 'refused', failure: { ...failure, httpStatus: 400 } } }];
  });
  for (const event of reported) daemon.stored.push({ seq: daemon.stored.length + 1, event });
  const { calls } = await daemon.operations.explain(taskId);
  expect(calls.slice(0, 3)).toEqual([
    { at: 60, by: 'lin', answer: null, code: null, requestId: null, durationMs: null },
    { at: 50, by: null, answer: 'refused', code: 'InvalidParam', requestId: 'REQ5', durationMs: 105 },
    { at: 40, by: null, answer: 'accepted', code: null, requestId: 'REQ1', durationMs: 104 },
  ]);
  expect(calls).toHaveLength(5);
});

test('while the store fails: every rule all the same, and no history', async () => {
  await using daemon = await running(yaml);
  await daemon.run(20);
  const [task] = daemon.operations.tasks({ group: 'vip', limit: 1 }).tasks;
  daemon.history.events = async () => {
    throw new StoreProblem('the disk is full');
  };
  const explained = await daemon.operations.explain(task?.taskId ?? '');
  expect(explained).toMatchObject({ taskId: task?.taskId, recent: [], calls: [] });
  expect(explained.rules.length).toBeGreaterThan(10);
  const asked = daemon.operations.events({ limit: 1 });
  await expect(asked).rejects.toMatchObject({ code: 'unavailable', message: expect.stringContaining('disk is full') });
});

test('besides its own events those of the account that concern it, and no others', async () => {
  await using daemon = await running(yaml);
  await daemon.run(20);
  const [task] = daemon.operations.tasks({ group: 'vip', limit: 1 }).tasks;
  const record = daemon.keeper('main').ledger.tasks.get(task?.taskId ?? '');
  if (!record) throw new Error('the simulator has no task');
  const hold = (target: Hold['target']): Event => {
    const { hold: sample } = events['hold-added'];
    return { ...events['hold-added'], hold: { ...sample, target } };
  };
  const storm = (group: string | undefined): Event => ({ ...events['storm-started'], scope: { group } });
  const rows: readonly (readonly [Event, boolean])[] = [
    [events['circuit-opened'], true],
    [events['polls-failing'], true],
    [storm(undefined), true],
    [storm('vip'), true],
    [storm('news'), false],
    [{ ...events['group-empty'], group: 'news' }, false],
    [hold({ kind: 'account' }), true],
    [hold({ kind: 'group', group: 'vip' }), true],
    [hold({ kind: 'group', group: 'news' }), false],
    [hold({ kind: 'title', title: `${record.item.title.slice(0, 2)}*` }), true],
    [hold({ kind: 'title', title: 'nobody*' }), false],
    [hold({ kind: 'task', taskId: record.taskId }), true],
    [hold({ kind: 'task', taskId: 'other' }), false],
  ];
  for (const [event, wanted] of rows)
    expect([JSON.stringify(event), besides(record)(event)]).toEqual([JSON.stringify(event), wanted]);
});

// After a step back to an older version its store has such.
test('an event whose type only a newer version knows is reported by its type, in every language', () => {
  const event = { type: 'task-blessed', at: 1, account: 'main' } as unknown as Event;
  expect(lineOf(event).msg).toBe('task-blessed');
  expect(eventSentence(event)).toBe('');
});
