/** The network as it is: addresses that do not answer, proxies, servers that ask us to stay away. */
import { spawn } from 'node:child_process';
import dns from 'node:dns';
import { createServer as createHttpServer, request as httpRequest } from 'node:http';
import { type AddressInfo, connect, createServer, isIP } from 'node:net';
import { afterEach, describe, expect, type MockInstance, test, vi } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { proxyFor } from '../../src/cloud/proxy.ts';
import { retryAfterOf } from '../../src/cloud/retry-after.ts';
import { createTransport } from '../../src/cloud/transport.ts';
import { bench, envelope, never, pageOf, rawTask, scripted, serve } from './fixtures.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const post = (origin: string, more: object = {}) => ({
  origin,
  method: 'POST' as const,
  path: '/?Action=x',
  headers: {},
  body: '{}',
  timeoutMs: 30_000,
  maxBytes: 10_000,
  ...more,
});

interface Proxy {
  readonly url: string;
  /** What it was asked for, with the credentials that came along. */
  readonly asked: string[];
}

/** A real CONNECT proxy; `refuse`: the status that it answers instead. */
async function proxy(refuse?: number): Promise<Proxy> {
  const asked: string[] = [];
  const sockets = new Set<{ destroy(): unknown }>();
  const server = createHttpServer((_request, response) => response.writeHead(405).end());
  server.on('connect', (request, socket, head) => {
    asked.push(`${request.url} ${request.headers['proxy-authorization'] ?? ''}`.trim());
    sockets.add(socket);
    socket.on('error', () => {});
    if (refuse) return void socket.end(`HTTP/1.1 ${refuse} No\r\n\r\n`);
    const [host = '', port] = (request.url ?? '').split(':');
    const there = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      there.write(head);
      there.pipe(socket).pipe(there);
    });
    sockets.add(there);
    there.on('error', () => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

async function served(answer = 'hi') {
  const server = await serve((response) => response.end(answer));
  cleanups.push(server.close);
  return server;
}

function through(url: string) {
  const made = createTransport({ clock: systemClock, connections: 2, proxyFor: proxyFor(url, {}) });
  cleanups.push(() => made.close());
  return made;
}

describe('a proxy', () => {
  test('carries calls through a tunnel that is kept, with the user and password of its address', async () => {
    const server = await served();
    const between = await proxy();
    const sent = through(between.url.replace('//', '//relay:to%2Fken%40x@'));
    for (let n = 0; n < 3; n++)
      expect(await sent.send(post(server.url), never)).toMatchObject({ kind: 'response', status: 200 });
    const basic = Buffer.from('relay:to/ken@x').toString('base64');
    expect([...new Set(between.asked)]).toEqual([`${new URL(server.url).host} Basic ${basic}`]);
    expect(between.asked.length).toBeLessThan(3);
    expect(server.requests).toHaveLength(3);
  });

  test('is not used by the metadata service’s calls', async () => {
    const server = await served();
    const between = await proxy();
    expect(await through(between.url).send(post(server.url, { direct: true }), never)).toMatchObject({ status: 200 });
    expect(between.asked).toEqual([]);
  });

  test.each([407, 403, 502])('that refuses (%i): the call provably never left', async (status) => {
    const server = await served();
    const between = await proxy(status);
    expect(await through(between.url).send(post(server.url), never)).toEqual({ kind: 'never-left', why: 'proxy' });
    expect(server.requests).toEqual([]);
  });

  test.each([
    'http://127.0.0.1:9',
    'socks5://127.0.0.1:9',
    'http://%',
    'http://a:%zz@127.0.0.1:9',
    'http://%C3:%A9@127.0.0.1:9',
  ])('that is not there, or has no address (%s): the same, and the address is not reported', async (address) => {
    const server = await served();
    expect(await through(address).send(post(server.url), never)).toEqual({ kind: 'never-left', why: 'proxy' });
  });

  test('that says nothing: the deadline of the call rules', async () => {
    const silent = createServer(() => {}).listen(0, '127.0.0.1');
    await new Promise((resolve) => silent.once('listening', resolve));
    cleanups.push(() => silent.close());
    const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const began = performance.now();
    const outcome = await through(url).send(post('http://127.0.0.1:1', { timeoutMs: 300 }), never);
    expect(outcome).toEqual({ kind: 'never-left', why: 'timeout' });
    // The pool's own patience is 10 s.
    expect(performance.now() - began).toBeLessThan(9_000);
  });

  test('is a plain CONNECT: nothing else reaches it', async () => {
    const between = await proxy();
    await new Promise((resolve) => httpRequest(between.url, resolve).end());
    expect(between.asked).toEqual([]);
  });
});

/**
 * A server that takes no connection for most of a second: while its queue is full the kernel drops what knocks, and
 * who knocks again after a second is let in. So far away is an endpoint on the other side of the world on a bad day.
 */
const slowToAccept = `
  const server = require('net').createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', () => socket.end('HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\nhi'));
  });
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
    process.stdout.write(server.address().port + '\\n');
    process.stdin.once('data', () => {
      process.stdout.write('blocked\\n');
      setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 900));
    });
  });`;

test('a connection has seconds, also where a name has two addresses and only one is served', async () => {
  // As where there is a AAAA record and no way there.
  const addresses = ['127.0.0.1', 'fd00::1'].map((address) => ({ address, family: isIP(address) }));
  const looked = vi.spyOn(dns, 'lookup') as unknown as MockInstance<(...args: unknown[]) => void>;
  looked.mockImplementation((...args) => (args.at(-1) as (...found: unknown[]) => void)(null, addresses));
  cleanups.push(() => looked.mockRestore());
  const child = spawn(process.execPath, ['-e', slowToAccept], { stdio: ['pipe', 'pipe', 'inherit'] });
  cleanups.push(() => child.kill());
  const said = () => new Promise<string>((resolve) => child.stdout.once('data', (text) => resolve(String(text))));
  const port = Number(await said());
  child.stdin.write('now\n');
  await said();
  await systemClock.sleep(50);
  const fillers = Array.from({ length: 4 }, () => connect(port, '127.0.0.1').on('error', () => {}));
  cleanups.push(() => fillers.map((filler) => filler.destroy()));
  await systemClock.sleep(50);
  const sent = createTransport({ clock: systemClock, connections: 1, requestTimeoutMs: 10_000 });
  cleanups.push(() => sent.close());
  const outcome = await sent.send(post(`http://far.example.com:${port}`, { timeoutMs: 10_000 }), never);
  expect(outcome).toMatchObject({ kind: 'response', body: Buffer.from('hi') });
});

describe('which proxy', () => {
  const env = {
    HTTPS_PROXY: 'http://upper:3128',
    https_proxy: 'http://lower:3128',
    HTTP_PROXY: 'http://clear:3128',
    NO_PROXY: '.internal.example.com, 10.0.0.1 open.byteplusapi.com:443,[::1]:8080',
  };
  const chosen = (origin: string, configured?: string, around: Record<string, string | undefined> = env) => {
    const choice = proxyFor(configured, around)(origin);
    return choice instanceof URL ? choice.host : choice;
  };
  test.each([
    ['https: lower case first', 'https://live.volcengineapi.com', 'lower:3128'],
    ['http', 'http://example.com', 'clear:3128'],
    ['a subdomain of an excepted one', 'https://a.internal.example.com', undefined],
    ['the excepted one itself', 'https://internal.example.com', undefined],
    ['one that only ends like it', 'https://notinternal.example.com', 'lower:3128'],
    ['an excepted address', 'http://10.0.0.1:8080', undefined],
    ['an excepted port', 'https://open.byteplusapi.com', undefined],
    ['another port', 'https://open.byteplusapi.com:8443', 'lower:3128'],
    ['IPv6 with its port', 'http://[::1]:8080', undefined],
    ['IPv6 with another', 'http://[::1]:81', 'clear:3128'],
  ])('%s', (_what, origin, expected) => expect(chosen(origin)).toBe(expected));

  test('the account’s own comes before the environment, and `none` means none', () => {
    expect(chosen('https://a.internal.example.com', 'http://own:1')).toBe('own:1');
    expect(chosen('https://x.example.com', 'none')).toBeUndefined();
  });
  test('`*` excepts everything; no environment or an empty one, no proxy; without a scheme it is http', () => {
    expect(chosen('https://x.example.com', undefined, { ...env, no_proxy: '*' })).toBeUndefined();
    expect(chosen('https://x.example.com', undefined, {})).toBeUndefined();
    expect(chosen('https://x.example.com', undefined, { HTTPS_PROXY: 'squid:3128' })).toBe('squid:3128');
    // As `HTTPS_PROXY: ${HTTPS_PROXY}` of a compose file leaves it where nobody set it.
    for (const env of [{ HTTPS_PROXY: '' }, { https_proxy: '' }, { HTTPS_PROXY: '', https_proxy: '', NO_PROXY: '' }])
      expect(chosen('https://x.example.com', undefined, env)).toBeUndefined();
    expect(chosen('http://x.example.com', undefined, { HTTP_PROXY: '' })).toBeUndefined();
    expect(chosen('https://x.example.com', undefined, { HTTPS_PROXY: 'socks5://squid:1' })).toBe('unusable');
  });
});

describe('Retry-After', () => {
  const now = Date.UTC(2026, 0, 5);
  const said = (retryAfter: string, status = 429, date?: string) =>
    retryAfterOf({ kind: 'response', status, date, retryAfter, body: Buffer.alloc(0) }, now);
  test.each([
    ['30', 30_000],
    [' 7 ', 7_000],
    ['0', undefined],
    ['-5', undefined],
    ['1.5', undefined],
    ['soon', undefined],
    ['', undefined],
    ['999999999999999999999999', 60_000],
    ['3600', 60_000],
    ['Mon, 05 Jan 2026 00:00:20 GMT', 20_000],
    ['Mon, 05 Jan 2026 00:20:20 GMT', 60_000],
    ['Sun, 04 Jan 2026 00:00:00 GMT', undefined],
  ])('%j', (text, expected) => expect(said(text)).toBe(expected));
  test('a date is as far off as the answer’s own Date says', () =>
    expect(said('Mon, 05 Jan 2026 09:00:05 GMT', 503, 'Mon, 05 Jan 2026 09:00:00 GMT')).toBe(5_000));
  test('of another status it is not looked at', () => expect(said('30', 500)).toBeUndefined());

  const away = (status: number, code: string, retryAfter = '17') => ({
    kind: 'response',
    status,
    date: new Date().toUTCString(),
    retryAfter,
    body: Buffer.from(JSON.stringify(envelope(undefined, { Code: code }))),
  });

  test('a read that is sent again waits for it, and so does the next poll after a throttled one', async () => {
    let answers = 0;
    const transport = scripted((_action, body) =>
      ++answers === 1 ? away(503, 'ServiceUnavailableTemp') : pageOf([rawTask('t')], body),
    );
    const { cloud, clock } = bench(transport);
    expect(await cloud.observe(never)).toMatchObject({ kind: 'complete' });
    expect(clock.slept.some((ms) => ms > 16_000 && ms <= 17_000)).toBe(true);

    answers = 0;
    const throttling = bench(
      scripted((_action, body) => (++answers === 1 ? away(429, 'FlowLimitExceeded') : pageOf([rawTask('t')], body))),
    );
    expect(await throttling.cloud.observe(never)).toMatchObject({ kind: 'failed', failure: { class: 'throttled' } });
    expect(throttling.clock.slept).toEqual([]);
    expect(await throttling.cloud.observe(never)).toMatchObject({ kind: 'complete' });
    expect(throttling.clock.slept.some((ms) => ms > 16_000 && ms <= 17_000)).toBe(true);
  });

  test.each(['ServiceUnavailableTemp', 'InternalError', ''])(
    'of one cloud group (503 "%s") is that group’s: no poll waits for it, and it is not asked before',
    async (code) => {
      const asked: string[] = [];
      const transport = scripted((_action, body) => {
        const names = (body as { GroupNames?: readonly string[] }).GroupNames ?? [];
        asked.push(names.join());
        return names.includes('gone') ? away(503, code) : pageOf([rawTask('t')], body);
      });
      const { cloud, clock } = bench(transport, { cloudGroups: ['vip', 'gone'] });
      for (let poll = 0; poll < 4; poll++)
        expect(await cloud.observe(never)).toMatchObject({ kind: 'complete', failedCloudGroups: ['gone'] });
      expect(asked).toEqual(['vip,gone', 'vip', 'gone', 'vip', 'gone', 'vip', 'vip']);
      expect(clock.slept.filter((ms) => ms > 1_000)).toEqual([]);
    },
  );

  test('of every cloud group is the account’s: the next poll waits for it', async () => {
    let ill = true;
    const transport = scripted((_action, body) =>
      ill ? away(503, 'ServiceUnavailableTemp') : pageOf([rawTask('t')], body),
    );
    const { cloud, clock } = bench(transport, { cloudGroups: ['vip', 'gone'] });
    expect(await cloud.observe(never)).toMatchObject({ kind: 'failed' });
    ill = false;
    clock.slept.length = 0;
    expect(await cloud.observe(never)).toMatchObject({ kind: 'complete' });
    expect(clock.slept.some((ms) => ms > 16_000 && ms <= 17_000)).toBe(true);
  });

  test('a restart’s answer tells it, throttled or unanswered', async () => {
    for (const [status, code, kind] of [
      [429, 'FlowLimitExceeded', 'throttled'],
      [503, 'ServiceUnavailableTemp', 'unanswered'],
    ] as const) {
      const { restart, clock } = bench(scripted(() => away(status, code, '3600')));
      expect(await restart()).toMatchObject({ kind, failure: { retryAfterMs: 60_000 } });
      // A restart of ours does not wait in the client: the rules decide when the next one goes.
      expect(clock.slept).toEqual([]);
    }
  });
});
