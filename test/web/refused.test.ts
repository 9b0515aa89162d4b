/** Who is not answered as asked: counted, logged, and by which names a browser may come. */
import { describe, expect, test } from 'vitest';
import type { Count } from '../../src/web/between-threads.ts';
import { openWeb, tokens } from './fixture.ts';

function counting() {
  const counts = new Map<string, number>();
  const onCount = ({ handler, code, requests }: Count) => {
    const key = `${handler} ${code}`;
    counts.set(key, (counts.get(key) ?? 0) + requests);
  };
  return { counts, onCount };
}

describe('counts', () => {
  test('every answer counts under its route and status, before the next request is answered', async () => {
    const { counts, onCount } = counting();
    const { on } = await openWeb({ onCount });
    const listen = on('listen');
    expect(counts.get('/api/v1/tasks/{id}/restart 409')).toBe(0);
    await Promise.all([1, 2, 3].map(() => listen('GET', '/metrics')));
    await listen('GET', '/api/v1/status');
    await listen('POST', '/-/reload', { token: 'read-token-1234' });
    await listen('POST', '/hooks/main/guessed');
    await listen('GET', '/wp-login.php');
    await listen('GET', '/-/healthy', { headers: { 'x-long': 'x'.repeat(20_000) } });
    await on('socket')('GET', '/-/healthy');
    const more = [...counts].filter(([, requests]) => requests > 0);
    expect(Object.fromEntries(more)).toEqual({
      '/metrics 200': 3,
      '/api/v1/status 401': 1,
      '/-/reload 403': 1,
      '/hooks/{account}/{token} 404': 1,
      'none 404': 1,
      'none 431': 1,
    });
  });
});

describe('the log', () => {
  test('tells of a flood of refused requests at most once a second, with who and where and without what was sent', async () => {
    const { on, logged } = await openWeb();
    const listen = on('listen');
    const began = performance.now();
    for (let n = 0; n < 10; n++) await listen('POST', `/hooks/main/guess-${n}`);
    for (let n = 0; n < 10; n++) await listen('GET', '/api/v1/status', { token: `guess-${n}` });
    const refused = logged.filter(({ notice }) => notice === 'request-denied');
    expect(refused[0]).toEqual({
      notice: 'request-denied',
      fields: { method: 'POST', route: '/hooks/{account}/{token}', status: '404', from: '127.0.0.1' },
      msg: 'POST /hooks/{account}/{token} from 127.0.0.1 was refused (404).',
    });
    expect(refused.length).toBeLessThanOrEqual(1 + (performance.now() - began) / 1_000);
    expect(JSON.stringify(logged)).not.toContain('guess');
    await new Promise((resolve) => setTimeout(resolve, 1_050));
    await listen('GET', '/api/v1/status');
    expect(logged.at(-1)?.msg).toMatch(/from 127\.0\.0\.1 was refused \(401\)/);
    const more = logged.map(({ msg }) => Number(/; (\d+) more were refused since/.exec(msg)?.[1] ?? 0));
    expect(logged.length + more.reduce((sum, one) => sum + one, 0)).toBe(21);
  });

  test('says nothing of addresses that are not there, and of what is wrong in a request', async () => {
    const { on, logged } = await openWeb();
    await on('listen')('GET', '/robots.txt');
    await on('socket')('GET', '/api/v1/tasks?state=dead');
    expect(logged).toEqual([]);
  });
});

describe('the Host header', () => {
  const externalUrl = 'https://Ops.Example/rk';
  const rows: readonly (readonly [string, 200 | 403])[] = [
    ['localhost', 200],
    ['LOCALHOST:9847', 200],
    ['rk.localhost', 200],
    ['127.0.0.1:9847', 200],
    ['127.9.9.9', 200],
    ['[::1]:9847', 200],
    ['ops.example', 200],
    ['ops.example:443', 200],
    ['evil.example', 403],
    ['localhost.evil.example', 403],
    ['evil-localhost', 403],
    ['127.0.0.1.evil.example', 403],
    ['ops.example.evil.example', 403],
    ['10.0.0.5:9847', 200],
    ['[fd00::5]:9847', 200],
    ['10.0.0.5.evil.example', 403],
    ['10.0.0.5evil', 403],
    ['fd00--5.evil.example', 403],
    ['user@localhost@evil.example', 403],
    [' ', 403],
  ];
  test('where there are no tokens, must name this machine or externalUrl', async () => {
    const { on } = await openWeb({ tokens: () => [], externalUrl });
    const asked = rows.map(([host]) => on('listen')('GET', '/api/v1/status', { headers: { host } }));
    const answers = await Promise.all(asked);
    expect(rows.map(([host], n) => [host, answers[n]?.status])).toEqual(rows);
    expect(answers.at(-1)?.json).toMatchObject({
      detail: expect.stringContaining('loopback names'),
      hint: expect.stringContaining('server.externalUrl'),
    });
  });

  test('may be any for what is open to everybody: monitoring has names of its own for us', async () => {
    const { on } = await openWeb({ tokens: () => [] });
    for (const path of ['/metrics', '/-/healthy', '/-/ready'])
      expect((await on('listen')('GET', path, { headers: { host: 'relaykeeper:9847' } })).status).toBe(200);
  });

  test('may be any where a token says who asks, and on the socket', async () => {
    const { on } = await openWeb();
    const headers = { host: 'relaykeeper.prod.example' };
    expect((await on('listen')('GET', '/api/v1/status', { headers, token: tokens[0]?.token ?? '' })).status).toBe(200);
    const open = await openWeb({ tokens: () => [] });
    expect((await open.on('socket')('GET', '/api/v1/status', { headers })).status).toBe(200);
  });
});

describe('what people write', () => {
  const rows: readonly (readonly [string, string, string])[] = [
    ['a line separator', 'a\u2028b\u2029c', 'a[U+2028]b[U+2029]c'],
    ['marks that turn the direction', '\u202egnp.exe\u202c \u2066x\u2069', '[U+202E]gnp.exe[U+202C] [U+2066]x[U+2069]'],
    ['half a character', 'a\ud83db', 'a[U+D83D]b'],
    ['what cannot be seen', 'a\u200bb\ufeff', 'a[U+200B]b[U+FEFF]'],
    ['other scripts and joined signs', '决赛 مباراة 👨‍👩‍👧', '决赛 مباراة 👨‍👩‍👧'],
  ];
  test.each(rows)('%s is made visible in reason and name', async (_, written, shown) => {
    const { on, calls } = await openWeb();
    const body = { target: { kind: 'account' }, reason: written, author: written };
    expect((await on('socket')('POST', '/api/v1/holds', { body })).status).toBe(201);
    expect(calls).toEqual([['addHold', { target: { kind: 'account' }, author: shown, reason: shown }]]);
  });
});
