// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are texts of configuration files.
/** Seeing that the files changed, and what the change touches. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { compareForReload, withoutRestart } from '../../src/settings/compare.ts';
import { watched, watchSettings } from '../../src/settings/file-watch.ts';
import type { Contents } from '../../src/settings/loaded.ts';
import { fileTrouble, type Held, type ReadFileNow, readFileNow } from '../../src/user-files.ts';
import { VirtualClock } from '../sim/virtual-clock.ts';
import { filesInMemory, settingsOf } from './support.ts';

/** What files hold, as a reading of the settings finds it. */
const heldBy = (readFile: ReadFileNow, files: readonly string[]): Contents =>
  new Map(
    files.map((file): [string, Held] => {
      try {
        return [file, { text: new TextDecoder().decode(readFile(file, 1024 * 1024)) }];
      } catch (error) {
        return [file, { why: fileTrouble(error) }];
      }
    }),
  );

/** Runs a plan of (second, what happens then) and gives the seconds at which a change was reported, and read. */
async function reported(
  plan: readonly (readonly [number, () => void])[],
  readFile: ReadFileNow,
  found: Contents,
  seconds = 20,
  reload = (read: Contents) => heldBy(readFile, [...read.keys()]),
) {
  const clock = new VirtualClock(0);
  const abort = new AbortController();
  const at: number[] = [];
  let read = found;
  for (const [second, act] of plan) clock.after(second * 1000, act);
  const onChange = () => {
    at.push(clock.monotonic() / 1000);
    read = reload(read);
  };
  const { signal } = abort;
  const watching = watchSettings({ path: 'config', read: () => read, clock, readFile, onChange, signal });
  await clock.run(seconds * 1000);
  abort.abort();
  await watching;
  return at;
}

describe('a change is reported once it has stood still for 2 s', () => {
  const inMemory = (plan: readonly (readonly [number, Record<string, string | undefined>])[]) => {
    const content: Record<string, string> = { config: 'a', token: 't' };
    const put = (changes: Record<string, string | undefined>) => () => {
      for (const [name, text] of Object.entries(changes)) {
        if (text === undefined) delete content[name];
        else content[name] = text;
      }
    };
    const readFile: ReadFileNow = (...asked) => filesInMemory(content)(...asked);
    return reported(
      plan.map(([second, changes]) => [second, put(changes)] as const),
      readFile,
      heldBy(readFile, ['config', 'token']),
    );
  };
  // Looks come every half second: a change just after one is seen at the next, and reported 2 s later.
  test.each([
    ['nothing changes', [], []],
    ['one change', [[1.1, { config: 'b' }]], [3.5]],
    ['a change of a token file', [[1.1, { token: 'u' }]], [3.5]],
    [
      'written in pieces: from the last one',
      [
        [1.1, { config: 'b' }],
        [2.6, { config: 'bc' }],
        [4.1, { config: 'bcd' }],
      ],
      [6.5],
    ],
    [
      'gone and back within two seconds as it was',
      [
        [1.1, { config: undefined }],
        [2.1, { config: 'a' }],
      ],
      [],
    ],
    [
      'replaced by way of nothing',
      [
        [1.1, { config: undefined }],
        [1.7, { config: 'b' }],
      ],
      [4],
    ],
    ['removed: reported, so that somebody says so', [[1.1, { config: undefined }]], [3.5]],
    [
      'two changes far apart',
      [
        [1.1, { config: 'b' }],
        [9.1, { config: 'a' }],
      ],
      [3.5, 11.5],
    ],
  ] as const)('%s', async (_, plan, expected) => {
    expect(await inMemory(plan)).toEqual(expected);
  });

  test('a change while the last one is taken in is reported too', async () => {
    const content: Record<string, string> = { config: 'a' };
    const readFile: ReadFileNow = (...asked) => filesInMemory(content)(...asked);
    const write = (text: string) => () => {
      content.config = text;
    };
    const reload = (read: Contents) => {
      const found = heldBy(readFile, [...read.keys()]);
      if (content.config === 'b') write('c')();
      return found;
    };
    expect(await reported([[1.1, write('b')]], readFile, heldBy(readFile, ['config']), 20, reload)).toEqual([3.5, 6]);
  });

  test.each([
    ['changed', { text: 'b' }, [2.5]],
    ['did not change', { text: 'a' }, []],
    ['could be read only then', { why: 'there is no such file' }, [2.5]],
    ['could not be read then either', { why: 'it is larger than 64 KiB' }, []],
  ])('a file that %s between being loaded and the first look', async (_what, held, expected) => {
    const content = { config: 'c', token: 'why' in held && expected.length === 0 ? 'x'.repeat(65 * 1024) : 'a' };
    const loaded: Contents = new Map<string, Held>([
      ['config', { text: 'c' }],
      ['token', held as Held],
    ]);
    expect(await reported([], filesInMemory(content), loaded)).toEqual(expected);
  });

  test('a file that a reload names and that changes before the next look is read again', async () => {
    const content = { config: 'a', token: 't' };
    const readFile: ReadFileNow = (...asked) => filesInMemory(content)(...asked);
    const write = () => {
      content.config = 'b';
    };
    const reload = () => {
      const found = heldBy(readFile, ['config', 'token']);
      content.token = 'u';
      return found;
    };
    expect(await reported([[1.1, write]], readFile, heldBy(readFile, ['config']), 20, reload)).toEqual([3.5, 6]);
  });

  test('what nobody could read in time is read again every minute, and at once when it changes', async () => {
    const content = { config: 'a' };
    const readFile: ReadFileNow = (...asked) => filesInMemory(content)(...asked);
    const write = () => {
      content.config = 'b';
    };
    const late: Contents = new Map([['config', { why: 'was not read within 30 s' }]]);
    expect(await reported([[80.1, write]], readFile, late, 150, () => late)).toEqual([2.5, 62.5, 82.5, 142.5]);
  });

  test('a mounted ConfigMap is swapped by a link two directories away', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'configmap-'));
    const version = (name: string, text: string) => {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, 'relaykeeper.yaml'), text);
    };
    version('..1', 'one');
    symlinkSync('..1', join(folder, '..data'));
    symlinkSync('..data/relaykeeper.yaml', join(folder, 'relaykeeper.yaml'));
    const swap = () => {
      version('..2', 'two');
      symlinkSync('..2', join(folder, '..data_tmp'));
      renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
      rmSync(join(folder, '..1'), { recursive: true });
    };
    const loaded = heldBy(readFileNow, [join(folder, 'relaykeeper.yaml')]);
    expect(await reported([[1.1, swap]], readFileNow, loaded)).toEqual([3.5]);
  });

  test('watched are the file and the tokens in files', () => {
    const settings = settingsOf('accounts: [{name: main, hookToken: hook-0123456789-abc}]\ngroups: [{name: vip}]\n');
    const file = { kind: 'file', path: 'ops' } as const;
    const server = { ...settings.server, tokens: [{ name: 'ops', scope: 'admin', token: file }] } as const;
    const read: Contents = new Map(['c.yaml', 'ops', 'key'].map((name) => [name, { text: '' }]));
    expect([...watched('c.yaml', { ...settings, server }, read).keys()]).toEqual(['c.yaml', 'ops']);
  });
});

