/** The systemd unit: systemd understands all of it, and it says what the program needs. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { exitCodes } from '../src/domain/words/exit-code.ts';

const root = join(import.meta.dirname, '..');
const unit = readFileSync(join(root, 'config/relaykeeper.service'), 'utf8');

/** Every value of a key, in order. */
const valuesOf = (key: string): readonly string[] =>
  [...unit.matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map(([, value = '']) => value);

it('shuts the debugger, reloads by SIGHUP, does not try a bad configuration again, and leaves time to end', () => {
  expect(valuesOf('Environment')).toContain('NODE_OPTIONS=--disable-sigusr1');
  expect(valuesOf('ExecReload')).toEqual(['/bin/kill -HUP $MAINPID']);
  expect(valuesOf('RestartPreventExitStatus')).toEqual([String(exitCodes.badConfiguration)]);
  expect(Number(valuesOf('TimeoutStopSec')[0])).toBeGreaterThan(10);
  // V8 writes code and runs it.
  expect(valuesOf('MemoryDenyWriteExecute')).toEqual([]);
  const [, program, ...words] = /^(\S+) (.*)$/.exec(valuesOf('ExecStart')[0] ?? '') ?? [];
  expect([program, words]).toEqual([
    '/opt/relaykeeper/src/relaykeeper',
    ['run --config /etc/relaykeeper/relaykeeper.yaml'],
  ]);
});

it('every line is a section, a comment or a setting', () => {
  const lines = unit.split('\n').filter((line) => line !== '' && !/^(#|\[(Unit|Service|Install)\]$)/.test(line));
  expect(lines.filter((line) => !/^[A-Z][A-Za-z]+=\S/.test(line))).toEqual([]);
});

const canVerify = spawnSync('systemd-analyze', ['--version']).status === 0;
it.skipIf(!canVerify)('systemd-analyze verify has nothing to say', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rk-unit-'));
  const file = join(folder, 'relaykeeper.service');
  // It looks whether the program is there.
  writeFileSync(file, unit.replaceAll('/opt/relaykeeper', root));
  const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', file], { encoding: 'utf8' });
  rmSync(folder, { recursive: true });
  expect([status, stderr.split('\n').filter((line) => line.includes('relaykeeper.service'))]).toEqual([0, []]);
});
