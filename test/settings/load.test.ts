// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are texts of configuration files.
/** What a good file becomes, and that no file at all brings the loader down. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { groupOf } from '../../src/domain/words/policy.ts';
import { loadSettings } from '../../src/settings/load.ts';
import { maxFileBytes } from '../../src/settings/loaded.ts';
import { policies, withoutSecrets } from '../../src/settings/settings.ts';
import { readFileNow } from '../../src/user-files.ts';
import { errorsOf, load, settingsOf } from './support.ts';

const accounts = 'accounts: [{name: main}]\n';
const minute = 60_000;
const hour = 60 * minute;

const configFile = (name: string) => readFileSync(new URL(`../../config/${name}`, import.meta.url), 'utf8');

describe('what is meant by a short file', () => {
  const text = configFile('minimal.yaml');
  const settings = settingsOf(text, { VOLCENGINE_ACCESS_KEY: 'AKLTx', VOLCENGINE_SECRET_KEY: 'sk' });

  test('config/minimal.yaml is no longer than twelve lines', () => {
    expect(text.trimEnd().split('\n').length).toBeLessThanOrEqual(12);
  });

  test('every key that has a value by default has that value', () => {
    expect(JSON.parse(JSON.stringify(settings))).toEqual({
      log: { level: 'info', format: 'json' },
      server: { listen: { host: '127.0.0.1', port: 9847 }, socket: 'data/relaykeeper.sock', tokens: [] },
      store: { kind: 'sqlite', path: 'data/relaykeeper.db' },
      metrics: { maxTaskSeries: 2000 },
      maintenance: [],
      policyOrigins: expect.anything(),
      accounts: [
        {
          name: 'main',
          provider: 'volcengine',
          vendor: 'volcengine',
          credentials: { kind: 'keys', accessKeyId: { kind: 'value' }, secretAccessKey: { kind: 'value' } },
          subAccount: false,
          poll: { schedule: '*/5 * * * * *', timezone: 'UTC', pageSize: 500, verifyEveryMs: 5000, share: 0.5 },
          requestTimeoutMs: 10_000,
          rateLimit: { perSecond: 10, restart: 10, list: 10, spacing: 'even' },
          restartAction: 'auto',
          storm: { percent: 40, atLeast: 5 },
        },
      ],
      groups: [
        {
          name: 'vip',
          match: {
            account: ['*'],
            cloudGroup: ['vip'],
            title: ['*'],
            type: ['live', 'vod'],
            exclude: { title: [], taskId: [] },
          },
          mode: 'heal',
          firstSight: 'restart',
          confirm: 1,
          backoff: {
            initialMs: 15_000,
            factor: 2,
            maxMs: 5 * minute,
            jitterPercent: 25,
            resetAfterMs: 10 * minute,
          },
          attempts: 8,
          quarantine: { retryEveryMs: 10 * minute, abandonAfterMs: 72 * hour },
          budget: { restarts: 20, perTask: 12, perMs: hour },
          storm: { percent: 40, atLeast: 5 },
          verifyWithinMs: minute,
          startLeadMs: minute,
          endGuardMs: minute,
          endWarning: { beforeMs: 360 * minute, unlessSuccessor: true },
          hours: [],
        },
      ],
    });
  });

  test('the keys are what the environment says', () => {
    const [account] = settings.accounts;
    const keys = account?.credentials;
    if (keys?.kind !== 'keys') throw new Error('no keys');
    const reveal = (secret: typeof keys.accessKeyId) => (secret.kind === 'value' ? secret.reveal() : secret.path);
    expect([reveal(keys.accessKeyId), reveal(keys.secretAccessKey), keys.sessionToken]).toEqual([
      'AKLTx',
      'sk',
      undefined,
    ]);
  });
});

