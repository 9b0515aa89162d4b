/** All accounts of a process on the virtual clock, as the daemon wires them: what a reload, a hook and other keys change. */
import { beforeEach, expect, test, vi } from 'vitest';
import type { openCloud } from '../../src/app/account.ts';
import type { Cloud } from '../../src/domain/ports/cloud-port.ts';
import { troublesOf } from '../../src/domain/views/trouble.ts';
import type { CallFailure } from '../../src/domain/words/failure.ts';
import { begin } from '../domain/story.ts';
import { account, hookToken, running, seldom } from './running.ts';

type Common = Parameters<typeof openCloud>[3];
const badKey: CallFailure = {
  class: 'auth',
  code: 'InvalidAccessKey',
  httpStatus: 401,
  requestId: undefined,
  message: 'no such key',
};
/** Accounts whose list the cloud refuses, and what the wiring gave the newest client. */
const around = vi.hoisted(() => ({ refused: new Set<string>(), common: undefined as unknown }));
vi.mock('../../src/app/account.ts', async (original) => {
  const real = await original<typeof import('../../src/app/account.ts')>();
  const opened: typeof openCloud = (account, settings, gate, common): Cloud => {
    around.common = common;
    const cloud = real.openCloud(account, settings, gate, common);
    const observe: Cloud['observe'] = async (...asked) => {
      const seen = await cloud.observe(...asked);
      return around.refused.has(account.name) ? { ...seen, kind: 'failed', failure: badKey } : seen;
    };
    return { ...cloud, observe };
  };
  return { ...real, openCloud: opened };
});

beforeEach(() => around.refused.clear());

const both = `[${account('main', seldom)}, ${account('second', seldom)}]`;
const all = "[{name: all, match: {cloudGroup: ['*']}}]";

test('a reload gives the gate that runs another rateLimit', async () => {
  const limited = (perSecond: number) =>
    `accounts: [${account('main', `${seldom}, rateLimit: {perSecond: ${perSecond}}`)}]\ngroups: ${all}\n`;
  await using daemon = await running(limited(10));
  await daemon.run(20);
  const { gate } = daemon.keeper('main');
  expect(gate.snapshot().perSecond).toBe(10);
  await daemon.reload(limited(2));
  expect(daemon.keeper('main').gate).toBe(gate);
  expect(gate.snapshot().perSecond).toBe(2);
  await daemon.run(5);
  const before = gate.admitted('other');
  for (let call = 0; call < 20; call++) void gate.acquire('other').then((permit) => permit.done('answered'));
  await daemon.run(3);
  // Two a second, and the one at its very end.
  expect(gate.admitted('other') - before).toBeLessThanOrEqual(7);
  expect(gate.admitted('other') - before).toBeGreaterThanOrEqual(4);
  await daemon.run(30);
});

test('a new client lists the cloud groups of the tasks that are remembered, while the list of groups fails', async () => {
  const of = (more: string) => `accounts: [${account('main', `${seldom}, subAccount: true${more}`)}]\ngroups: ${all}\n`;
  await using daemon = await running(of(''));
  await daemon.run(20);
  const lastList = () => daemon.keeper('main').ledger.accountRecord.lastComplete;
  const before = lastList();
  expect(before?.tasks).toBeGreaterThan(100);
  const { pretendClouds } = around.common as Common;
  const cloud = await pretendClouds.get('main');
  if (!cloud) throw new Error('it was asked');
  const send: typeof cloud.send = async (...call) =>
    call[0].path.includes('ListPullToPushGroup') ? { kind: 'lost', why: 'reset' } : cloud.send(...call);
  pretendClouds.set('main', Promise.resolve({ ...cloud, send }));
  await daemon.reload(of(', requestTimeout: 7s'));
  await daemon.run(30);
  expect(lastList()?.startedAt).toBeGreaterThan(before?.startedAt ?? 0);
  expect(lastList()?.tasks).toBe(before?.tasks);
});

