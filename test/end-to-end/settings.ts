/** Starts that cannot be and reloads, bad and good, as an operator meets them. */
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { TaskView } from '../../src/domain/views/shown.ts';
import { account, env, key, type PretendCloud, tasks } from './cloud.ts';
import { configPath, type Daemon, plainServer, Stage, until, writeConfig } from './daemon.ts';

const plain = (cloud: PretendCloud, more: object = {}) => ({
  server: plainServer,
  accounts: [account(cloud)],
  groups: [{ name: 'vip' }],
  ...more,
});

describe.concurrent('a bad reload', () => {
  interface Rejected {
    readonly errors: readonly string[];
  }

  it('leaves the running configuration, is answered with all its errors, and is 0 in the metrics', async () => {
    await using stage = new Stage();
    const cloud = await stage.cloud({ tasks: tasks('steady', 3) });
    const path = stage.folder();
    const daemon = await stage.start({ folder: path, env, config: plain(cloud) });
    const inForce = await daemon.get('/api/v1/config');
    const hash = await daemon.metric('config_hash');
    expect(await daemon.metric('config_last_reload_successful')).toBe(1);

    const good = plain(cloud);
    const rows: readonly (readonly [string, object | string, readonly RegExp[]])[] = [
      ['syntax', 'accounts: [{name: main]\ngroups: [', [/relaykeeper\.yaml:\d+:\d+/]],
      [
        'unknown keys',
        'accounts:\n  - name: main\n    pol: {}\ngroups:\n  - name: vip\n    attemps: 3\n',
        [/relaykeeper\.yaml:3:5: .*pol.*poll/s, /relaykeeper\.yaml:6:5: .*attemps.*attempts/s],
      ],
      ['wrong types', { ...good, defaults: { attempts: 'many', verifyWithin: 60 } }, [/attempts/, /verifyWithin/]],
      ['unset variable', { ...good, groups: [{ name: `$\{NOBODY_SET_THIS}` }] }, [/NOBODY_SET_THIS/]],
      ['empty', '', [/accounts|empty/]],
    ];
    for (const [name, config, expected] of rows) {
      writeConfig(path, config);
      await rejects(daemon, name, expected);
    }
    // Root may read what it may not; a directory nobody can read as a file.
    rmSync(configPath(path));
    mkdirSync(configPath(path));
    await rejects(daemon, 'unreadable', [/relaykeeper\.yaml/]);
    expect(await daemon.get('/api/v1/config')).toEqual(inForce);
    expect(await daemon.metric('config_hash')).toBe(hash);

    const rejectedSoFar = daemon.said('config-rejected').length;
    daemon.hangUp();
    await until('SIGHUP is refused as well', () => daemon.said('config-rejected').length > rejectedSoFar);
    cloud.act({ kind: 'stop', taskId: 'steady-0001' });
    await until(
      'it goes on healing',
      () => cloud.restarts('steady-0001').length > 0,
      () => daemon.tail(),
    );

    rmSync(configPath(path), { recursive: true });
    writeConfig(path, good);
    expect((await daemon.ask('POST', '/-/reload')).status).toBe(200);
    expect(await daemon.metric('config_last_reload_successful')).toBe(1);

    // By a changed file alone.
    writeConfig(path, plain(cloud, { groups: [{ nam: 'vip' }] }));
    await until('it is refused as well', () =>
      /groups\[0\]\.nam\b/.test(daemon.said('config-rejected').at(-1)?.msg ?? ''),
    );
    expect(await daemon.metric('config_last_reload_successful')).toBe(0);
    const loadedSoFar = daemon.said('config-loaded').length;
    writeConfig(path, plain(cloud, { log: { level: 'debug' } }));
    await until('a good one is taken', () => daemon.said('config-loaded').length > loadedSoFar);
    expect(await daemon.metric('config_last_reload_successful')).toBe(1);

    // As a mounted Secret that comes later than the ConfigMap that names it.
    const late = { accessKeyIdFile: 'late', secretAccessKey: key.secretAccessKey };
    writeConfig(path, plain(cloud, { accounts: [account(cloud, 'main', { credentials: late })] }));
    await until('it is refused without its file', () =>
      /this file cannot be read/.test(daemon.said('config-rejected').at(-1)?.msg ?? ''),
    );
    writeFileSync(join(path, 'late'), key.accessKeyId);
    await until(
      'it is taken when its file is there',
      () => daemon.said('config-loaded').length > loadedSoFar + 1,
      () => daemon.tail(),
    );
  });

  async function rejects(daemon: Daemon, name: string, expected: readonly RegExp[]): Promise<void> {
    const { status, json } = await daemon.ask('POST', '/-/reload');
    expect([name, status]).toEqual([name, 400]);
    const { errors } = json as Rejected;
    for (const pattern of expected) expect(errors.join('\n')).toMatch(pattern);
    expect(errors.length).toBeGreaterThanOrEqual(expected.length);
    expect(await daemon.metric('config_last_reload_successful')).toBe(0);
  }
});