describe('a group lies over defaults, and both over what is built in, key by key', () => {
  const policy = (defaults: string, group: string) => {
    const [found] = settingsOf(`${accounts}defaults: ${defaults}\ngroups: [{name: vip, ${group}}]\n`).groups;
    if (!found) throw new Error('no group');
    return found;
  };
  test('a part of backoff keeps the other parts of defaults', () => {
    expect(policy('{backoff: {initial: 1s, jitter: 0}}', 'backoff: {max: 2m}').backoff).toEqual({
      initialMs: 1000,
      factor: 2,
      maxMs: 2 * minute,
      jitterPercent: 0,
      resetAfterMs: 10 * minute,
    });
  });
  test.each([
    ['false in defaults turns it off', '{budget: false}', '', false],
    [
      'a group turns it on again with what is built in',
      '{budget: false}',
      'budget: {restarts: 5}',
      { restarts: 5, perTask: 12, perMs: hour },
    ],
    ['a group turns it off', '{budget: {restarts: 3}}', 'budget: false', false],
    [
      'a group changes one part',
      '{budget: {restarts: 3}}',
      'budget: {per: 2h}',
      { restarts: 3, perTask: 12, perMs: 2 * hour },
    ],
  ])('budget: %s', (_, defaults, group, expected) => {
    expect(policy(defaults, group).budget).toEqual(expected);
  });
  test.each([
    ['off in defaults', '{storm: false}', '', false],
    ['a part in each', '{storm: {percent: 30}}', 'storm: {atLeast: 9}', { percent: 30, atLeast: 9 }],
  ])('storm: %s', (_, defaults, group, expected) => {
    expect(policy(defaults, group).storm).toEqual(expected);
  });
  test('hours are replaced as a whole, and days are spelt out', () => {
    const hours = '[{days: [sat-mon, mon], from: "22:00", to: "02:00", timezone: Asia/Shanghai}]';
    expect(policy('{hours: [{timezone: UTC}]}', `hours: ${hours}`).hours).toEqual([
      { days: ['sat', 'sun', 'mon'], fromMinute: 1320, toMinute: 120, timezone: 'Asia/Shanghai' },
    ]);
    expect(policy('{hours: [{timezone: UTC}]}', '').hours).toEqual([
      { days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'], fromMinute: 0, toMinute: 1440, timezone: 'UTC' },
    ]);
  });
});

describe('which tasks a group has', () => {
  const task = { taskId: 't1', title: 'final', cloudGroup: 'news', type: 'live' } as const;
  test.each([
    ['without match it has the cloud group of its name', '{name: news}', 'news'],
    ['without match it has no other cloud group', '{name: vip}', undefined],
    ['with any match, cloudGroup is every one', '{name: vip, match: {title: fin*}}', 'vip'],
    ['a key without a value is as good as no key', '{name: news, match: }', 'news'],
    [
      'an excluded task stays unmanaged, also by later groups',
      '{name: a, match: {exclude: {title: [final]}}}, {name: news}',
      undefined,
    ],
    ['a group of another account has nothing here', '{name: other, match: {account: second}}, {name: news}', 'news'],
  ])('%s', (_, groups, expected) => {
    const settings = settingsOf(`accounts: [{name: main}, {name: second}]\ngroups: [${groups}]\n`);
    expect(groupOf(policies(settings, 'main'), task)?.name).toBe(expected);
  });
  test('policies of an account leave out the groups of others, and keep the order', () => {
    const entry = (match: string) => `{schedule: '0 0 3 * * *', timezone: UTC, for: 1h, match: ${match}, reason: x}`;
    const settings = settingsOf(
      `accounts: [{name: main, storm: false}, {name: second}]\ngroups: [{name: c}, {name: b, match: {account: second}}, {name: a}]\nmaintenance: [${entry('{account: second}')}, ${entry('{}')}]\n`,
    );
    const { groups, maintenance, ...rest } = policies(settings, 'main');
    expect([groups.map(({ name }) => name), rest]).toEqual([['c', 'a'], { account: 'main', storm: false }]);
    expect(maintenance?.map(({ id }) => id)).toEqual(['maintenance-2']);
    expect(policies(settings, 'second').groups.map(({ name }) => name)).toEqual(['c', 'b', 'a']);
  });
});

describe('variables', () => {
  const region = (text: string, env: Record<string, string> = {}) =>
    settingsOf(`accounts:\n  - name: main\n    region: ${text}\ngroups: [{name: vip}]\n`, env).accounts[0]?.region;
  test.each([
    ['a value', '${R}', { R: 'cn-north-1' }, 'cn-north-1'],
    ['a value beside text', '"cn-${R}-1"', { R: 'north' }, 'cn-north-1'],
    ['two values', '${A}-${B}', { A: 'a', B: 'b' }, 'a-b'],
    ['a default when unset', '${R:-cn-north-1}', {}, 'cn-north-1'],
    ['a default when empty', '${R:-cn-north-1}', { R: '' }, 'cn-north-1'],
    ['no default when set', '${R:-cn-north-1}', { R: 'set' }, 'set'],
    ['an empty default leaves the key out', '${R:-}', {}, undefined],
    ['a value is not looked at again', '"${R}"', { R: 'a', a: 'b' }, 'a'],
  ] as const)('%s', (_, text, env, expected) => {
    expect(region(text, env)).toBe(expected);
  });
  test.each([
    ['$$ is one dollar sign', 'a$$b', 'a$b'],
    ['$$ before a brace keeps it', '"$${X}"', '${X}'],
    ['a dollar sign before anything else stays', 'a$b', 'a$b'],
    ['variables can bring what looks like a variable', '${V}', '${W}'],
  ])('in a group name: %s', (_, text, expected) => {
    expect(settingsOf(`${accounts}groups:\n  - name: ${text}\n`, { V: '${W}' }).groups[0]?.name).toBe(expected);
  });
  test('names of the object prototype are no variables', () => {
    expect(errorsOf(load(`${accounts}groups:\n  - name: \${constructor}\n`))).toContain('no variable constructor');
  });
  test('a variable that is set and empty is reported as empty', () => {
    const text = `accounts:\n  - name: main\n    credentials: {accessKeyId: "\${AK}", secretAccessKey: "\${SK}"}\ngroups: [{name: vip}]\n`;
    const errors = errorsOf(load(text, { AK: '', SK: 'x' }));
    expect(errors.split('\n')[0]).toBe(
      'bad.yaml:3:32: accounts[0].credentials.accessKeyId: is empty (after `${AK}` was filled in)',
    );
  });
});

describe('files as they come', () => {
  const good = `${accounts}groups:\n  - name: vip\n`;
  test.each([
    ['with a byte order mark', `\ufeff${good}`],
    ['with Windows line ends', good.replaceAll('\n', '\r\n')],
    ['without a last line end', good.trimEnd()],
    ['with a document start and a YAML 1.2 line', `%YAML 1.2\n---\n${good}`],
    ['as JSON', '{"accounts": [{"name": "main"}], "groups": [{"name": "vip"}]}'],
  ])('%s it is read', (_, text) => {
    expect(settingsOf(text).groups[0]?.name).toBe('vip');
  });
  test('in a file with Windows line ends the caret is where it is otherwise', () => {
    const text = `${good}    mode: halt\n`;
    expect(errorsOf(load(text.replaceAll('\n', '\r\n')))).toBe(errorsOf(load(text)));
  });
  test.each([
    ['empty', '', 'bad.yaml: is empty: write `accounts:` and `groups:`, as in config/minimal.yaml'],
    [
      'only a byte order mark',
      '\ufeff',
      'bad.yaml: is empty: write `accounts:` and `groups:`, as in config/minimal.yaml',
    ],
    ['no UTF-8', new Uint8Array([0x61, 0x3a, 0xff, 0xfe]), 'bad.yaml: is not UTF-8 text: save it as UTF-8'],
    ['too large', '#'.repeat(maxFileBytes + 1), 'bad.yaml: cannot be read: it is larger than 1024 KiB'],
  ])('%s: one clear line', (_, text, expected) => {
    expect(errorsOf(load(text))).toBe(`${expected}\n`);
  });
  test('missing, a directory: one clear line', () => {
    const folder = mkdtempSync(join(tmpdir(), 'settings-'));
    const errors = (path: string) =>
      errorsOf(loadSettings({ path, env: {}, engines: ['sqlite'], readFile: readFileNow }));
    expect(errors(join(folder, 'none.yaml'))).toBe(`${folder}/none.yaml: cannot be read: there is no such file\n`);
    expect(errors(folder)).toBe(`${folder}: cannot be read: it is a directory: only a regular file is read\n`);
    writeFileSync(join(folder, 'good.yaml'), good);
    expect(errors(join(folder, 'good.yaml'))).toBe('(no errors)');
  });
  test('the hash is of the file, and of nothing else', () => {
    const hash = (text: string, env = {}) => {
      const loaded = load(text, env);
      return loaded.ok ? loaded.hash : '';
    };
    const text = `${accounts}groups:\n  - name: \${G}\n`;
    expect(hash(text, { G: 'a' })).toMatch(/^[0-9a-f]{12}$/);
    expect(hash(text, { G: 'a' })).toBe(hash(text, { G: 'b' }));
    expect(hash(good)).not.toBe(hash(`${good}#`));
  });
  test('nested without end, aliases without end: reported, at once', () => {
    expect(errorsOf(load(`a: ${'['.repeat(100_000)}`))).toContain('bad.yaml:');
    expect(errorsOf(load(`a: ${'['.repeat(50)}${']'.repeat(50)}`))).toContain('is nested too deeply');
    const levels = Array.from(
      { length: 20 },
      (_, i) =>
        `k${i}: &k${i} [${Array(9)
          .fill(i === 0 ? 'x' : `*k${i - 1}`)
          .join(', ')}]`,
    );
    expect(errorsOf(load(levels.join('\n')))).toContain('anchors');
  });
});

test.each([
  ['brackets', `a: ${'['.repeat(1_000_000)}`, 'is nested too deeply'],
  ['braces in quotes that do not end', `a: "${'{'.repeat(1_000_000)}`, 'is nested too deeply'],
  ['aliases', `a: &a [x]\nb: [${'*a, '.repeat(240_000)}x]`, 'has more than 160000 lines, keys and values'],
  ['lists in lists', `a:\n${'- '.repeat(400_000)}`, 'has more than 160000 lines, keys and values'],
  ['empty lines', `${'\n'.repeat(900_000)}a: 1`, 'has more than 160000 lines, keys and values'],
])('a megabyte of %s is not parsed: reported in one sentence, with little computing', (_what, text, words) => {
  const before = process.threadCpuUsage();
  expect(errorsOf(load(text))).toContain(words);
  const { user, system } = process.threadCpuUsage(before);
  expect((user + system) / 1_000).toBeLessThan(1_000);
});

test('each secret can be given in a file of its own, and not twice', () => {
  const twice = (...names: readonly string[]) =>
    Object.fromEntries(names.flatMap((name) => [name, `${name}File`]).map((name) => [name, 'x']));
  const loaded = load(
    JSON.stringify({
      server: {
        tokens: [{ name: 'ops', scope: 'read', ...twice('token') }],
        tls: { certFile: 'x', keyFile: 'x' },
      },
      store: { url: 'postgres://keeper@db/relaykeeper', caFile: 'x', ...twice('password') },
      accounts: [
        {
          name: 'main',
          ...twice('hookToken', 'proxy'),
          credentials: twice('accessKeyId', 'secretAccessKey', 'sessionToken'),
        },
      ],
      groups: [{ name: 'vip' }],
    }),
  );
  const errors = loaded.ok ? [] : loaded.errors.filter(({ message }) => message.includes('is given twice'));
  expect(errors.map(({ path }) => path)).toEqual([
    'server.tokens[0].tokenFile',
    'store.passwordFile',
    'accounts[0].hookTokenFile',
    'accounts[0].proxyFile',
    'accounts[0].credentials.accessKeyIdFile',
    'accounts[0].credentials.secretAccessKeyFile',
    'accounts[0].credentials.sessionTokenFile',
  ]);
});

describe('secrets stay hidden', () => {
  const text = `accounts:
  - name: main
    hookToken: HOOK5c9e1f0ab27d4483e6a1
    credentials:
      accessKeyId: AKLT4b7f2e90d1c86a35f0e2b914
      secretAccessKey: \${SK}
server:
  tokens:
    - {name: ops, scope: admin, token: TOKEN7a3c95e0b1d2f8467ce19a}
groups:
  - name: vip
`;
  const env = { SK: 'ENV0f6d2a8c47b1e935da706b5c2' };
  const secrets = [
    'AKLT4b7f2e90d1c86a35f0e2b914',
    'ENV0f6d2a8c47b1e935da706b5c2',
    'TOKEN7a3c95e0b1d2f8467ce19a',
    'HOOK5c9e1f0ab27d4483e6a1',
  ];
  const shows = (output: string) => secrets.filter((secret) => output.includes(secret));

  test('in settings that are printed', () => {
    const settings = settingsOf(text, env);
    expect(shows(JSON.stringify(settings))).toEqual([]);
    expect(shows(inspect(settings, { depth: 20, showHidden: true }))).toEqual([]);
    expect(shows(JSON.stringify(withoutSecrets(settings)))).toEqual([]);
    expect(withoutSecrets(settings)).toMatchObject({ server: { tokens: [{ name: 'ops', token: '(set)' }] } });
  });

  test('in every error, wherever characters are lost, doubled or swapped for YAML signs', () => {
    const edit = fc.record({
      at: fc.nat(text.length - 1),
      remove: fc.nat(3),
      insert: fc.constantFrom(
        '',
        ' ',
        '\n',
        ':',
        '"',
        "'",
        '{',
        '}',
        '[',
        ']',
        '#',
        '\t',
        '- ',
        '&',
        '*',
        '|',
        'x',
        '\n\n',
        ', ',
      ),
    });
    const whole = (edits: readonly { at: number; remove: number; insert: string }[]) =>
      edits.reduce((was, { at, remove, insert }) => was.slice(0, at) + insert + was.slice(at + remove), text);
    // An edit can cut a secret in two: long parts are secrets too.
    const windows = secrets.flatMap((secret) =>
      Array.from({ length: secret.length - 15 }, (_, i) => secret.slice(i, i + 16)),
    );
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
        const edited = whole(edits);
        const output = errorsOf(load(edited, env));
        return windows.every((window) => !output.includes(window));
      }),
      // Hiding is by look as well as by place, so it is a matter of odds: the same texts every time.
      { numRuns: 1000, seed: 20_231_114 },
    );
  });
});

