import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { globMatches, groupOf, type Match, type Policies } from '../../src/domain/words/policy.ts';
import type { TaskItem } from '../../src/domain/words/task.ts';
import { item, plainPolicy } from './story.ts';

describe('globs: * is any run of characters, ? any one, everything else is itself', () => {
  const rows: readonly [sentence: string, glob: string, text: string, fits: boolean][] = [
    ['a plain word is itself', 'vip', 'vip', true],
    ['a plain word is the whole text, not a beginning', 'vip', 'vip-1', false],
    ['nor an end', 'vip', 'my-vip', false],
    ['case counts', 'vip', 'VIP', false],
    ['a star alone fits anything', '*', 'anything', true],
    ['a star fits nothing at all', '*', '', true],
    ['a star at the end fits any end', 'sports-*', 'sports-1', true],
    ['and an empty end', 'sports-*', 'sports-', true],
    ['but the rest must be there', 'sports-*', 'sports', false],
    ['a star on both sides looks inside', '*HOLD*', 'match 1 HOLD please', true],
    ['and misses what is not there', '*HOLD*', 'match 1 hold', false],
    ['a star in the middle goes back to try a later place', 'a*bc', 'abbbc', true],
    ['two stars go back both', '*a*b', 'xaxaxb', true],
    ['and give up in the end', '*a*b', 'xaxaxc', false],
    ['a question mark is exactly one character', 'cam?', 'cam1', true],
    ['not none', 'cam?', 'cam', false],
    ['not two', 'cam?', 'cam12', false],
    ['a star and a question mark ask for at least one', '*?', '', false],
    ['Chinese titles', '*勿动*', '世界杯勿动1', true],
    ['a question mark is one Chinese character', '世?杯', '世界杯', true],
    ['also one outside the first plane', '?野家', '𠮷野家', true],
    ['which is one, not two', '??野家', '𠮷野家', false],
    ['signs of regular expressions are themselves', 'a.c', 'abc', false],
    ['brackets too', 'a[1]', 'a[1]', true],
    ['an empty glob fits the empty text only', '', 'a', false],
  ];
  test.each(rows)('%s: %s against %s', (_sentence, glob, text, fits) => {
    expect(globMatches(glob, text)).toBe(fits);
  });

  test('agrees with a regular expression made of it', () => {
    const letters = fc.constantFrom('a', 'b', '界', '𠮷');
    const globs = fc.array(fc.oneof(letters, fc.constantFrom('*', '?')), { maxLength: 7 });
    fc.assert(
      fc.property(globs, fc.array(letters, { maxLength: 7 }), (glob, text) => {
        const pattern = glob.map((sign) => (sign === '*' ? '.*' : sign === '?' ? '.' : sign)).join('');
        expect(globMatches(glob.join(''), text.join(''))).toBe(new RegExp(`^${pattern}$`, 'u').test(text.join('')));
      }),
      { numRuns: 2_000 },
    );
  });

  test('many stars do not take long', () => {
    const started = performance.now();
    expect(globMatches('*a'.repeat(20), `${'a'.repeat(200)}b`)).toBe(false);
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});

const everything: Match = {
  account: ['*'],
  cloudGroup: ['*'],
  title: ['*'],
  type: ['live', 'vod'],
  exclude: { title: [], taskId: [] },
};

describe('which group has a task', () => {
  const task = (more: Partial<TaskItem> = {}) => item('t1', 'stopped', { title: '决赛', cloudGroup: 'vip', ...more });
  const rows: readonly [
    sentence: string,
    groups: Readonly<Record<string, Partial<Match>>>,
    task: TaskItem,
    group: string,
  ][] = [
    ['the first entry that matches has it', { first: {}, second: {} }, task(), 'first'],
    ['an entry that does not match is passed over', { first: { cloudGroup: ['x'] }, second: {} }, task(), 'second'],
    ['what none matches has no group', { first: { cloudGroup: ['x'] } }, task(), 'none'],
    ['without any group nothing is managed', {}, task(), 'none'],
    [
      'all that are given must hold',
      { first: { cloudGroup: ['vip'], title: ['半决赛'] }, second: {} },
      task(),
      'second',
    ],
    ['a cloud group that only begins so is another', { first: { cloudGroup: ['vi'] } }, task(), 'none'],
    ['lists are alternatives', { first: { cloudGroup: ['x', 'v*'] } }, task(), 'first'],
    ['the account is matched too', { first: { account: ['backup'] }, second: { account: ['ma*'] } }, task(), 'second'],
    ['live only passes over a vod task', { first: { type: ['live'] } }, task({ type: 'vod' }), 'none'],
    ['vod only has a vod task', { first: { type: ['vod'] } }, task({ type: 'vod' }), 'first'],
    ['a title glob', { first: { title: ['*赛'] } }, task(), 'first'],
    [
      'an excluded title is unmanaged, and later entries do not get it',
      { first: { exclude: { title: ['*勿动*'], taskId: [] } }, second: {} },
      task({ title: '决赛勿动' }),
      'none',
    ],
    [
      'an excluded task id is unmanaged, and later entries do not get it',
      { first: { exclude: { title: [], taskId: ['t1'] } }, second: {} },
      task(),
      'none',
    ],
    [
      'an entry that does not match cannot exclude',
      { first: { cloudGroup: ['x'], exclude: { title: ['*'], taskId: [] } }, second: {} },
      task(),
      'second',
    ],
    [
      'an exclusion of a later entry does not take it from an earlier one',
      { first: {}, second: { exclude: { title: ['*'], taskId: [] } } },
      task(),
      'first',
    ],
    ['a task id is no glob', { first: { exclude: { title: [], taskId: ['t*'] } } }, task(), 'first'],
  ];
  test.each(rows)('%s', (_sentence, groups, shown, group) => {
    const policies: Policies = {
      account: 'main',
      storm: false,
      groups: Object.entries(groups).map(([name, match]) => ({
        ...plainPolicy,
        name,
        match: { ...everything, ...match },
      })),
    };
    expect(groupOf(policies, shown)?.name ?? 'none').toBe(group);
  });
});
