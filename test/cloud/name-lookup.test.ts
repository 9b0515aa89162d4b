/** A name whose servers do not answer holds one of Node's threads, not all of them. */
import dns from 'node:dns';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { lookupOnce } from '../../src/cloud/name-lookup.ts';
import { createTransport, type TransportOptions } from '../../src/cloud/transport.ts';

type Answer = (error: Error | null, addresses?: readonly dns.LookupAddress[]) => void;

/** The system's own lookup as it is when name servers are silent: it answers when it is asked to. */
function silentNames() {
  const asked: { readonly name: string; readonly answer: Answer }[] = [];
  const spy = vi.spyOn(dns, 'lookup').mockImplementation(((name: string, _options: object, answer: Answer) => {
    asked.push({ name, answer });
  }) as typeof dns.lookup);
  onTestFinished(() => spy.mockRestore());
  return asked;
}

function open(options: Partial<TransportOptions> = {}) {
  const transport = createTransport({ clock: systemClock, connections: 10, ...options });
  onTestFinished(() => transport.close());
  return (origin: string, timeoutMs = 2_000) =>
    transport.send(
      { origin, method: 'GET', path: '/', headers: {}, body: '', timeoutMs, maxBytes: 1_000 },
      new AbortController().signal,
    );
}

const ten = Array.from({ length: 10 });

describe('a name that hangs', () => {
  test.each<[string, Partial<TransportOptions>]>([
    ['of the cloud', {}],
    ['of a proxy', { proxyFor: () => new URL('http://api.test:3128') }],
  ])('%s is asked for once, by all accounts together, and again when it was answered', async (_what, options) => {
    const server = createServer((_request, response) => response.end('here')).listen(0, '127.0.0.1');
    server.on('connect', (_request, socket) => socket.end('HTTP/1.1 403 No\r\n\r\n'));
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const asked = silentNames();
    const [one, other] = [open(options), open(options)];
    const sent = ten.flatMap(() => [one(`http://api.test:${port}`, 300), other(`http://api.test:${port}`, 300)]);
    for (const outcome of await Promise.all(sent))
      expect(outcome).toMatchObject({ kind: 'never-left', why: 'timeout' });
    expect(asked.map(({ name }) => name)).toEqual(['api.test']);
    asked[0]?.answer(Object.assign(new Error('none'), { code: 'EAI_AGAIN' }));

    const again = one(`http://api.test:${port}`);
    await sleep(50);
    expect(asked.length).toBeGreaterThan(1);
    for (const { answer } of asked) answer(null, [{ address: '127.0.0.1', family: 4 }]);
    const { kind } = await again;
    expect(kind).toBe(options.proxyFor ? 'never-left' : 'response');
  });

  test('holds up no other name', async () => {
    const asked = silentNames();
    const reported: string[] = [];
    for (const name of ['a.test', 'a.test', 'b.test', 'a.test'])
      lookupOnce(name, { all: false }, (error, address) => void reported.push(error?.message ?? `${name} ${address}`));
    expect(asked.map(({ name }) => name)).toEqual(['a.test', 'b.test']);
    asked[1]?.answer(null, [{ address: '10.0.0.2', family: 4 }]);
    expect(reported).toEqual(['b.test 10.0.0.2']);
    asked[0]?.answer(null, []);
    expect(reported.slice(1)).toEqual(['no address', 'no address', 'no address']);
  });
});