test('a reload keeps the client, with the cloud groups that it found ill, unless that has to be another', async () => {
  const of = (more: string, groups = all) => `accounts: [${account('main', more)}]\ngroups: ${groups}\n`;
  await using daemon = await running(of(seldom));
  await daemon.run(20);
  const client = () => daemon.keeper('main').cloud;
  const first = client();
  for (const groups of [all, "[{name: every, attempts: 3, match: {cloudGroup: ['*']}}]"]) {
    await daemon.reload(of(seldom, groups));
    expect(client()).toBe(first);
  }
  await daemon.run(20);
  expect(client()).toBe(first);
  const others = [
    of(`${seldom}, requestTimeout: 7s`),
    of(`${seldom}, rateLimit: {perSecond: 3}`),
    of(seldom, '[{name: sports-1}]'),
    of(seldom),
  ];
  for (const other of others) {
    const before = client();
    await daemon.reload(other);
    expect(client()).not.toBe(before);
  }
  await daemon.run(30);
});

test('a hook brings the next poll of its account forward, and with another token nothing', async () => {
  await using daemon = await running(`accounts: ${both}\ngroups: ${all}\n`);
  await daemon.run(20);
  const polledAt = (name: string) => daemon.keeper(name).ledger.accountRecord.lastComplete?.startedAt ?? 0;
  const [main, second] = [polledAt('main'), polledAt('second')];
  expect(daemon.operations.hook('main', 'another-token-0123456')).toBe(false);
  expect(daemon.operations.hook('second', hookToken)).toBe(false);
  expect(daemon.operations.hook('nobody', hookToken)).toBe(false);
  await daemon.run(10);
  expect([polledAt('main'), polledAt('second')]).toEqual([main, second]);
  expect(daemon.operations.hook('main', hookToken)).toBe(true);
  await daemon.run(10);
  expect(polledAt('main')).toBeGreaterThan(main + 20_000);
  expect(polledAt('second')).toBe(second);
});

test('keys whose files changed are tried at once, by their account alone', async () => {
  await using daemon = await running(`accounts: ${both}\ngroups: ${all}\n`);
  await daemon.run(20);
  around.refused.add('main').add('second');
  await daemon.run(3_600);
  const circuits = () => ['main', 'second'].map((name) => daemon.keeper(name).ledger.accountRecord.circuits.list.kind);
  expect(circuits()).toEqual(['open', 'open']);
  around.refused.clear();
  (around.common as Common).onCredentialsChanged('main');
  await daemon.run(10);
  expect(circuits()).toEqual(['closed', 'open']);
  expect(daemon.lines.filter(({ event }) => event === 'credentials-read')).toMatchObject([{ account: 'main' }]);
});

test('a group without tasks is logged with the nearest name that there is', async () => {
  const groups =
    "[{name: sports, match: {cloudGroup: ['sprots-1', 'news?']}}, {name: rest, match: {cloudGroup: ['*']}}]";
  await using daemon = await running(`accounts: [${account('main')}]\ngroups: ${groups}\n`);
  const logged = () => daemon.lines.filter(({ event }) => event === 'config-warning').map(({ msg }) => msg);
  await daemon.run(9 * 60);
  expect(logged()).toEqual([]);
  await daemon.run(2 * 60);
  expect(daemon.lines.filter(({ event }) => event === 'group-empty')).toHaveLength(1);
  expect(logged()).toEqual([
    'group sports: no task is in a cloud group sprots-1: did you mean sports-1?',
    'group sports: no task is in a cloud group news?: did you mean news?',
  ]);
});

test('holds of a group that would become more than a thousand keep its name in the file', async () => {
  const named = (name: string) =>
    `accounts: [${account('main')}]\ngroups: [{name: ${name}, match: {cloudGroup: ['*']}}]\n`;
  await using daemon = await running(named('all'));
  await daemon.run(60);
  const tasks = [...daemon.keeper('main').ledger.tasks.values()].filter(({ group }) => group === 'all').length;
  const holds = Math.ceil(1_001 / tasks);
  const hold = { account: 'main', target: { kind: 'group', group: 'all' }, author: 'eve' } as const;
  for (let n = 0; n < holds; n++) await daemon.operations.addHold({ ...hold, reason: `repair ${n}` });
  const held = () => [...daemon.keeper('main').ledger.holds.values()].map(({ target }) => target.kind);
  expect(() => daemon.reload(named('every'))).toThrow(
    `account main: ${holds * tasks} tasks would leave groups that are held and take their holds along, and at most 1000 holds are kept`,
  );
  expect(held()).toEqual(Array(holds).fill('group'));
  // As many as fit follow their tasks.
  const [, ...others] = [...daemon.keeper('main').ledger.holds.keys()];
  for (const id of others) await daemon.operations.removeHold(id, 'eve');
  await daemon.reload(named('every'));
  expect(held()).toEqual(Array(tasks).fill('task'));
});

