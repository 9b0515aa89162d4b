/** Three daemons over one PostgreSQL: they share the accounts, hand them over, and outlive the database's troubles. */
import { expect, it } from 'vitest';
import { type Daemon, Stage, until } from './daemon.ts';
import { type Replica, type ReplicaSet, replicaSet } from './replicas.ts';

it.concurrent('replicas share the accounts, hand them over at SIGTERM, and go on after the database was restarted', async () => {
  await using stage = new Stage();
  const set = await replicaSet(stage, { replicas: 3, accounts: 6 });
  await set.balanced();
  set.stopTasks((_, index) => index === 0);
  await set.healed();

  const [first, second, third] = set.replicas;
  if (!first || !second || !third) throw new Error('there are three');
  await standbyIsWhole(set, first, second);

  const left = await set.owned(first);
  const leftAt = performance.now();
  first.daemon.child.kill('SIGTERM');
  const others = () => [second.daemon, third.daemon];
  const gained = (daemon: Daemon) => daemon.said('owner-gained').map(({ account }) => account ?? '');
  await until('its accounts have other owners', () => {
    const all = others().flatMap(gained);
    return left.every((account) => all.includes(account));
  });
  const tookMs = performance.now() - leftAt;
  // Handed over: a lease that runs out takes 20 to 30 s.
  expect(tookMs).toBeLessThan(20_000);
  expect((await first.daemon.ended).code).toBe(0);
  set.stopTasks((_, index) => index === 1);
  await set.healed();
  await set.balanced();

  await set.server.crash();
  set.stopTasks((_, index) => index === 2);
  await until('the crash is seen', () => others().every((daemon) => daemon.said('store-failing').length > 0));
  await set.server.start();
  await set.healed();
  for (const { wire } of set.replicas) wire.cut();
  set.stopTasks((_, index) => index === 3);
  await set.healed();
  set.judge();
});

interface Status {
  readonly accounts: readonly {
    readonly account: string;
    readonly owned: boolean;
    readonly owner?: string;
    readonly tasks: number;
  }[];
  readonly replicas: readonly { readonly isThis: boolean; readonly owned: readonly { readonly account: string }[] }[];
}

/** What is asked of a replica for an account of another is shown, done by its owner once, and answered. */
async function standbyIsWhole(set: ReplicaSet, asked: Replica, owner: Replica): Promise<void> {
  const [account = ''] = await set.owned(owner);
  const cloud = set.clouds.get(account);
  const taskId = [...(cloud?.world.tasks.keys() ?? [])][3] ?? '';
  const { daemon } = asked;
  expect((await daemon.ask('GET', '/-/ready')).status).toBe(200);
  const status = await daemon.get<Status>('/api/v1/status');
  expect(status.accounts.map(({ tasks }) => tasks)).toEqual(status.accounts.map(() => 4));
  expect(status.accounts.find((one) => one.account === account)).toMatchObject({
    owned: false,
    owner: expect.any(String),
  });
  expect(status.replicas.filter(({ isThis }) => isThis)).toHaveLength(1);
  expect(status.replicas.flatMap(({ owned }) => owned.map((one) => one.account)).toSorted()).toEqual(
    [...set.clouds.keys()].toSorted(),
  );

  const held = await daemon.ask('POST', '/api/v1/holds', {
    account,
    target: { kind: 'task', taskId },
    author: 'lin',
    reason: 'the studio is rebuilt',
  });
  expect([held.status, held.text]).toEqual([201, expect.stringContaining('the studio is rebuilt')]);
  const { id } = held.json as { readonly id: string };
  expect(await daemon.get('/api/v1/holds')).toContainEqual(expect.objectContaining({ id }));
  cloud?.act({ kind: 'stop', taskId });
  await until('the owner holds it, and has seen it stopped', async () => {
    const { text } = await owner.daemon.ask('GET', `/api/v1/tasks/${taskId}?account=${account}`);
    return text.includes('the studio is rebuilt') && text.includes('"state":"stopped"');
  });
  const forced = await daemon.ask('POST', `/api/v1/tasks/${taskId}/restart`, { account, by: 'lin', force: true });
  expect([forced.status, forced.text]).toEqual([200, expect.stringContaining('accepted')]);
  expect(cloud?.restarts(taskId)).toHaveLength(1);
  // The owner's refusals come back as they are.
  await until('it runs', () => cloud?.statusOf(taskId) === '生效中');
  await until('its owner has seen it', async () =>
    (await owner.daemon.ask('GET', `/api/v1/tasks/${taskId}?account=${account}`)).text.includes('"state":"active"'),
  );
  const running = await daemon.ask('POST', `/api/v1/tasks/${taskId}/restart`, { account, by: 'lin', force: true });
  expect([running.status, running.text]).toEqual([409, expect.stringContaining('runs')]);
  expect((await daemon.ask('DELETE', `/api/v1/holds/${id}`)).status).toBe(200);
  expect(await owner.daemon.get('/api/v1/holds')).not.toContainEqual(expect.objectContaining({ id }));
  const by = (await owner.daemon.ask('GET', `/api/v1/events?task=${taskId}&account=${account}`)).text;
  expect(by).toContain('restart-intended');
}
