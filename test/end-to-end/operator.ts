/** The command line against the live daemon, and what must not be seen anywhere, whatever happens. */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { plantedSecret } from '../../src/simulator/pretend-task.ts';
import { account, env, key, type PretendCloud, tasks } from './cloud.ts';
import { command, plainServer, Stage, until, writeConfig } from './daemon.ts';
import { onCall } from './on-call.ts';

const config = (cloud: PretendCloud) => ({
  server: plainServer,
  accounts: [account(cloud)],
  defaults: { verifyWithin: '1s', attempts: 1, storm: false, quarantine: { retryEvery: '1h' } },
  // All cloud groups are listed, so that there is one that is nobody's.
  groups: [{ name: 'vip', match: { cloudGroup: ['vip*'] } }],
});

describe.concurrent('the command line', () => {
  it('plan before the first run, then on call: each command, its words and its exit code', async () => {
    await using stage = new Stage();
    const cloud = await stage.cloud({
      tasks: [
        ...tasks('runs', 2),
        ...tasks('ill', 1, { stopped: true, life: { restartsInVain: 1 } }),
        ...tasks('other', 1, { stopped: true, cloudGroup: 'default' }),
      ],
    });
    const path = stage.folder();
    writeConfig(path, config(cloud));
    const run = (...args: string[]) => onCall(path, ...args);
    const inItsProcess = (...args: string[]) => command(path, args, env);

    const planned = await inItsProcess('plan', '--json');
    expect([planned.code, planned.stderr]).toEqual([0, expect.not.stringContaining('rror')]);
    const verdicts = JSON.parse(planned.stdout).tasks.map(
      (task: { taskId: string; verdict: { kind: string; reason?: string } }) => [
        task.taskId,
        task.verdict.reason ?? task.verdict.kind,
      ],
    );
    expect(Object.fromEntries(verdicts)).toEqual({
      'runs-0001': 'none',
      'runs-0002': 'none',
      'ill-0001': 'restart',
      'other-0001': 'unmanaged',
    });
    expect(cloud.restarts()).toEqual([]);
    expect(readdirSync(path)).toEqual(['relaykeeper.yaml']);
    const early = await run('status');
    expect([early.code, early.stderr]).toEqual([6, expect.stringContaining('there is no such socket')]);

    const daemon = await stage.start({ folder: path, env });
    await daemon.saying('task-quarantined');
    const status = await inItsProcess('status');
    expect([status.code, status.stdout]).toEqual([0, expect.stringMatching(/ill-0001\till1\tvip\t.*quarantined/)]);
    const explained = await run('explain', 'ill-0001');
    expect([explained.code, explained.stdout]).toEqual([0, expect.stringMatching(/verdict +quarantined, until/)]);
    expect((await run('explain', 'nobody-0001')).code).toBe(1);
    expect((await run('explain')).code).toBe(2);
    expect((await run('healthcheck')).stdout).toBe('healthy\n');

    const found = async (...args: string[]) =>
      JSON.parse((await run('tasks', ...args, '--json')).stdout).map(({ taskId }: { taskId: string }) => taskId);
    // By title, by id and by cloud group; full-width letters are no others.
    expect(await found('ＲＵＮＳ２')).toEqual(['runs-0002']);
    expect(await found('s-0001')).toEqual(['runs-0001']);
    expect(await found('default')).toEqual(['other-0001']);
    expect(await found('--reason', 'quarantined')).toEqual(['ill-0001']);
    expect(await found('nobody')).toEqual([]);

    const unknown: readonly (readonly [line: string, code: number, words: string])[] = [
      ['history --type restart-faild', 2, 'no event type restart-faild: did you mean restart-failed?'],
      ['history --type poll-completed', 2, 'no event type poll-completed'],
      ['history --limit 1001', 2, 'from 1 to 1000'],
      ['history nobody-0001', 1, 'no task nobody-0001'],
      ['history --group vpi', 1, 'no group vpi: did you mean vip?'],
      ['history --account mian', 1, 'no account mian: did you mean main?'],
      ['hold add --group vpi --reason moved', 1, 'no group vpi: did you mean vip?'],
      [
        'explain runs-000',
        5,
        '2 tasks are called runs-000: give the id\n  runs-0001  runs1 (account main)\n  runs-0002',
      ],
      ['explain UNS', 1, 'These contain it:\n  runs-0001'],
      ['tasks --state stoped', 2, 'Allowed choices are active, stopped'],
      ['tasks --group vpi', 1, 'no group vpi: did you mean vip?'],
      ['explain runs-0001 --account mian', 1, 'no account mian: did you mean main?'],
    ];
    const ended = await Promise.all(unknown.map(([line]) => run(...line.split(' '))));
    expect(ended).toEqual(
      unknown.map(([, code, words]) => ({ code, stdout: '', stderr: expect.stringContaining(words) })),
    );
    expect((await daemon.ask('GET', '/api/v1/tasks?group=vpi')).status).toBe(404);
    expect((await daemon.ask('GET', '/api/v1/tasks?state=stoped')).status).toBe(400);

    const held = await run(
      'hold',
      'add',
      'ill-0001',
      '--reason',
      'moved to the other site',
      '--for',
      '1h',
      '--by',
      'lin',
    );
    const [, hold = ''] = /^hold (\w+) on/.exec(held.stdout) ?? [];
    expect([held.code, hold]).toEqual([0, expect.stringMatching(/^\w{8}$/)]);
    expect((await run('hold', 'list')).stdout).toContain('moved to the other site');
    const refused = await run('restart', 'ill-0001');
    expect([refused.code, refused.stderr]).toEqual([5, expect.stringMatching(/held by lin: moved to the other site/)]);
    const before = cloud.restarts().length;
    const forced = await run('restart', 'ill-0001', '--force');
    expect([forced.code, forced.stdout]).toEqual([0, expect.stringContaining('accepted by the cloud')]);
    expect(cloud.restarts()).toHaveLength(before + 1);
    await daemon.saying('restart-worked');
    const running = await run('restart', 'runs-0001');
    expect([running.code, running.stderr]).toEqual([
      5,
      expect.stringContaining('it runs, according to the newest list'),
    ]);
    // The beginning of the id is enough.
    expect((await run('hold', 'remove', hold.slice(0, 5))).code).toBe(0);
    expect((await run('hold', 'remove', hold)).code).toBe(1);
    expect((await run('release', 'ill-0001')).code).toBe(0);
    const history = await run('history', 'ill-0001');
    expect(history.code).toBe(0);
    for (const event of ['outage-opened', 'task-quarantined', 'restart-worked'])
      expect(history.stdout).toContain(event);

    await daemon.stop();
    expect((await run('healthcheck')).code).toBe(6);
    const broken = stage.folder();
    writeConfig(broken, 'accounts: []\n');
    expect((await command(broken, ['plan'])).code).toBe(78);
  });
});

