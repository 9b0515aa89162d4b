// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are texts of configuration files.
/** The shipped files, the JSON Schema, and what the two promise about each other. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { isMap, isScalar, isSeq, parse, parseDocument } from 'yaml';
import { z } from 'zod';
import { groupOf } from '../../src/domain/words/policy.ts';
import { findConfiguration, noConfiguration, searchedPaths } from '../../src/settings/find.ts';
import { type JsonSchema, jsonSchema, keyPaths, keysAt } from '../../src/settings/json-schema.ts';
import { loadSettings } from '../../src/settings/load.ts';
import { policies } from '../../src/settings/settings.ts';
import { filesInMemory } from './support.ts';

const text = (name: string) => readFileSync(new URL(`../../config/${name}`, import.meta.url), 'utf8');
const env = {
  VOLCENGINE_ACCESS_KEY: 'AKLTx',
  VOLCENGINE_SECRET_KEY: 'sk',
  GRAFANA_TOKEN: 'grafana-0123456789',
  HOOK_TOKEN: 'hook-0123456789-abc',
  SECRETS: 'secrets',
  TLS_DIR: 'tls',
};
const files = Object.fromEntries(
  [
    ...['ops', 'access-key-id', 'secret-access-key', 'session-token', 'hook-token'].map((name) => `secrets/${name}`),
    'tls/tls.crt',
    'tls/tls.key',
  ].map((path) => [path, 'a-secret-of-some-length\n']),
);
const loadFile = (name: string) =>
  loadSettings({ path: name, env, engines: ['sqlite'], readFile: filesInMemory({ ...files, [name]: text(name) }) });

const shipped = ['relaykeeper.example.yaml', 'minimal.yaml', 'demo.yaml'];

describe('the shipped files', () => {
  test.each(shipped)('%s loads', (name) => {
    const loaded = loadFile(name);
    expect(loaded.ok ? [] : loaded.errors.map((error) => error.text)).toEqual([]);
  });
  test.each(['relaykeeper.example.yaml', 'minimal.yaml'])('%s has no warnings', (name) => {
    const loaded = loadFile(name);
    expect(loaded.ok && loaded.warnings.map((warning) => warning.text)).toEqual([]);
  });
  test('the demo warns that its cloud is a pretence, and of nothing else', () => {
    const loaded = loadFile('demo.yaml');
    expect(loaded.ok && loaded.warnings.map(({ path }) => path)).toEqual(['accounts[0].provider']);
  });
  test('the demo has groups that heal, one that observes, and a cloud group that nobody manages', () => {
    const loaded = loadFile('demo.yaml');
    if (!loaded.ok) throw new Error('demo.yaml does not load');
    const all = policies(loaded.settings, 'demo');
    const ofCloudGroup = (cloudGroup: string) => {
      const policy = groupOf(all, { taskId: 't', title: 'x', type: 'live', cloudGroup });
      return policy && `${policy.name} ${policy.mode}`;
    };
    expect(['vip', 'sports-1', 'sports-2', 'news', 'default'].map(ofCloudGroup)).toEqual([
      'vip heal',
      'sports heal',
      'sports heal',
      'news observe',
      undefined,
    ]);
    expect(loaded.settings.server.listen).toEqual({ host: '127.0.0.1', port: 9847 });
    expect(loaded.settings.store).toEqual({ kind: 'sqlite', path: 'data/demo.db' });
  });
  test('what the example does not call an example is the default', () => {
    const example = loadFile('relaykeeper.example.yaml');
    const minimal = loadFile('minimal.yaml');
    if (!example.ok || !minimal.ok) throw new Error('they do not load');
    const plain = ({ settings }: typeof example) => {
      const [account] = settings.accounts;
      const { credentials: _, endpoint: __, region: ___, hookToken: ____, ...rest } = account ?? {};
      const { server } = settings;
      const [groups] = settings.groups;
      const policyOrigins = Object.keys(settings.policyOrigins).slice(0, 1);
      return {
        ...settings,
        server: [server.listen, server.socket],
        accounts: rest,
        groups,
        policyOrigins,
        maintenance: [],
      };
    };
    expect(plain(example)).toEqual(plain(minimal));
  });
});

/** Every key that a YAML file uses, as `groups[].backoff.max`. */
function keysOf(yaml: string): ReadonlySet<string> {
  const keys = new Set<string>();
  const walk = (node: unknown, prefix: string) => {
    if (isSeq(node)) for (const item of node.items) walk(item, `${prefix}[]`);
    if (!isMap(node)) return;
    for (const { key, value } of node.items) {
      const name = isScalar(key) ? String(key.value) : '?';
      const path = prefix === '' ? name : `${prefix}.${name}`;
      keys.add(path);
      walk(value, path);
    }
  };
  walk(parseDocument(yaml).contents, '');
  return keys;
}

