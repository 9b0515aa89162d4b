/** Help fits the width of the house, by whatever name the program was started. */
import { expect, it } from 'vitest';
import { textWidth } from '../../src/settings/text-width.ts';
import { typed } from './pretend.ts';

const lists = /^(?:The daemon|On call .*|Other|Commands):\n((?: .*\n?)+)/gm;

/** The help of a command and of all below it, with what is typed for each. */
async function helps(program: string, path: readonly string[] = []): Promise<readonly (readonly [string, string])[]> {
  const { code, out } = await typed([...path, '--help'], { program });
  expect(code).toBe(0);
  const rows = [...out.matchAll(lists)].map(([, list = '']) => list).join('\n');
  const names = [...rows.matchAll(/^ {2}(\w+)/gm)].map(([, name = '']) => name).filter((name) => name !== 'help');
  const below = await Promise.all(names.map((name) => helps(program, [...path, name])));
  return [[path.join(' '), out], ...below.flat()];
}

it.each(['relaykeeper', 'src/relaykeeper', 'node src/main.ts', 'npm run -s relaykeeper --'])(
  'no line of the help of %s is wider than 80 columns',
  async (program) => {
    const all = await helps(program);
    expect(all.map(([path]) => path)).toEqual(
      expect.arrayContaining(['', 'status', 'hold add', 'store copy', 'version']),
    );
    const wide = all.flatMap(([path, out]) =>
      out.split('\n').flatMap((line) => (textWidth(line) > 80 ? [[path, line]] : [])),
    );
    expect(wide).toEqual([]);
  },
);
