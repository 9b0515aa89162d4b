/** What the log looks for, so that it appears nowhere. */
import { expect, test } from 'vitest';
import { secretsOf } from '../../src/app/secrets.ts';
import { withoutRestart } from '../../src/settings/compare.ts';
import { load } from '../settings/support.ts';

test('the password of a store that stays until a restart is hidden after a reload that names another', () => {
  const files = { first: 'password-in-force', second: 'password-of-tomorrow' };
  const read = (file: string) => {
    const loaded = load(
      `store: {url: 'postgres://rk@db/rk', passwordFile: ${file}}\naccounts: [{name: main, provider: simulator}]\ngroups: [{name: vip}]\n`,
      {},
      files,
    );
    if (!loaded.ok) throw new Error(loaded.errors.map(({ text }) => text).join('\n'));
    return loaded;
  };
  const [start, now] = [read('first'), read('second')];
  expect(secretsOf(withoutRestart(start.settings, now.settings), now.read, start.read).all).toEqual([
    'password-in-force',
  ]);
});
