import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { Operations } from '../../src/domain/ports/operations-port.ts';
import { reasons } from '../../src/domain/words/reason.ts';
import { Refusal } from '../../src/domain/words/refusal.ts';
import { answers } from '../../src/web/answers.ts';
import { streamPath } from '../../src/web/between-threads.ts';
import { problems } from '../../src/web/problem.ts';
import { routes } from '../../src/web/routes.ts';
import { accountView, events, eventView, groupView, taskView } from '../telemetry/samples.ts';
import { hold, openWeb, type Sent, sharedWeb, status, tokens } from './fixture.ts';

const plainWeb = sharedWeb();
/** A stream has no end: stream.test.ts has it. */
const isAnswered = ({ path }: { readonly path: string }) => path !== streamPath;
const tokenOf = (scope: string) => tokens.find((token) => token.scope === scope)?.token ?? '';

describe('every address answers, and asks the right operation', () => {
  const rows: readonly (readonly [string, string, unknown, readonly unknown[] | undefined, number])[] = [
    ['GET', '/api/v1/status', undefined, ['status'], 200],
    ['GET', '/api/v1/tasks', undefined, ['tasks', { limit: 500 }], 200],
    [
      'GET',
      '/api/v1/tasks?account=main&group=vip&state=stopped',
      undefined,
      ['tasks', { account: 'main', group: 'vip', state: 'stopped', limit: 500 }],
      200,
    ],
    [
      'GET',
      `/api/v1/tasks?reason=held&search=${encodeURIComponent('决赛')}`,
      undefined,
      ['tasks', { reason: 'held', search: '决赛', limit: 500 }],
      200,
    ],
    [
      'GET',
      `/api/v1/tasks?limit=2&cursor=${Buffer.from('["main","任务 1"]').toString('base64url')}`,
      undefined,
      ['tasks', { limit: 2, after: { account: 'main', taskId: '任务 1' } }],
      200,
    ],
    ['GET', '/api/v1/tasks/task-1?account=main', undefined, ['explain', 'task-1', 'main'], 200],
    [`GET`, `/api/v1/tasks/${encodeURIComponent('决赛 A/1')}`, undefined, ['explain', '决赛 A/1', undefined], 200],
    ['GET', '/api/v1/events', undefined, ['events', { limit: 100 }], 200],
    [
      'GET',
      '/api/v1/events?account=main&group=vip&task=t1&type=restart-failed,outage-opened&before=77&limit=1000',
      undefined,
      [
        'events',
        {
          account: 'main',
          group: 'vip',
          taskId: 't1',
          types: ['restart-failed', 'outage-opened'],
          before: 77,
          limit: 1000,
        },
      ],
      200,
    ],
    ['GET', '/api/v1/holds', undefined, ['holds'], 200],
    ['GET', '/api/v1/groups', undefined, ['status'], 200],
    ['GET', '/api/v1/past', undefined, undefined, 200],
    ['GET', '/api/v1/config', undefined, ['config'], 200],
    ['POST', '/api/v1/tasks/task-1/restart', undefined, ['restart', 'task-1', { by: 'root', force: false }], 200],
    [
      'POST',
      '/api/v1/tasks/task-1/restart',
      { account: 'main', force: true },
      ['restart', 'task-1', { account: 'main', by: 'root', force: true }],
      200,
    ],
    [
      'POST',
      '/api/v1/tasks/task-1/release',
      { account: 'main' },
      ['release', 'task-1', { account: 'main', by: 'root' }],
      200,
    ],
    [
      'POST',
      '/api/v1/holds',
      { target: { kind: 'task', taskId: 't1' }, reason: 'match day', for: '1h30m' },
      ['addHold', { target: { kind: 'task', taskId: 't1' }, author: 'root', reason: 'match day', forMs: 5_400_000 }],
      201,
    ],
    [
      'POST',
      '/api/v1/holds',
      { account: 'main', target: { kind: 'group', group: 'vip' }, reason: 'match day', forMs: 60_000 },
      [
        'addHold',
        {
          account: 'main',
          target: { kind: 'group', group: 'vip' },
          author: 'root',
          reason: 'match day',
          forMs: 60_000,
        },
      ],
      201,
    ],
    [
      'POST',
      '/api/v1/holds',
      { target: { kind: 'account' }, reason: 'until further notice' },
      ['addHold', { target: { kind: 'account' }, author: 'root', reason: 'until further notice' }],
      201,
    ],
    [
      'POST',
      '/api/v1/holds',
      { account: 'main', target: { kind: 'title', title: 'CDN*' }, startsAt: 90_000, reason: 'planned', for: '1h' },
      [
        'addHold',
        {
          account: 'main',
          target: { kind: 'title', title: 'CDN*' },
          author: 'root',
          startsAt: 90_000,
          reason: 'planned',
          forMs: 3_600_000,
        },
      ],
      201,
    ],
    ['POST', '/api/v1/holds/h1/extend', { for: '30m' }, ['extendHold', 'h1', { forMs: 1_800_000 }, 'root'], 200],
    ['POST', '/api/v1/holds/h1/extend', { endsAt: 90_000 }, ['extendHold', 'h1', { endsAt: 90_000 }, 'root'], 200],
    [
      'GET',
      '/api/v1/holds/preview?account=main&title=CDN*',
      undefined,
      ['previewHold', { account: 'main', target: { kind: 'title', title: 'CDN*' } }],
      200,
    ],
    [
      'GET',
      '/api/v1/holds/preview?task=t1',
      undefined,
      ['previewHold', { target: { kind: 'task', taskId: 't1' } }],
      200,
    ],
    ['DELETE', '/api/v1/holds/h1', undefined, ['removeHold', 'h1', 'root'], 200],
    ['POST', '/-/reload', undefined, ['reload'], 200],
    ['POST', '/hooks/main/hook-token', { anything: true }, ['hook', 'main', 'hook-token'], 200],
    ['GET', '/metrics', undefined, undefined, 200],
    ['GET', '/-/healthy', undefined, ['healthy'], 200],
    ['GET', '/livez', undefined, ['healthy'], 200],
    ['GET', '/-/ready', undefined, ['ready'], 200],
    ['GET', '/readyz', undefined, ['ready'], 200],
    ['GET', '/api/v1/openapi.json', undefined, undefined, 200],
    ['GET', '/api/v1/config/rejected', undefined, ['rejected'], 200],
  ];

  test.each(rows)('%s %s with %j', async (method, path, body, call, expected) => {
    const { calls, on } = await plainWeb();
    const answer = await on('listen')(method, path, {
      token: tokenOf('admin'),
      ...(body === undefined ? {} : { body }),
    });
    expect(answer.status).toBe(expected);
    // What a name stands for is asked first.
    expect(calls.filter(([name]) => name !== 'taskIdOf')).toEqual(call === undefined ? [] : [call]);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.headers['x-content-type-options']).toBe('nosniff');
    expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
  });

  test('no address is left out above', () => {
    const asked = (method: string, path: string) =>
      rows.some(
        ([m, p]) => m === method && new RegExp(`^${path.replace(/\{\w+\}/g, '[^/]+')}$`).test(p.replace(/\?.*/, '')),
      );
    for (const { method, path } of routes.filter(isAnswered))
      expect(asked(method.toUpperCase(), path), `${method} ${path}`).toBe(true);
  });

  test('answers are what the operation gave, as JSON', async () => {
    const { on } = await plainWeb();
    const get = async (path: string) => (await on('socket')('GET', path)).json;
    expect(await get('/api/v1/status')).toEqual(status);
    expect(await get('/api/v1/groups')).toEqual(status.groups);
    const covers = { inForce: true, title: null, covers: { tasks: 40, stopped: 3 } };
    expect(await get('/api/v1/holds')).toEqual([{ ...JSON.parse(JSON.stringify(hold)), ...covers }]);
    expect(await get('/api/v1/tasks/task-1')).toMatchObject({ taskId: 'task-1', rules: [] });
  });

  test('metrics are the text, in the type that Prometheus asks for', async () => {
    const { on } = await plainWeb();
    const answer = await on('listen')('GET', '/metrics');
    expect(answer.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(answer.text).toContain('relaykeeper_owner{account="main"} 1\n');
  });

  test('HEAD is answered like GET, without a body', async () => {
    const { on } = await plainWeb();
    expect(await on('listen')('HEAD', '/-/healthy')).toMatchObject({ status: 200, text: '' });
  });
});

