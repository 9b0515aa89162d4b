import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { EventView, ExplainView, StatusView, TaskView } from '../../src/domain/views/shown.ts';
import type { Hold } from '../../src/domain/words/events.ts';
import { exitMeanings } from '../../src/domain/words/exit-code.ts';
import { reasonMeanings, reasons } from '../../src/domain/words/reason.ts';
import { type Answer, noon, type PretendDaemon, pretendDaemon, typed } from './pretend.ts';

const minute = 60_000;
const id = '8fde6aa0281d9f6e15e6059a6e242365';

const task: TaskView = {
  account: 'main',
  taskId: id,
  title: '世界杯01',
  cloudGroup: 'vip',
  group: 'vip',
  type: 'live',
  state: 'stopped',
  statusText: '停用',
  startsAt: noon - 60 * minute,
  endsAt: noon + 60 * minute,
  firstSeenAt: noon - 60 * minute,
  changedAt: noon - 5 * minute,
  gone: false,
  due: true,
  downSince: noon - 5 * minute,
  outage: { id: 'o1', since: noon - 5 * minute, attempts: 3, activeAt: null },
  attempts: { made: 3, failedInRow: 3, lastAt: noon - minute, phase: null },
  givenUp: null,
  verdict: { kind: 'wait', reason: 'backoff', until: noon + minute, sentence: 'Attempt 4 waits for its backoff.' },
};

const hold: Hold = {
  id: 'h7',
  account: 'main',
  target: { kind: 'task', taskId: id },
  author: 'lin@desk',
  reason: 'encoder is being moved',
  createdAt: noon,
  endsAt: noon + 120 * minute,
};

const heldTask = { ...hold, title: '世界杯01', covers: { tasks: 1, stopped: 1 } };

const opened: EventView = {
  title: '世界杯01',
  sentence: 'stopped',
  seq: 11,
  event: {
    type: 'outage-opened',
    at: noon - 5 * minute,
    account: 'main',
    taskId: id,
    group: 'vip',
    outageId: 'o1',
    firstSight: false,
  },
};
const failed: EventView = {
  title: '世界杯01',
  sentence: 'the restart failed: InvalidParam, 3 in a row',
  seq: 12,
  event: {
    type: 'restart-failed',
    at: noon - minute,
    account: 'main',
    taskId: id,
    group: 'vip',
    attemptId: `${id}#1`,
    trigger: 'auto',
    cause: 'InvalidParam',
    class: 'invalid',
    row: 3,
  },
};

const explained: ExplainView = {
  ...task,
  entry: { group: 'vip', excludedBy: null },
  successor: null,
  calls: [
    { at: noon - minute, by: null, answer: 'refused', code: 'InvalidParam', requestId: 'REQ2', durationMs: 120 },
    { at: noon - 2 * minute, by: 'lin', answer: 'accepted', code: null, requestId: 'REQ1', durationMs: 90 },
  ],
  rules: [
    { reason: 'held', notBefore: null, detail: '', objection: null },
    { reason: 'backoff', notBefore: noon + minute, detail: 'attempt 4', objection: { kind: 'backoff', n: 4 } },
    { reason: 'quarantined', notBefore: 'never', detail: 'eight failures', objection: { kind: 'quarantined', row: 8 } },
  ],
  holds: [hold],
  recent: [failed, opened],
};

