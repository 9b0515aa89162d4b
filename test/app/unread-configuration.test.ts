/** A start whose configuration nobody could read in time: the machine is busy, or a file system is not there yet. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { runApp } from '../../src/app/app.ts';
import { systemClock } from '../../src/clock.ts';

test('ends by a code after which systemd starts it again, unlike one that is wrong', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'rk-unread-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const configPath = join(folder, 'relaykeeper.yaml');
  writeFileSync(configPath, 'groups: []\n');
  const said: string[] = [];
  const start = (clock = systemClock) =>
    runApp({
      configPath,
      listen: undefined,
      program: 'relaykeeper',
      version: '1.2.3',
      env: {},
      clock,
      signals: { stop: new AbortController().signal, onHangup: () => {} },
      stderr: { write: (text) => void said.push(text) },
    });
  const timeIsUp = (_ms: number, run: () => void) => {
    run();
    return () => {};
  };
  expect(await start({ ...systemClock, after: timeIsUp })).toBe(1);
  expect(said).toEqual([`${configPath}: was not read within 30 s\n`]);
  expect(await start()).toBe(78);
});