describe.concurrent('a good reload', () => {
  // A signal and a plain file are reported where they are refused, and by the metrics.
  it.each(['POST', 'a ConfigMap'] as const)(
    'by %s takes effect without losing a timer: the backoff in force goes on',
    async (by) => {
      await using stage = new Stage();
      const cloud = await stage.cloud({
        tasks: [
          ...tasks('dead', 1, { stopped: true, life: { restartsInVain: 99 } }),
          ...tasks('later', 2, { stopped: true, cloudGroup: 'later' }),
          ...tasks('runs', 3),
        ],
      });
      const defaults = { verifyWithin: '1s', backoff: { initial: '1h', max: '1h', jitter: 0 }, storm: false };
      // Directories that are missing are made.
      const config = plain(cloud, { defaults, store: 'sqlite:deep/down/store.db' });
      const changed = { ...config, groups: [{ name: 'vip' }, { name: 'later' }] };
      const path = stage.folder();
      if (by === 'a ConfigMap') mountConfigMap(path, config);
      const daemon = await stage.start({ folder: path, env, ...(by === 'a ConfigMap' ? {} : { config }) });
      await daemon.saying('restart-failed', { task: 'dead-0001' });
      const verdict = async () => (await daemon.get<TaskView>('/api/v1/tasks/dead-0001')).verdict;
      const before = await verdict();
      expect(before).toMatchObject({ reason: 'backoff', until: expect.any(Number) });

      if (by === 'a ConfigMap') swapConfigMap(path, changed);
      else writeConfig(path, changed);
      if (by === 'POST') expect((await daemon.ask('POST', '/-/reload')).status).toBe(200);
      await daemon.saying('config-loaded');
      await until(
        'the new group is healed',
        () => cloud.count('停用', 'later') === 0,
        () => daemon.tail(),
      );
      // What was reported before these restarts is on disk with their intents.
      const changes = await daemon.get<{ sentence: string }[]>('/api/v1/events?type=config-changed');
      expect(changes.map(({ sentence }) => sentence)).toEqual([
        'the configuration changed: groups added: later',
        expect.stringMatching(/^started with a new configuration \(\w+\)$/),
      ]);

      expect(await verdict()).toMatchObject({ reason: 'backoff', until: 'until' in before && before.until });
      expect(cloud.restarts('dead-0001')).toHaveLength(1);
      if (by === 'a ConfigMap') return;

      // A new backoff applies at once to what waits by the old one.
      writeConfig(path, { ...changed, defaults: { ...defaults, backoff: { initial: '1s', factor: 1 } } });
      expect((await daemon.ask('POST', '/-/reload')).status).toBe(200);
      await until(
        'the second attempt',
        () => cloud.restarts('dead-0001').length > 1,
        () => daemon.tail(),
      );
    },
  );

  it('edits of the file that would unmanage more than half are refused; asked for, it is done, and holds follow', async () => {
    await using stage = new Stage();
    const cloud = await stage.cloud({
      tasks: [
        ...tasks('vip', 3),
        ...tasks('news', 5, { cloudGroup: 'news' }),
        ...tasks('sports', 3, { cloudGroup: 'sports' }),
      ],
    });
    const path = stage.folder();
    const all = plain(cloud, { groups: [{ name: 'vip' }, { name: 'news' }, { name: 'sports' }] });
    const daemon = await stage.start({ folder: path, env, config: all });
    await until(
      'all are managed',
      async () => (await daemon.metric('tasks')) === 11,
      () => daemon.tail(),
    );
    // Each takes less than half of what is managed; both together do not.
    writeConfig(path, plain(cloud, { groups: [{ name: 'vip' }, { name: 'news' }] }));
    expect((await daemon.saying('config-warning', { level: 'warn' })).msg).toContain('3 of 11 tasks are unmanaged');
    writeConfig(path, plain(cloud));
    expect((await daemon.saying('config-rejected')).msg).toMatch(/8 of 11 tasks/);
    expect(await daemon.metric('tasks')).toBe(8);
    const hold = { target: { kind: 'group', group: 'news' }, author: 'eve', reason: 'moved' };
    expect((await daemon.ask('POST', '/api/v1/holds', hold)).status).toBe(201);
    const { json } = await daemon.ask('POST', '/-/reload');
    expect(json).toMatchObject({
      ok: true,
      warnings: [
        expect.stringContaining('5 of 11 tasks are unmanaged'),
        expect.stringMatching(/^hold \w+ \(by eve\) continues as task holds on 5 tasks/),
      ],
    });
    expect(await daemon.metric('tasks')).toBe(3);
    const holds = (await daemon.ask('GET', '/api/v1/holds')).json;
    expect(JSON.stringify(holds)).toContain('news-0005');
  });
});

