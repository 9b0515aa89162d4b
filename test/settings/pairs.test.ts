import { expect, test } from 'vitest';
import { errorsOf, load } from './support.ts';

/** So many accounts and groups; `of` gives each group's `match`. */
function file(accounts: number, groups: number, of: (index: number) => object = () => ({})): string {
  const named = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => `${prefix}${i}`);
  return JSON.stringify({
    accounts: named('a', accounts).map((name) => ({ name, provider: 'simulator' })),
    groups: named('g', groups).map((name, i) => ({ name, match: { cloudGroup: [name], ...of(i) } })),
  });
}

test.each([
  ['one account with 200 groups', file(1, 200)],
  ['five accounts with 200 groups: exactly 1,000 pairs', file(5, 200)],
  [
    '50 accounts, 200 groups, each for four of them',
    file(50, 200, (i) => ({ account: [0, 1, 2, 3].map((n) => `a${(i + n) % 50}`) })),
  ],
])('%s are within the bound', (_, text) => {
  expect(errorsOf(load(text))).toBe('(no errors)');
});

test.each([
  ['six accounts with 200 groups', file(6, 200), '1200'],
  ['50 accounts with 200 groups', file(50, 200), '10000'],
  ['globs count by what they match', file(50, 200, () => ({ account: ['a1*'] })), '2200'],
])('%s are too many pairs', (_, text, pairs) => {
  expect(errorsOf(load(text))).toContain(`makes ${pairs} pairs of account and group, more than 1000`);
});
