/** A line that moved takes its mutant along, and a name that is gone must not be what catches it. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { misplaced, mutants } from './list.ts';

const root = join(import.meta.dirname, '../..');

const texts = new Map<string, string>();
const textOf = (file: string) => {
  const text = texts.get(file) ?? readFileSync(join(root, file), 'utf8');
  texts.set(file, text);
  return text;
};

test('the text of each mutant stands once in its file', () => {
  const wrong = mutants.flatMap(({ name, changes }) =>
    changes.flatMap((change) => misplaced(name, change, textOf(change.file)) ?? []),
  );
  expect(mutants.length).toBeGreaterThan(50);
  expect(wrong).toEqual([]);
});

test('no mutant uses a name that its file does not have: any test would catch that', () => {
  const folder = mkdtempSync(join(tmpdir(), 'relaykeeper-mutants-'));
  const changed = mutants.flatMap(({ name, changes }) =>
    changes.map(({ file, from, to }) => ({ name, text: textOf(file).replace(from, () => to) })),
  );
  const shown = { name: 'shown to be found', text: 'export const one = another;' };
  [shown, ...changed].forEach(({ text }, n) => {
    writeFileSync(join(folder, `${n}.ts`), text);
  });
  const args = ['lint', '--only=correctness/noUndeclaredVariables', '--reporter=github', '--max-diagnostics=none', '.'];
  const { stdout } = spawnSync(join(root, 'node_modules/.bin/biome'), args, { cwd: folder, encoding: 'utf8' });
  rmSync(folder, { recursive: true });
  const found = [...stdout.matchAll(/noUndeclaredVariables,file=.*\/(\d+)\.ts,.*::(.*)/g)].map(
    ([, n, what]) => `${[shown, ...changed][Number(n)]?.name}: ${what}`,
  );
  expect(found).toEqual(['shown to be found: The another variable is undeclared.']);
});

test.each([
  ['is gone', 'a + c', 0],
  ['stands twice', 'a + b, a + b', 2],
  ['is empty', '', 0],
])('a mutant is named whose text %s', (_, text, times) => {
  const from = text === '' ? '' : 'a + b';
  expect(misplaced('sums', { file: 'src/x.ts', from }, text)).toContain(
    `"sums": its text stands ${times} times in src/x.ts`,
  );
});
