import { expect, test } from 'vitest';
import { findUnmatched } from '../../src/app/unmatched.ts';
import type { Policy } from '../../src/domain/words/policy.ts';
import { atOnce, plainPolicy } from '../domain/story.ts';

const group = (name: string, match: Partial<Policy['match']>): Policy => ({
  ...plainPolicy,
  name,
  match: { ...plainPolicy.match, ...match },
});
const task = (cloudGroup: string, title: string, inGroup: string | null = null, account = 'main') => ({
  account,
  title,
  cloudGroup,
  group: inGroup,
});
const tasks = [task('vip', 'cup HD', 'vip'), task('sports-a', 'run', 'rest'), task('news', 'eight', 'rest', 'second')];
const rest = group('rest', { cloudGroup: ['*'] });
const vip = group('vip', { cloudGroup: ['vip'] });

const rows: readonly [sentence: string, groups: readonly Policy[], reported: readonly string[]][] = [
  ['all is there', [vip, rest], []],
  [
    'a misspelt name',
    [vip, group('s', { cloudGroup: ['sprots-a'] }), rest],
    ['group s: no task is in a cloud group sprots-a: did you mean sports-a?'],
  ],
  [
    'one of two names',
    [group('vip', { cloudGroup: ['vip', 'nwes'] }), rest],
    ['group vip: no task is in a cloud group nwes: did you mean news?'],
  ],
  [
    'a glob',
    [vip, group('g', { cloudGroup: ['sport?'] }), rest],
    ['group g: no task is in a cloud group sport?: did you mean sports-a?'],
  ],
  [
    'a title',
    [group('vip', { cloudGroup: ['vip'], title: ['*HD', '*4K'] }), rest],
    ['group vip: no task has a title *4K'],
  ],
  [
    'a name of another account',
    [vip, group('n', { account: ['main'], cloudGroup: ['news'] }), rest],
    ['group n: no task is in a cloud group news'],
  ],
  [
    'a group whose tasks the one above has',
    [vip, rest, group('late', { cloudGroup: ['news'] })],
    ['group late: it has no task: groups above it take them, or its match excludes them'],
  ],
  ['an empty list', [], []],
];
test.each(rows)('%s', (_sentence, groups, reported) => {
  expect(atOnce(findUnmatched(groups, tasks))).toEqual(reported);
});

test('a cloud group that no group names, and so was not polled, may be meant', () => {
  const polled = [task('vip', 'cup HD', 'vip')];
  const others = [
    { account: 'main', cloudGroup: 'sports-a' },
    { account: 'second', cloudGroup: 'sports-z' },
  ];
  const groups = [vip, group('s', { account: ['main'], cloudGroup: ['sports_z', 'sprots-a'] })];
  expect(atOnce(findUnmatched(groups, polled, others))).toEqual([
    'group s: no task is in a cloud group sports_z: did you mean sports-a?',
    'group s: no task is in a cloud group sprots-a: did you mean sports-a?',
  ]);
});

test('many are cut short', () => {
  const many = Array.from({ length: 30 }, (_, n) => group(`g${n}`, { cloudGroup: [`none-${n}-at-all`] }));
  const reported = atOnce(findUnmatched(many, tasks));
  expect(reported).toHaveLength(21);
  expect(reported.at(-1)).toBe('and 10 more names that match nothing');
});
