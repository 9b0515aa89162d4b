/** Paths that lead to no file, and configurations that take long: a start ends, and what runs goes on healing. */
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { account, env, key, tasks } from './cloud.ts';
import { command, configPath, plainServer, Stage, until, writeConfig } from './daemon.ts';

const pipe = 'it is a named pipe: only a regular file is read';

/** Writes one, and gives the name that a configuration there calls it by. */
const filesIn = (folder: string) => (name: string, text: string) => {
  writeFileSync(join(folder, name), text);
  return name;
};

/** In the place of what is there, at once: as a tool that swaps files does it. */
function putPipe(path: string): void {
  rmSync(`${path}.pipe`, { force: true });
  spawnSync('mkfifo', [`${path}.pipe`]);
  renameSync(`${path}.pipe`, path);
}

describe.concurrent('check ends where a pipe stands', () => {
  it.each([
    ['as configuration', 'relaykeeper.yaml', `cannot be read: ${pipe}`],
    ['as secret', 'secret', `this file cannot be read: ${pipe}`],
  ])('%s', async (_what, name, words) => {
    await using stage = new Stage();
    const folder = stage.folder();
    for (const file of ['secret', 'token', 'cert']) writeFileSync(join(folder, file), 'a-secret-of-some-length');
    writeConfig(folder, {
      server: {
        ...plainServer,
        tls: { certFile: 'cert', keyFile: 'secret' },
        tokens: [{ name: 'ops', scope: 'read', tokenFile: 'token' }],
      },
      accounts: [{ name: 'a', credentials: { accessKeyId: 'AK', secretAccessKeyFile: 'secret' } }],
      groups: [{ name: 'vip' }],
    });
    putPipe(join(folder, name));
    const { code, stderr } = await command(folder, ['--config', 'relaykeeper.yaml', 'check']);
    expect(code).toBe(78);
    expect(stderr).toContain(words);
  });
});

it.concurrent('a running daemon heals on and ends at SIGTERM, whatever its files become', async () => {
  await using stage = new Stage();
  const cloud = await stage.cloud({ tasks: tasks('runs', 6) });
  const folder = stage.folder();
  const file = filesIn(folder);
  const config = {
    server: {
      ...plainServer,
      tokens: [{ name: 'ops', scope: 'read', tokenFile: file('token', 'token-0123456789abcd') }],
    },
    accounts: [
      account(cloud, 'main', {
        credentials: {
          accessKeyIdFile: file('id', key.accessKeyId),
          secretAccessKeyFile: file('secret', key.secretAccessKey),
        },
      }),
    ],
    groups: [{ name: 'vip' }],
  };
  const daemon = await stage.start({ folder, env, config });
  let next = 1;
  const heals = async (when: string) => {
    const taskId = `runs-000${next++}`;
    cloud.act({ kind: 'stop', taskId });
    await until(
      `it heals ${when}`,
      () => cloud.restarts(taskId).length > 0,
      () => daemon.tail(),
    );
  };

  putPipe(configPath(folder));
  await until('the pipe is refused', () => daemon.said('config-rejected').at(-1)?.msg.includes(pipe));
  await heals('with a pipe as configuration');

  for (const name of ['secret', 'token', 'id']) putPipe(join(folder, name));
  rmSync(configPath(folder));
  writeConfig(folder, { ...config, log: { level: 'debug' } });
  expect((await daemon.ask('POST', '/-/reload')).status).toBe(400);
  await heals('with pipes as secrets');

  expect((await daemon.stop()).code).toBe(0);
});