/** As Kubernetes mounts one: the file is a link to `..data/…`, and `..data` a link to a folder that is swapped. */
function mountConfigMap(path: string, config: object): void {
  mkdirSync(join(path, '..2026_1'));
  writeFileSync(join(path, '..2026_1', 'relaykeeper.yaml'), JSON.stringify(config));
  symlinkSync('..2026_1', join(path, '..data'));
  symlinkSync(join('..data', 'relaykeeper.yaml'), configPath(path));
}

function swapConfigMap(path: string, config: object): void {
  mkdirSync(join(path, '..2026_2'));
  writeFileSync(join(path, '..2026_2', 'relaykeeper.yaml'), JSON.stringify(config));
  symlinkSync('..2026_2', join(path, '..data_tmp'));
  renameSync(join(path, '..data_tmp'), join(path, '..data'));
  rmSync(join(path, '..2026_1'), { recursive: true });
}

/** Half a second on a machine that has nothing else to do. */
const mostStartSeconds = 4;

describe.concurrent('a bad start', () => {
  interface BadStart {
    readonly name: string;
    readonly exitCode: number;
    readonly says: RegExp;
    /** Gives the configuration; undefined: there is no file. */
    readonly prepare: (path: string) => object | undefined;
  }
  const sound = { server: plainServer, accounts: [{ name: 'main', provider: 'simulator' }], groups: [{ name: 'vip' }] };
  // A taken port: test/end-to-end/standby.ts. What else a store can be: test/store/open.test.ts.
  const rows: readonly BadStart[] = [
    { name: 'no file', exitCode: 78, says: /relaykeeper\.yaml: .*no such file/, prepare: () => undefined },
    {
      name: 'a store where nothing can be written',
      exitCode: 1,
      says: /may not write|cannot be created|read-only|ENOENT|EACCES|EROFS/,
      // Root may write anywhere, but not here.
      prepare: () => ({ ...sound, store: 'sqlite:/proc/nothing/store.db' }),
    },
  ];

  it.each(rows)('$name: one clear line, exit $exitCode, with little computing', async (row) => {
    await using stage = new Stage();
    const path = stage.folder();
    const config = row.prepare(path);
    const options = config === undefined ? {} : { config };
    const { code, stdout, stderr } = await stage.run({ folder: path, env, timed: true, ...options });
    const lines = stderr.trimEnd().split('\n');
    const [, user, system] = /^cpu ([\d.]+) ([\d.]+)$/.exec(lines.pop() ?? '') ?? [];
    expect(code).toBe(row.exitCode);
    expect(lines[0]).toMatch(row.says);
    // Below what is wrong in a file stand the place in it and what to do.
    expect(lines.slice(1).filter((line) => !/^\s/.test(line))).toEqual([]);
    expect(stdout).toBe('');
    // The clock on the wall says what else the machine does.
    expect(Number(user) + Number(system)).toBeLessThan(mostStartSeconds);
  });
});
