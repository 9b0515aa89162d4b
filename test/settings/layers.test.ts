/** Where each value of a policy comes from, key by key, over everything that `defaults` and a group can say. */
import { expect, test } from 'vitest';
import { settingsOf } from './support.ts';

const origins = (defaults: string, group: string) => {
  const settings = settingsOf(`accounts: [{name: main}]\ndefaults: {${defaults}}\ngroups: [{name: vip${group}}]\n`);
  return settings.policyOrigins.vip ?? {};
};

test('what nobody says is built in, and every key of the policy in force has an origin', () => {
  const { 'match.cloudGroup': ofName, ...rest } = origins('', '');
  expect(ofName).toBe('group');
  expect(new Set(Object.values(rest))).toEqual(new Set(['built-in']));
  expect(Object.keys(rest)).toEqual(
    expect.arrayContaining(['mode', 'backoff.initial', 'backoff.jitter', 'budget.per', 'storm.percent', 'hours']),
  );
});

type Row = readonly [what: string, defaults: string, group: string, reported: Readonly<Record<string, string>>];
const rows: readonly Row[] = [
  ['a value of defaults', 'confirm: 2', '', { confirm: 'defaults', attempts: 'built-in' }],
  ['the group over defaults, though it says the same', 'confirm: 2', ', confirm: 2', { confirm: 'group' }],
  [
    'a mapping key by key',
    'backoff: {max: 9m, factor: 3}',
    ', backoff: {max: 8m}',
    { 'backoff.max': 'group', 'backoff.factor': 'defaults', 'backoff.initial': 'built-in' },
  ],
  ['what is turned off has one entry', 'budget: false', '', { budget: 'defaults' }],
  ['the group turns it off', 'storm: {percent: 50}', ', storm: false', { storm: 'group' }],
  [
    'turned off in defaults and on again in the group: the rest is built in',
    'budget: false',
    ', budget: {restarts: 5}',
    { 'budget.restarts': 'group', 'budget.perTask': 'built-in' },
  ],
  [
    'a list as a whole',
    'hours: [{days: [mon], from: "08:00", timezone: UTC}]',
    '',
    { hours: 'defaults', 'match.title': 'built-in' },
  ],
  [
    'whose tasks they are',
    '',
    ', match: {title: ["x*"]}',
    { 'match.title': 'group', 'match.cloudGroup': 'built-in', 'match.exclude': 'built-in' },
  ],
];
test.each(rows)('%s', (_what, defaults, group, reported) => {
  expect(origins(defaults, group)).toMatchObject(reported);
});

test('an entry of what is turned off has no parts', () => {
  expect(Object.keys(origins('budget: false', '')).filter((key) => key.startsWith('budget'))).toEqual(['budget']);
});