describe('a mistake repeated thousands of times takes no longer than the same text without it', () => {
  // The least of three: what is collected and compiled meanwhile is of this process, not of the text.
  const cpuMs = (text: string) => {
    let ms = Number.POSITIVE_INFINITY;
    let errors = '';
    for (let round = 0; round < 3; round++) {
      const before = process.cpuUsage();
      errors = errorsOf(load(text));
      const { user, system } = process.cpuUsage(before);
      ms = Math.min(ms, (user + system) / 1000);
    }
    return { ms, errors };
  };
  const list = (word: string) => `${accounts}groups: [${`{name: ${word}}, `.repeat(4_000)}]\n`;
  test.each([
    ['references without quotes', list('${X}')],
    ['references without their end', list('${X')],
    ['references two on a place', list('${X} ${Y}')],
    ['unclosed braces', `${accounts}groups: [${'{name: {x}, '.repeat(4_000)}]\n`],
    ['tabs', `${accounts}groups:\n${'  - {name:\n\tx}\n'.repeat(4_000)}`],
  ])('%s', (_what, text) => {
    const without = cpuMs(list('"${X} ${Y}"'));
    const { ms, errors } = cpuMs(text);
    expect(errors).toMatch(/^bad.yaml:[23]:/);
    // Finding and telling costs about as much again; what grows with the square costs a hundred times as much.
    expect(ms).toBeLessThan(4 * without.ms);
  });
});