describe('the example has every key', () => {
  /** They stand in a comment: one store only can be written, and some are out of place there. */
  const commented = [
    'store.url',
    'store.password',
    'store.passwordFile',
    'store.caFile',
    'accounts[].like',
    'accounts[].proxy',
    'accounts[].proxyFile',
  ];
  /** A group can have every key of `defaults`; the example shows them there. */
  const shownInDefaults = (path: string) => {
    const inDefaults = path.replace(/^groups\[\]/, 'defaults');
    // The keys of every `match` are the same.
    const inGroups = path.replace(/^maintenance\[\]\.match\./, 'groups[].match.');
    return inDefaults !== path && keyPaths().includes(inDefaults) ? inDefaults : inGroups;
  };
  const used = new Set([...keysOf(text('relaykeeper.example.yaml'))].map(shownInDefaults));
  const known = new Set(keyPaths().map(shownInDefaults));

  test('of the schema, and no other', () => {
    // Entries of `hours` are shown in a group only; their keys are the same.
    const normal = (paths: Iterable<string>) => [...paths].filter((path) => !commented.includes(path)).toSorted();
    expect(normal(used)).toEqual(normal(known));
  });
  test.each(commented)('%s is mentioned', (path) => {
    expect(text('relaykeeper.example.yaml')).toMatch(new RegExp(`^ *# +${path.split('.')[1]}:`, 'm'));
  });
});

describe('the JSON Schema for editors', () => {
  const schema = jsonSchema(['sqlite']);
  // zod reads the schema back: another way than the one that checks files.
  const validator = z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]);
  const accepts = (value: unknown) => validator.safeParse(value).success;
  const variables = {
    log: { level: '${LEVEL}' },
    accounts: [{ name: '${NAME}', poll: { schedule: '${CRON}', verifyEvery: '${EVERY:-5s}' } }],
    groups: [{ name: '${GROUP}', mode: '${MODE}' }],
  };
  const minimal = { accounts: [{ name: 'main' }], groups: [{ name: 'vip' }] };

  test('it is draft-07, and no key lacks a description', () => {
    expect(schema.$schema).toBe('http://json-schema.org/draft-07/schema#');
    const without: string[] = [];
    const walk = (here: JsonSchema, path: string): void => {
      for (const form of here.anyOf ?? []) walk(form, path);
      if (here.items) walk(here.items, `${path}[]`);
      for (const [name, own] of Object.entries(here.properties ?? {})) {
        if (typeof own.description !== 'string') without.push(`${path}.${name}`);
        walk(own, `${path}.${name}`);
      }
    };
    walk(schema, '');
    expect(without).toEqual([]);
  });
  test.each([
    ['server.listen', '127.0.0.1:9847'],
    ['store', 'sqlite:data/relaykeeper.db'],
    ['accounts[].poll.verifyEvery', '5s'],
    ['accounts[].poll.pageSize', 500],
    ['log.level', 'info'],
  ])('editors get the default of %s', (path, byDefault) => {
    const found = path.split('.').reduce<readonly JsonSchema[]>(
      (here, step) => {
        const own = here.flatMap((form): readonly JsonSchema[] => {
          const found = form.properties?.[step.replace('[]', '')];
          return found ? [found, ...(found.anyOf ?? [])] : [];
        });
        return own.map((form) => form.items ?? form);
      },
      [schema],
    );
    expect(found.map((form) => form.default)).toContain(byDefault);
  });
  test.each(shipped)('it accepts %s', (name) => {
    const result = validator.safeParse(parse(text(name)));
    expect(result.error?.issues ?? []).toEqual([]);
  });
  test.each([
    ['an unknown key', { ...minimal, colour: 'red' }],
    ['a duration without a unit', { ...minimal, defaults: { verifyWithin: '30' } }],
    ['a percentage above 100', { ...minimal, defaults: { storm: { percent: 101 } } }],
    ['a word that is not one of the words', { ...minimal, defaults: { mode: 'watch' } }],
    ['no account', { groups: [{ name: 'vip' }] }],
    ['a group without a name', { ...minimal, groups: [{}] }],
  ])('it refuses %s', (_, value) => expect(accepts(value)).toBe(false));
  test.each([
    ['the smallest file', minimal],
    ['a key without a value', { ...minimal, server: { externalUrl: null }, defaults: null }],
    ['false for a guard', { ...minimal, defaults: { storm: false, budget: false } }],
    ['variables where words, durations and names stand', variables],
    ['one text where a list may stand', { ...minimal, groups: [{ name: 'a', match: { title: 'x*', type: 'live' } }] }],
  ])('it accepts %s', (_, value) => expect(accepts(value)).toBe(true));

  test('keys are found by the place in the file', () => {
    expect(keysAt(['groups', 3, 'match', 'exclude'])).toEqual(['title', 'taskId']);
    expect(keysAt(['groups', 3, 'storm'])).toEqual(['percent', 'atLeast']);
    expect(keysAt(['groups', 3, 'hours', 0])).toEqual(['days', 'from', 'to', 'timezone']);
    expect(keysAt(['groups', 'name'])).toEqual([]);
  });
});

describe('which file is read', () => {
  const found = (flag: string | undefined, ...existing: readonly string[]) =>
    findConfiguration(flag, (path) => existing.includes(path));
  test.each([
    ['--config goes before all', 'my.yaml', searchedPaths, 'my.yaml'],
    ['--config need not exist: loading tells', 'my.yaml', [], 'my.yaml'],
    ['the one here goes before the one of the machine', undefined, searchedPaths, 'relaykeeper.yaml'],
    ['else the one of the machine', undefined, [searchedPaths[1]], '/etc/relaykeeper/relaykeeper.yaml'],
  ] as const)('%s', (_, flag, existing, path) => expect(found(flag, ...existing)).toBe(path));
  test('the demo is never found; without any, it is said what to do', () => {
    expect(found(undefined, 'config/demo.yaml', 'demo.yaml')).toBeUndefined();
    expect(noConfiguration).toMatch(
      /neither relaykeeper\.yaml nor .*npm start.*cp config\/minimal\.yaml.*--config FILE/s,
    );
  });
});
