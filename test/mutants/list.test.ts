/** A line that moved takes its mutant along: the long run would show it late. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { misplaced, mutants } from './list.ts';

const root = join(import.meta.dirname, '../..');

test('the text of each mutant stands once in its file', () => {
  const texts = new Map<string, string>();
  const textOf = (file: string) => {
    const text = texts.get(file) ?? readFileSync(join(root, file), 'utf8');
    texts.set(file, text);
    return text;
  };
  const wrong = mutants.flatMap(({ name, changes }) =>
    changes.flatMap((change) => misplaced(name, change, textOf(change.file)) ?? []),
  );
  expect(mutants.length).toBeGreaterThan(50);
  expect(wrong).toEqual([]);
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