const gate = {
  perSecond: 10,
  restartPerSecond: 10,
  listPerSecond: 10,
  slowed: [],
  queued: { restart: 0, verify: 0, poll: 0, other: 0 },
  permitsOut: 1,
};
const status: StatusView = {
  version: '0.1.0',
  startedAt: noon - 90 * minute,
  now: noon,
  configHash: 'abc123',
  configFile: '/etc/relaykeeper/relaykeeper.yaml',
  configLoadedAt: 1,
  configChange: null,
  store: { kind: 'sqlite', up: true, failingSince: null },
  rejected: null,
  accounts: [
    {
      account: 'main',
      provider: 'volcengine',
      owned: true,
      polledAt: noon - 4000,
      pollIntervalMs: 15_000,
      tasks: 120,
      unmanaged: 20,
      circuits: {
        list: null,
        restart: {
          since: noon - 2 * minute,
          class: 'billing',
          code: 'RequestForbidden.BillingStatus',
          message: 'arrears',
        },
      },
      storm: null,
      throttledUntil: null,
      failing: null,
      suspectSince: null,
      incompleteSince: null,
      calls: 7,
      region: 'cn-north-1',
      clockOffsetMs: 0,
      gate,
    },
  ],
  groups: [
    {
      account: 'main',
      group: 'vip',
      mode: 'heal',
      states: { active: 99, stopped: 1, not_started: 0, overdue: 0, ended: 0, unknown: 0 },
      down: 1,
      apart: { held: 0, 'outside-hours': 0, observed: 0 },
      waiting: { backoff: 1 },
      quarantined: 0,
      abandoned: 0,
      holds: 0,
      holdEndsAt: null,
      oldestOutageAt: noon - 5 * minute,
      nextRestartAt: noon + minute,
      nextEndAt: null,
      endingSoon: 0,
      storm: null,
    },
  ],
  ending: [],
  inCommon: [
    {
      account: 'main',
      trait: 'source-host',
      value: 'live.example.com',
      down: 38,
      ofDown: 41,
      running: 2,
      ofRunning: 160,
      sentence: '38 of 41 down pull from live.example.com; of the 160 that run 2 do',
    },
    {
      account: 'main',
      trait: 'start',
      value: '2026-03-01T11:55:00.000Z',
      down: 40,
      ofDown: 41,
      startedAt: noon - 5 * minute,
      sentence: '40 of 41 down stopped within 2 minutes',
    },
  ],
};

let daemon: PretendDaemon | undefined;
afterEach(async () => {
  await daemon?.close();
  daemon = undefined;
});
const answering = async (answers: Readonly<Record<string, Answer>>, where?: 'port'): Promise<PretendDaemon> => {
  daemon = await pretendDaemon(answers, where);
  return daemon;
};