test('a name that nothing has is logged while the others of its match have tasks, also where each is asked for by name', async () => {
  const yaml = (match: string) => `accounts: [${account('main')}]\ngroups: [{name: sports, match: ${match}}]\n`;
  await using daemon = await running(yaml("{cloudGroup: ['sports-1', 'nwes', 'vip']}"));
  const logged = () => daemon.lines.filter(({ event }) => event === 'config-warning').map(({ msg }) => msg);
  await daemon.run(9 * 60);
  expect(logged()).toEqual([]);
  await daemon.run(3 * 60);
  expect(daemon.lines.filter(({ event }) => event === 'group-empty')).toEqual([]);
  const nwes = 'group sports: no task is in a cloud group nwes: did you mean news?';
  expect(logged()).toEqual([nwes]);
  await daemon.reload(yaml("{cloudGroup: ['sports-*', 'n?ws', 'vpi*'], title: ['*', '*nobody*']}"));
  await daemon.run(9 * 60);
  expect(logged()).toEqual([nwes]);
  await daemon.run(3 * 60);
  expect(logged().slice(1)).toEqual([
    'group sports: no task is in a cloud group vpi*: did you mean vip?',
    'group sports: no task has a title *nobody*',
  ]);
});

test('no name is logged while an account has not been listed', async () => {
  around.refused.add('second');
  const groups = "[{name: a, match: {cloudGroup: ['sports-1', 'nwes']}}]";
  await using daemon = await running(`accounts: ${both}\ngroups: ${groups}\n`);
  const logged = () => daemon.lines.filter(({ event }) => event === 'config-warning');
  await daemon.run(20 * 60);
  expect(logged()).toEqual([]);
  around.refused.clear();
  await daemon.run(10 * 60);
  expect(logged()).toHaveLength(1);
});

/** The demo world of two accounts is the same: each task id is in both. */
const twice = (second: string) =>
  `accounts: [${account('main')}, ${account('second')}]\ngroups: [{name: a, match: {account: [main], cloudGroup: ['*']}}, {name: b, match: {account: [second], cloudGroup: [${second}]}}]\n`;
const asked = (taskId: string, of?: string) => ({
  account: of,
  target: { kind: 'task', taskId } as const,
  author: 'eve',
  reason: 'repair',
  forMs: undefined,
});

test('an id that is in two accounts is asked back with both, and nothing is held', async () => {
  await using daemon = await running(twice("'*'"));
  await daemon.run(30);
  const [taskId = ''] = daemon.keeper('main').ledger.tasks.keys();
  expect(daemon.keeper('second').ledger.tasks.has(taskId)).toBe(true);
  const refused = await daemon.operations.addHold(asked(taskId)).then(
    () => undefined,
    (error: unknown) => error,
  );
  // 'refused' is 409 over HTTP and exit code 5 of the command.
  expect(refused).toMatchObject({ name: 'Refusal', code: 'refused' });
  expect(String(refused)).toMatch(/2 tasks are called .*: give the account \(--account NAME\)/);
  for (const name of ['main', 'second']) expect(String(refused)).toContain(`(account ${name})`);
  expect(daemon.operations.holds()).toEqual([]);
  for (const act of [
    daemon.operations.restart(taskId, { account: undefined, by: 'eve', force: false }),
    daemon.operations.release(taskId, { account: undefined, by: 'eve' }),
    daemon.operations.explain(taskId, undefined),
  ])
    await expect(act).rejects.toMatchObject({ code: 'refused' });
  expect(() => daemon.operations.taskIdOf(taskId)).toThrow(/2 tasks are called/);
  expect(refused).toMatchObject({ chinese: expect.stringMatching(/^有 2 个任务叫 .*：请给出账号\n.*（?账号 main/) });
  // By its title too: the id would tell nothing.
  const title = daemon.keeper('main').ledger.tasks.get(taskId)?.item.title ?? '';
  await expect(daemon.operations.explain(title, undefined)).rejects.toMatchObject({
    message: expect.stringContaining(`2 tasks are called ${title}: give the account (--account NAME)`),
    next: `All with their state: relaykeeper tasks ${title}`,
  });
  expect(await daemon.operations.addHold(asked(taskId, 'second'))).toMatchObject({ account: 'second' });
  expect(daemon.operations.holds()).toMatchObject([{ account: 'second', target: { taskId } }]);
});