describe('no text brings the loader down', () => {
  const never = (text: string) => {
    const loaded = load(text, { A: 'x' });
    return loaded.ok || loaded.errors.length > 0;
  };
  test('any characters', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), never), { numRuns: 300 });
  });
  test('any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const loaded = load(bytes);
        return loaded.ok || loaded.errors.length > 0;
      }),
      { numRuns: 500 },
    );
  });
  test('lines made of the pieces of a configuration', () => {
    const piece = fc.constantFrom(
      ...'accounts: |groups: |- name: main|  |\n|\n  |\n    |{|}|[|]|, |: |"|\'|*|&a |*a|<<: |!!str |${A}|${B}|${|$$|# |--- |defaults: |storm: |false|null|~|__proto__: |hours: |from: |days: |1|1.5|.nan|.inf|-1|15s|backoff: |server: |tokens: |store: |credentials: |? |> |\\|\t|%YAML 1.1\n|@|match: |constructor: |poll: |schedule: |0 0 0 31 2 *|* * * * * *|timezone: |UTC'.split(
        '|',
      ),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => never(pieces.join(''))),
      { numRuns: 1500 },
    );
  });
  test('any values under the known keys', () => {
    const keys = [
      'accounts',
      'groups',
      'defaults',
      'server',
      'store',
      'log',
      'name',
      'match',
      'hours',
      'from',
      'to',
      'days',
      'credentials',
      'token',
      'tokens',
      'backoff',
      'storm',
      'poll',
      'schedule',
    ];
    const { tree } = fc.letrec<{ tree: unknown; node: unknown }>((tie) => ({
      tree: fc.dictionary(fc.constantFrom(...keys), tie('node'), { maxKeys: 5 }),
      node: fc.oneof(
        { maxDepth: 5 },
        fc.oneof(
          fc.string(),
          fc.integer(),
          fc.double(),
          fc.boolean(),
          fc.constant(null),
          fc.constantFrom('vip', '08:00', 'mon-fri', 'sqlite:x'),
        ),
        tie('tree'),
        fc.array(tie('node'), { maxLength: 3 }),
      ),
    }));
    fc.assert(
      fc.property(tree, (value) => never(JSON.stringify(value))),
      { numRuns: 800 },
    );
  });
});
