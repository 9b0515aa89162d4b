/** Calls per second before there are any, and what is allowed but hardly meant. */
import { describe, expect, test } from 'vitest';
import { forecast } from '../../src/settings/forecast.ts';
import { load, settingsOf } from './support.ts';

const account = (keys: string, groups = '{name: vip}') => `accounts: [{name: main, ${keys}}]\ngroups: [${groups}]\n`;
const of = (keys: string, tasks: number, groups?: string) => {
  const [first] = forecast(settingsOf(account(keys, groups)), tasks);
  if (!first) throw new Error('no forecast');
  return first;
};

describe('a forecast', () => {
  test.each([
    ['no tasks: one page all the same', 'subAccount: false', 0, 1, 1 / 15],
    ['exactly a page', 'subAccount: false', 500, 1, 1 / 15],
    ['one more', 'subAccount: false', 501, 2, 2 / 15],
    ['small pages', 'poll: {pageSize: 20}', 1000, 50, 50 / 15],
    ['a denser schedule', 'poll: {schedule: "*/5 * * * * *"}', 5000, 10, 2],
    ['an uneven schedule counts where it is densest', 'poll: {schedule: "0,2,30 * * * * *"}', 5000, 10, 5],
    ['five fields are minutes', 'poll: {schedule: "* * * * *"}', 500, 1, 1 / 60],
  ])('%s', (_, keys, tasks, callsPerPoll, perSecond) => {
    const { callsPerPoll: calls, pollsPerSecond, pollShare } = of(keys, tasks);
    expect(calls).toBe(callsPerPoll);
    expect(pollsPerSecond).toBeCloseTo(perSecond, 10);
    expect(pollShare).toBeCloseTo(perSecond / 10, 10);
  });
  test.each([
    ['each cloud group known by name is a list of its own', '{name: a}, {name: b}, {name: c}', 3, 3 / 15],
    ['globs cost a list of the groups a minute', '{name: s, match: {cloudGroup: ["sports-*"]}}', 1, 1 / 15 + 1 / 60],
  ])('with a sub-account: %s', (_, groups, callsPerPoll, perSecond) => {
    const { callsPerPoll: calls, pollsPerSecond } = of('subAccount: true', 100, groups);
    expect([calls, pollsPerSecond]).toEqual([callsPerPoll, perSecond]);
  });
  test.each([
    ['looks while verifying cost pages per verifyEvery', 5000, 2],
    ['half of the limit is too dear: polls verify', 12_500, 0],
    ['just below half is not', 12_000, 4.8],
  ])('%s', (_, tasks, perSecond) =>
    expect(of('poll: {verifyEvery: 5s}', tasks).verifyPerSecond).toBeCloseTo(perSecond, 10),
  );

  test('polling up to half of the limit is fine', () => {
    expect(of('poll: {schedule: "* * * * * *"}', 2500).warnings).toEqual([]);
  });
  test('polling above half of the limit is told, with a schedule that is not', () => {
    const [warning] = of('poll: {schedule: "* * * * * *", pageSize: 100}', 600).warnings;
    expect(warning).toBe(
      'account main: polling alone eats more than half of the limit, and restarts wait: a poll of 600 tasks is 6 calls of 100 every 1 s, 60 % of the 10 calls a second; raise `poll.pageSize` to 500, or poll every 2 s or more rarely (`poll.schedule`)',
    );
    expect(of('poll: {schedule: "*/2 * * * * *", pageSize: 100}', 600).warnings).toEqual([]);
  });
  test('polling above the limit cannot keep up', () => {
    expect(of('poll: {schedule: "* * * * * *"}', 5001).warnings[0]).toContain('polling cannot keep up');
  });
});

describe('warnings', () => {
  const warned = (text: string) => {
    const loaded = load(text);
    if (!loaded.ok) throw new Error(loaded.errors.map((error) => error.text).join('\n'));
    return loaded.warnings.map(({ line, column, path, message }) => `${line}:${column} ${path}: ${message}`);
  };
  test.each([
    [
      'a pretend cloud',
      account('provider: simulator'),
      '1:35 accounts[0].provider: a pretend cloud: no real task is seen or restarted',
    ],
    [
      'five fields where seconds were meant',
      account('poll: {schedule: "*/15 * * * *"}'),
      '1:42 accounts[0].poll.schedule: tasks are listed only every 15 minutes (five fields begin with the minute; put seconds in front, as in `*/15 * * * * *`)',
    ],
    [
      'more restarts than the vendor takes',
      account('rateLimit: {perSecond: 11}'),
      '1:48 accounts[0].rateLimit.perSecond: the vendor takes 10 restarts a second; more is refused unless it has raised that for you',
    ],
    [
      'more restarts than BytePlus takes',
      account('provider: byteplus, rateLimit: {restart: 2}'),
      '1:66 accounts[0].rateLimit.restart: the vendor takes 1 restart a second; more is refused unless it has raised that for you',
    ],
    [
      'an endpoint in the clear',
      account('endpoint: http://proxy.example.com'),
      '1:35 accounts[0].endpoint: calls cross the network in the clear: write https',
    ],
  ])('%s', (_, text, expected) => expect(warned(text)).toEqual([expected]));
  test.each([
    ['an endpoint on this machine', account('endpoint: "http://127.0.0.1:8080"')],
    ['a poll every five minutes', account('poll: {schedule: "*/5 * * * *"}')],
    ['ten a second', account('rateLimit: {perSecond: 10}')],
  ])('none for %s', (_, text) => expect(warned(text)).toEqual([]));

  const unreachable = (groups: string) =>
    warned(`accounts: [{name: main}, {name: two}]\ngroups: [${groups}]\n`).map((line) =>
      line.replace(/^\S+ (groups\[\d\])\.name: this group.*by `(.*)` above.*$/, '$1 by $2'),
    );
  test.each([
    ['everything before a name', '{name: all, match: {title: "*"}}, {name: vip}', ['groups[1] by all']],
    ['the same name of another entry', '{name: vip}, {name: more, match: {cloudGroup: [vip]}}', ['groups[1] by vip']],
    [
      'a glob before a name that fits it',
      '{name: s, match: {cloudGroup: "sports-*"}}, {name: sports-1}',
      ['groups[1] by s'],
    ],
    [
      'both kinds before one kind',
      '{name: a, match: {cloudGroup: x}}, {name: b, match: {cloudGroup: x, type: vod}}',
      ['groups[1] by a'],
    ],
    [
      'one kind before both kinds',
      '{name: a, match: {cloudGroup: x, type: vod}}, {name: b, match: {cloudGroup: x}}',
      [],
    ],
    ['one of two names', '{name: a}, {name: b, match: {cloudGroup: [a, c]}}', []],
    ['one account before all', '{name: a, match: {account: two}}, {name: vip}', []],
    ['some titles before all', '{name: a, match: {title: "x*"}}, {name: vip}', []],
    [
      'a glob before another glob is not certain enough',
      '{name: a, match: {cloudGroup: "s*"}}, {name: b, match: {cloudGroup: "sp*"}}',
      [],
    ],
    ['a name before everything', '{name: vip}, {name: rest, match: {title: "*"}}', []],
    [
      'what the earlier one excludes stays unmanaged, so that does not help',
      '{name: a, match: {exclude: {title: "x*"}}}, {name: b, match: {title: "x*"}}',
      ['groups[1] by a'],
    ],
  ])('a group that gets nothing: %s', (_, groups, expected) => expect(unreachable(groups)).toEqual(expected));
});