describe('what each command asks of the daemon', () => {
  const by = `lin@${hostname()}`;
  it.each([
    ['status', ['GET /api/v1/status', 'GET /api/v1/tasks?state=stopped', 'GET /api/v1/tasks?state=unknown'], undefined],
    [`explain ${id}`, [`GET /api/v1/tasks/${id}`], undefined],
    [
      'explain 世界杯01 --account main',
      [`GET /api/v1/tasks/${encodeURIComponent('世界杯01')}?account=main`],
      undefined,
    ],
    ['history', ['GET /api/v1/events?limit=50'], undefined],
    [
      'history --group vip --type restart-failed,outage-opened --before 90 --limit 1000',
      ['GET /api/v1/events?group=vip&type=restart-failed%2Coutage-opened&before=90&limit=1000'],
      undefined,
    ],
    ['history 8fde6a', ['GET /api/v1/events?task=8fde6a&besides=true&limit=50'], undefined],
    [
      'history --changes --since 3m',
      [`GET /api/v1/events?changes=true&since=${noon - 3 * minute}&limit=50`],
      undefined,
    ],
    ['history --since 3m', [`GET /api/v1/events?since=${noon - 3 * minute}&limit=50`], undefined],
    ['hold list', ['GET /api/v1/holds'], undefined],
    [
      `hold add ${id} --reason moved`,
      ['POST /api/v1/holds'],
      { target: { kind: 'task', taskId: id }, author: by, reason: 'moved' },
    ],
    [
      'hold add --group vip --reason moved --for 1h30m --account main --by ana',
      ['POST /api/v1/holds'],
      { account: 'main', target: { kind: 'group', group: 'vip' }, author: 'ana', reason: 'moved', for: '5400s' },
    ],
    [
      'hold add --all --reason moved --until 2026-03-01T13:00Z',
      ['POST /api/v1/holds'],
      { target: { kind: 'account' }, author: by, reason: 'moved', for: '3600s' },
    ],
    ['hold remove h7 --by ana', ['DELETE /api/v1/holds/h7?by=ana'], undefined],
    [`restart ${id}`, [`POST /api/v1/tasks/${id}/restart`], { by, force: false }],
    [
      `restart ${id} --force --account main --by ana`,
      [`POST /api/v1/tasks/${id}/restart`],
      { account: 'main', by: 'ana', force: true },
    ],
    [
      `release ${id} --by ana`,
      [`GET /api/v1/tasks/${id}`, `POST /api/v1/tasks/${id}/release`],
      { account: explained.account, by: 'ana' },
    ],
    ['healthcheck', ['GET /-/healthy'], undefined],
  ])('%s', async (line, requests, body) => {
    const { socket, asked } = await answering({
      'GET /api/v1/status': { json: status },
      'GET /api/v1/tasks': { json: [task] },
      [`GET /api/v1/tasks/${id}`]: { json: explained },
      'GET /api/v1/tasks/8fde6a': { json: explained },
      [`GET /api/v1/tasks/${encodeURIComponent('世界杯01')}`]: { json: explained },
      'GET /api/v1/events': { json: [failed, opened] },
      'GET /api/v1/holds': { json: [heldTask] },
      'POST /api/v1/holds': { status: 201, json: hold },
      'DELETE /api/v1/holds/h7': { json: hold },
      [`POST /api/v1/tasks/${id}/restart`]: { json: { task, answer: { kind: 'accepted' } } },
      [`POST /api/v1/tasks/${id}/release`]: { json: task },
      'GET /-/healthy': { text: 'ok' },
    });
    const ended = await typed([...line.split(' '), '--socket', socket]);
    expect(ended).toMatchObject({ code: 0, err: '' });
    expect(asked.map(({ method, path }) => `${method} ${path}`)).toEqual(requests);
    if (body !== undefined) expect(asked.at(-1)?.body).toEqual(body);
  });

  it('names the person behind sudo as the author', async () => {
    const { socket, asked } = await answering({ 'POST /api/v1/holds': { json: hold } });
    const env = { USER: 'root', SUDO_USER: 'ana' };
    await typed(['hold', 'add', '--all', '--reason', 'x', '--socket', socket], { env });
    expect(asked[0]?.body).toMatchObject({ author: `ana@${hostname()}` });
  });

  it('--until without an offset is local time', async () => {
    const { socket, asked } = await answering({ 'POST /api/v1/holds': { json: hold } });
    await typed(['hold', 'add', '--all', '--reason', 'x', '--until', '2026-03-05 08:30', '--socket', socket]);
    const seconds = (new Date(2026, 2, 5, 8, 30).getTime() - noon) / 1000;
    expect(asked[0]?.body).toMatchObject({ for: `${seconds}s` });
  });
});

