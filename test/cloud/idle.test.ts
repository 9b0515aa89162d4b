/**
 * A server that closes idle connections at the worst moment: just when the next request is on its way. Who uses such a
 * connection loses the call without knowing whether it took effect, and so an attempt.
 */
import { type AddressInfo, createServer } from 'node:net';
import { Pool } from 'undici';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { createTransport } from '../../src/cloud/transport.ts';
import { never } from './fixtures.ts';

const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi';
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Answers, and resets a connection that has been idle for `idleMs` when the next request arrives on it, or by then. */
async function nastyServer(idleMs: number, headers = '') {
  let taken = 0;
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    let idleSince: number | undefined;
    socket.on('error', () => {});
    socket.on('data', () => {
      // What a server does that has decided to close and has the request arrive at that very moment.
      if (idleSince !== undefined && performance.now() - idleSince >= idleMs) return socket.resetAndDestroy();
      idleSince = performance.now();
      taken++;
      socket.write(answer.replace('\r\n\r\n', `\r\n${headers}\r\n`));
    });
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    taken: () => taken,
    connections: () => connections,
    close: () => server.close(),
  };
}

describe.concurrent('no call is lost to a server that closes at the worst moment', () => {
  test.each([
    // Node's own default, said to nobody; proxies and load balancers are more patient.
    ['after 5 s without a word of it', 5_000, '', 5_000],
    ['after 3 s, said in a header', 3_000, 'Keep-Alive: timeout=3\r\n', 3_000],
    ['after 1 s, said in a header', 1_000, 'Keep-Alive: timeout=1\r\n', 1_000],
  ])('%s', async (_name, idleMs, headers, gapMs) => {
    const server = await nastyServer(idleMs - 20, headers);
    const transport = createTransport({ clock: systemClock, connections: 10 });
    const request = {
      origin: server.url,
      method: 'POST',
      path: '/',
      headers: {},
      body: '{}',
      timeoutMs: 30_000,
      maxBytes: 1_000,
    } as const;
    const round = () => Promise.all(Array.from({ length: 10 }, () => transport.send(request, never)));
    const outcomes = await round();
    await sleep(gapMs);
    outcomes.push(...(await round()));
    expect(outcomes.filter(({ kind }) => kind !== 'response')).toEqual([]);
    expect(server.taken()).toBe(20);
    await transport.close();
    server.close();
  });

  test('which a pool with its library’s patience does lose', async () => {
    const server = await nastyServer(980);
    const pool = new Pool(server.url, { connections: 10, keepAliveTimeout: 60_000 });
    const call = () =>
      pool.request({ method: 'POST', path: '/', body: '{}' }).then(
        async ({ body }) => body.dump(),
        () => 'lost',
      );
    const round = () => Promise.all(Array.from({ length: 10 }, call));
    await round();
    await sleep(1_000);
    expect((await round()).filter((end) => end === 'lost').length).toBeGreaterThan(0);
    await pool.destroy();
    server.close();
  });
});
