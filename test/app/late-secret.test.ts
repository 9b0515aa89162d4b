/** A token that changes while a start waits for its store, as where a sidecar writes it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { freePort } from '../ports.ts';
import { answerTo, runHere } from './here.ts';

test('a token that changes while a start waits for its store opens the door, and the one of before no longer', {
  timeout: 120_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'rk-late-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const inFolder = (name: string) => join(folder, name);
  const url = `http://127.0.0.1:${await freePort()}`;
  writeFileSync(inFolder('token'), 'token-of-before-0123456789');
  writeFileSync(
    inFolder('relaykeeper.yaml'),
    `log: {level: error}
store: sqlite:${inFolder('store.db')}
server: {listen: '${url.slice(7)}', socket: ${inFolder('socket')}, tokens: [{name: ops, scope: read, tokenFile: ${inFolder('token')}}]}
accounts: [{name: main, provider: simulator}]
groups: [{name: vip}]
`,
  );
  const other = new DatabaseSync(inFolder('store.db.lock'));
  other.exec('begin exclusive');
  const stop = new AbortController();
  const waits = async (ms: number, signal?: AbortSignal) => {
    // The first wait is that for the store, which another process is about to make.
    if (other.isOpen) {
      writeFileSync(inFolder('token'), 'token-of-now-0123456789');
      other.close();
    }
    await systemClock.sleep(ms, signal);
  };
  const ended = runHere(inFolder('relaykeeper.yaml'), { ...systemClock, sleep: waits }, stop.signal);
  await expect.poll(() => answerTo(url, 'token-of-now-0123456789'), { timeout: 60_000 }).toBe(200);
  expect(await answerTo(url, 'token-of-before-0123456789')).toBe(401);
  stop.abort();
  expect(await ended).toBe(0);
});