describe('who may do what', () => {
  const samples: Readonly<Record<string, Sent>> = {
    '/api/v1/holds': { body: { target: { kind: 'account' }, reason: 'x' } },
    '/api/v1/holds/{id}/extend': { body: { for: '30m' } },
  };
  const concrete = (path: string) =>
    (path === '/api/v1/holds/preview' ? `${path}?all=true` : path)
      .replace('{account}', 'main')
      .replace('{token}', 'hook-token')
      .replace('{id}', 'task-1');
  const ranks = ['nobody', 'read', 'operate', 'admin'];

  test.each(routes.filter(isAnswered).map((route) => [route.method.toUpperCase(), route.path, route.need] as const))(
    '%s %s needs %s',
    async (method, path, need) => {
      const { on, calls } = await plainWeb();
      for (const [rank, who] of ranks.entries()) {
        calls.length = 0;
        const answer = await on('listen')(method, concrete(path), {
          ...(method === 'POST' ? samples[path] : {}),
          ...(who === 'nobody' ? {} : { token: tokenOf(who) }),
        });
        const allowed = need === 'nothing' || rank >= ranks.indexOf(need);
        expect(answer.status < 300, `${who} got ${answer.status}`).toBe(allowed);
        if (!allowed) {
          expect(answer.status, who).toBe(who === 'nobody' ? 401 : 403);
          expect(answer.json).toMatchObject({ detail: expect.stringMatching(/./), hint: expect.stringMatching(/./) });
          expect(calls).toEqual([]);
        }
      }
    },
  );

  test('what the routes need is what the design says', () => {
    const need = Object.fromEntries(routes.map((route) => [`${route.method} ${route.path}`, route.need]));
    expect(need).toEqual({
      'get /metrics': 'nothing',
      'get /-/healthy': 'nothing',
      'get /livez': 'nothing',
      'get /-/ready': 'nothing',
      'get /readyz': 'nothing',
      'post /-/reload': 'admin',
      'post /hooks/{account}/{token}': 'nothing',
      'get /api/v1/status': 'read',
      'get /api/v1/tasks': 'read',
      'get /api/v1/tasks/{id}': 'read',
      'get /api/v1/events': 'read',
      'get /api/v1/events/stream': 'read',
      'get /api/v1/holds': 'read',
      'get /api/v1/holds/preview': 'read',
      'post /api/v1/holds/{id}/extend': 'operate',
      'get /api/v1/groups': 'read',
      'get /api/v1/past': 'read',
      'get /api/v1/config': 'read',
      'get /api/v1/config/rejected': 'read',
      'get /api/v1/openapi.json': 'read',
      'post /api/v1/tasks/{id}/restart': 'operate',
      'post /api/v1/tasks/{id}/release': 'operate',
      'post /api/v1/holds': 'operate',
      'delete /api/v1/holds/{id}': 'operate',
    });
  });

  test('without any token configured, reading is open and changing is not, whatever is sent', async () => {
    const { on, calls } = await openWeb({ tokens: () => [] });
    expect((await on('listen')('GET', '/api/v1/status')).status).toBe(200);
    for (const sent of [{}, { token: 'anything' }]) {
      const answer = await on('listen')('POST', '/-/reload', sent);
      expect(answer.status).toBe(403);
      expect(answer.json).toMatchObject({
        code: 'no-tokens-configured',
        detail: expect.stringContaining('no tokens are configured'),
      });
    }
    expect(calls).toEqual([['status']]);
  });

  test('on the socket no token is needed, and the client says who asks', async () => {
    const { on, calls } = await openWeb({ tokens: () => [] });
    const socket = on('socket');
    await socket('POST', '/api/v1/tasks/task-1/restart', { body: { by: 'ann@host' } });
    await socket('POST', '/api/v1/tasks/task-1/release');
    await socket('POST', '/api/v1/holds', {
      body: { target: { kind: 'account' }, reason: 'x', author: 'ann@host', for: '60s' },
    });
    await socket('DELETE', '/api/v1/holds/h1?by=ann%40host');
    expect((await socket('POST', '/-/reload')).status).toBe(200);
    expect(calls).toEqual([
      ['restart', 'task-1', { by: 'ann@host', force: false }],
      ['release', 'task-1', { by: 'socket' }],
      ['addHold', { target: { kind: 'account' }, reason: 'x', author: 'ann@host', forMs: 60_000 }],
      ['removeHold', 'h1', 'ann@host'],
      ['reload'],
    ]);
  });

  test('on listen the name of the token is the author, whatever the client says', async () => {
    const { on, calls } = await plainWeb();
    await on('listen')('POST', '/api/v1/tasks/t/release', { token: tokenOf('operate'), body: { by: 'somebody else' } });
    await on('listen')('DELETE', '/api/v1/holds/h1?by=somebody', { token: tokenOf('operate') });
    expect(calls).toEqual([
      ['release', 't', { by: 'ann' }],
      ['removeHold', 'h1', 'ann'],
    ]);
  });

  test.each([
    ['an unknown token', 'Bearer read-token-1235'],
    ['the beginning of one', 'Bearer read-token'],
    ['nothing after Bearer', 'Bearer '],
    ['another scheme', `Basic ${Buffer.from('ann:operate-token-1234').toString('base64')}`],
    ['two tokens', 'Bearer read-token-1234 admin-token-1234'],
  ])('%s is 401, and says how to come in', async (_, authorization) => {
    const { on } = await plainWeb();
    const answer = await on('listen')('GET', '/api/v1/status', { headers: { authorization } });
    expect(answer.status).toBe(401);
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer/);
    expect(answer.text).not.toContain('token-1');
  });

  test('a token file that is empty opens nothing', async () => {
    const { on } = await openWeb({ tokens: () => [{ name: 'empty', scope: 'admin', token: '' }] });
    for (const authorization of ['Bearer', 'Bearer ', '']) {
      expect((await on('listen')('POST', '/-/reload', { headers: { authorization } })).status).toBe(401);
    }
  });

  test('tokens are asked for anew with every request', async () => {
    let current = tokens;
    const { on } = await openWeb({ tokens: () => current });
    const ask = async () => (await on('listen')('GET', '/api/v1/status', { token: tokenOf('read') })).status;
    expect(await ask()).toBe(200);
    current = [{ name: 'dash', scope: 'read', token: 'rotated-token' }];
    expect(await ask()).toBe(401);
  });

  test('a page elsewhere gets no leave to read or send: no CORS, nothing changes without the header', async () => {
    const { on, calls } = await plainWeb();
    const headers = {
      origin: 'https://evil.example',
      'content-type': 'text/plain',
      'access-control-request-method': 'POST',
    };
    const preflight = await on('listen')('OPTIONS', '/api/v1/holds', { headers });
    expect(preflight.status).toBe(405);
    expect(Object.keys(preflight.headers).join()).not.toMatch(/access-control/);
    expect((await on('listen')('POST', '/-/reload', { headers, raw: '{}' })).status).toBe(401);
    expect(calls).toEqual([]);
  });
});

