/** The commands against the real HTTP doors, over pretend operations: both ends must mean the same by each request. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { Operations } from '../../src/domain/ports/operations-port.ts';
import type { ExplainView, StatusView, TaskView } from '../../src/domain/views/shown.ts';
import type { Hold } from '../../src/domain/words/events.ts';
import { Refusal } from '../../src/domain/words/refusal.ts';
import { createWeb, type Web } from '../../src/web/server.ts';
import { noon, typed } from './pretend.ts';

const id = '8fde6aa0281d9f6e15e6059a6e242365';
const hold: Hold = {
  id: 'h7',
  account: 'main',
  target: { kind: 'group', group: 'vip' },
  author: 'ana',
  reason: 'moved',
  createdAt: noon,
  endsAt: undefined,
};
const task = {
  account: 'main',
  taskId: id,
  title: '世界杯01',
  verdict: { kind: 'none', sentence: 'It runs.' },
} as TaskView;
const explained = {
  ...task,
  entry: null,
  attempts: {},
  calls: [],
  rules: [],
  holds: [],
  recent: [],
} as unknown as ExplainView;
const status = {
  startedAt: 0,
  now: 0,
  store: {},
  accounts: [],
  groups: [],
  inCommon: [],
  ending: [],
} as unknown as StatusView;

/** What reached the daemon, in its own words. */
let reached: unknown[] = [];
const note = <T>(what: string, answer: T, ...args: readonly unknown[]): T => {
  reached.push([what, ...args]);
  return answer;
};

const operations: Operations = {
  status: () => note('status', status),
  settledUpTo: async () => 0,
  tasks: (query) => note('tasks', { tasks: [task], more: query.after === undefined }, query),
  taskIdOf: (named, account) => (named === 'nobody' ? named : note('taskIdOf', id, named, account)),
  explain: async (taskId, account) => {
    if (taskId === 'nobody') throw new Refusal('not-found', ['no task nobody', '没有任务 nobody']);
    return note('explain', explained, taskId, account);
  },
  events: async (query) => note('events', [], query),
  holds: () => note('holds', [{ ...hold, inForce: true, title: null, covers: { tasks: 1, stopped: 0 } }]),
  previewHold: (request) =>
    note('previewHold', { account: 'main', covers: { tasks: 1, stopped: 0 }, first: [] }, request),
  extendHold: async (holdId, later, by) => note('extendHold', hold, holdId, later, by),
  addHold: async (request) => note('addHold', hold, request),
  removeHold: async (holdId, by) => note('removeHold', hold, holdId, by),
  restart: async (taskId, options) => {
    if (!options.force) throw new Refusal('refused', ['held by ana', '被 ana 锁定']);
    return note('restart', { task, answer: { kind: 'accepted', requestId: 'r1' } }, taskId, options);
  },
  release: async (taskId, options) => note('release', task, taskId, options),
  config: () => ({}),
  reload: async () => ({ ok: true, needsRestart: [], warnings: [] }),
  snapshot: () => [],
  healthy: () => true,
  ready: () => true,
  rejected: () => undefined,
  hook: () => false,
};

const token = 'a-token-of-the-ops-people';
let folder = '';
let web: Web;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'relaykeeper-wire-'));
  writeFileSync(join(folder, 'token'), `${token}\n`);
  web = await createWeb({
    operations,
    renderMetrics: async () => '',
    past: { samples: () => [] },
    version: 'test',
    tokens: () => [{ name: 'ops', scope: 'operate', token }],
    listen: { host: '127.0.0.1', port: 0 },
    socket: join(folder, 'd.sock'),
    tls: undefined,
    externalUrl: undefined,
    program: 'relaykeeper',
    clock: systemClock,
    log: { notice: () => {} },
  });
});
afterAll(async () => {
  await web.close(0);
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  reached = [];
});

it.each([
  [
    'status',
    [
      ['status'],
      ['tasks', { state: 'stopped', limit: 500 }],
      ['tasks', { state: 'stopped', limit: 500, after: { account: task.account, taskId: task.taskId } }],
      ['tasks', { state: 'unknown', limit: 500 }],
      ['tasks', { state: 'unknown', limit: 500, after: { account: task.account, taskId: task.taskId } }],
    ],
  ],
  ['explain 世界杯01 --account main', [['explain', '世界杯01', 'main']]],
  [
    'history 8fde6a --type restart-failed,task-found --before 90',
    [
      ['taskIdOf', '8fde6a', undefined],
      ['events', { taskId: id, types: ['restart-failed', 'task-found'], before: 90, besides: true, limit: 50 }],
    ],
  ],
  ['history nobody', [['events', { taskId: 'nobody', besides: true, limit: 50 }]]],
  [
    'hold add --group vip --reason moved --for 1h30m --by ana',
    [['addHold', { target: { kind: 'group', group: 'vip' }, author: 'ana', reason: 'moved', forMs: 5_400_000 }]],
  ],
  [
    'hold add --all --reason moved --account main --by ana',
    [['addHold', { account: 'main', target: { kind: 'account' }, author: 'ana', reason: 'moved' }]],
  ],
  ['hold list', [['holds']]],
  ['hold remove h7 --by ana', [['removeHold', 'h7', 'ana']]],
  [`restart ${id} --force --by ana`, [['restart', id, { by: 'ana', force: true }]]],
  [
    `release ${id} --by ana`,
    [
      ['explain', id, undefined],
      ['release', id, { account: task.account, by: 'ana' }],
    ],
  ],
  ['healthcheck', []],
])('over the socket: %s', async (line, expected) => {
  const ended = await typed([...line.split(' '), '--socket', join(folder, 'd.sock')]);
  expect(ended).toMatchObject({ code: 0, err: '' });
  // What is undefined and what is absent is the same here.
  expect(JSON.parse(JSON.stringify(reached))).toEqual(JSON.parse(JSON.stringify(expected)));
});

it.each([
  [`restart ${id}`, 5, 'held by ana'],
  ['explain nobody', 1, 'no task nobody'],
  ['hold add --all --reason x --for 9999d', 2, 'body is wrong: for: must be a duration'],
])('over the socket: %s ends with %i', async (line, code, words) => {
  const ended = await typed([...line.split(' '), '--socket', join(folder, 'd.sock')]);
  expect(ended).toMatchObject({ code, out: '' });
  expect(ended.err).toContain(words);
});

it('over TCP the token decides, and is the author', async () => {
  const hold = ['hold', 'add', '--all', '--reason', 'x', '--by', 'ana', '--url', web.url];
  const without = await typed(hold);
  expect(without).toMatchObject({ code: 5, out: '' });
  expect(without.err).toContain('--token-file');
  expect(await typed(hold, { env: { RELAYKEEPER_TOKEN: 'another-token' } })).toMatchObject({ code: 5 });
  expect(await typed([...hold, '--token-file', join(folder, 'token')])).toMatchObject({ code: 0 });
  expect(reached).toMatchObject([['addHold', { author: 'ops' }]]);
});
