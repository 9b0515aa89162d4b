/** Addresses with a user, a password or a token in them: what is wrong with one is reported, and never the address itself. */
import { describe, expect, test } from 'vitest';
import { withoutSecrets } from '../../src/settings/settings.ts';
import { errorsOf, load } from './support.ts';

const fileOf = (key: string, value: string) =>
  `accounts:\n  - name: main\n    ${key}: ${value}\ngroups: [{name: vip}]\n`;
const loaded = (key: string, value: string) => load(fileOf(key, value));

describe.each(['endpoint', 'proxy', 'proxi'])('%s', (key) => {
  test.each([
    'http://user:plan/ted@host',
    'http://user:plan ted@host/path',
    '"http://user:plan/ted@host:99999"',
    'socks5://planted:x@host',
    'https://planted@host:3128/path',
    '{address: "http://user:planted@host"}',
    '[http://user:planted/x@host]',
  ])('%s', (value) => {
    const reported = errorsOf(loaded(key, value));
    expect(reported).not.toBe('(no errors)');
    expect(reported).not.toMatch(/plan\/?ted|plan ted|ted@/);
  });
});

test('where the file cannot be read at all', () => {
  const reported = errorsOf(loaded('endpoint', 'http://user:plan/ted@host\n   x: ['));
  expect(reported).not.toBe('(no errors)');
  expect(reported).not.toMatch(/plan\/ted/);
});

test('a proxy with a token is taken, and shown as set', () => {
  const read = loaded('proxy', 'http://relay:plan%2Fted@proxy:3128');
  expect(errorsOf(read)).toBe('(no errors)');
  if (!read.ok) throw new Error('it was read');
  const shown = JSON.stringify(withoutSecrets(read.settings));
  expect(shown).toContain('"proxy":"(set)"');
  expect(shown).not.toContain('ted');
});

test.each(['none', 'http://proxy:3128', 'https://token@proxy.example.com'])('proxy: %s', (value) =>
  expect(errorsOf(loaded('proxy', value))).toBe('(no errors)'),
);