describe('the exit code and the line for each end', () => {
  it.each([
    [200, {}, 0, ''],
    [
      400,
      { detail: 'no such group: vpi', hint: 'Did you mean vip?' },
      2,
      'relaykeeper: no such group: vpi\n  Did you mean vip?\n',
    ],
    [
      401,
      { detail: 'no token', hint: 'Send a header.' },
      5,
      'relaykeeper: no token\n  Give a token with --token-file FILE',
    ],
    [
      403,
      { detail: 'the token may only read', hint: 'Use another.' },
      5,
      'relaykeeper: the token may only read\n  Use another.\n',
    ],
    [404, { detail: 'no such task', hint: 'See status.' }, 1, 'relaykeeper: no such task\n  See status.\n'],
    [404, { detail: 'x', hint: 'See: relaykeeper tasks, or GET /x.' }, 1, 'relaykeeper: x\n  See: relaykeeper tasks\n'],
    [400, { detail: 'x', hint: 'GET /x says.' }, 2, 'relaykeeper: x\n  See: relaykeeper hold list --help\n'],
    [409, { detail: 'held by ana', hint: 'Use --force.' }, 5, 'relaykeeper: held by ana\n  Use --force.\n'],
    [503, { detail: 'the store is down' }, 1, 'relaykeeper: the store is down\n'],
  ])('HTTP %i', async (httpStatus, json, code, message) => {
    const { socket } = await answering({
      'GET /api/v1/holds': { status: httpStatus, json: httpStatus === 200 ? [] : json },
    });
    const ended = await typed(['hold', 'list', '--socket', socket]);
    expect(ended.code).toBe(code);
    expect(ended.err.startsWith(message)).toBe(true);
    expect(ended.err === '').toBe(httpStatus === 200);
    expect(ended.out).toBe('');
  });

  it.each([
    ['an answer that is no JSON', { text: '<html>' }],
    ['another program that answers 404', { status: 404, text: 'not found' }],
    ['a redirect', { status: 302, text: '' }],
  ])('%s is reported as such', async (_what, answer) => {
    const { socket } = await answering({ 'GET /api/v1/holds': answer });
    const ended = await typed(['hold', 'list', '--socket', socket]);
    expect(ended).toMatchObject({ code: 1, out: '' });
    expect(ended.err).toContain('is not relaykeeper');
  });

  it.each([
    ['accepted', { kind: 'accepted' }, 0, 'accepted by the cloud'],
    ['refused', { kind: 'refused', failure: failure('InvalidParam') }, 1, 'refused by the cloud: InvalidParam'],
    ['throttled', { kind: 'throttled', failure: failure('FlowLimitExceeded') }, 1, 'throttled by the cloud'],
    ['never sent', { kind: 'not-sent', failure: failure(undefined) }, 1, 'not sent: network'],
    ['unanswered', { kind: 'unanswered', failure: failure(undefined) }, 1, 'do not send it again yet'],
  ])('a restart that is %s', async (_what, answer, code, words) => {
    const { socket } = await answering({ [`POST /api/v1/tasks/${id}/restart`]: { json: { task, answer } } });
    const ended = await typed(['restart', id, '--socket', socket]);
    expect(ended.code).toBe(code);
    expect(code === 0 ? ended.out : ended.err).toContain(words);
    expect(ended.out + ended.err).toContain(`relaykeeper explain ${id}`);
  });

  it('a daemon whose loop does not tick is not healthy', async () => {
    const { socket } = await answering({ 'GET /-/healthy': { status: 503, json: { error: 'no' } } });
    expect(await typed(['healthcheck', '--socket', socket])).toMatchObject({ code: 1, out: '' });
  });

  it.each([
    ['no such socket', ['--socket', '/nowhere/at-all.sock'], '/nowhere/at-all.sock: there is no such socket'],
    ['a port where nobody listens', ['--url', 'http://127.0.0.1:1'], 'http://127.0.0.1:1/: nothing listens there'],
  ])('%s: unreachable, with what was tried and what to do', async (_what, where, words) => {
    const ended = await typed(['status', ...where]);
    expect(ended).toMatchObject({ code: 6, out: '' });
    expect(ended.err).toContain(words);
    expect(ended.err.trim().split('\n')).toHaveLength(2);
  });

  it.each([
    ['', 'Usage: relaykeeper'],
    ['stat', 'Did you mean status?'],
    ['explain', "missing required argument 'TASK'"],
    ['restart', 'say what to restart: TASK, several of them, or --group NAME'],
    ['restart t1 --group vip', 'say what to restart'],
    ['release', 'say what to release'],
    ['status --jsn', 'Did you mean --json?'],
    ['hold add t1', "required option '--reason <TEXT>' not specified"],
    ['hold add --reason x', 'one of TASK, --title GLOB, --group NAME and --all'],
    ['hold add t1 --all --reason x', 'one of TASK, --title GLOB, --group NAME and --all'],
    ['hold add t1 --reason x --for 2', '--for 2 is not a duration'],
    ['hold add t1 --reason x --for 0s', '--for 0s is not a duration'],
    ['hold add t1 --reason x --until tomorrow', '--until tomorrow is not a time'],
    ['hold add t1 --reason x --until 2026-03-02', '--until 2026-03-02 is not a time'],
    ['hold add t1 --reason x --until 2026-03-01T11:00Z', 'has passed'],
    ['hold add t1 --reason x --for 1h --until 2026-03-02T11:00', 'not both'],
    ['history --limit 0', 'whole number from 1'],
    ['history --changes --type task-gone', 'give --changes or --type, not both'],
    ['history --since yesterday', '--since yesterday is not a duration'],
    ['history --limit 1001', 'whole number from 1 to 1000'],
    ['status --socket a --url http://b', 'not both'],
    ['status --token-file a', 'belongs to --url'],
    ['status --url ftp://b', '--url must be'],
    ['run --listen nonsense', '--listen or RELAYKEEPER_LISTEN'],
  ])('wrong usage: %s', async (line, words) => {
    const ended = await typed(line === '' ? [] : line.split(' '));
    expect(ended).toMatchObject({ code: 2, out: '' });
    expect(ended.err).toContain(words);
  });

  it('a password in --url is not repeated', async () => {
    const ended = await typed(['status', '--url', 'http://ana:hunter2@host']);
    expect(ended.code).toBe(2);
    expect(ended.err).not.toContain('hunter2');
  });

  it('--help has every exit code', async () => {
    const { out } = await typed(['--help']);
    for (const [code, means] of Object.entries(exitMeanings)) expect(out).toContain(`\n  ${code.padEnd(4)}${means}\n`);
  });
  it.each([['--help'], ['hold', '--help'], ['--version']])('%s ends with 0', async (...args) => {
    expect(await typed(args)).toMatchObject({ code: 0, err: '' });
  });
});

