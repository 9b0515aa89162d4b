/**
 * The process and a disk that fails it: each way has one clear end. Either it starts and works, or it says in one line
 * what is wrong and what to do, and calls nobody. What the store itself makes of such files is in test/store.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TaskView } from '../../src/domain/views/shown.ts';
import { account, env, type PretendCloud, tasks } from './cloud.ts';
import { type Daemon, plainServer, Stage, sleep, until, writeConfig } from './daemon.ts';

const config = (cloud: PretendCloud) => ({
  server: plainServer,
  store: 'sqlite:data/rk.db',
  accounts: [account(cloud, 'main', { storm: false })],
  defaults: { storm: false, verifyWithin: '1s', backoff: { initial: '300ms', max: '1s' } },
  groups: [{ name: 'vip' }],
});

const openWorld = (stage: Stage) =>
  stage.cloud({ parameters: { latency: { uplinkMs: [5, 5], downlinkMs: [5, 5] } }, tasks: tasks('a', 30) });

const ofAll = new Stage();
let used = '';

/** A store of some use: thirty tasks known, one outage behind them. Each test has a copy of it. */
beforeAll(async () => {
  const folder = ofAll.folder();
  const cloud = await openWorld(ofAll);
  const daemon = await ofAll.start({ folder, env, config: config(cloud) });
  await until(
    'it has polled',
    () => cloud.lists().length > 1,
    () => daemon.tail(),
  );
  cloud.act({ kind: 'stop', taskId: 'a-0001' });
  await daemon.saying('restart-worked', { task: 'a-0001' });
  expect((await daemon.stop()).code).toBe(0);
  used = join(folder, 'data');
});
afterAll(() => ofAll[Symbol.asyncDispose]());

/** In a folder with its configuration. Nobody has it open. */
function usedStore(folder: string, cloud: PretendCloud): string {
  writeConfig(folder, config(cloud));
  cpSync(used, join(folder, 'data'), { recursive: true });
  return join(folder, 'data', 'rk.db');
}

function inFile(file: string, sql: string): void {
  const database = new DatabaseSync(file);
  database.exec(sql);
  database.close();
}

/** Zeroes half of its pages, the first ones left alone. */
function corrupt(file: string): void {
  const bytes = readFileSync(file);
  writeFileSync(file, bytes.fill(0, 4096 * 4, 4096 * Math.floor(bytes.length / 8192)));
}

