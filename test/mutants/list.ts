/** The faults of mutants.txt, read; and whether each can be made in its file. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Change {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

export interface Mutant {
  readonly name: string;
  readonly changes: readonly Change[];
  /** A table, `pairs of: …`, `three replicas`, or `three replicas, pairs of: …`; undefined: the swarm. */
  readonly by: string | undefined;
}

function mutantsIn(text: string): readonly Mutant[] {
  return text.split(/^== /m).flatMap((ofFile) => {
    const [file = '', ...blocks] = ofFile.split(/\n+^\* /m);
    return blocks.map((block) => {
      const [here = '', ...elsewhere] = block.trimEnd().split(/\n@ /);
      const [title = '', ...lines] = here.split('\n');
      const [name = '', by] = title.split(' | ');
      const others = elsewhere.map((text) => {
        const [other = '', ...rest] = text.split('\n');
        return changeIn(other, rest);
      });
      return { name, by, changes: [changeIn(file, lines), ...others] };
    });
  });
}

function changeIn(file: string, lines: readonly string[]): Change {
  const those = (sign: string) => lines.filter((line) => line.startsWith(sign)).map((line) => line.slice(sign.length));
  return { file, from: those('-').join('\n'), to: those('+').join('\n') };
}

export const mutants = mutantsIn(readFileSync(join(import.meta.dirname, 'mutants.txt'), 'utf8'));

/** What is wrong with the place of a change in the text of its file; undefined: it stands there once. */
export function misplaced(
  name: string,
  { file, from }: Pick<Change, 'file' | 'from'>,
  text: string,
): string | undefined {
  const times = from === '' ? 0 : text.split(from).length - 1;
  return times === 1
    ? undefined
    : `"${name}": its text stands ${times} times in ${file}, and must stand once:\n${from}`;
}
