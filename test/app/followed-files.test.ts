/** Files that change or answer between a reading of the configuration and the next look at them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { Clock } from '../../src/domain/ports/time-port.ts';
import { lookEveryMs } from '../../src/settings/file-watch.ts';
import { freePort } from '../ports.ts';
import { answerTo, runHere } from './here.ts';

const timeout = 120_000;

/** A daemon of a pretend cloud; `looks.next` runs before each look at its files. */
async function daemon() {
  const folder = mkdtempSync(join(tmpdir(), 'rk-followed-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const inFolder = (name: string) => join(folder, name);
  const write = (name: string, text: string) => writeFileSync(inFolder(name), text);
  const url = `http://127.0.0.1:${await freePort()}`;
  const configured = (tokenFile: string, credentials = '') =>
    write(
      'relaykeeper.yaml',
      `log: {level: error}
store: sqlite:${inFolder('store.db')}
server: {listen: '${url.slice(7)}', socket: ${inFolder('socket')}, tokens: [{name: ops, scope: read, tokenFile: ${inFolder(tokenFile)}}]}
accounts: [{name: main, provider: simulator}${credentials}]
groups: [{name: vip}]
`,
    );
  write('first', 'token-of-first-0123456789');
  configured('first');
  const looks = { next: async () => {} };
  const time = { isUp: false, aheadMs: 0 };
  const stop = new AbortController();
  const clock: Clock = {
    ...systemClock,
    monotonic: () => systemClock.monotonic() + time.aheadMs,
    async sleep(ms, signal) {
      await systemClock.sleep(ms, signal);
      if (ms === lookEveryMs) await looks.next();
    },
    // As where nobody could read it in time.
    after: (ms, run) => systemClock.after(time.isUp && ms === 30_000 ? 0 : ms, run),
  };
  const ended = runHere(inFolder('relaykeeper.yaml'), clock, stop.signal);
  onTestFinished(async () => {
    stop.abort();
    expect(await ended).toBe(0);
  });
  const answered = (token: string) => answerTo(url, token);
  const opens = (token: string) => expect.poll(() => answered(token), { timeout: timeout / 2 }).toBe(200);
  const rejected = async (): Promise<string> => {
    const asked = await fetch(`${url}/api/v1/status`, {
      headers: { authorization: 'Bearer token-of-first-0123456789' },
    });
    const { rejected } = (await asked.json()) as { rejected: { errors: string[] } | null };
    return rejected?.errors.join('\n') ?? '';
  };
  await opens('token-of-first-0123456789');
  return { write, configured, inFolder, looks, time, answered, opens, rejected, stop, ended };
}

test('a token file that a reload names first and that is written before the next look is taken', {
  timeout,
}, async () => {
  const { write, configured, looks, answered, opens } = await daemon();
  write('second', 'token-of-before-0123456789');
  configured('second');
  looks.next = async () => {
    if ((await answered('token-of-before-0123456789')) === 200) write('second', 'token-of-now-0123456789');
  };
  await opens('token-of-now-0123456789');
});

test('a configuration refused for an empty key file is read again when there is a key', { timeout }, async () => {
  const { write, configured, inFolder, opens, rejected } = await daemon();
  write('second', 'token-of-second-0123456789');
  write('secret', '');
  configured(
    'second',
    `, {name: other, provider: volcengine, credentials: {accessKeyId: AK, secretAccessKeyFile: ${inFolder('secret')}}, endpoint: 'http://127.0.0.1:9'}`,
  );
  await expect.poll(rejected, { timeout: timeout / 2 }).toContain('this file is empty');
  write('secret', 'key-of-the-other-account');
  await opens('token-of-second-0123456789');
});

test('a configuration that nobody could read in time is read again by itself, and that is said', {
  timeout,
}, async () => {
  const { write, configured, time, opens, rejected } = await daemon();
  time.isUp = true;
  write('second', 'token-of-second-0123456789');
  configured('second');
  await expect
    .poll(rejected, { timeout: timeout / 2 })
    .toMatch(/was not read within 30 s; it is tried again every minute/);
  time.isUp = false;
  time.aheadMs = 60_000;
  await opens('token-of-second-0123456789');
});

test('a stop does not wait for a look at files that hangs', { timeout }, async () => {
  const { looks, stop, ended } = await daemon();
  await new Promise<void>((hangs) => {
    looks.next = () => {
      hangs();
      return new Promise(() => {});
    };
  });
  stop.abort();
  expect(await ended).toBe(0);
});