function failure(code: string | undefined) {
  return { class: code === undefined ? 'network' : 'invalid', code, message: 'the cloud said no' };
}

describe('the token', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'relaykeeper-token-'));
    writeFileSync(join(folder, 'token'), 'from-the-file\n');
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('comes from its file, or else from the environment', async () => {
    const { url, asked } = await answering({ 'GET /keep/api/v1/holds': { json: [] } }, 'port');
    const env = { RELAYKEEPER_TOKEN: 'from-the-environment' };
    await typed(['hold', 'list', '--url', `${url}/keep/`, '--token-file', join(folder, 'token')], { env });
    await typed(['hold', 'list', '--url', `${url}/keep`], { env });
    await typed(['hold', 'list', '--url', `${url}/keep`]);
    expect(asked.map(({ token }) => token)).toEqual(['Bearer from-the-file', 'Bearer from-the-environment', undefined]);
  });

  it('is not sent over the socket', async () => {
    const { socket, asked } = await answering({ 'GET /api/v1/holds': { json: [] } });
    await typed(['hold', 'list', '--socket', socket], { env: { RELAYKEEPER_TOKEN: 'secret' } });
    expect(asked[0]?.token).toBeUndefined();
  });

  it('a token file that cannot be read ends it', async () => {
    const ended = await typed(['hold', 'list', '--url', 'http://127.0.0.1:1', '--token-file', join(folder, 'none')]);
    expect(ended).toMatchObject({
      code: 1,
      err: `relaykeeper: cannot read the token file ${join(folder, 'none')}: there is no such file\n  Name a file that you can read, or give the token in RELAYKEEPER_TOKEN.\n`,
    });
  });
});

describe('the socket of the configuration', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'relaykeeper-socket-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  const configured = async (yaml: string, env = {}) => {
    const file = join(folder, 'relaykeeper.yaml');
    // `@{X}` in the rows below stands for a variable: a linter takes the real thing for a forgotten template.
    writeFileSync(file, yaml.replaceAll('@', '$'));
    const { err } = await typed(['--config', file, 'status'], { env });
    return /socket (\S+):/.exec(err)?.[1];
  };

  it.each([
    ['as it stands', 'server: {socket: /run/rk.sock}', {}, '/run/rk.sock'],
    [
      'although the variables of the secrets are not set here',
      'server: {socket: /run/rk.sock}\naccounts: [{name: "@{NO}"}]',
      {},
      '/run/rk.sock',
    ],
    ['with a variable', 'server: {socket: "@{DIR}/rk.sock"}', { DIR: '/var/run' }, '/var/run/rk.sock'],
    ['with the default of a variable', 'server: {socket: "@{DIR:-/run}/rk.sock"}', {}, '/run/rk.sock'],
    ['relative to the working directory', 'server: {socket: rk.sock}', {}, join(process.cwd(), 'rk.sock')],
    ['absent: the default', 'version: 1', {}, join(process.cwd(), 'data/relaykeeper.sock')],
    ['unreadable: the default', 'server: {socket', {}, join(process.cwd(), 'data/relaykeeper.sock')],
  ])('%s', async (_what, yaml, env, path) => {
    expect(await configured(yaml, env)).toBe(path);
  });

  it('a configuration file that is not there is reported, not passed over', async () => {
    const ended = await typed(['status', '--config', join(folder, 'none.yaml')]);
    expect(ended.code).toBe(78);
    expect(ended.err).toContain(join(folder, 'none.yaml'));
  });
});

