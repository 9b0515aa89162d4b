import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttp } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { type AddressInfo, createServer as createTcp, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { typed } from './pretend.ts';

const folder = mkdtempSync(join(tmpdir(), 'relaykeeper-tls-'));
const file = (name: string) => join(folder, name);
const ports: Record<string, number> = {};
const servers: Server[] = [];
const listening = (name: string, server: Server) =>
  new Promise<void>((resolve) => {
    servers.push(server);
    server.listen(0, '127.0.0.1', () => {
      ports[name] = (server.address() as AddressInfo).port;
      resolve();
    });
  });

beforeAll(async () => {
  const certificate = (name: string, days: string) => {
    const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-days', days];
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', file(`${name}.key`)];
    execFileSync('openssl', ['req', '-x509', ...key, '-out', file(`${name}.pem`), ...names], { stdio: 'ignore' });
    return { key: readFileSync(file(`${name}.key`)), cert: readFileSync(file(`${name}.pem`)) };
  };
  const answer = (_request: unknown, response: { end(text: string): void }) => response.end('[]');
  await listening('tls', createHttps(certificate('good', '2'), answer));
  await listening('http', createHttp(answer));
  await listening(
    'shut',
    createTcp((socket) => socket.destroy()),
  );
  certificate('other', '2');
  writeFileSync(file('empty.pem'), 'no certificate\n');
});
afterAll(() => {
  for (const server of servers) server.close();
  rmSync(folder, { recursive: true });
});

it.each([
  ['trusted by --ca-file', 'https://localhost:tls', 'good.pem', 0, '', ''],
  ['not trusted', 'https://localhost:tls', '', 6, 'that this machine does not trust', '--ca-file FILE'],
  ['signed by another', 'https://localhost:tls', 'other.pem', 6, 'does not trust', '--ca-file FILE'],
  ['for another name', 'https://127.0.0.1:tls', 'good.pem', 6, 'for another name', 'a host name that the certificate'],
  ['https to plain HTTP', 'https://localhost:http', '', 6, 'does not speak TLS', '--url http://'],
  ['http to TLS', 'http://localhost:tls', '', 6, 'it closed the connection', '--url https://'],
  ['https to what hangs up', 'https://localhost:shut', '', 6, 'it closed the connection', 'Check host and port'],
  ['a CA file with nothing in it', 'https://localhost:tls', 'empty.pem', 2, 'has no certificate in it', ''],
  ['a CA file that is not there', 'https://localhost:tls', 'none.pem', 1, 'cannot read the CA file', ''],
  ['a CA file for http', 'http://localhost:http', 'good.pem', 2, '--ca-file belongs to an https URL', ''],
])('%s', async (_what, url, ca, code, words, next) => {
  const where = url.replace(/[a-z]+$/, (name) => String(ports[name]));
  const ended = await typed(['hold', 'list', '--url', where, ...(ca === '' ? [] : ['--ca-file', file(ca)])]);
  expect(ended.code).toBe(code);
  expect(ended.err).toContain(words);
  expect(ended.err).toContain(next);
});

it('--ca-file without --url is wrong usage', async () => {
  const ended = await typed(['hold', 'list', '--ca-file', file('good.pem')]);
  expect(ended).toMatchObject({ code: 2, err: expect.stringContaining('--ca-file belongs to --url') });
});
