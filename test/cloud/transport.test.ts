import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { answerGraceMs, createTransport, type HttpRequest, type Transport } from '../../src/cloud/transport.ts';
import { never, serve } from './fixtures.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function transport(connections = 10): Transport {
  const made = createTransport({ clock: systemClock, connections });
  cleanups.push(() => made.close());
  return made;
}

const post = (origin: string, over: Partial<HttpRequest> = {}): HttpRequest => ({
  origin,
  method: 'POST',
  path: '/?Action=x',
  headers: { 'content-type': 'application/json' },
  body: '{"a":1}',
  timeoutMs: 30_000,
  maxBytes: 1_000_000,
  ...over,
});

/** A server of raw sockets: each connection is given to `onRequest` once it has sent a whole request head. */
async function rawServer(onRequest: (socket: Socket, nthOfConnection: number, connection: number) => void) {
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    const connection = ++connections;
    let requests = 0;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', () => onRequest(socket, ++requests, connection));
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const port = (server.address() as AddressInfo).port;
  return { url: `http://127.0.0.1:${port}`, port, sockets, connections: () => connections };
}

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi';

describe('an answer', () => {
  test('comes with status, Date and text; Chinese split between chunks stays whole', async () => {
    const text = '停用 '.repeat(50);
    const server = await serve(async (response) => {
      const bytes = Buffer.from(text);
      response.writeHead(418, { date: 'Wed, 21 Oct 2015 07:28:00 GMT' });
      for (let i = 0; i < bytes.length; i += 7) response.write(bytes.subarray(i, i + 7));
      response.end();
    });
    cleanups.push(server.close);
    expect(await transport().send(post(server.url), never)).toMatchObject({
      kind: 'response',
      status: 418,
      date: 'Wed, 21 Oct 2015 07:28:00 GMT',
      body: Buffer.from(text),
    });
  });

  test('stays as it came while it is read; its memory is used again only once it was given back', async () => {
    const server = await serve((response, { body }) => {
      response.setHeader('content-length', 60_000);
      response.end(String(body.n).repeat(60_000));
    });
    cleanups.push(server.close);
    const one = transport();
    const answer = async (n: number) => {
      const outcome = await one.send({ ...post(server.url), body: JSON.stringify({ n }) }, never);
      if (outcome.kind !== 'response') throw new Error(outcome.kind);
      return outcome;
    };
    // What others before gave back is in use: as many as are ever kept.
    for (let n = 0; n < 4; n++) await answer(0);
    const [first, second] = [await answer(1), await answer(2)];
    expect([first.body.toString(), second.body.toString()]).toEqual(['1'.repeat(60_000), '2'.repeat(60_000)]);
    expect(first.body.buffer).not.toBe(second.body.buffer);
    first.release?.();
    first.release?.();
    const [third, fourth] = [await answer(3), await answer(4)];
    expect([second, third, fourth].map(({ body }) => body.toString('utf8', 59_990))).toEqual(
      [2, 3, 4].map((n) => String(n).repeat(10)),
    );
    expect(third.body.buffer).toBe(first.body.buffer);
    expect(fourth.body.buffer).not.toBe(first.body.buffer);
  });

  const encoders = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync };
  test.each(Object.entries(encoders))('in %s is decompressed', async (encoding, encode) => {
    const text = JSON.stringify({ long: '拉流'.repeat(100_000) });
    const server = await serve((response) => response.setHeader('content-encoding', encoding).end(encode(text)));
    cleanups.push(server.close);
    const outcome = await transport().send(post(server.url), never);
    expect(outcome).toMatchObject({ kind: 'response', body: Buffer.from(text) });
  });

  test('after early hints is the final one', async () => {
    const server = await rawServer((socket) => socket.write(`HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${ok}`));
    expect(await transport().send(post(server.url), never)).toMatchObject({
      kind: 'response',
      status: 200,
      body: Buffer.from('hi'),
    });
  });

  test('exactly as large as the bound is whole, a byte more is too large', async () => {
    const server = await serve((response) => response.end('x'.repeat(1_000)));
    cleanups.push(server.close);
    const sent = transport();
    expect(await sent.send(post(server.url, { maxBytes: 1_000 }), never)).toMatchObject({ kind: 'response' });
    expect(await sent.send(post(server.url, { maxBytes: 999 }), never)).toMatchObject({
      kind: 'too-large',
      status: 200,
    });
  });
});

