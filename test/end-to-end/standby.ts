/** The same configuration started a second time: it stands by, and has socket and port once it owns the account. */
import { existsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { freePort } from '../ports.ts';
import { account, env, type PretendCloud, tasks } from './cloud.ts';
import { command, type Daemon, plainServer, readMetrics, Stage, sleep, until } from './daemon.ts';

const config = (cloud: PretendCloud, server: object = plainServer) => ({
  server: { ...plainServer, ...server },
  accounts: [account(cloud)],
  groups: [{ name: 'vip' }],
});

interface Status {
  readonly startedAt: number;
  readonly accounts: readonly { readonly owned: boolean }[];
}

const heals = async (daemon: Daemon, cloud: PretendCloud, taskId: string) => {
  cloud.act({ kind: 'stop', taskId });
  await until(
    `${taskId} is restarted`,
    () => cloud.restarts(taskId).length > 0,
    () => daemon.tail(),
  );
};

const ofTasks =
  /^relaykeeper_(tasks|task_(up|info|outage|last|restarts)|storm|holds|hold_|oldest|next_|last_poll|poll_interval|api_circuit)/;

describe.concurrent('the same configuration started twice', () => {
  it('the second stands by without port and socket, leaves them alone at its end, and has both after a SIGKILL and after a SIGTERM of the first', async () => {
    await using stage = new Stage();
    const cloud = await stage.cloud({ tasks: tasks('a', 5) });
    const folder = stage.folder();
    const listen = `127.0.0.1:${await freePort()}`;
    const standsBy = async () => {
      const second = stage.spawn({ folder, env });
      await second.saying('standing-by');
      expect(second.said('listening')).toEqual([]);
      expect(second.said('doors-taken').length).toBe(2);
      return second;
    };
    let owner = await stage.start({ folder, env, config: config(cloud, { listen }) });
    await owner.saying('owner-gained');
    expect((await (await standsBy()).stop()).code).toBe(0);
    for (const [signal, first, later] of [
      ['SIGKILL', 'a-0001', 'a-0002'],
      ['SIGTERM', 'a-0003', 'a-0004'],
    ] as const) {
      const second = await standsBy();
      // It is the first that answers, and that heals.
      const before = await owner.get<Status>('/api/v1/status');
      expect(before.accounts[0]?.owned).toBe(true);
      expect((await owner.ask('GET', '/-/ready')).status).toBe(200);
      expect((await command(folder, ['status'], env)).code).toBe(0);
      await heals(owner, cloud, first);
      expect(second.running).toBe(true);

      owner.child.kill(signal);
      await owner.ended;
      await second.saying('owner-gained');
      await second.saying('listening', { url: `http://${listen}` });
      expect(second.said('listening')[0]?.msg).toMatch(
        `The page is at http://${listen}/, metrics at http://${listen}/metrics`,
      );
      const after = await second.get<Status>('/api/v1/status');
      expect(after.startedAt).toBeGreaterThan(before.startedAt);
      expect(after.accounts[0]?.owned).toBe(true);
      expect((await second.askListen('GET', '/-/ready')).status).toBe(200);
      await heals(second, cloud, later);
      expect(existsSync(join(folder, 'rk.sock'))).toBe(true);
      owner = second;
    }
    expect((await owner.stop()).code).toBe(0);
    expect(existsSync(join(folder, 'rk.sock'))).toBe(false);
  });

  it('with a port of its own it is ready there at once, owner of nothing, and takes the socket alone', async () => {
    await using stage = new Stage();
    const cloud = await stage.cloud({ tasks: tasks('a', 5) });
    const folder = stage.folder();
    const token = 'a-token-of-the-operators';
    writeFileSync(join(folder, 'token'), token);
    const tokens = [{ name: 'ops', scope: 'operate', tokenFile: 'token' }];
    const first = await stage.start({ folder, env, config: config(cloud, { tokens }) });
    await first.saying('owner-gained');
    const second = await stage.start({ folder, env, args: ['--listen', '127.0.0.1:0'] });
    expect((await second.saying('standing-by')).msg).toMatch(/another process owns account main/i);
    expect(second.said('listening')[0]?.socket).toBeUndefined();
    for (const path of ['/-/ready', '/-/healthy']) expect((await second.askListen('GET', path)).status).toBe(200);
    await until('the owner tells of all', async () => (await first.metric('tasks')) === 5);
    // Of tasks, groups and polls it tells nothing.
    const reported = readMetrics((await second.askListen('GET', '/metrics')).text);
    expect(reported).toContainEqual({ name: 'relaykeeper_owner', labels: { account: 'main' }, value: 0 });
    expect(reported.map(({ name }) => name).filter((name) => ofTasks.test(name))).toEqual([]);
    const restart = await second.askListen('POST', '/api/v1/tasks/a-0001/restart', token, { by: 'lin' });
    expect(restart.status).toBeGreaterThanOrEqual(400);

    await first.kill();
    await second.saying('listening', { socket: 'rk.sock' });
    expect((await second.get<Status>('/api/v1/status')).accounts[0]?.owned).toBe(true);
    expect(await second.metric('owner')).toBe(1);
    await until('it tells of all', async () => (await second.metric('tasks')) === 5);
    await heals(second, cloud, 'a-0001');
    expect(cloud.world.arrivals.worstSecond).toBeLessThanOrEqual(10);
  });
});

describe.concurrent('what a stranger has', () => {
  it('at the start of an owner: refused in one line', async () => {
    await using stage = new Stage();
    const cloud = await stage.cloud({ tasks: tasks('a', 2) });
    const stranger = createServer();
    await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve));
    stage.onLeave(() => stranger.close());
    const { port } = stranger.address() as { port: number };
    const folder = stage.folder();
    const refused = await stage.run({ folder, env, config: config(cloud, { listen: `127.0.0.1:${port}` }) });
    expect([refused.code, refused.stdout, refused.stderr]).toEqual([
      1,
      '',
      expect.stringMatching(/^relaykeeper: server\.listen: .*the port is taken.*\n$/),
    ]);
    // Another store's daemon is a stranger too.
    const other = stage.folder();
    const first = await stage.start({ folder: other, env, config: config(cloud) });
    await first.saying('owner-gained');
    const taken = await stage.run({ folder, env, config: config(cloud, { socket: join(other, 'rk.sock') }) });
    expect([taken.code, taken.stderr]).toEqual([1, expect.stringMatching(/another process answers on/)]);
  });

  it('when a standby becomes the owner: it heals, says so once, and takes it when it is free', async () => {
    await using stage = new Stage();
    const cloud = await stage.cloud({ tasks: tasks('a', 5) });
    const stranger = createServer();
    await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve));
    const { port } = stranger.address() as { port: number };
    const folder = stage.folder();
    const first = await stage.start({ folder, env, config: config(cloud) });
    await first.saying('owner-gained');
    const second = stage.spawn({ folder, env, args: ['--listen', `127.0.0.1:${port}`] });
    await second.saying('standing-by');
    await first.kill();
    await second.saying('doors-blocked');
    await heals(second, cloud, 'a-0003');
    await sleep(2_500);
    expect(second.said('doors-blocked')).toHaveLength(1);
    await new Promise((resolve) => stranger.close(resolve));
    await second.saying('listening');
    expect((await second.ask('GET', '/-/ready')).status).toBe(200);
  });
});