test.each([
  ['the first account', 'main', 'second'],
  ['the last account', 'second', 'main'],
])('a living task is meant before one that is gone from %s', async (_what, gone, living) => {
  const of = (only: string) =>
    `accounts: [${account('main')}, ${account('second')}]\ngroups: [{name: a, match: {account: [${gone}], cloudGroup: [${only}]}}, {name: b, match: {account: [${living}], cloudGroup: ['*']}}]\n`;
  await using daemon = await running(of("'*'"));
  await daemon.run(30);
  await daemon.reload(of('news'));
  // What is unmanaged is remembered for ten minutes.
  await daemon.run(11 * 60);
  const isGone = (name: string, taskId: string) => daemon.keeper(name).ledger.tasks.get(taskId)?.goneAt !== undefined;
  const [taskId = ''] = [...daemon.keeper(gone).ledger.tasks.keys()].filter(
    (id) => isGone(gone, id) && !isGone(living, id),
  );
  expect([isGone(gone, taskId), isGone(living, taskId)]).toEqual([true, false]);
  expect(await daemon.operations.addHold(asked(taskId))).toMatchObject({ account: living });
  expect(await daemon.operations.explain(taskId, undefined)).toMatchObject({ account: living });
  // It is named, so it is found: of its history somebody may ask.
  expect(await daemon.operations.explain(taskId, gone)).toMatchObject({ account: gone });
});

test('events are shown with the title of their task, and with a sentence', async () => {
  await using daemon = await running(`accounts: ${both}\ngroups: ${all}\n`);
  await daemon.run(20);
  const [task] = daemon.operations.tasks({ account: 'second', limit: 1 }).tasks;
  if (!task) throw new Error('the simulator has no task');
  const { account, taskId, title } = task;
  const hold = { id: 'h1', account, author: 'lin', reason: 'x', createdAt: 1, endsAt: undefined };
  const at = { at: begin, account };
  daemon.stored.push(
    { seq: 1, event: { ...at, account: 'away', type: 'owner-lost' } },
    { seq: 2, event: { ...at, account: 'main', type: 'task-gone', taskId: 'of-nobody', group: undefined } },
    { seq: 3, event: { ...at, type: 'hold-added', hold: { ...hold, target: { kind: 'account' } } } },
    { seq: 4, event: { ...at, type: 'hold-added', hold: { ...hold, target: { kind: 'task', taskId } } } },
    { seq: 5, event: { ...at, type: 'task-gone', taskId, group: 'all' } },
  );
  const logged = await daemon.operations.events({ limit: 5 });
  expect(logged.map(({ title, sentence }) => [title, sentence])).toEqual([
    [title, 'gone from the list'],
    [title, `task ${taskId} held by lin until it is removed: x`],
    [null, 'account second held by lin until it is removed: x'],
    [null, 'gone from the list'],
    [null, 'this process no longer owns the account'],
  ]);
});

test('only a process whose account another one owns says that it stands by, however long it reads what is stored', async () => {
  const yaml = `accounts: [${account('main', seldom)}]\ngroups: ${all}\n`;
  const said = ({ lines }: Awaited<ReturnType<typeof running>>) => lines.map(({ event }) => event);
  {
    await using daemon = await running(yaml, undefined, 20_000);
    await daemon.run(30);
    expect(said(daemon)).toContain('owner-gained');
    expect(said(daemon)).not.toContain('standing-by');
  }
  await using daemon = await running(yaml, AbortSignal.abort());
  await daemon.run(30);
  expect(said(daemon)).not.toContain('owner-gained');
  expect(said(daemon)).toContain('standing-by');
});

test('an account whose memory is being read is nobody else’s in the status either', async () => {
  await using daemon = await running(`accounts: [${account('main')}]\ngroups: ${all}\n`, undefined, 60_000);
  await daemon.run(20);
  expect(troublesOf(daemon.operations.status())).toEqual([{ kind: 'unread', account: 'main' }]);
  await daemon.run(60);
  expect(troublesOf(daemon.operations.status())).toEqual([]);
});

test('an account that a reload adds while the process ends is not begun', async () => {
  const daemon = await running(`accounts: [${account('main')}]\ngroups: ${all}\n`);
  await daemon.run(20);
  await daemon[Symbol.asyncDispose]();
  await daemon.reload(`accounts: ${both}\ngroups: ${all}\n`);
  await daemon.run(20);
  expect(daemon.keeper('second').ledger.owned).toBe(false);
});
