import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { get as getTls } from 'node:https';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Operations } from '../../src/domain/ports/operations-port.ts';
import type * as UserFiles from '../../src/user-files.ts';
import { WebProblem } from '../../src/web/problem.ts';
import { emptyFolder, openWeb, status } from './fixture.ts';

/** As of a disk that says what a file is, and fails when it is read. */
const disk = vi.hoisted(() => ({ fails: false }));
vi.mock('../../src/user-files.ts', async (original) => {
  const files = await original<typeof UserFiles>();
  const failed = () => Promise.reject(Object.assign(new Error('input/output error'), { code: 'EIO' }));
  return {
    ...files,
    readUserFile: (...asked: [string, number]) => (disk.fails ? failed() : files.readUserFile(...asked)),
  };
});

const problemOf = (opening: Promise<unknown>): Promise<string> =>
  opening.then(
    () => 'it opened',
    (error: unknown) => {
      if (error instanceof WebProblem) return error.message;
      throw error;
    },
  );

/** Sends raw bytes and gives back all that comes until the other end closes. */
const rawly = (url: string, ...parts: readonly string[]): Promise<string> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const connection = connect(Number(port), hostname);
    let answer = '';
    connection.on('data', (chunk) => {
      answer += chunk.toString();
    });
    connection.on('error', reject);
    connection.on('close', () => resolve(answer));
    for (const part of parts) connection.write(part);
  });

