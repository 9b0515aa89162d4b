/**
 * What the cloud promises, leaves out or was once refused for, through the process: none of it keeps a stopped task
 * from being restarted, and what may be missing is reported.
 */
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { Effect } from '../../src/simulator/faults.ts';
import { account, env, key, type PretendCloud, tasks } from './cloud.ts';
import { command, configPath, type Daemon, plainServer, Stage, until } from './daemon.ts';
import { onCall } from './on-call.ts';

const configOf = (clouds: Readonly<Record<string, PretendCloud>>, more: object = {}) => ({
  log: { level: 'debug' },
  server: plainServer,
  accounts: Object.entries(clouds).map(([name, cloud]) => account(cloud, name, more)),
  groups: [{ name: 'vip', storm: false }],
});

const see = (daemon: Daemon) => () => daemon.tail();

describe.concurrent('the edge of the cloud', () => {
  it('a million promised, pages shorter than asked, totals that are none: all is seen, healed, and reported', async () => {
    await using stage = new Stage();
    const faults: Readonly<Record<string, readonly Effect[]>> = {
      million: [{ kind: 'promise', total: 1_000_000 }],
      short: [{ kind: 'page-cap', most: 100 }],
      words: [
        { kind: 'promise', total: 'many' },
        { kind: 'page-cap', most: 100 },
      ],
      none: [{ kind: 'promise', total: -1 }],
    };
    const clouds: Record<string, PretendCloud> = {};
    for (const [name, effects] of Object.entries(faults)) {
      const cloud = await stage.cloud({ tasks: tasks(name, 250) });
      for (const effect of effects) cloud.fault({ match: { action: 'list' }, effect });
      clouds[name] = cloud;
    }
    const daemon = await stage.start({ folder: stage.folder(), env, config: configOf(clouds) });
    for (const name of Object.keys(clouds)) {
      await until(`${name} is listed`, () => daemon.said('poll-completed', { account: name }).length > 3, see(daemon));
      const line = daemon.said('poll-completed', { account: name }).at(-1);
      expect([name, line?.tasks, line?.drift]).toEqual([name, 250, name !== 'short']);
    }
    // Newest first: these are at the end of the list.
    const polls = (name: string) => daemon.said('poll-completed', { account: name }).length;
    const before = Object.fromEntries(Object.keys(clouds).map((name) => [name, polls(name)]));
    for (const [name, cloud] of Object.entries(clouds))
      for (let n = 1; n <= 5; n++) cloud.act({ kind: 'stop', taskId: `${name}-000${n}` });
    for (const [name, cloud] of Object.entries(clouds))
      await until(`${name} is healed`, () => cloud.count('生效中') === 250, see(daemon));
    // By the clock that its polls are.
    for (const name of Object.keys(clouds)) expect(polls(name) - (before[name] ?? 0), name).toBeLessThan(10);

    const calls = (cloud: PretendCloud) => cloud.lists().length;
    // A page of 250, one more to see the end: the promise made no more of it (and looks at restarts).
    if (clouds.million) expect(calls(clouds.million)).toBeLessThan(3 * (polls('million') + 20));

    for (const name of ['million', 'words', 'none']) {
      await daemon.saying('list-incomplete', { account: name });
      expect(await daemon.metric('list_incomplete', { account: name })).toBe(1);
    }
    expect(await daemon.metric('list_incomplete', { account: 'short' })).toBe(0);
    const { stdout } = await onCall(daemon.folder, 'status');
    expect(stdout).toMatch(/^million\t.*the list is incomplete.* since/m);
    expect(stdout).not.toMatch(/^short\t.*the list is incomplete/m);
    clouds.million?.mend();
    await daemon.saying('list-complete', { account: 'million' });
  });

  it('what a key was refused for ends with that key: at the next start, and in the running process', async () => {
    await using stage = new Stage();
    const cloud = await stage.cloud({ tasks: tasks('late', 3, { stopped: true }) });
    const folder = stage.folder();
    const wrong = { ...env, TEST_SECRET: 'c2VjcmV0LXRoYXQtaXMtd3Jvbmc' };
    const config = { ...configOf({ main: cloud }), groups: [{ name: 'vip', storm: false, firstSight: 'restart' }] };
    const first = await stage.start({ folder, env: wrong, config });
    // Refused often enough for the next probe to be half a minute away.
    await until('the circuit has backed off', () => first.said('circuit-probed').length >= 5, see(first), 120_000);
    await first.stop();
    const second = await stage.start({ folder, env });
    await until('all are healed', () => cloud.count('生效中') === 3, see(second), 25_000);
    await second.stop();
  });

  it('secrets in every field of every answer stand in nothing that the program writes', async () => {
    await using stage = new Stage();
    const street = 'rtmp://u:planted-user@push.example.com/app/planted-stream?sign=planted-query';
    const planted = ['planted-user', 'planted-stream', 'planted-query', key.accessKeyId, key.secretAccessKey];
    const everything = `${street} ${key.accessKeyId} ${key.secretAccessKey}`;
    const ends = new Date(Date.now() + 24 * 3_600_000).toISOString();
    const task = (TaskId: string, more: object = {}) => ({
      TaskId,
      Title: everything,
      GroupName: `vip ${street}`,
      StartTime: '2024-01-01T00:00:00Z',
      EndTime: ends,
      Type: 0,
      Status: '停用',
      SrcAddr: street,
      DstAddr: street,
      CallbackURL: street,
      More: everything,
      ...more,
    });
    const list = [
      task('a'.repeat(32)),
      task('b'.repeat(32), { Title: key.accessKeyId, Status: everything }),
      task(street),
      task(key.secretAccessKey),
      task('c'.repeat(32), { EndTime: everything }),
      everything,
    ];
    const asked: string[] = [];
    const server = createServer((request, response) => {
      const action = new URL(request.url ?? '/', 'http://x').searchParams.get('Action') ?? '';
      asked.push(action);
      const ids = [key.accessKeyId, key.secretAccessKey, street];
      const metadata = {
        RequestId: ids[asked.length % 3],
        Action: everything,
        Region: everything,
        Service: everything,
      };
      const error = { Code: ids[asked.length % 3], CodeN: 1, Message: everything };
      const fails = !action.startsWith('List') || asked.length % 5 === 4;
      const Pagination = { TotalCount: list.length, PageCur: everything };
      const groups = action === 'ListPullToPushGroup' ? { Total: 1 } : { Pagination };
      const List = action === 'ListPullToPushGroup' ? [{ Name: `vip ${street}`, ProjectName: everything }] : list;
      response.writeHead(fails ? 400 : 200, { 'x-request-id': everything.replace(/[^ -~]/g, ''), server: street });
      response.end(
        JSON.stringify({
          ResponseMetadata: fails ? { ...metadata, Error: error } : metadata,
          Result: fails ? { a: everything } : { List, ...groups },
        }),
      );
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    stage.onLeave(() => server.close());
    const { port } = server.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}`;
    const main = account({ url } as PretendCloud, 'main', { subAccount: true });
    const folder = stage.folder();
    const daemon = await stage.start({
      folder,
      env,
      config: {
        log: { level: 'debug' },
        server: plainServer,
        accounts: [main],
        groups: [
          { name: 'vip', storm: false, backoff: { initial: '1s' }, match: { cloudGroup: ['vip *example.com*'] } },
        ],
      },
    });
    await until('restarts are refused', () => daemon.said('restart-failed').length > 1, see(daemon));
    // Matched by the name as it is written, and sent so.
    expect(await daemon.metric('tasks', { group: 'vip' })).toBeGreaterThan(0);
    const said: Record<string, string> = { log: daemon.stdout, stderr: daemon.stderr };
    for (const path of ['/metrics', '/', '/api/v1/status', '/api/v1/tasks', `/api/v1/tasks/${'a'.repeat(32)}`])
      said[path] = (await daemon.ask('GET', path)).text;
    for (const path of ['/api/v1/events?limit=500', '/api/v1/config', '/api/v1/groups', '/api/v1/holds'])
      said[path] = (await daemon.ask('GET', path)).text;
    for (const args of [['status'], ['tasks'], ['history'], ['explain', 'a'.repeat(32)]]) {
      const { stdout, stderr } = await onCall(folder, ...args);
      said[args.join(' ')] = stdout + stderr;
    }
    const plan = await command(folder, ['plan', '--json', '--config', configPath(folder)], env);
    said.plan = plan.stdout + plan.stderr;
    await daemon.stop();
    for (const name of readdirSync(`${folder}/data`)) said[name] = readFileSync(`${folder}/data/${name}`, 'latin1');
    expect(Object.values(said).filter((text) => text.length > 100).length).toBeGreaterThan(10);
    for (const [where, text] of Object.entries(said))
      for (const secret of planted) expect(text.includes(secret) && `${secret} in ${where}`).toBe(false);
  });

  it('key files that change while the circuit is open are tried at once', async () => {
    await using stage = new Stage();
    const cloud = await stage.cloud({ tasks: tasks('filed', 2, { stopped: true }) });
    const folder = stage.folder();
    writeFileSync(`${folder}/ak`, key.accessKeyId);
    writeFileSync(`${folder}/sk`, 'c2VjcmV0LXRoYXQtaXMtd3Jvbmc');
    const credentials = { accessKeyIdFile: `${folder}/ak`, secretAccessKeyFile: `${folder}/sk` };
    const daemon = await stage.start({ folder, env, config: configOf({ main: cloud }, { credentials }) });
    await until('the circuit has backed off', () => daemon.said('circuit-probed').length >= 5, see(daemon), 120_000);
    writeFileSync(`${folder}/sk`, key.secretAccessKey);
    // Looked at every 2 s; the probe that was due would come 32 s after the one before.
    await until('all are healed', () => cloud.count('生效中') === 2, see(daemon), 25_000);
  });
});