describe('what is printed', () => {
  const answers = {
    'GET /api/v1/status': { json: status },
    'GET /api/v1/tasks': {
      json: [task, { ...task, taskId: 'unmanaged', group: null }, { ...task, taskId: 'gone', gone: true }],
    },
    [`GET /api/v1/tasks/${id}`]: { json: explained },
    'GET /api/v1/events': { json: [failed, opened] },
    'GET /api/v1/holds': { json: [heldTask] },
  };

  it('in a pipe: one row a line, tab-separated, without headings, in UTC', async () => {
    const { socket } = await answering(answers);
    expect((await typed(['hold', 'list', '--socket', socket])).out).toBe(
      `h7\tmain\ttask ${id}\t2026-03-01T14:00:00.000Z\tlin@desk\t2026-03-01T12:00:00.000Z\tencoder is being moved\t世界杯01\t1\t1\t-\n`,
    );
    expect((await typed(['history', '--socket', socket])).out).toBe(
      [
        ['11', '2026-03-01T11:55:00.000Z', 'main', 'vip', id, 'outage-opened', 'stopped', '世界杯01'],
        [
          '12',
          '2026-03-01T11:59:00.000Z',
          'main',
          'vip',
          id,
          'restart-failed',
          'the restart failed: InvalidParam, 3 in a row',
          '世界杯01',
        ],
      ]
        .map((row) => `${row.join('\t')}\n`)
        .join(''),
    );
  });

  it('on a terminal: columns that line up under Chinese titles, and the command to run next', async () => {
    const { socket } = await answering(answers);
    const { out } = await typed(['status', '--socket', socket], { terminal: true });
    expect(out).toMatch(/restart circuit open for 2m, since \S+ \S+:\s+RequestForbidden\.BillingStatus: /);
    expect(out).toContain('relaykeeper 0.1.0 up 1h30m');
    expect(out).toContain('\n38 of 41 down pull from live.example.com; of the 160 that run 2 do\n');
    expect(out).toMatch(/\n40 of 41 down stopped within 2 minutes, the first at 2026-03-01 \d\d:55:00\n/);
    const lines = out.split('\n');
    const heading = lines.find((line) => line.startsWith('DOWN')) ?? '';
    const row = lines.find((line) => line.startsWith('5m')) ?? '';
    // Three Chinese characters take six places, so the columns after them start three characters earlier.
    expect(row.indexOf('8fde6aa0')).toBe(heading.indexOf('TASK') - 3);
    expect(out).toContain('relaykeeper explain TASK');
  });

  it('status lists the managed tasks that are stopped, and no others', async () => {
    const { socket } = await answering(answers);
    const { out } = await typed(['status', '--json', '--socket', socket]);
    expect((JSON.parse(out) as { stopped: TaskView[] }).stopped.map((stopped) => stopped.taskId)).toEqual([id]);
  });

  it('explain: the verdict, every rule, the holds and the recent events', async () => {
    const { socket } = await answering(answers);
    const { out } = await typed(['explain', id, '--socket', socket]);
    expect(out).toContain(
      'verdict   backoff, until 2026-03-01T12:01:00.000Z\n          Attempt 4 waits for its backoff.\n',
    );
    expect(out).toContain('held\tok\t\n');
    expect(out).toContain('backoff\tnot before 2026-03-01T12:01:00.000Z\tattempt 4\n');
    expect(out).toContain('quarantined\tnever\teight failures\n');
    expect(out).toContain(`h7 by lin@desk on task ${id} until 2026-03-01T14:00:00.000Z: encoder is being moved`);
    expect(out).toContain(`${new Date(noon - minute).toISOString()}\trules\trefused\tInvalidParam\tREQ2\n`);
    expect(out).toContain(`${new Date(noon - 2 * minute).toISOString()}\tlin\taccepted\t-\tREQ1\n`);
    expect(out).toContain('group     vip: the first entry of groups: that matches it\n');
    expect(out).toContain('3 made, 3 failed in a row');
    expect(out).toContain('outage-opened\tstopped\t世界杯01\n');
  });

  it('explain: what to do about the reason, and what ends a wait without a time', async () => {
    const verdict = { kind: 'wait', reason: 'held', until: 'never', sentence: 'It is not restarted: held.' } as const;
    const path = `GET /api/v1/tasks/${id}`;
    const { socket } = await answering({ [path]: { json: { ...explained, verdict } } });
    const { out } = await typed(['explain', id, '--socket', socket]);
    expect(out).toContain('verdict   held, until the hold is removed\n          It is not restarted: held.\n');
    expect(out).toContain(`to do     ${reasonMeanings.held.advice}\n`);
  });

  it('explain: a reason that only a newer daemon knows is shown as it came', async () => {
    const verdict = { kind: 'wait', reason: 'source-asleep', until: 'never', sentence: 'It is not restarted.' };
    const path = `GET /api/v1/tasks/${id}`;
    const { socket } = await answering({ [path]: { json: { ...explained, verdict } } });
    const { out } = await typed(['explain', id, '--socket', socket]);
    expect(out).toContain('verdict   source-asleep, until never\n          It is not restarted.\n');
    expect(out).not.toContain('to do');
  });

  it('explain --help: one line for each reason', async () => {
    const { out } = await typed(['explain', '--help']);
    for (const reason of reasons) expect(out).toMatch(new RegExp(`^ {2}${reason} +[A-Z].*[^.]$`, 'm'));
  });

  it.each(['explain', 'history', 'hold list', 'status'])('%s --json is the JSON of the API', async (command) => {
    const { socket } = await answering(answers);
    const args = [...command.split(' '), ...(command === 'explain' ? [id] : []), '--json', '--socket', socket];
    const { out } = await typed(args, { terminal: true, colors: true });
    const whole = {
      explain: explained,
      history: [failed, opened],
      'hold list': [heldTask],
      status: { ...status, stopped: [task] },
    };
    expect(JSON.parse(out)).toEqual(whole[command as keyof typeof whole]);
  });

  it('colors only where they are wanted', async () => {
    const { socket } = await answering(answers);
    const colorStart = String.fromCharCode(27);
    expect((await typed(['status', '--socket', socket], { terminal: true, colors: true })).out).toContain(colorStart);
    expect((await typed(['status', '--socket', socket], { terminal: true })).out).not.toContain(colorStart);
  });

  it('nothing in a title, reason or author steers the terminal', async () => {
    const nasty = `a${String.fromCharCode(27)}[2Jb\nc\u202ed\te`;
    const { socket } = await answering({
      'GET /api/v1/holds': { json: [{ ...heldTask, title: nasty, reason: nasty, author: nasty }] },
      'GET /api/v1/status': { json: status },
      'GET /api/v1/events': { json: [] },
      [`GET /api/v1/tasks/${id}`]: { json: { ...explained, title: nasty } },
    });
    for (const args of [
      ['hold', 'list'],
      ['explain', id],
    ]) {
      const { out } = await typed([...args, '--socket', socket], { terminal: true });
      expect(out).toContain('a [2Jb c d e');
      for (const character of [27, 0x202e]) expect(out).not.toContain(String.fromCharCode(character));
    }
  });

  it('history --since says so if there may be more', async () => {
    const { socket } = await answering(answers);
    const all = await typed(['history', '--since', '1h', '--limit', '2', '--socket', socket]);
    expect(all.out.split('\n')).toHaveLength(3);
    expect(all.err).toBe('these are the newest 2; for older ones: --before 11\n');
  });

  it('history on a terminal: the day once, titles, and whom the rest is about', async () => {
    const about = (seq: number, event: object, title: string | null, sentence: string) => ({
      seq,
      event: { type: 'storm-ended', at: noon + seq, account: 'main', ...event },
      title,
      sentence,
    });
    const json = [
      about(4, { at: noon + 26 * 60 * minute, taskId: 't9' }, null, 'gone'),
      about(3, {}, null, 'circuit open'),
      about(2, { scope: { group: 'vip' } }, null, 'storm over'),
      about(1, { taskId: id }, '世界杯01', 'stopped until 2026-03-01T12:01:00.000Z'),
    ];
    const { socket } = await answering({ 'GET /api/v1/events': { json } });
    const { out } = await typed(['history', '--socket', socket], { terminal: true });
    const [day, clock] = ['2026-03-0\\d', '\\d\\d:\\d\\d:\\d\\d'];
    expect(out.split('\n').map((line) => line.trimEnd())).toEqual([
      expect.stringMatching(/^NO {2}TIME +TITLE +WHAT$/),
      expect.stringMatching(new RegExp(`^ +${day}$`)),
      expect.stringMatching(new RegExp(`^1 +${clock} +世界杯01 +stopped until ${clock}$`)),
      expect.stringMatching(new RegExp(`^2 +${clock} +group vip +storm over$`)),
      expect.stringMatching(new RegExp(`^3 +${clock} +account main +circuit open$`)),
      expect.stringMatching(new RegExp(`^ +${day}$`)),
      expect.stringMatching(new RegExp(`^4 +${clock} +t9 +gone$`)),
      '',
    ]);
  });

  it('the story of one task has no column for its title, and its sentences stay in theirs', async () => {
    const long = `not restarted: ${'word '.repeat(20).trim()}`;
    const event = { type: 'restart-withheld', at: noon, account: 'main', taskId: id, group: 'vip' };
    const json = [{ seq: 7, event, title: '世界杯01', sentence: long }];
    const { socket } = await answering({ ...answers, 'GET /api/v1/events': { json } });
    const { out } = await typed(['history', id, '--socket', socket], { terminal: true });
    const [head, day, first, ...more] = out.trimEnd().split('\n');
    expect(head).toMatch(/^NO {2}TIME +WHAT$/);
    expect(day).toMatch(/^ +2026-03-0\d$/);
    expect(first).toMatch(/^7 {3}\d\d:\d\d:\d\d {4}not restarted: word/);
    expect(more.length).toBeGreaterThan(0);
    for (const row of more) expect(row).toMatch(/^ {16}word/);
    expect((await typed(['history', id, '--socket', socket])).out).toContain(long);
  });

  it('one clock in a row: local on a terminal, in sentences too; UTC in a pipe', async () => {
    const until = noon + minute;
    const withheld = {
      type: 'restart-withheld',
      at: noon,
      account: 'main',
      taskId: id,
      group: 'vip',
      reason: 'backoff',
    };
    const { socket } = await answering({
      'GET /api/v1/events': {
        json: [{ seq: 1, event: { ...withheld, until }, title: null, sentence: 'not before 2026-03-01T12:01:00Z' }],
      },
      [`GET /api/v1/tasks/${id}`]: {
        json: {
          ...explained,
          rules: [{ reason: 'backoff', notBefore: until, detail: 'not before 2026-03-01T12:01:00Z' }],
        },
      },
    });
    const local = new Date(until);
    const two = (n: number) => String(n).padStart(2, '0');
    const words = new RegExp(`not before (\\d{4}-\\d\\d-\\d\\d )?${two(local.getHours())}:01:00`);
    for (const args of [['history'], ['explain', id]]) {
      const person = await typed([...args, '--socket', socket], { terminal: true });
      expect(person.out).toMatch(words);
      expect(person.out).not.toMatch(/\dT\d\d:/);
      expect((await typed([...args, '--socket', socket])).out).toContain('2026-03-01T12:01:00');
    }
  });

  it('an unknown event of a newer daemon does not break a table', async () => {
    const event = { type: 'task-blessed', at: noon, account: 'main' };
    const newer = { seq: 1, event, title: null, sentence: 'it is blessed' };
    const { socket } = await answering({ 'GET /api/v1/events': { json: [newer] } });
    const { out, code } = await typed(['history', '--socket', socket]);
    expect(code).toBe(0);
    expect(out).toContain('task-blessed\tit is blessed');
  });
});