describe.concurrent('secrets', () => {
  it('keys, tokens, stream addresses and callback addresses appear in no output, whatever goes wrong', async () => {
    await using stage = new Stage();
    const planted = {
      session: 'sessiontoken-7d1f0a',
      wrong: 'wrongsecretkey-9be2',
      admin: 'admintoken-51c7e9aa0b',
      reader: 'readertoken-8f20d3bb1c',
      hook: 'hooktoken-4411aa99cc',
      hookFile: 'hooktokenfile-77bb22dd',
      fileSecret: 'filesecretkey-30aa11',
      guessed: 'guessedtoken-c0ffee01',
      misplaced: 'misplacedsecret-abad1dea',
    };
    const source = `rtmp://u:${plantedSecret}-pw@pull.example.com/live/x?sign=${plantedSecret}-sign`;
    const some = tasks('seen', 4, { stopped: true, sources: [source], life: { restartsInVain: 1 } });
    const cloud = await stage.cloud({
      tasks: [...some, ...tasks('runs', 3)],
      keys: [
        key,
        { accessKeyId: 'AKLTsession0001', secretAccessKey: planted.fileSecret, sessionToken: planted.session },
      ],
    });
    const path = stage.folder();
    writeFileSync(join(path, 'secret.key'), `${planted.fileSecret}\n`);
    writeFileSync(join(path, 'session.key'), planted.session);
    writeFileSync(join(path, 'reader.token'), planted.reader);
    writeFileSync(join(path, 'hook.token'), planted.hookFile);
    const settings = {
      log: { level: 'debug' },
      server: {
        ...plainServer,
        tokens: [
          { name: 'ops', scope: 'admin', token: planted.admin },
          { name: 'grafana', scope: 'read', tokenFile: 'reader.token' },
        ],
      },
      accounts: [
        account(cloud, 'main', { hookToken: planted.hook }),
        account(cloud, 'wrong', { credentials: { accessKeyId: key.accessKeyId, secretAccessKey: planted.wrong } }),
        account(cloud, 'files', {
          credentials: {
            accessKeyId: 'AKLTsession0001',
            secretAccessKeyFile: 'secret.key',
            sessionTokenFile: 'session.key',
          },
          hookTokenFile: 'hook.token',
        }),
      ],
      defaults: { verifyWithin: '1s', storm: false, backoff: { initial: '200ms', max: '200ms' } },
      groups: [{ name: 'vip' }],
    };
    // Everything that a cloud can say back, with what it was sent in it.
    const quoted = `SrcAddr ${source} signed with ${key.secretAccessKey} and ${planted.session}`;
    for (const [code, status] of [
      ['InvalidParam', 400],
      ['CommonErr', 200],
      ['NeverHeardOf', 418],
    ] as const)
      cloud.fault({ match: { action: 'restart' }, effect: { kind: 'error', code, status, message: quoted }, count: 2 });
    cloud.fault({
      match: { action: 'restart' },
      effect: { kind: 'error', code: `Bad ${quoted}`, status: 400 },
      count: 1,
    });
    cloud.fault({
      match: { action: 'restart' },
      effect: { kind: 'answer', status: 200, body: `<p>${quoted}</p>` },
      count: 1,
    });
    const daemon = await stage.start({ folder: path, env, config: settings });
    await until(
      'all run, in vain or not',
      () => cloud.count('停用') === 0,
      () => daemon.tail(),
    );
    await daemon.saying('circuit-opened', { account: 'wrong' });
    for (const effect of [
      { kind: 'answer', status: 302, headers: { location: source }, body: quoted },
      { kind: 'answer', status: 200, body: quoted },
      { kind: 'error', code: 'AccessDenied', status: 403, message: quoted },
      { kind: 'malformed' },
      { kind: 'status', text: `odd ${source}` },
    ] as const) {
      const failed = () =>
        daemon.said('poll-failed').length + daemon.said('malformed-item').length + daemon.said('status-unknown').length;
      const before = failed();
      const fault = cloud.fault({ match: { action: 'list' }, effect });
      await until(
        `a poll meets ${JSON.stringify(effect)}`,
        () => failed() > before,
        () => daemon.tail(),
      );
      cloud.mend(fault);
    }
    writeConfig(path, {
      ...settings,
      accounts: [{ name: 'main', secretKey: planted.misplaced, password: planted.misplaced }],
    });
    const outputs: Record<string, string> = {};
    outputs.reload = (await daemon.ask('POST', '/-/reload')).text;
    expect(outputs.reload).toContain('secretKey');
    writeConfig(path, settings);

    const paths = [
      '/',
      '/metrics',
      '/-/healthy',
      '/-/ready',
      '/api/v1/status',
      '/api/v1/tasks',
      '/api/v1/tasks/seen-0001?account=main',
      '/api/v1/events?limit=1000',
      '/api/v1/holds',
      '/api/v1/groups',
      '/api/v1/config',
      '/api/v1/openapi.json',
      `/hooks/main/${planted.guessed}`,
      '/api/v1/nothing',
    ];
    for (const one of paths) {
      outputs[`socket ${one}`] = (await daemon.ask('GET', one)).text;
      outputs[`reader ${one}`] = (await daemon.askListen('GET', one, planted.reader)).text;
      outputs[`guessed ${one}`] = (await daemon.askListen('GET', one, planted.guessed)).text;
    }
    for (const token of [planted.hook, planted.hookFile, planted.guessed])
      outputs[`hook ${token}`] = (await daemon.askListen('POST', `/hooks/main/${token}`)).text;
    outputs['as reader'] = (await daemon.askListen('POST', '/-/reload', planted.reader)).text;
    for (const args of [['status'], ['explain', 'seen-0001', '--account', 'main'], ['history', '--limit', '1000']]) {
      const { stdout, stderr } = await onCall(path, ...args);
      outputs[`command ${args[0]}`] = stdout + stderr;
    }
    for (const name of ['plan', 'check']) {
      const { stdout, stderr } = await command(path, [name], env);
      outputs[`command ${name}`] = stdout + stderr;
    }
    expect((await daemon.stop()).code).toBe(0);
    outputs.stdout = daemon.stdout;
    outputs.stderr = daemon.stderr;
    for (const name of readdirSync(join(path, 'data'))) {
      const file = join(path, 'data', name);
      if (statSync(file).isFile()) outputs[`file ${name}`] = readFileSync(file, 'latin1');
    }
    expect(Object.keys(outputs).filter((name) => name.startsWith('file ') && outputs[name] !== '')).not.toEqual([]);
    expect(outputs['socket /api/v1/config']).toContain('vip');

    const secrets = [
      plantedSecret,
      key.secretAccessKey,
      key.accessKeyId,
      'pull.example.com',
      'push.example.com',
      'callback.example.com',
      ...Object.values(planted),
    ];
    const found = Object.entries(outputs).flatMap(([name, text]) =>
      secrets.filter((secret) => text.includes(secret)).map((secret) => `${name}: ${secret}`),
    );
    expect(found).toEqual([]);
  });
});