describe('memory and time are bounded', () => {
  test('500 MB of answer is cut off at the bound', async () => {
    let written = 0;
    const server = await serve((response) => {
      const chunk = Buffer.alloc(1024 * 1024, 'x');
      const pump = () => {
        while (!response.destroyed && written < 500 * chunk.length) {
          written += chunk.length;
          if (!response.write(chunk)) return void response.once('drain', pump);
        }
        response.end();
      };
      pump();
    });
    cleanups.push(server.close);
    const before = process.memoryUsage().rss;
    const outcome = await transport().send(post(server.url, { maxBytes: 16 * 1024 * 1024 }), never);
    expect(outcome.kind).toBe('too-large');
    expect(written).toBeLessThan(100 * 1024 * 1024);
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024);
  });

  test('500 MB that come as 500 kB of gzip are cut off at the bound', async () => {
    const bomb = gzipSync(Buffer.alloc(500 * 1024 * 1024));
    expect(bomb.length).toBeLessThan(1024 * 1024);
    const server = await serve((response) => response.setHeader('content-encoding', 'gzip').end(bomb));
    cleanups.push(server.close);
    const before = process.memoryUsage().rss;
    const outcome = await transport().send(post(server.url, { maxBytes: 16 * 1024 * 1024, timeoutMs: 60_000 }), never);
    expect(outcome.kind).toBe('too-large');
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024);
  });

  test('a body that drips is lost at the deadline, and our end of the connection is closed', async () => {
    let closed = false;
    const server = await serve((response) => {
      response.writeHead(200);
      const drip = setInterval(() => response.write(' '), 20);
      response.on('close', () => {
        closed = true;
        clearInterval(drip);
      });
    });
    cleanups.push(server.close);
    const startedAt = performance.now();
    expect(await transport().send(post(server.url, { timeoutMs: 300 }), never)).toEqual({
      kind: 'lost',
      why: 'timeout',
    });
    expect(performance.now() - startedAt).toBeGreaterThan(290);
    expect(performance.now() - startedAt).toBeLessThan(20_000);
    await expect.poll(() => closed).toBe(true);
  });

  test('a server that never answers is lost at the deadline', async () => {
    const server = await serve((response, _request, nth) => nth === 1 && response.end());
    cleanups.push(server.close);
    const { send } = transport();
    // So that the connection stands: what is late with that has never left.
    await send(post(server.url), never);
    expect(await send(post(server.url, { timeoutMs: 200 }), never)).toEqual({ kind: 'lost', why: 'timeout' });
  });
});

