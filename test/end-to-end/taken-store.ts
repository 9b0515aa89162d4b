/** Files of the store taken away under the running process, and what an error needs to say so. */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { account, env, type PretendCloud, tasks } from './cloud.ts';
import { plainServer, Stage, until, writeConfig } from './daemon.ts';

const config = (cloud: PretendCloud) => ({
  server: plainServer,
  store: 'sqlite:data/rk.db',
  accounts: [account(cloud)],
  defaults: { storm: false, confirm: 3 },
  groups: [{ name: 'vip' }],
});

async function openWorld(stage: Stage) {
  const cloud = await stage.cloud({
    tasks: [...tasks('a', 5), ...['0', '1', '2'].flatMap((round) => tasks(round, 3))],
  });
  const folder = stage.folder();
  const daemon = await stage.start({ folder, env, config: config(cloud) });
  await until('the tasks are known', async () => (await daemon.ask('GET', '/api/v1/tasks/a-0001')).status === 200);
  const hold = async (taskId: string) =>
    (await daemon.ask('POST', '/api/v1/holds', { target: { kind: 'task', taskId }, reason: 'on disk' })).status;
  return { cloud, folder, daemon, hold, file: (suffix: string) => join(folder, `data/rk.db${suffix}`) };
}

interface Hold {
  readonly target: { readonly taskId: string };
}

const logsTaken: Readonly<Record<string, (file: (suffix: string) => string) => void>> = {
  '-wal deleted': (file) => rmSync(file('-wal')),
  '-wal replaced': (file) => {
    rmSync(file('-wal'));
    writeFileSync(file('-wal'), '');
  },
  'both deleted': (file) => {
    rmSync(file('-wal'));
    rmSync(file('-shm'));
  },
};

it.concurrent('a log of the store that is deleted or replaced under the running process: it is said, and each hold that was answered 201 survives kill -9', async () => {
  await using stage = new Stage();
  const { cloud, folder, daemon: first, file } = await openWorld(stage);
  let daemon = first;
  const hold = async (taskId: string) =>
    (await daemon.ask('POST', '/api/v1/holds', { target: { kind: 'task', taskId }, reason: 'on disk' })).status;
  const surely: string[] = [];
  for (const [round, [what, take]] of Object.entries(logsTaken).entries()) {
    const [before, during, after] = [1, 2, 3].map((n) => `${round}-000${n}`);
    if (!before || !during || !after) throw new Error('there are three');
    expect([what, await hold(before)]).toEqual([what, 201]);
    take(file);
    const isHeld = (await hold(during)) === 201;
    const { error } = await daemon.saying('store-failing');
    expect(error).toMatch(/-wal or -shm was moved, deleted or replaced/);
    await daemon.saying('store-recovered');
    expect(await daemon.metric('store_errors_total', { operation: 'lock' })).toBeGreaterThan(0);
    expect(await hold(after)).toBe(201);
    surely.push(before, after, ...(isHeld ? [during] : []));
    await daemon.kill();
    daemon = await stage.start({ folder, env });
    await daemon.saying('owner-gained');
    // Both stand in the history, however it ended.
    const reported = await daemon.get<{ event: { type: string } }[]>('/api/v1/events?type=store-lost,store-back');
    expect(reported.map(({ event }) => event.type)).toEqual(
      Array(round + 1)
        .fill(['store-back', 'store-lost'])
        .flat(),
    );
    const kept = (await daemon.get<Hold[]>('/api/v1/holds')).map(({ target }) => target.taskId);
    // One that was not answered may be there all the same.
    expect([what, kept.filter((taskId) => isHeld || taskId !== during).sort()]).toEqual([what, surely.toSorted()]);
    if (!isHeld && kept.includes(during)) surely.push(during);
  }
  cloud.act({ kind: 'stop', taskId: 'a-0004' });
  await daemon.saying('restart-worked', { task: 'a-0004' });
});

describe.concurrent('a store that is taken away under the running process', () => {
  it.each<[string, (folder: string) => void]>([
    ['deleted', (folder) => rmSync(join(folder, 'data/rk.db'))],
    [
      'replaced by another file',
      (folder) => {
        writeFileSync(join(folder, 'other'), 'x'.repeat(10_000));
        renameSync(join(folder, 'other'), join(folder, 'data/rk.db'));
      },
    ],
    ['its lock deleted', (folder) => rmSync(join(folder, 'data/rk.db.lock'))],
    ['its directory moved', (folder) => renameSync(join(folder, 'data'), join(folder, 'gone'))],
  ])('%s: no 201 from then on, nothing is restarted, and it is given up with a sentence', async (_name, spoil) => {
    await using stage = new Stage();
    const { cloud, folder, daemon, hold } = await openWorld(stage);
    spoil(folder);
    expect(await hold('a-0001').catch(() => 0)).not.toBe(201);
    cloud.act({ kind: 'stop', taskId: 'a-0002' });
    const { code, stderr } = await daemon.ended;
    expect(cloud.restarts()).toEqual([]);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^relaykeeper: .*: restart relaykeeper\n$/)]);
  });
});

const isRoot = process.getuid?.() === 0 && spawnSync('setpriv', ['--version']).status === 0;

describe.concurrent('what an error needs is not there', () => {
  it.skipIf(!isRoot)('a user id without a name, and a volume that it may not write: one sentence', async () => {
    await using stage = new Stage();
    const cloud = await stage.cloud({ tasks: tasks('a', 1) });
    const folder = stage.folder();
    writeConfig(folder, config(cloud));
    chmodSync(folder, 0o755);
    chmodSync(join(folder, 'relaykeeper.yaml'), 0o644);
    mkdirSync(join(folder, 'data'));
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell resolves it
    const shell = 'line=(setpriv --reuid=54321 --clear-groups "${line[@]}"); run';
    const { code, stderr } = await stage.spawn({ folder, env, shell }).ended;
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^relaykeeper: .*uid 54321\).*chown -R 54321 .*\n$/)]);
  });

  it('a working directory that was removed: one sentence, for every command', async () => {
    await using stage = new Stage();
    const folder = stage.folder();
    for (const rest of ['run --config relaykeeper.yaml', 'status', 'check']) {
      const main = join(import.meta.dirname, '../../src/main.ts');
      const words = `mkdir -p gone && cd gone && rmdir ../gone && exec ${process.execPath} ${main} ${rest}`;
      const { status, stderr } = spawnSync('bash', ['-c', words], { cwd: folder, encoding: 'utf8' });
      expect([rest, status, stderr]).toEqual([
        rest,
        1,
        'relaykeeper: the working directory was removed: cd to one that exists, and start it there\n',
      ]);
    }
    expect(existsSync(join(folder, 'gone'))).toBe(false);
  });
});
