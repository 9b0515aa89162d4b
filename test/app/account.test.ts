/** What serves one account: the way to the cloud that its settings name. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { openCloud } from '../../src/app/account.ts';
import { systemClock } from '../../src/clock.ts';
import { createGate } from '../../src/cloud/limiter/gate.ts';
import type { TransportOptions } from '../../src/cloud/transport.ts';
import { settingsOf } from '../settings/support.ts';

const opened = vi.hoisted(() => ({ options: undefined as unknown }));
vi.mock('../../src/cloud/transport.ts', () => ({
  createTransport: (options: TransportOptions) => {
    opened.options = options;
    return { send: async () => ({ kind: 'aborted' }), close: async () => {} };
  },
}));

test('a proxy whose file is gone or emptied is the one that it was, and the one that the file names when it is back', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'proxy-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'proxy');
  const settings = settingsOf('accounts: [{name: main}]\ngroups: [{name: vip}]\n');
  const [main] = settings.accounts;
  if (!main) throw new Error('no account');
  const cloud = openCloud(
    { ...main, proxy: { kind: 'file', path: file } },
    settings,
    createGate({ ...main.rateLimit, clock: systemClock }),
    {
      clock: systemClock,
      env: { VOLCENGINE_ACCESS_KEY: 'a', VOLCENGINE_SECRET_KEY: 's' },
      fingerprintKey: 'k',
      pretendClouds: new Map(),
      ledger: () => undefined,
      onTrace: () => {},
      onCredentialsChanged: () => {},
    },
  );
  const { proxyFor } = opened.options as TransportOptions;
  const proxy = proxyFor?.('https://live.example');
  if (typeof proxy !== 'function') throw new Error('no proxy of a file');
  const address = async () => String(await proxy());
  expect(await address()).toBe('unusable');
  writeFileSync(file, 'http://one.example:3128\n');
  expect(await address()).toBe('http://one.example:3128/');
  writeFileSync(file, '');
  expect(await address()).toBe('http://one.example:3128/');
  rmSync(file);
  expect(await address()).toBe('http://one.example:3128/');
  writeFileSync(file, 'http://two.example:3128\n');
  expect(await address()).toBe('http://two.example:3128/');
  await cloud.close();
});
