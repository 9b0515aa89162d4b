/** Completion in a real bash; that the other scripts name every command. */
import { execFileSync } from 'node:child_process';
import { beforeAll, describe, expect, it } from 'vitest';
import { reasons } from '../../src/domain/words/reason.ts';
import { taskStates } from '../../src/domain/words/task.ts';
import { typed } from './pretend.ts';

const script = async (shell: string) => (await typed(['completion', shell])).out;

describe('in bash', () => {
  let source = '';
  beforeAll(async () => {
    source = await script('bash');
  });
  const completed = (line: string): readonly string[] => {
    const words = line.split(' ').map((word) => `'${word}'`);
    const ask = `COMP_WORDS=(${words.join(' ')}); COMP_CWORD=${words.length - 1}; _relaykeeper; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return execFileSync('bash', ['-c', `${source}\n${ask}`], { encoding: 'utf8' })
      .trim()
      .split('\n');
  };
  it.each<[string, readonly string[]]>([
    ['relaykeeper st', ['status', 'store']],
    ['relaykeeper h', ['history', 'hold', 'healthcheck']],
    ['relaykeeper hold ', ['add', 'list', 'extend', 'remove', '--help']],
    ['relaykeeper hold e', ['extend']],
    ['relaykeeper hold add --f', ['--from', '--for']],
    ['relaykeeper tasks --state ', taskStates],
    ['relaykeeper tasks --reason ', reasons],
    ['relaykeeper --config x.yaml status --w', ['--watch']],
    ['relaykeeper status --group ', ['']],
    // A task can be called like a command.
    ['relaykeeper explain status --j', ['--json']],
  ])('%s', (line, expected) => expect(completed(line)).toEqual(expected));
});

it.each(['zsh', 'fish'])('in %s every command and option is named', async (shell) => {
  const out = await script(shell);
  for (const word of ['status', 'extend', 'until', 'completion', 'quarantined']) expect(out).toContain(word);
});

it('another shell is refused with those that there are', async () => {
  const { code, err } = await typed(['completion', 'csh']);
  expect(code).toBe(2);
  expect(err).toContain('Allowed choices are bash, zsh, fish');
});
