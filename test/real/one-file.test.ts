/** Two processes on one SQLite file, as a breaker would have them: stopped, killed while stopped, robbed of port and socket. */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { account, env, type PretendCloud, tasks } from '../end-to-end/cloud.ts';
import { type Daemon, plainServer, Stage, sleep, until } from '../end-to-end/daemon.ts';
import { freePort } from '../ports.ts';

async function two(stage: Stage) {
  const cloud = await stage.cloud({ tasks: tasks('a', 8) });
  const folder = stage.folder();
  const port = await freePort();
  const config = {
    server: { ...plainServer, listen: `127.0.0.1:${port}` },
    accounts: [account(cloud)],
    groups: [{ name: 'vip' }],
  };
  const first = await stage.start({ folder, env, config });
  await first.saying('owner-gained');
  const second = stage.spawn({ folder, env });
  await second.saying('standing-by');
  return { cloud, folder, port, first, second };
}

async function heals(cloud: PretendCloud, daemon: Daemon, taskId: string): Promise<number> {
  const from = performance.now();
  cloud.act({ kind: 'stop', taskId });
  await until(
    `${taskId} is restarted`,
    () => cloud.restarts(taskId).length > 0,
    () => daemon.tail(),
  );
  return performance.now() - from;
}

it('a stopped owner keeps the file and goes on; killed while it is stopped it is replaced', async () => {
  await using stage = new Stage();
  const { cloud, first, second } = await two(stage);
  await first.freeze();
  cloud.act({ kind: 'stop', taskId: 'a-0001' });
  await sleep(10_000);
  // Two hands would be worse than none.
  expect(cloud.restarts()).toEqual([]);
  expect([second.running, second.said('owner-gained')]).toEqual([true, []]);
  first.signal('SIGCONT');
  await until('it goes on', () => cloud.restarts('a-0001').length === 1);
  expect(second.said('owner-gained')).toEqual([]);

  await first.freeze();
  cloud.act({ kind: 'stop', taskId: 'a-0002' });
  const from = performance.now();
  await first.kill();
  await second.saying('owner-gained');
  await until('a-0002 is restarted', () => cloud.restarts('a-0002').length === 1);
  console.log(`killed while stopped, healed by the other: ${((performance.now() - from) / 1_000).toFixed(1)} s`);
  await second.saying('listening');
  await sleep(3_000);
  for (const taskId of ['a-0001', 'a-0002']) expect(cloud.restarts(taskId)).toHaveLength(1);
});

it('port and socket robbed in the moment of the death: it heals, tells, and has both when they are free', async () => {
  await using stage = new Stage();
  const { cloud, folder, port, first, second } = await two(stage);
  // So that the robber is the faster one.
  await second.freeze();
  await first.kill();
  const robber = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    robber.once('error', reject);
    robber.listen(port, '127.0.0.1', resolve);
  });
  stage.onLeave(() => robber.close());
  const socket = join(folder, 'rk.sock');
  // The dead one's is left behind.
  expect(existsSync(socket)).toBe(true);
  second.signal('SIGCONT');
  await heals(cloud, second, 'a-0001');
  const blocked = await second.saying('doors-blocked');
  expect(blocked.error).toMatch(/the port is taken/);
  await new Promise((resolve) => robber.close(resolve));
  await second.saying('listening');
  expect((await second.ask('GET', '/-/ready')).status).toBe(200);
  expect((await second.askListen('GET', '/-/ready')).status).toBe(200);

  // A file in the socket's place belongs to somebody.
  const third = stage.spawn({ folder, env });
  await third.saying('standing-by');
  await third.freeze();
  await second.kill();
  rmSync(socket, { force: true });
  writeFileSync(socket, 'not a socket');
  third.signal('SIGCONT');
  await heals(cloud, third, 'a-0002');
  await sleep(3_000);
  console.log(
    `with a file in the socket's place: ${third.said('doors-blocked')[0]?.msg ?? third.said('listening')[0]?.msg}`,
  );
  expect(third.running).toBe(true);
});
