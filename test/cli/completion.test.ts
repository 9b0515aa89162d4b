/** Completion in the real shells, as far as they are installed. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { reasons } from '../../src/domain/words/reason.ts';
import { taskStates } from '../../src/domain/words/task.ts';
import { typed } from './pretend.ts';

const shells = ['bash', 'zsh', 'fish'];
const script = async (shell: string) => (await typed(['completion', shell])).out;

const lines: readonly [line: string, words: readonly string[]][] = [
  ['relaykeeper st', ['status', 'store']],
  ['relaykeeper h', ['history', 'hold', 'healthcheck']],
  ['relaykeeper hold ', ['add', 'list', 'extend', 'remove', '--help']],
  ['relaykeeper hold e', ['extend']],
  ['relaykeeper hold add --f', ['--from', '--for']],
  ['relaykeeper tasks --state ', [...taskStates, 'down']],
  ['relaykeeper tasks --reason ', reasons],
  ['relaykeeper completion ', [...shells, '--help']],
  ['relaykeeper --config x.yaml status --w', ['--watch']],
  ['relaykeeper status --group ', ['']],
  // A task can be called like a command.
  ['relaykeeper explain status --j', ['--json']],
];

const inPosixWords = (line: string, source: string, print: string): string => {
  const words = line.split(' ').map((word) => `'${word}'`);
  return `${source}\nCOMP_WORDS=(${words.join(' ')}); COMP_CWORD=${words.length - 1}; _relaykeeper; ${print}`;
};
const ran = (shell: string, args: readonly string[]): readonly string[] =>
  execFileSync(shell, args, { encoding: 'utf8' }).trim().split('\n');
const isHere = (shell: string) => spawnSync(shell, ['-c', 'true']).status === 0;

it('in bash', async () => {
  const all = lines.map(([line]) => inPosixWords(line, '', `printf '%s\\n' "\${COMPREPLY[@]}" .; COMPREPLY=()`));
  const out = ran('bash', ['-c', `${await script('bash')}\n${all.join('\n')}`]).join('\n');
  const found = `${out}\n`.split(/^\.\n/m).slice(0, -1);
  expect(found.map((words) => words.trimEnd().split('\n'))).toEqual(lines.map(([, words]) => words));
});

// As its own completion calls it: in the manner of sh, where arrays begin at 0.
it.runIf(isHere('zsh'))('in zsh the same', async () => {
  const source = `${await script('zsh')}\nemulate sh`.replace('&& compinit\n', '&& compinit -D -u\n');
  const all = lines.map(([line]) => inPosixWords(line, '', `echo "\${COMPREPLY[*]}"; COMPREPLY=()`)).join('\n');
  const [end, ...reported] = ran('zsh', ['-f', '-c', `${source}\n${all}\necho .`]).toReversed();
  // zsh itself leaves out what does not begin as the word does.
  const fitting = reported.toReversed().map((row, n) => {
    const begun = lines[n]?.[0].split(' ').at(-1) ?? '';
    return row.split(' ').filter((word) => word.startsWith(begun));
  });
  expect([fitting, end]).toEqual([lines.map(([, words]) => words), '.']);
});

it.runIf(isHere('fish'))('in fish the same, and each with what it means', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'relaykeeper-fish-'));
  const file = join(folder, 'relaykeeper.fish');
  writeFileSync(file, await script('fish'));
  const reported = lines.map(([line]) => `complete -C'${line}'; echo .`).join('; ');
  const out = ran('fish', ['--no-config', '-c', `source ${file}; cd ${folder}; ${reported}`]);
  const found = out.join('\n').split(/^\.$/m).slice(0, -1);
  // Fish offers options only after a dash, and sorts.
  const sorted = (words: readonly string[]) => words.filter((word) => word !== '' && word !== '--help').toSorted();
  expect(
    found.map((part) =>
      sorted(
        part
          .trim()
          .split('\n')
          .map((row) => row.split('\t')[0] ?? ''),
      ),
    ),
  ).toEqual(lines.map(([, words]) => sorted(words)));
  expect(found[3]).toContain('extend\tlet a hold end later');
  // Files where a file is meant, and nowhere else.
  const files = ran('fish', [
    '--no-config',
    '-c',
    `source ${file}; cd ${folder}; complete -C'relaykeeper status --socket r'`,
  ]);
  expect(files).toEqual([expect.stringMatching(/^relaykeeper\.fish/)]);
  rmSync(folder, { recursive: true });
});

it.each(shells)('in %s every command and option is named', async (shell) => {
  const out = await script(shell);
  for (const word of ['status', 'extend', 'until', 'completion', 'quarantined']) expect(out).toContain(word);
});

it('another shell is refused with those that there are', async () => {
  const { code, err } = await typed(['completion', 'csh']);
  expect(code).toBe(2);
  expect(err).toContain('Allowed choices are bash, zsh, fish');
});
