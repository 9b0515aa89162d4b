/**
 * The address of the database leads to another server: a standby that is promoted while its primary is dead. Nothing is
 * restarted while nobody takes writes, nobody has to restart a replica, and all that was reported as saved is there.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type Daemon, Stage, sleep, until } from '../end-to-end/daemon.ts';
import { type ReplicaSet, replicaSet, Wire } from '../end-to-end/replicas.ts';
import { startPostgres } from '../postgres.ts';

const canMount = process.getuid?.() === 0 && spawnSync('unshare', ['-m', 'true']).status === 0;
const healedWithinMs = 120_000;

const restarts = ({ clouds }: ReplicaSet) =>
  [...clouds.values()].reduce((sum, cloud) => sum + cloud.restarts().length, 0);

async function hold({ daemon }: { readonly daemon: Daemon }, account: string, reason: string) {
  const answer = await daemon.ask('POST', '/api/v1/holds', {
    account,
    target: { kind: 'account' },
    author: 'lin',
    reason,
  });
  expect([answer.status, answer.text]).toEqual([201, expect.stringContaining(reason)]);
}

/** Writes go on only once the standby has them. */
async function pair(stage: Stage) {
  const primary = await startPostgres();
  const standby = await primary.standby();
  stage.onLeave(() => standby.stop());
  await primary.ask("alter system set synchronous_standby_names = '*'");
  await primary.ask('select pg_reload_conf()');
  return { primary, standby };
}

it('a standby is promoted: refused, then read-only, then healed, with all that was committed', async () => {
  await using stage = new Stage();
  const { primary, standby } = await pair(stage);
  const set = await replicaSet(stage, { replicas: 2, accounts: 4, server: primary });
  const promoted = new URL(set.url);
  promoted.port = `${standby.port}`;
  await set.balanced();
  set.stopTasks((_, index) => index === 0);
  await set.healed();
  const [first, second] = set.replicas;
  if (!first || !second) throw new Error('there are two');
  const [account = ''] = await set.owned(second);
  await hold(first, account, 'kept across the fail-over');

  await primary.crash();
  const before = restarts(set);
  const diedAt = performance.now();
  set.stopTasks((name, index) => index === 1 && name !== account);
  await until('both see it', () => set.replicas.every(({ daemon }) => daemon.said('store-failing').length > 0));
  await sleep(3_000);
  for (const { wire } of set.replicas) {
    wire.to = standby.port;
    wire.cut();
  }
  const readOnly = () => set.replicas.every(({ daemon }) => /it takes no writes/.test(daemon.stdout));
  await until(
    'both say that it takes no writes',
    readOnly,
    () => set.replicas.map(({ daemon }) => daemon.tail()).join(),
    120_000,
  );
  for (const { daemon } of set.replicas) expect((await daemon.ask('GET', '/-/healthy')).status).toBe(200);
  // Longer than a lease.
  await sleep(Math.max(0, 35_000 - (performance.now() - diedAt)));
  expect(restarts(set)).toBe(before);
  for (const { daemon } of set.replicas) expect(daemon.running).toBe(true);

  const promotedAt = performance.now();
  await standby.ask('select pg_promote()');
  await set.healed(healedWithinMs);
  console.log(`healed after the promotion: ${((performance.now() - promotedAt) / 1_000).toFixed(1)} s`);
  await set.balanced();
  set.judge();
  await until('the hold is there', async () =>
    (await first.daemon.ask('GET', '/api/v1/holds')).text.includes('kept across the fail-over'),
  );
  // Each call that reached a cloud has its intent in what was promoted.
  const [reported] = await standby.ask(
    "select count(distinct attempt_id)::int as intents from relaykeeper.event where type = 'restart-intended'",
    promoted.href,
  );
  expect(reported?.intents).toBeGreaterThanOrEqual(restarts(set));
  for (const { daemon } of set.replicas) expect(daemon.running).toBe(true);
});

it.skipIf(!canMount)('the name of the database leads to another address', async () => {
  await using stage = new Stage();
  const { primary, standby } = await pair(stage);
  const set = await replicaSet(stage, { replicas: 0, accounts: 2, server: primary });
  const old = await new Wire(primary.port).open();
  const next = await new Wire(standby.port).open(old.port, '127.0.0.2');
  for (const wire of [old, next]) stage.onLeave(() => wire.close());
  const hosts = join(stage.folder(), 'hosts');
  writeFileSync(hosts, '127.0.0.1 localhost db.relaykeeper.test\n');
  const url = new URL(set.url);
  url.host = `db.relaykeeper.test:${old.port}`;
  const { daemon } = await set.add({
    store: () => url.href,
    shell: `line=(unshare -m bash -c 'mount --bind ${hosts} /etc/hosts && exec "$@"' bash "\${line[@]}"); run`,
  });
  set.stopTasks((_, index) => index === 0);
  await set.healed();

  await primary.crash();
  old.close();
  set.stopTasks((_, index) => index === 1);
  await daemon.saying('store-failing');
  await standby.ask('select pg_promote()');
  writeFileSync(hosts, '127.0.0.1 localhost\n127.0.0.2 db.relaykeeper.test\n');
  await set.healed(healedWithinMs);
  set.judge();
  expect(next.pieces).toBeGreaterThan(0);
});