describe('what a reload touches', () => {
  const base = {
    top: '',
    server: 'tokens: [{name: ops, scope: admin, token: ops-0123456789abcdef}]',
    accounts: '{name: main}, {name: two}',
    groups: '{name: vip}, {name: news}',
  };
  const settings = (changes: Partial<typeof base>) => {
    const { top, server, accounts, groups } = { ...base, ...changes };
    return settingsOf(`${top}\nserver: {${server}}\naccounts: [${accounts}]\ngroups: [${groups}]\n`, { SK: 'sk' });
  };
  const none = { added: [], removed: [], changed: [] };
  const same = { needsRestart: [], changed: [], accounts: none, groups: none };
  test.each([
    ['nothing', {}, {}],
    ['the log', { top: 'log: {level: debug}' }, { changed: ['log'] }],
    ['the port', { server: `${base.server}, listen: "127.0.0.1:1"` }, { needsRestart: ['server.listen'] }],
    ['the socket', { server: `${base.server}, socket: other.sock` }, { needsRestart: ['server.socket'] }],
    [
      'the address for people',
      { server: `${base.server}, externalUrl: "https://rk.example"` },
      { needsRestart: ['server.externalUrl'] },
    ],
    ['the store', { top: 'store: sqlite:other.db' }, { needsRestart: ['store'] }],
    [
      'another token under the same name',
      { server: base.server.replace('ops-0', 'ops-1') },
      { changed: ['server.tokens'] },
    ],
    ['an account more', { accounts: `${base.accounts}, {name: three}` }, { accounts: { ...none, added: ['three'] } }],
    ['an account less', { accounts: '{name: main}' }, { accounts: { ...none, removed: ['two'] } }],
    [
      'an account with keys of its own',
      { accounts: '{name: main, credentials: {accessKeyId: a, secretAccessKey: "${SK}"}}, {name: two}' },
      { accounts: { ...none, changed: ['main'] } },
    ],
    ['the order of accounts means nothing', { accounts: '{name: two}, {name: main}' }, {}],
    ['a policy', { groups: '{name: vip, attempts: 3}, {name: news}' }, { groups: { ...none, changed: ['vip'] } }],
    ['defaults', { top: 'defaults: {attempts: 3}' }, { groups: { ...none, changed: ['vip', 'news'] } }],
    [
      'the order of groups means something',
      { groups: '{name: news}, {name: vip}' },
      { groups: { ...none, changed: ['news', 'vip'] } },
    ],
    [
      'another name',
      { groups: '{name: vip}, {name: sports}' },
      { groups: { added: ['sports'], removed: ['news'], changed: [] } },
    ],
  ])('%s', (_, changes, expected) => {
    expect(compareForReload(settings({}), settings(changes))).toEqual({ ...same, ...expected });
  });

  const withTls = (certFile?: string) => {
    const { server, ...rest } = settings({});
    return { ...rest, server: { ...server, tls: certFile === undefined ? undefined : { certFile, keyFile: 'key' } } };
  };
  test.each([
    ['a certificate', undefined, 'a'],
    ['another file with the certificate', 'a', 'b'],
    ['no certificate any more', 'a', undefined],
  ])('%s takes effect at the next start, and until then every reload says so', (_, before, after) => {
    const [old, next] = [withTls(before), withTls(after)];
    expect(compareForReload(old, next)).toEqual({ ...same, needsRestart: ['server.tls'] });
    const inForce = withoutRestart(old, next);
    expect(inForce.server.tls).toEqual(old.server.tls);
    expect(compareForReload(inForce, next).needsRestart).toEqual(['server.tls']);
  });

  test('what needs a restart stays, and everything else is that of the file', () => {
    const next = settings({ top: 'log: {level: debug}\nstore: sqlite:other.db', server: 'listen: "127.0.0.1:1"' });
    const old = settings({});
    expect(withoutRestart(old, next)).toEqual({
      ...next,
      server: { ...next.server, listen: old.server.listen },
      store: old.store,
    });
  });
});