describe('the unix socket', () => {
  test('is made with its directory, for its owner only', async () => {
    const socket = join(emptyFolder(), 'new', 'deep', 'rk.sock');
    const { on } = await openWeb({ socket });
    expect(statSync(socket).mode & 0o777).toBe(0o600);
    expect(statSync(join(socket, '..')).mode & 0o077).toBe(0);
    expect((await on('socket')('GET', '/-/healthy')).status).toBe(200);
  });

  test('is gone after close, and so is the port', async () => {
    const { web, close } = await openWeb();
    await close(1_000);
    expect(existsSync(web.socket ?? '')).toBe(false);
    await expect(rawly(web.url, 'GET / HTTP/1.1\r\n\r\n')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('left by a process that was killed, it is replaced', async () => {
    const socket = join(emptyFolder(), 'rk.sock');
    const program = `require('net').createServer().listen(${JSON.stringify(socket)}, () => console.log('up'))`;
    const other = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise((resolve) => other.stdout.once('data', resolve));
    const dead = new Promise((resolve) => other.once('exit', resolve));
    other.kill('SIGKILL');
    await dead;
    expect(existsSync(socket)).toBe(true);
    const { on } = await openWeb({ socket });
    expect((await on('socket')('GET', '/-/healthy')).status).toBe(200);
  });

  test('of a process that lives, it is left alone, and the port is free again', async () => {
    const first = await openWeb();
    const { port } = new URL((await openWeb({ socket: undefined })).web.url);
    const message = await problemOf(openWeb({ socket: first.web.socket }));
    expect(message).toBe(
      `server.socket: another process answers on ${first.web.socket}: stop it first, or give this one a path of its own`,
    );
    expect((await first.on('socket')('GET', '/-/healthy')).status).toBe(200);
    expect(Number(port)).toBeGreaterThan(0);
  });

  test('a file that is no socket is not removed', async () => {
    const socket = join(emptyFolder(), 'precious');
    writeFileSync(socket, 'data');
    expect(await problemOf(openWeb({ socket }))).toContain('exists and is not a socket');
    expect(existsSync(socket)).toBe(true);
  });

  test('a directory that is a file is reported', async () => {
    const folder = emptyFolder();
    writeFileSync(join(folder, 'file'), '');
    expect(await problemOf(openWeb({ socket: join(folder, 'file', 'rk.sock') }))).toMatch(
      /^server\.socket: cannot make .*not a directory/,
    );
  });

  test('a directory that cannot be made is reported at once: where the system has nothing of that name, and behind a link', async () => {
    const folder = emptyFolder();
    symlinkSync(join(folder, 'nothing'), join(folder, 'to-nothing'));
    symlinkSync(join(folder, 'circle'), join(folder, 'circle'));
    for (const impossible of ['/proc/nothing', `${folder}/to-nothing`, `${folder}/to-nothing/deep`, `${folder}/circle`])
      expect(await problemOf(openWeb({ socket: join(impossible, 'rk.sock') }))).toMatch(
        /^server\.socket: cannot make /,
      );
  });

  test.skipIf(process.getuid?.() === 0)('a directory that may not be written is reported', async () => {
    const folder = join(emptyFolder(), 'closed');
    mkdirSync(folder);
    chmodSync(folder, 0o500);
    expect(await problemOf(openWeb({ socket: join(folder, 'rk.sock') }))).toMatch(/EACCES.*may not write there/);
  });

  test('after a problem with the socket nothing is left listening', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as { port: number };
    await new Promise((resolve) => taken.close(resolve));
    const socket = join(emptyFolder(), 'precious');
    writeFileSync(socket, '');
    const listen = { host: '127.0.0.1', port };
    await problemOf(openWeb({ listen, socket }));
    await expect(rawly(`http://127.0.0.1:${port}`, '')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});

describe('listen', () => {
  test('a port that is taken is one clear line', async () => {
    const { web } = await openWeb();
    const port = Number(new URL(web.url).port);
    const message = await problemOf(openWeb({ listen: { host: '127.0.0.1', port } }));
    expect(message).toBe(
      `server.listen: cannot listen on 127.0.0.1:${port}: the port is taken; see by whom with: ss -ltnp 'sport = :${port}'`,
    );
  });

  test('an address that is not of this machine is reported', async () => {
    expect(await problemOf(openWeb({ listen: { host: '192.0.2.1', port: 0 } }))).toContain(
      'this machine has no address 192.0.2.1',
    );
  });

  test('on every interface, the url is one that can be opened here', async () => {
    const { web, on } = await openWeb({ listen: { host: '0.0.0.0', port: 0 } });
    expect(web.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect((await on('listen')('GET', '/-/healthy')).status).toBe(200);
  });

  test('the Host header is irrelevant: another one, or none', async () => {
    const { web } = await openWeb();
    const answers = await Promise.all([
      rawly(web.url, 'GET /-/healthy HTTP/1.1\r\nHost: elsewhere.example\r\nConnection: close\r\n\r\n'),
      rawly(web.url, 'GET /-/healthy HTTP/1.0\r\n\r\n'),
    ]);
    for (const answer of answers) expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  });
});

const makePair = (folder: string, name: string) => {
  const files = { certFile: join(folder, 'cert.pem'), keyFile: join(folder, 'key.pem') };
  const subject = ['-subj', `/CN=${name}`, '-days', '2', '-keyout', files.keyFile, '-out', files.certFile];
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', ...subject],
    {
      stdio: 'ignore',
    },
  );
  return files;
};
const subjectOf = (url: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const call = getTls(`${url}/api/v1/status`, { rejectUnauthorized: false, agent: false }, (response) => {
      const socket = response.socket as unknown as { getPeerCertificate(): { subject: { CN: string } } };
      const name = socket.getPeerCertificate().subject.CN;
      response.resume().on('end', () => resolve(`${response.statusCode} ${name}`));
    });
    call.on('error', reject);
  });

describe('slow and odd clients', () => {
  const limits = { headersMs: 400, requestMs: 600, checkEveryMs: 50 };

  test('headers that do not end are cut', async () => {
    const { web } = await openWeb({ limits: { ...limits, requestMs: 60_000 } });
    await rawly(web.url, 'GET /-/healthy HTTP/1.1\r\nHost: x\r\nX-A: ');
  });

  test('a connection that says nothing is cut', async () => {
    const { web } = await openWeb({ limits: { ...limits, requestMs: 60_000 } });
    await rawly(web.url);
  });

  test('a body that does not end is cut, and others are answered meanwhile', async () => {
    const { web, on, calls } = await openWeb({ limits });
    const head = 'POST /api/v1/holds HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n';
    const dripping = rawly(web.url, `${head}Authorization: Bearer operate-token-1234\r\n\r\n`, '{');
    expect((await on('listen')('GET', '/-/healthy')).status).toBe(200);
    await dripping;
    expect(calls.map(([name]) => name)).toEqual(['healthy']);
  });

  test('headers over the bound are 431', async () => {
    const { on } = await openWeb();
    const answer = await on('listen')('GET', '/-/healthy', { headers: { 'x-long': 'x'.repeat(20_000) } });
    expect(answer.status).toBe(431);
  });

  test('nonsense is 400 and does no harm', async () => {
    const { web, on } = await openWeb();
    expect(await rawly(web.url, 'NONSENSE\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
    expect(await rawly(web.url, 'GET /%ff%fe?%=%ff HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')).toMatch(
      /^HTTP\/1\.1 4/,
    );
    expect((await on('listen')('GET', '/-/healthy')).status).toBe(200);
  });

  /** Resolves with what came when the other end closes; `send` goes as it connects. */
  const guest = (url: string, send = '') => {
    const { hostname, port } = new URL(url);
    const connection = connect(Number(port), hostname);
    onTestFinished(() => void connection.destroy());
    let answer = '';
    connection.on('data', (chunk) => {
      answer += chunk.toString();
    });
    connection.on('error', () => {});
    connection.write(send);
    const closed = new Promise<string>((resolve) => connection.on('close', () => resolve(answer)));
    return { connection, closed, connected: new Promise((resolve) => connection.once('connect', resolve)) };
  };

  test('when the door is full, who did least for longest gives way, and the newcomer is answered', async () => {
    const { web, on } = await openWeb({ limits: { connections: 3 } });
    const first = guest(web.url);
    await first.connected;
    const others = [guest(web.url, 'GET /-/hea'), guest(web.url)];
    await Promise.all(others.map(({ connected }) => connected));
    expect((await on('listen')('GET', '/-/healthy')).status).toBe(200);
    expect(await first.closed).toBe('');
    expect(others.map(({ connection }) => connection.destroyed)).toEqual([false, false]);
  });

  test('one address fills its own share only; whose request is in work stays', async () => {
    let letGo = () => {};
    const waiting = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const fake: Partial<Operations> = {
      reload: () => waiting.then(() => ({ ok: true, needsRestart: [], warnings: [] })),
    };
    const { web, on, calls } = await openWeb({ fake, limits: { connectionsOfAddress: 2 } });
    const reload = on('listen')('POST', '/-/reload', { token: 'admin-token-1234' });
    await expect.poll(() => calls.length).toBe(1);
    const idle = guest(web.url);
    await idle.connected;
    expect((await on('listen')('GET', '/-/healthy')).status).toBe(200);
    await idle.closed;
    letGo();
    expect((await reload).status).toBe(200);
  });

  test('requests sent ahead are answered in order up to the bound, then the connection ends', async () => {
    const { web, calls } = await openWeb({ tokens: () => [], limits: { pipelined: 3 } });
    const asked = ['status', 'holds', 'groups', 'config', 'status'].map((path) => `GET /api/v1/${path} HTTP/1.1`);
    const answer = await rawly(web.url, asked.map((line) => `${line}\r\nHost: localhost\r\n\r\n`).join(''));
    expect(answer.match(/HTTP\/1\.1 200/g)).toHaveLength(3);
    expect(answer.match(/connection: close/gi)).toHaveLength(1);
    expect(calls.map(([name]) => name)).toEqual(['status', 'holds', 'status']);
  });

  const large = 'x'.repeat(8_000_000);

  test('answers that nobody reads are asked for once, and cut when their time is over', async () => {
    let renders = 0;
    const renderMetrics = async () => {
      renders++;
      return large;
    };
    const { web, on } = await openWeb({ renderMetrics, limits: { readWithinSeconds: 1 } });
    const head = 'GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n';
    const reader = guest(web.url, head.repeat(8));
    reader.connection.pause();
    await expect.poll(() => renders).toBe(1);
    expect((await on('listen')('GET', '/-/healthy')).status).toBe(200);
    await expect
      .poll(() => new Promise((resolve) => reader.connection.write('x', (error) => resolve(error !== undefined))))
      .toBe(true);
    expect(renders).toBe(1);
  });

  test('what scrapes got takes no memory once they have it, whoever shared it', async () => {
    const limits = { unreadBytes: 5 * large.length };
    const { web } = await openWeb({ renderMetrics: () => sleep(50).then(() => large), limits });
    const before = process.memoryUsage().arrayBuffers;
    const buffer = Buffer.alloc(64 * 1024);
    /** Its own memory is the same for each piece. */
    const scrape = () =>
      new Promise<number>((resolve) => {
        let length = 0;
        const callback = (bytes: number) => {
          length += bytes;
          return true;
        };
        connect({ port: Number(new URL(web.url).port), host: '127.0.0.1', onread: { buffer, callback } })
          .on('close', () => resolve(length))
          .write('GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
      });
    const lengths = [await scrape(), ...(await Promise.all([scrape(), scrape(), scrape()])), await scrape()];
    for (const length of lengths) expect(length).toBeGreaterThan(large.length);
    await expect.poll(() => process.memoryUsage().arrayBuffers - before).toBeLessThan(large.length);
  });

  test('many connections that send as many requests ahead as fit are parsed up to the bound each: the doors stay open', async () => {
    const { web, on, logged } = await openWeb({ renderMetrics: () => sleep(100).then(() => '# none\n') });
    const ahead = 'GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(1_700);
    const crowd = Array.from({ length: 100 }, () => guest(web.url));
    await Promise.all(crowd.map(({ connected }) => connected));
    for (const { connection } of crowd) connection.write(ahead);
    await Promise.all(crowd.map(({ closed }) => closed));
    expect((await on('listen')('GET', '/-/healthy')).status).toBe(200);
    expect(logged).toEqual([]);
  });

  test('who reads a byte now and then is cut like who reads nothing', async () => {
    const { web } = await openWeb({ renderMetrics: async () => large, limits: { readWithinSeconds: 1 } });
    const reader = guest(web.url, 'GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n');
    reader.connection.pause();
    const reading = setInterval(() => reader.connection.read(1), 100);
    onTestFinished(() => clearInterval(reading));
    await expect
      .poll(() => new Promise((resolve) => reader.connection.write('x', (error) => resolve(error !== undefined))))
      .toBe(true);
  });

  test('when too much waits to be read, the readers of the oldest go', async () => {
    const { web, on } = await openWeb({ renderMetrics: async () => large, limits: { unreadBytes: 1_000_000 } });
    const slow = guest(web.url, 'GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await new Promise((resolve) => slow.connection.once('data', resolve));
    slow.connection.pause();
    expect((await on('listen')('GET', '/metrics')).text).toHaveLength(large.length);
    slow.connection.resume();
    expect((await slow.closed).length).toBeLessThan(large.length);
  });

  test('what many ask alike at once is done twice: for the first, and for all who came meanwhile', async () => {
    let renders = 0;
    const firstIsDone = Promise.withResolvers<void>();
    const renderMetrics = async () => {
      const render = ++renders;
      if (render === 1) await firstIsDone.promise;
      return `${render}`;
    };
    const { on } = await openWeb({ renderMetrics });
    const first = on('listen')('GET', '/metrics');
    await expect.poll(() => renders).toBe(1);
    const doors = ['listen', 'socket'] as const;
    const asked = doors.flatMap((door) => Array.from({ length: 15 }, () => on(door)('GET', '/metrics')));
    // Who came before them has come by now.
    for (const door of doors) expect((await on(door)('GET', '/-/healthy')).status).toBe(200);
    await sleep(300);
    firstIsDone.resolve();
    const others = await Promise.all(asked);
    expect((await first).text).toBe('1');
    expect(others.map(({ text }) => text)).toEqual(others.map(() => '2'));
  });

  test('beyond what may be in work at once, 503 says when to come again; health is answered all the same', async () => {
    let letGo = () => {};
    const waiting = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const fake: Partial<Operations> = { explain: () => waiting.then(() => Promise.reject(new Error('late'))) };
    const { on, calls } = await openWeb({ fake, tokens: () => [], limits: { askedOfAddress: 2 } });
    const stuck = [1, 2].map((n) => on('listen')('GET', `/api/v1/tasks/task-${n}`));
    await expect.poll(() => calls.length).toBe(2);
    const busy = await on('listen')('GET', '/api/v1/tasks/task-3');
    expect(busy).toMatchObject({
      status: 503,
      headers: { 'retry-after': '1' },
      json: { code: 'busy', detail: expect.any(String) },
    });
    expect((await on('listen')('GET', '/-/healthy')).status).toBe(200);
    expect((await on('socket')('GET', '/api/v1/status')).status).toBe(200);
    letGo();
    await Promise.all(stuck);
  });

  test('TLS handshakes that do not end are cut, and others are answered meanwhile', async () => {
    const { web } = await openWeb({ tls: makePair(emptyFolder(), 'x'), limits });
    const silent = guest(web.url);
    await silent.connected;
    expect(await subjectOf(web.url)).toMatch(/ x$/);
    await silent.closed;
  });
});

describe('the end', () => {
  /** A web whose reload waits until it is let go. */
  const openSlow = async () => {
    let letGo = () => {};
    const waiting = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    let entered = () => {};
    const asked = new Promise<void>((resolve) => {
      entered = resolve;
    });
    const opened = await openWeb({
      fake: {
        async reload() {
          entered();
          await waiting;
          return { ok: true, needsRestart: [], warnings: [] };
        },
      },
    });
    return { ...opened, letGo, asked };
  };

  test('answers under way are finished, then connections are closed at once, kept-alive ones too', async () => {
    const { web, close, letGo, asked } = await openSlow();
    const agent = new Agent({ keepAlive: true });
    onTestFinished(() => agent.destroy());
    const ask = (method: string, path: string, headers = {}) =>
      new Promise<number | undefined>((resolve, reject) => {
        const call = request(`${web.url}${path}`, { agent, method, headers }, (response) =>
          response.resume().on('end', () => resolve(response.statusCode)),
        );
        call.on('error', reject).end();
      });
    await Promise.all([ask('GET', '/-/healthy'), ask('GET', '/-/ready')]);
    const reload = ask('POST', '/-/reload', { authorization: 'Bearer admin-token-1234' });
    await asked;
    // Not at the deadline, which is long after the test's own.
    const closing = close(3_600_000);
    letGo();
    expect(await reload).toBe(200);
    await closing;
  });

  test('what does not finish within the deadline is cut', async () => {
    const { close, on, letGo, asked } = await openSlow();
    const reload = on('socket')('POST', '/-/reload').catch((error: Error) => error);
    await asked;
    await close(50);
    expect(await reload).toBeInstanceOf(Error);
    letGo();
  });
});

describe('TLS', () => {
  test('is served, follows a renewed certificate, and keeps the old one when the new is broken', async () => {
    const folder = emptyFolder();
    const tls = makePair(folder, 'first');
    const { web, logged } = await openWeb({ tls, tokens: () => [], limits: { tlsCheckEveryMs: 20 } });
    expect(web.url).toMatch(/^https:/);
    expect(await subjectOf(web.url)).toBe('200 first');
    await sleep(60);
    writeFileSync(tls.certFile, 'broken');
    await expect.poll(() => logged.map(({ notice }) => notice)).toContain('tls-rejected');
    expect(await subjectOf(web.url)).toBe('200 first');
    makePair(folder, 'second');
    await expect.poll(() => subjectOf(web.url)).toBe('200 second');
    expect(JSON.stringify(logged)).not.toContain('PRIVATE');
  });

  test('one that cannot be read when it is renewed is served once it can be', async () => {
    onTestFinished(() => {
      disk.fails = false;
    });
    const folder = emptyFolder();
    const tls = makePair(folder, 'first');
    const { web, logged } = await openWeb({ tls, tokens: () => [], limits: { tlsCheckEveryMs: 20 } });
    await sleep(60);
    disk.fails = true;
    makePair(folder, 'second');
    const rejected = () => logged.filter(({ notice }) => notice === 'tls-rejected').length;
    await expect.poll(rejected).toBe(1);
    await sleep(60);
    disk.fails = false;
    await expect.poll(() => subjectOf(web.url)).toBe('200 second');
    expect(rejected()).toBe(1);
  });

  test('one that is renewed while the doors open is served', async () => {
    const folder = emptyFolder();
    const tls = makePair(folder, 'first');
    const listen = {
      host: '127.0.0.1',
      /** Asked for once the first pair is read. */
      get port() {
        makePair(folder, 'second');
        return 0;
      },
    };
    const { web } = await openWeb({ tls, listen, tokens: () => [], limits: { tlsCheckEveryMs: 20 } });
    await expect.poll(() => subjectOf(web.url)).toBe('200 second');
  });

  test('files that are missing or do not fit are reported at start', async () => {
    const folder = emptyFolder();
    const missing = { certFile: join(folder, 'cert.pem'), keyFile: join(folder, 'key.pem') };
    expect(await problemOf(openWeb({ tls: missing }))).toBe(
      `server.tls.certFile: cannot read ${missing.certFile}: there is no such file`,
    );
    writeFileSync(missing.certFile, 'x');
    writeFileSync(missing.keyFile, 'KEYMATERIAL');
    const message = await problemOf(openWeb({ tls: missing }));
    expect(message).toMatch(/^server\.tls: .* are not a certificate and its key in PEM/);
    expect(message).not.toContain('KEYMATERIAL');
  });
});

test('the same app answers on both doors', async () => {
  const { on } = await openWeb({ tokens: () => [] });
  for (const door of ['listen', 'socket'] as const)
    expect((await on(door)('GET', '/api/v1/status')).json).toEqual(status);
});
