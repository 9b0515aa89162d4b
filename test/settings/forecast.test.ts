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
    ['no tasks: one page all the same', 'subAccount: false', 0, 1, 1 / 5],
    ['exactly a page', 'subAccount: false', 500, 1, 1 / 5],
    ['one more', 'subAccount: false', 501, 2, 2 / 5],
    ['small pages: every second tick is left out', 'poll: {pageSize: 20}', 1000, 50, 50 / 10],
    ['a rarer schedule', 'poll: {schedule: "*/15 * * * * *"}', 5000, 10, 10 / 15],
    ['an uneven schedule counts where it is densest', 'poll: {schedule: "0,2,30 * * * * *"}', 5000, 10, 5],
    ['five fields are minutes', 'poll: {schedule: "* * * * *"}', 500, 1, 1 / 60],
  ])('%s', (_, keys, tasks, callsPerPoll, perSecond) => {
    const { callsPerPoll: calls, pollsPerSecond, pollShare } = of(keys, tasks);
    expect(calls).toBe(callsPerPoll);
    expect(pollsPerSecond).toBeCloseTo(perSecond, 10);
    expect(pollShare).toBeCloseTo(perSecond / 10, 10);
  });
  test.each([
    ['each cloud group known by name is a list of its own', '{name: a}, {name: b}, {name: c}', 3, 3 / 5],
    ['globs cost a list of the groups a minute', '{name: s, match: {cloudGroup: ["sports-*"]}}', 1, 1 / 5 + 1 / 60],
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

  const few = 'defaults: {backoff: {max: 24h}}';
  const reported = (keys: string, tasks: number) => {
    const text = `accounts: [{name: main, ${keys}}]\n${few}\ngroups: [{name: vip}]\n`;
    return forecast(settingsOf(text), tasks).flatMap(({ warnings }) => warnings);
  };
  test('polling up to its share of the limit is fine', () => {
    expect(reported('poll: {schedule: "* * * * * *"}', 2500)).toEqual([]);
  });
  test.each([
    [
      'poll: {schedule: "* * * * * *", pageSize: 100}',
      600,
      'account main: a poll of 600 tasks takes 6 calls of 100, so polls run every 2 s instead of every 1 s: polling may use at most 50 % of 10 calls a second (`poll.share`); raise `poll.pageSize` to 500',
    ],
    [
      'poll: {share: 0.2}, rateLimit: {list: 5}',
      3000,
      'account main: a poll of 3000 tasks takes 6 calls of 500, so polls run every 10 s instead of every 5 s: polling may use at most 20 % of 5 calls a second (`poll.share`)',
    ],
  ])('above it ticks are left out: %s', (keys, tasks, warning) => expect(reported(keys, tasks)).toEqual([warning]));

  test.each([
    ['ten a second', 'provider: volcengine', 200, 10 - 1 / 5, 21_000],
    ['one a second', 'provider: byteplus', 200, 1, 200_000],
    ['as many as the account may', 'rateLimit: {perSecond: 4}, poll: {schedule: "* * * * * *"}', 600, 2.8, 215_000],
  ])('all stopped tasks restarted: %s', (_, keys, tasks, restartPerSecond, allRestartedMs) => {
    const said = of(keys, tasks);
    expect(said.restartPerSecond).toBeCloseTo(restartPerSecond, 10);
    expect(said.allRestartedMs).toBe(allRestartedMs);
  });
  test('a policy that asks for more restarts than the limits allow is reported, the keenest of the account', () => {
    const groups = '{name: slow, backoff: {max: 10m}}, {name: vip, backoff: {max: 2m}}';
    expect(of('provider: byteplus', 120, groups).warnings).toEqual([]);
    expect(of('provider: byteplus', 300, groups).warnings).toEqual([
      "account main: if all 300 tasks stay stopped, group vip restarts each every 120 s (`backoff.max`), 2.5 restarts a second; the limits allow 1.0, so each task's turn comes every 300 s",
    ]);
    expect(of('provider: volcengine', 300, groups).warnings).toEqual([]);
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
      account('rateLimit: {perSecond: 11, restart: 11}'),
      '1:61 accounts[0].rateLimit.restart: the vendor accepts 10 restarts a second and refuses more, unless it has raised your limit',
    ],
    [
      'more restarts than BytePlus takes, of more calls',
      account('provider: byteplus, rateLimit: {perSecond: 11, restart: 11}'),
      '1:81 accounts[0].rateLimit.restart: the vendor accepts 1 restart a second and refuses more, unless it has raised your limit',
    ],
    [
      'more restarts than BytePlus takes',
      account('provider: byteplus, rateLimit: {restart: 2}'),
      '1:66 accounts[0].rateLimit.restart: the vendor accepts 1 restart a second and refuses more, unless it has raised your limit',
    ],
    [
      'an endpoint in the clear',
      account('endpoint: http://proxy.example.com'),
      '1:35 accounts[0].endpoint: calls are not encrypted: write https',
    ],
  ])('%s', (_, text, expected) => expect(warned(text)).toEqual([expected]));
  test.each([
    ['an endpoint on this machine', account('endpoint: "http://127.0.0.1:8080"')],
    ['a poll every five minutes', account('poll: {schedule: "*/5 * * * *"}')],
    ['ten a second', account('rateLimit: {perSecond: 10}')],
    ['more calls, of which restarts are no more', account('rateLimit: {perSecond: 25}')],
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