describe('what is wrong is answered with status, error and hint', () => {
  const target = { kind: 'account' };
  const rows: readonly (readonly [string, string, string, Sent, number, RegExp])[] = [
    ['an unknown address', 'GET', '/api/v2/status', {}, 404, /nothing at this address/],
    ['a wrong method', 'POST', '/api/v1/status', {}, 405, /POST is not possible/],
    ['an unknown name in the query', 'GET', '/api/v1/tasks?grup=vip', {}, 400, /grup/],
    ['a name twice in the query', 'GET', '/api/v1/tasks?group=a&group=b', {}, 400, /group is given twice/],
    ['a query where none is taken', 'GET', '/api/v1/status?x=1', {}, 400, /x/],
    ['an unknown state', 'GET', '/api/v1/tasks?state=dead', {}, 400, /state/],
    ['a limit over the bound', 'GET', '/api/v1/events?limit=1001', {}, 400, /limit: must be from 1 to 1000/],
    ['an unknown reason', 'GET', '/api/v1/tasks?reason=tired', {}, 400, /reason/],
    ['a page over the bound', 'GET', '/api/v1/tasks?limit=501', {}, 400, /limit: must be from 1 to 500/],
    [
      'a cursor that is none',
      'GET',
      '/api/v1/tasks?cursor=abc',
      {},
      400,
      /cursor: must be a cursor from an earlier answer/,
    ],
    ['a limit of nothing', 'GET', '/api/v1/events?limit=0', {}, 400, /limit/],
    ['a limit that is no number', 'GET', '/api/v1/events?limit=ten', {}, 400, /limit: must be a whole number/],
    ['types that are none', 'GET', '/api/v1/events?type=a;b', {}, 400, /type/],
    ['a hold without a reason', 'POST', '/api/v1/holds', { body: { target } }, 400, /reason/],
    ['a hold of nothing', 'POST', '/api/v1/holds', { body: { reason: 'x' } }, 400, /target/],
    ['a preview of nothing', 'GET', '/api/v1/holds/preview?account=main', {}, 400, /give one of `task`, `group`/],
    ['a preview of two things', 'GET', '/api/v1/holds/preview?all=true&task=t', {}, 400, /give one of `task`, `group`/],
    ['an extension of nothing', 'POST', '/api/v1/holds/h1/extend', { body: {} }, 400, /give `for` or `endsAt`/],
    [
      'a hold of a task without its id',
      'POST',
      '/api/v1/holds',
      { body: { target: { kind: 'task' }, reason: 'x' } },
      400,
      /target\.taskId/,
    ],
    [
      'a length without a unit',
      'POST',
      '/api/v1/holds',
      { body: { target, reason: 'x', for: '90' } },
      400,
      /for: must be a duration/,
    ],
    ['a length of nothing', 'POST', '/api/v1/holds', { body: { target, reason: 'x', for: '0s' } }, 400, /for/],
    [
      'a length of centuries',
      'POST',
      '/api/v1/holds',
      { body: { target, reason: 'x', for: '999999999d' } },
      400,
      /for/,
    ],
    [
      'a length given twice',
      'POST',
      '/api/v1/holds',
      { body: { target, reason: 'x', for: '1h', forMs: 5_000 } },
      400,
      /not both/,
    ],
    ['a negative length', 'POST', '/api/v1/holds', { body: { target, reason: 'x', forMs: -1 } }, 400, /forMs/],
    [
      'a reason of two lines',
      'POST',
      '/api/v1/holds',
      { body: { target, reason: 'x\ny' } },
      400,
      /reason: must be one line/,
    ],
    ['a reason without end', 'POST', '/api/v1/holds', { body: { target, reason: 'x'.repeat(501) } }, 400, /reason/],
    ['an unknown key in the body', 'POST', '/api/v1/tasks/t/restart', { body: { forse: true } }, 400, /forse/],
    ['a word where a yes or no belongs', 'POST', '/api/v1/tasks/t/restart', { body: { force: 'yes' } }, 400, /force/],
    ['a body that is no object', 'POST', '/api/v1/tasks/t/restart', { body: [] }, 400, /the body is wrong/],
    ['a body that is no JSON', 'POST', '/api/v1/tasks/t/restart', { raw: '{"force":' }, 400, /not JSON/],
    [
      'a body that is no UTF-8',
      'POST',
      '/api/v1/tasks/t/restart',
      { raw: Buffer.from([0x22, 0xff, 0x22]) },
      400,
      /not JSON/,
    ],
    [
      'a form',
      'POST',
      '/api/v1/tasks/t/restart',
      { raw: 'force=1', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      415,
      /must be JSON/,
    ],
    [
      'a body over the bound',
      'POST',
      '/api/v1/holds',
      { body: { target, reason: 'x'.repeat(17_000) } },
      413,
      /larger than 16384 bytes/,
    ],
    [
      'a body over the bound that does not say its length',
      'POST',
      '/api/v1/holds',
      { raw: ' '.repeat(17_000), headers: { 'transfer-encoding': 'chunked' } },
      413,
      /larger than 16384 bytes/,
    ],
    ['an id without end', 'POST', `/api/v1/tasks/${'t'.repeat(200)}/restart`, {}, 400, /the id is wrong/],
    ['a wrong hook', 'POST', '/hooks/main/wrong', {}, 404, /no such hook/],
  ];
  test.each(rows)('%s', async (_, method, path, sent, expected, error) => {
    const { on, calls } = await plainWeb();
    const answer = await on('socket')(method, path, sent);
    const code = expect.toBeOneOf(Object.keys(problems));
    const type = expect.stringMatching(/^urn:relaykeeper:problem:/);
    const title = expect.stringMatching(/\S/);
    const hint = expect.stringMatching(/\S/);
    expect(answer.json).toEqual({ type, title, status: expected, code, detail: expect.stringMatching(error), hint });
    expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
    expect(answer.status).toBe(expected);
    expect(calls.filter(([name]) => name !== 'hook')).toEqual([]);
  });

  test.each([
    ['not-found', 404],
    ['refused', 409],
    ['bad-request', 400],
    ['unavailable', 503],
  ] as const)('a refusal %s is %i, with its own words', async (code, expected) => {
    const refuse = async () => {
      throw new Refusal(code, ['task t1 is in flight', '任务 t1 正在重启']);
    };
    const { on, logged } = await openWeb({ fake: { restart: refuse } });
    const answer = await on('socket')('POST', '/api/v1/tasks/t1/restart');
    expect(answer.status).toBe(expected);
    expect(answer.json).toMatchObject({ code, detail: 'task t1 is in flight', hint: expect.stringMatching(/\S/) });
    expect(logged).toEqual([]);
  });

  test('a failure inside is 500 without its words, which are in the log; the next request is answered', async () => {
    let broken = true;
    const config: Operations['config'] = () => {
      if (broken) throw new Error('secret path /etc/keys');
      return {};
    };
    const { on, logged } = await openWeb({ fake: { config } });
    const answer = await on('socket')('GET', '/api/v1/config');
    expect(answer.status).toBe(500);
    expect(answer.text).not.toContain('secret');
    expect(logged).toEqual([
      {
        notice: 'request-failed',
        fields: { method: 'GET', route: '/api/v1/config', error: 'Error: secret path /etc/keys' },
        msg: 'GET /api/v1/config failed',
      },
    ]);
    broken = false;
    expect((await on('socket')('GET', '/api/v1/config')).status).toBe(200);
  });

  test("a hook's token is not logged, even when the hook fails", async () => {
    const fail = () => {
      throw new Error('boom');
    };
    const { on, logged } = await openWeb({ fake: { hook: fail } });
    expect((await on('listen')('POST', '/hooks/main/TOKEN123')).status).toBe(500);
    expect(JSON.stringify(logged)).not.toContain('TOKEN123');
    expect(logged).toHaveLength(1);
  });

  test('metrics that cannot be rendered are 500', async () => {
    const { on } = await openWeb({ renderMetrics: () => Promise.reject(new Error('no')) });
    expect((await on('listen')('GET', '/metrics')).status).toBe(500);
  });

  test('not healthy and not ready are 503 and say what to do', async () => {
    const { on } = await openWeb({ fake: { healthy: () => false, ready: () => false } });
    for (const path of ['/-/healthy', '/livez', '/-/ready', '/readyz']) {
      expect(await on('listen')('GET', path)).toMatchObject({ status: 503, text: expect.stringContaining('log') });
    }
  });
});

describe('reload', () => {
  test('a good one tells what needs a restart', async () => {
    const { on } = await openWeb({
      fake: { reload: async () => ({ ok: true, needsRestart: ['server.listen'], warnings: [] }) },
    });
    expect(await on('socket')('POST', '/-/reload')).toMatchObject({
      status: 200,
      json: { ok: true, needsRestart: ['server.listen'], warnings: [] },
    });
  });

  test('a bad one tells all errors', async () => {
    const errors = ['a.yaml:1:1: unknown key', 'a.yaml:2:5: must be a number'];
    const { on } = await openWeb({ fake: { reload: async () => ({ ok: false, errors }) } });
    const answer = await on('socket')('POST', '/-/reload');
    expect(answer.status).toBe(400);
    expect(answer.json).toMatchObject({
      ok: false,
      errors,
      code: 'bad-configuration',
      detail: errors.join('\n'),
      hint: expect.stringContaining('relaykeeper check'),
    });
  });
});

describe('openapi.json', () => {
  test('has every address with its method, parameters, body and statuses', async () => {
    const { on } = await openWeb({ externalUrl: 'https://ops.example/rk' });
    const api = (await on('socket')('GET', '/api/v1/openapi.json')).json as {
      readonly servers: unknown;
      readonly components: { readonly schemas: Readonly<Record<string, { oneOf?: readonly { const: string }[] }>> };
      readonly paths: Record<
        string,
        Record<string, { parameters: { name: string; in: string }[]; requestBody?: unknown; responses: object }>
      >;
    };
    expect(api.servers).toEqual([{ url: 'https://ops.example/rk' }]);
    const described = Object.entries(api.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    );
    expect(described.toSorted()).toEqual(routes.map(({ method, path }) => `${method} ${path}`).toSorted());
    const events = api.paths['/api/v1/events']?.get;
    expect(events?.parameters.map(({ name }) => name)).toEqual([
      'account',
      'group',
      'task',
      'type',
      'cursor',
      'since',
      'changes',
      'besides',
      'before',
      'limit',
    ]);
    const restart = api.paths['/api/v1/tasks/{id}/restart']?.post;
    expect(restart?.parameters).toMatchObject([
      { name: 'id', in: 'path', required: true, schema: { type: 'string', maxLength: 128 } },
    ]);
    expect(Object.keys(restart?.responses ?? {})).toEqual(['200', '400', '401', '403', '404', '409']);
    expect(JSON.stringify(restart?.requestBody)).toContain(
      '"force":{"description":"Also if a hold covers it","type":"boolean"}',
    );
    // Every answer in JSON has its schema, and every bound that is checked is in it.
    const plain = ['/metrics', '/-/healthy', '/livez', '/-/ready', '/readyz', streamPath, '/api/v1/openapi.json'];
    for (const [path, methods] of Object.entries(api.paths))
      for (const { responses } of Object.values(methods))
        for (const [status, answer] of Object.entries(responses) as [
          string,
          { content?: Record<string, { schema: object }> },
        ][])
          if (!plain.includes(path))
            expect(JSON.stringify(answer.content), `${path} ${status}`).toContain('#/components/schemas/');
    expect(JSON.stringify(api.paths['/api/v1/tasks/{id}'])).toContain('"maxLength":128');
    expect(api.components.schemas.Reason?.oneOf?.map((reason) => reason.const)).toEqual(reasons);
    expect(Object.keys(api.paths['/api/v1/holds']?.post?.responses ?? {})).toContain('201');
  });
});

describe('lists', () => {
  const holds = Array.from({ length: 5 }, (_, n) => ({
    ...hold,
    id: `h${n}`,
    inForce: true,
    title: null,
    covers: { tasks: 1, stopped: 0 },
  }));
  const groups = ['a', 'b', 'c'].map((name) => groupView(name));
  const stored = Array.from({ length: 7 }, (_, n) => eventView(events['task-gone'], 7 - n));
  const samples = [1, 2, 3, 4, 5].map((at) => ({
    ...{ at, down: at, restarts: 0, failures: 0, callsPerSecond: 1.5, limitPerSecond: 10, pollAgeSeconds: null },
  }));
  const fake: Partial<Operations> = {
    holds: () => holds,
    status: () => ({ ...status, groups }),
    events: async ({ before = 8, limit }) => stored.filter(({ seq }) => seq < before).slice(0, limit),
  };

  test.each([
    ['/api/v1/holds', holds],
    ['/api/v1/groups', groups],
    ['/api/v1/events', stored],
    ['/api/v1/past', samples],
  ])('%s comes whole, page by page, by the addresses that it gives', async (path, all) => {
    const { on } = await openWeb({ fake, past: { samples: () => samples } });
    const got: unknown[] = [];
    let query: string | undefined = '?limit=2';
    for (let pages = 0; query !== undefined && pages < 9; pages++) {
      const answer = await on('socket')('GET', path + query);
      expect((answer.json as unknown[]).length).toBeLessThanOrEqual(2);
      got.push(...(answer.json as unknown[]));
      query = /^<(\?[^>]*)>; rel="next"$/.exec(String(answer.headers.link))?.[1];
    }
    expect(got).toEqual(JSON.parse(JSON.stringify(all)));
  });

  test('a cursor whose hold is gone begins again; one of another list is refused', async () => {
    const { on } = await openWeb({ fake });
    const cursor = (parts: unknown) => Buffer.from(JSON.stringify(parts)).toString('base64url');
    const gone = await on('socket')('GET', `/api/v1/holds?limit=2&cursor=${cursor(['h99'])}`);
    expect(gone.json).toMatchObject([{ id: 'h0' }, { id: 'h1' }]);
    for (const parts of [[], ['a', 'b', 'c'], [5], 'h1'])
      expect((await on('socket')('GET', `/api/v1/holds?cursor=${cursor(parts)}`)).status).toBe(400);
  });
});

describe('what a client has already', () => {
  test('is not sent again, until it changes', async () => {
    let now = 1;
    const { on } = await openWeb({ fake: { status: () => ({ ...status, now }) } });
    const get = (headers: Readonly<Record<string, string>> = {}) =>
      on('listen')('GET', '/api/v1/status', { token: tokenOf('read'), headers });
    const { etag = '' } = (await get()).headers as { readonly etag?: string };
    expect(etag).toMatch(/^W\/"[\w-]+"$/);
    expect(await get({ 'if-none-match': etag })).toMatchObject({ status: 304, text: '' });
    expect(await get({ 'if-none-match': `"other", ${etag.replace('W/', '')}` })).toMatchObject({ status: 304 });
    expect((await get({ 'if-none-match': '"other"' })).status).toBe(200);
    now = 2;
    expect((await get({ 'if-none-match': etag })).status).toBe(200);
    const refused = await on('listen')('GET', '/api/v1/status', { headers: { 'if-none-match': '*' } });
    expect(refused.status).toBe(401);
  });

  test('a long answer comes compressed to who can read that, and only to him', async () => {
    const tasks = Array.from({ length: 50 }, (_, n) => taskView(`task-${n}`));
    const { on } = await openWeb({ fake: { tasks: () => ({ tasks, more: false }) } });
    const get = (accept: string) => on('socket')('GET', '/api/v1/tasks', { headers: { 'accept-encoding': accept } });
    const plain = await get('identity');
    expect(plain.headers).not.toHaveProperty('content-encoding');
    for (const accept of ['gzip', 'br, GZIP;q=0.5']) {
      const { headers, body } = await get(accept);
      expect(headers).toMatchObject({ 'content-encoding': 'gzip', vary: 'accept-encoding', etag: plain.headers.etag });
      expect(gunzipSync(body).toString()).toBe(plain.text);
    }
    expect((await get('gzip;q=0, br')).headers).not.toHaveProperty('content-encoding');
  });
});

describe('answers are what openapi.json says', () => {
  test.each([
    ['/api/v1/status', answers.StatusView],
    ['/api/v1/tasks', answers.TaskView.array()],
    ['/api/v1/tasks/task-1', answers.ExplainView],
    ['/api/v1/groups', answers.GroupView.array()],
    ['/api/v1/holds', answers.HoldView.array()],
    ['/api/v1/events', answers.EventView.array()],
    ['/api/v1/holds/preview?all=true', answers.HoldPreview],
    ['/api/v1/config/rejected', answers.RejectedConfiguration],
    ['/api/v1/nowhere', answers.Problem],
  ])('%s', async (path, schema) => {
    const fake: Partial<Operations> = {
      status: () => ({ ...status, accounts: [accountView()] }),
      events: async () => Object.values(events).map((event, seq) => eventView(event, seq)),
    };
    const { on } = await openWeb({ fake });
    const { json } = await on('socket')('GET', path);
    // Whatever the schema does not know it leaves out.
    expect(schema.parse(json)).toEqual(json);
  });
});