// What else a file can be, and each sentence: test/store/open.test.ts.
describe('a store that is no good at the start', () => {
  it.concurrent.each<[string, (file: string) => void, RegExp]>([
    ['corrupted', corrupt, /is damaged.*mkdir old && mv/],
    [
      'from a newer version',
      (file) => inFile(file, "update meta set value = '99' where key = 'schema-version'"),
      /was written by a newer relaykeeper.*run that version again/,
    ],
  ])('%s: refused in one line, nobody is called, nothing is changed', async (_name, spoil, sentence) => {
    await using stage = new Stage();
    const folder = stage.folder();
    const cloud = await openWorld(stage);
    const file = usedStore(folder, cloud);
    spoil(file);
    const calls = cloud.arrivals.length;
    const before = statSync(file).isFile() ? readFileSync(file) : undefined;
    const { code, stdout, stderr } = await stage.spawn({ folder, env }).ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(sentence);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(stdout).not.toContain('"listening"');
    expect(cloud.arrivals).toHaveLength(calls);
    if (before) expect(readFileSync(file).equals(before)).toBe(true);

    // The command that it names, typed as it stands, leads to a start.
    const next = /(mkdir old && mv [^"]*old\/)/.exec(stderr)?.[1];
    if (next === undefined) return;
    expect(spawnSync('sh', ['-c', next], { cwd: folder }).status).toBe(0);
    const again = await stage.start({ folder, env });
    cloud.act({ kind: 'stop', taskId: 'a-0002' });
    await again.saying('restart-worked', { task: 'a-0002' });
  });

  it.concurrent('replaced by an older copy of its own: it starts on that, and remembers what that remembers', async () => {
    await using stage = new Stage();
    const folder = stage.folder();
    const cloud = await openWorld(stage);
    const file = usedStore(folder, cloud);
    copyFileSync(file, join(folder, 'backup'));
    const later = await stage.start({ folder, env });
    cloud.act({ kind: 'stop', taskId: 'a-0003' });
    await later.saying('restart-worked', { task: 'a-0003' });
    await later.stop();
    renameSync(join(folder, 'backup'), file);
    const again = await stage.start({ folder, env });
    const events = async (task: string) =>
      await again.get<unknown[] | { events: unknown[] }>(`/api/v1/events?task=${task}`);
    expect(JSON.stringify(await events('a-0001'))).toContain('restart-worked');
    expect(JSON.stringify(await events('a-0003'))).not.toContain('restart-worked');
  });
});

// Deleted, replaced or moved: test/end-to-end/taken-store.ts.
it.concurrent('a store truncated under the running process: it is said with what to do, and nothing is restarted any more', async () => {
  await using stage = new Stage();
  const folder = stage.folder();
  const cloud = await openWorld(stage);
  const file = usedStore(folder, cloud);
  const daemon = await stage.start({ folder, env });
  await until(
    'it polls',
    () => cloud.lists().length > 3,
    () => daemon.tail(),
  );
  const restarts = cloud.restarts().length;
  truncateSync(file, 0);
  cloud.act({ kind: 'stop', taskId: 'a-0005' });
  await until(
    'it is said',
    () => /restart relaykeeper|mkdir old && mv/.test(daemon.stdout + daemon.stderr),
    () => daemon.tail(),
  );
  await sleep(2_500);
  expect(cloud.restarts()).toHaveLength(restarts);
  if (daemon.running) {
    expect((await daemon.ask('GET', '/-/ready')).status).toBe(503);
    expect(await daemon.metric('store_up')).toBe(0);
  } else expect((await daemon.ended).code).toBe(1);
});

const canMount = process.getuid?.() === 0 && spawnSync('unshare', ['-m', 'true']).status === 0;

/** A small disk at `data`, filled up by `fill`. */
function smallDisk(stage: Stage, folder: string, size: string): { fill(): void; free(): void; readOnly(): void } {
  const data = join(folder, 'data');
  mkdirSync(data, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', data]);
  stage.onLeave(() => execFileSync('umount', ['-l', data]));
  const filler = join(data, 'filler');
  return {
    fill: () => void spawnSync('dd', ['if=/dev/zero', `of=${filler}`, 'bs=1k'], { stdio: 'ignore' }),
    free: () => rmSync(filler),
    readOnly: () => void execFileSync('mount', ['-o', 'remount,ro', data]),
  };
}

describe.skipIf(!canMount)('a disk', () => {
  const healsAgain = async (daemon: Daemon, cloud: PretendCloud, taskId: string) => {
    await until(
      'it was restarted',
      () => cloud.restarts(taskId).length > 0,
      () => daemon.tail(),
    );
    await daemon.saying('store-recovered');
    await until('it is ready', async () => (await daemon.ask('GET', '/-/ready')).status === 200);
  };

  it.concurrent('full while it runs: nothing is restarted until there is space again, and then at once', async () => {
    await using stage = new Stage();
    const folder = stage.folder();
    const disk = smallDisk(stage, folder, '2m');
    const cloud = await openWorld(stage);
    usedStore(folder, cloud);
    const daemon = await stage.start({ folder, env });
    await until(
      'it polls',
      () => cloud.lists().length > 3,
      () => daemon.tail(),
    );
    const restarts = cloud.restarts().length;
    disk.fill();
    for (let n = 10; n < 30; n++) cloud.act({ kind: 'stop', taskId: `a-00${n}` });
    const { error } = await daemon.saying('store-failing');
    expect(error).toMatch(/no space is left/);
    await sleep(2_500);
    // At most those whose intent was on the disk before it was full.
    const intended = await daemon.metric('restarts_total');
    expect(cloud.restarts().length - restarts).toBeLessThanOrEqual(intended);
    const sent = cloud.restarts().length;
    await sleep(1_500);
    expect(cloud.restarts()).toHaveLength(sent);
    expect((await daemon.ask('GET', '/-/ready')).status).toBe(503);
    const { verdict } = await daemon.get<TaskView>('/api/v1/tasks/a-0029');
    expect(verdict).toMatchObject({ reason: 'standby', sentence: expect.stringContaining('the store fails') });
    await until(
      'all that do not run wait',
      async () => (await daemon.metric('tasks_waiting', { reason: 'standby' })) === 30 - cloud.count('生效中'),
      () => daemon.tail(),
    );
    disk.free();
    await healsAgain(daemon, cloud, 'a-0029');
    await until(
      'all run',
      () => cloud.count('停用') === 0,
      () => daemon.tail(),
    );
    expect((await daemon.stop()).code).toBe(0);
  });

  it.concurrent('full at the start: refused in one line', async () => {
    await using stage = new Stage();
    const folder = stage.folder();
    const disk = smallDisk(stage, folder, '64k');
    disk.fill();
    const cloud = await openWorld(stage);
    const { code, stderr } = await stage.spawn({ folder, env, config: config(cloud) }).ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/no space is left/);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(cloud.arrivals).toEqual([]);
  });

  it.concurrent('mounted read-only: refused in one line', async () => {
    await using stage = new Stage();
    const folder = stage.folder();
    const disk = smallDisk(stage, folder, '4m');
    const cloud = await openWorld(stage);
    usedStore(folder, cloud);
    const calls = cloud.arrivals.length;
    disk.readOnly();
    const { code, stderr } = await stage.spawn({ folder, env }).ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/read-only file system.*mount it writable/);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(cloud.arrivals).toHaveLength(calls);
  });
});
