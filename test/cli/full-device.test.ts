/** A command whose output finds no room says so and ends. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const main = join(import.meta.dirname, '../../src/main.ts');
const full = 'relaykeeper: the output cannot be written (ENOSPC)\n';

test.each([
  ['standard output', 'version > /dev/full', 1, full],
  ['both', 'version > /dev/full 2> /dev/full', 1, ''],
  ['standard error', 'check --config nowhere.yaml 2> /dev/full', 78, ''],
])('%s: %s', { timeout: 60_000 }, (_what, words, code, said) => {
  const line = `exec ${process.execPath} ${main} ${words}`;
  const { status, stderr } = spawnSync('bash', ['-c', line], { encoding: 'utf8', timeout: 60_000 });
  expect([status, stderr]).toEqual([code, said]);
});