describe('lost: it may have taken effect', () => {
  test('reset before a byte of the answer', async () => {
    const server = await rawServer((socket) => socket.resetAndDestroy());
    expect(await transport().send(post(server.url), never)).toEqual({ kind: 'lost', why: 'reset' });
    expect(server.connections()).toBe(1);
  });

  test('closed in the middle of the body', async () => {
    const server = await rawServer((socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf'));
    expect(await transport().send(post(server.url), never)).toEqual({ kind: 'lost', why: 'reset' });
  });

  test('closed in the middle of a chunked body', async () => {
    const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
    const server = await rawServer((socket) => socket.end(`${head}5\r\nhello\r\n`));
    expect(await transport().send(post(server.url), never)).toEqual({ kind: 'lost', why: 'reset' });
  });

  test('an answer that is no HTTP', async () => {
    const server = await rawServer((socket) => socket.end('SSH-2.0-OpenSSH_9.9\r\n'));
    expect(await transport().send(post(server.url), never)).toEqual({ kind: 'lost', why: 'reset' });
  });

  test('reset on a connection that was used before: nothing is sent a second time', async () => {
    const seen: string[] = [];
    const server = await rawServer((socket, nth, connection) => {
      seen.push(`${connection}.${nth}`);
      if (nth === 1) socket.write(ok);
      else socket.resetAndDestroy();
    });
    const sent = transport(1);
    expect(await sent.send(post(server.url), never)).toMatchObject({ kind: 'response' });
    expect(await sent.send(post(server.url), never)).toEqual({ kind: 'lost', why: 'reset' });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(seen).toEqual(['1.1', '1.2']);
  });
});

describe('a connection is used again, but not one that the server has closed', () => {
  test('two requests, one connection', async () => {
    const server = await rawServer((socket) => socket.write(ok));
    const sent = transport(1);
    await sent.send(post(server.url), never);
    await sent.send(post(server.url), never);
    expect(server.connections()).toBe(1);
  });

  test('closed by the server while idle: the next request takes a new one, and its answer is whole', async () => {
    const server = await rawServer((socket) => socket.write(ok));
    const sent = transport(1);
    await sent.send(post(server.url), never);
    for (const socket of server.sockets) socket.end();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await sent.send(post(server.url), never)).toMatchObject({ kind: 'response', body: Buffer.from('hi') });
    expect(server.connections()).toBe(2);
  });

  test('two seconds before the server says that it will close it, we have closed it', async () => {
    const hint = ok.replace('\r\n\r\n', '\r\nConnection: keep-alive\r\nKeep-Alive: timeout=2\r\n\r\n');
    const server = await rawServer((socket) => socket.write(hint));
    const sent = transport(1);
    await sent.send(post(server.url), never);
    // Of itself the pool keeps one for four.
    await expect.poll(() => server.sockets.size, { timeout: 3_500 }).toBe(0);
  });
});

describe('never left: provably nothing was sent', () => {
  test('the name cannot be resolved', async () => {
    // A label of 64 characters: no resolver needs the network to know that there is no such name.
    const outcome = await transport().send(post(`http://${'a'.repeat(64)}.invalid`), never);
    expect(outcome).toEqual({ kind: 'never-left', why: 'dns' });
  });

  test('the connection is refused', async () => {
    const server = await rawServer(() => {});
    for (const cleanup of cleanups.splice(0)) await cleanup();
    expect(await transport().send(post(server.url), never)).toEqual({ kind: 'never-left', why: 'refused' });
  });

  test('the certificate is not trusted, and is trusted once its authority is', async () => {
    const { cert, key } = selfSigned();
    let requests = 0;
    const server = createTlsServer({ cert, key }, (_request, response) => {
      requests++;
      response.end('hi');
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    cleanups.push(
      () => server.close(),
      () => server.closeAllConnections(),
    );
    const url = `https://localhost:${(server.address() as AddressInfo).port}`;
    expect(await transport().send(post(url), never)).toEqual({ kind: 'never-left', why: 'tls' });
    expect(requests).toBe(0);

    const authorities = getCACertificates('default');
    cleanups.push(() => setDefaultCACertificates(authorities));
    setDefaultCACertificates([cert]);
    expect(await transport().send(post(url), never)).toMatchObject({ kind: 'response', body: Buffer.from('hi') });
    // Right authority, wrong name.
    const byAddress = url.replace('localhost', '127.0.0.1');
    expect(await transport().send(post(byAddress), never)).toEqual({ kind: 'never-left', why: 'tls' });
    expect(requests).toBe(1);
  });

  test('the other side hangs up during the TLS handshake', async () => {
    const server = await rawServer((socket) => socket.destroy());
    const outcome = await transport().send(post(server.url.replace('http:', 'https:')), never);
    expect(outcome).toEqual({ kind: 'never-left', why: 'tls' });
  });

  test('no connection by the deadline: nothing is sent when one comes later', async () => {
    // The handshake of TLS is left hanging: there is a socket, but no connection to write to.
    const server = await rawServer(() => {});
    const url = server.url.replace('http:', 'https:');
    expect(await transport().send(post(url, { timeoutMs: 100 }), never)).toEqual({
      kind: 'never-left',
      why: 'timeout',
    });
  });

  test('the process was stopped past its deadline while the connection was made, and hears of that first: not sent', async () => {
    let now = 0;
    const clock = { ...systemClock, monotonic: () => now, after: () => () => {} };
    const made = createTransport({ clock, connections: 1 });
    cleanups.push(() => made.close());
    const seen: string[] = [];
    const server = await serve((response, request) => {
      seen.push(request.action);
      response.end('hi');
    });
    cleanups.push(server.close);
    const late = made.send(post(server.url, { timeoutMs: 2_000 }), never);
    now = 2_000;
    expect(await late).toEqual({ kind: 'never-left', why: 'timeout' });
    expect(await made.send(post(server.url, { path: '/?Action=next' }), never)).toMatchObject({ kind: 'response' });
    expect(seen).toEqual(['next']);
  });

  test('a request that had to queue for a connection past its deadline is not sent afterwards', async () => {
    const seen: string[] = [];
    const server = await serve(async (response, request) => {
      seen.push(request.action);
      await new Promise((resolve) => setTimeout(resolve, 250));
      response.end('hi');
    });
    cleanups.push(server.close);
    const sent = transport(1);
    const first = sent.send(post(server.url, { path: '/?Action=first' }), never);
    const second = sent.send(post(server.url, { path: '/?Action=second', timeoutMs: 100 }), never);
    expect(await second).toEqual({ kind: 'never-left', why: 'timeout' });
    expect(await first).toMatchObject({ kind: 'response' });
    expect(await sent.send(post(server.url, { path: '/?Action=third' }), never)).toMatchObject({ kind: 'response' });
    expect(seen).toEqual(['first', 'third']);
  });
});

describe('aborted', () => {
  test('before it left', async () => {
    const outcome = await transport().send(post('http://127.0.0.1:9'), AbortSignal.abort());
    expect(outcome).toEqual({ kind: 'aborted', left: false });
  });

  test('while the answer is awaited: it is waited for a second longer', async () => {
    const controller = new AbortController();
    const server = await serve(() => controller.abort());
    cleanups.push(server.close);
    const waits: number[] = [];
    const after = (ms: number, run: () => void) => {
      waits.push(ms);
      return systemClock.after(ms === answerGraceMs ? 0 : ms, run);
    };
    const hasty = createTransport({ clock: { ...systemClock, after }, connections: 1 });
    cleanups.push(() => hasty.close());
    expect(await hasty.send(post(server.url), controller.signal)).toEqual({ kind: 'aborted', left: true });
    expect(waits).toContain(answerGraceMs);
  });

  test('and answered within that second: the call is known to have been counted', async () => {
    const controller = new AbortController();
    const server = await serve((response) => {
      controller.abort();
      setImmediate(() => response.end('{}'));
    });
    cleanups.push(server.close);
    expect(await transport().send(post(server.url), controller.signal)).toMatchObject({ kind: 'response' });
  });
});

function selfSigned(): { readonly cert: string; readonly key: string } {
  const folder = mkdtempSync(join(tmpdir(), 'relaykeeper-cert-'));
  try {
    const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
    execFileSync('openssl', ['req', '-x509', ...curve, '-keyout', keyFile, '-out', certFile, ...subject], {
      stdio: 'ignore',
    });
    return { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