it.concurrent('files that hang keep no other file from being read, and no name of a host from being looked up', async () => {
  await using stage = new Stage();
  const cloud = await stage.cloud({ tasks: tasks('runs', 6) });
  const folder = stage.folder();
  const file = filesIn(folder);
  const inFolders = (name: string, folders: number, each: number) =>
    Array.from({ length: folders * each }, (_, n) => {
      mkdirSync(join(folder, `${name}${n % folders}`), { recursive: true });
      return file(`${name}${n % folders}/token-${n}`, `token-0123456789abcd-${n}`);
    });
  const [first, then] = [inFolders('first', 1, 20), inFolders('then', 15, 2)];
  const keys = (idFile: string, secretFile: string) => ({
    // By its name, which is looked up for each connection.
    endpoint: cloud.url.replace('127.0.0.1', 'localhost'),
    credentials: {
      accessKeyIdFile: file(idFile, key.accessKeyId),
      secretAccessKeyFile: file(secretFile, key.secretAccessKey),
    },
  });
  const config = {
    server: {
      ...plainServer,
      tokens: [...first, ...then].map((tokenFile, n) => ({ name: `ops-${n}`, scope: 'read', tokenFile })),
    },
    accounts: [
      account(cloud, 'main', keys('id', 'secret')),
      account(cloud, 'other', keys('first0/id', 'first0/secret')),
    ],
    groups: [{ name: 'vip' }],
  };
  const preloaded = join(import.meta.dirname, 'dead-files.mjs');
  // A compose file passes variables on that nobody set.
  const unset = { UV_THREADPOOL_SIZE: '', NODE_COMPILE_CACHE: '' };
  const daemon = await stage.start({ folder, env: { ...env, ...unset }, config, nodeArgs: ['--import', preloaded] });
  for (const name of ['main', 'other']) await daemon.saying('owner-gained', { account: name });
  // What Node compiled is not kept where others may write.
  expect(readdirSync(folder).filter((name) => name.startsWith(process.version))).toEqual([]);
  const die = (names: readonly string[]) => {
    for (const name of names) putPipe(join(folder, name));
  };
  const hang = (files: number) =>
    until(
      `${files} files hang`,
      () => existsSync(join(folder, 'hanging')) && readFileSync(join(folder, 'hanging'), 'utf8') === String(files),
      () => daemon.tail(),
    );

  die([...first, 'first0/id', 'first0/secret']);
  await hang(2);
  const newKey = { accessKeyId: 'AKLTendtoend0002', secretAccessKey: key.secretAccessKey };
  cloud.world.keys = [key, newKey];
  file('id', newKey.accessKeyId);
  await daemon.saying('credentials-read', { account: 'main' });

  die(then);
  await hang(8);
  // Other connections, for which the name is looked up.
  await cloud.close();
  await cloud.open();
  cloud.act({ kind: 'stop', taskId: 'runs-0001' });
  await until(
    'it heals while files hang',
    () => cloud.restarts('runs-0001').length > 0,
    () => daemon.tail(),
  );

  // What hangs is read when its file system is back.
  const all = [...first, ...then, 'first0/id', 'first0/secret'].map((name) => join(folder, name));
  const pipes = all.map((path) => openSync(path, constants.O_RDWR));
  for (const path of all) rmSync(path);
  file('first0/secret', newKey.secretAccessKey);
  file('first0/id', newKey.accessKeyId);
  for (const pipe of pipes) closeSync(pipe);
  await daemon.saying('credentials-read', { account: 'other' });
});

/** Just under a megabyte, each. What is refused before it is parsed: test/settings/load.test.ts. */
const largest: Readonly<Record<string, string>> = {
  'of keys that there are not': Array.from({ length: 60_000 }, (_, n) => `key${n}: 1`).join('\n'),
  'of one cron field': `accounts: [{name: main, poll: {schedule: "${'0,'.repeat(450_000)}0 * * * * *"}}]\ngroups: [{name: vip}]`,
};
/** Of all that is computed meanwhile, by all threads: 50 ms where reading takes a second. */
const mostOfAll = 1 / 8;

it('while configurations of a megabyte are read no turn of the main thread computes an eighth of it', async () => {
  await using stage = new Stage();
  const cloud = await stage.cloud({ tasks: tasks('runs', 6) });
  const folder = stage.folder();
  const config = { server: plainServer, accounts: [account(cloud)], groups: [{ name: 'vip' }] };
  const gauge = join(import.meta.dirname, 'longest-turn.mjs');
  const daemon = await stage.start({ folder, env, config, nodeArgs: ['--import', gauge] });
  const turns: Record<string, number> = {};
  const turn = async (round: number) => {
    let found: RegExpExecArray | null = null;
    await until('the turns of this round are known', () => {
      found = new RegExp(`^${round} ([\\d.]+)$`).exec(readFileSync(join(folder, 'longest-turn'), 'utf8'));
      return found;
    });
    return Number(found?.[1]);
  };
  let rounds = 0;
  // The least of three: on a busy machine the same work takes more of the processor's time now and then.
  const turnOf = async (what: string, work: (round: number) => Promise<void>) => {
    for (let round = 1; round <= 3 && !((turns[what] ?? 1) <= mostOfAll); round++) {
      daemon.signal('SIGWINCH');
      await turn(++rounds);
      const before = daemon.computedMs();
      await work(round);
      turns[what] = (await turn(rounds)) / (daemon.computedMs() - before);
    }
  };
  // What the first reload compiles is not counted.
  expect((await daemon.ask('POST', '/-/reload')).status).toBe(200);
  for (const [what, text] of Object.entries(largest))
    await turnOf(what, async () => {
      writeFileSync(configPath(folder), text);
      expect([what, (await daemon.ask('POST', '/-/reload')).status]).toEqual([what, 400]);
    });
  // A good one, with as many titles as fit.
  await turnOf('a good one', async (round) => {
    const title = Array.from({ length: 90 }, (_, n) => `a title of the group ${n} ${round} *`);
    const groups = Array.from({ length: 199 }, (_, n) => ({
      name: `g${n}`,
      match: { cloudGroup: [`none-${n}`], title },
    }));
    writeFileSync(configPath(folder), JSON.stringify({ ...config, groups: [...groups, { name: 'vip' }] }));
    expect((await daemon.ask('POST', '/-/reload')).status).toBe(200);
  });
  expect(Object.entries(turns).filter(([, share]) => share > mostOfAll)).toEqual([]);
  // A thread of its own computes, and its memory is given back.
  expect(daemon.memory().peak).toBeLessThan(600);
});
