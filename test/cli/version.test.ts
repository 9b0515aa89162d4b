/** The version is worth nothing that must run: without its file everything goes on. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { programVersion } from '../../src/cli/version.ts';

test('the version is that of package.json', () => {
  expect(programVersion()).toMatch(/^\d+\.\d+\.\d+/);
});

test.each([
  ['is not there', undefined],
  ['is empty', ''],
  ['is cut', '{"version": "1.'],
  ['has none', '{"name": "relaykeeper"}'],
  ['is no mapping', 'null'],
])('a package.json that %s: unknown', (_what, text) => {
  const folder = mkdtempSync(join(tmpdir(), 'rk-version-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'package.json');
  if (text !== undefined) writeFileSync(file, text);
  expect(programVersion(pathToFileURL(file))).toBe('unknown');
});
