/**
 * Three daemons over one PostgreSQL and twelve accounts, and everything that can happen to processes, connections and the
 * database. Judged at the pretend cloud of each account; how long take-overs took is printed.
 */
import { expect, it } from 'vitest';
import { Stage, sleep, until } from '../end-to-end/daemon.ts';
import { type Replica, type ReplicaSet, replicaSet } from '../end-to-end/replicas.ts';

const leaseMs = 30_000;
/** Whoever dies had renewed its lease 10 s ago at most: what takes less than the rest was handed over. */
const handedOverWithinMs = leaseMs - 10_000;
/** One lease that runs out, and not two, on a machine that does other things too. */
const runsOutWithinMs = 1.5 * leaseMs;
const accounts = 12;

/** How long until others own what this replica had. */
async function takenOver(set: ReplicaSet, gone: Replica, had: readonly string[]): Promise<number> {
  const from = performance.now();
  const others = set.replicas.filter((one) => one !== gone && one.daemon.running);
  const before = others.map(({ daemon }) => daemon.lines.length);
  await until(
    `others own ${had}`,
    () => {
      const gained = others.flatMap(({ daemon }, i) =>
        daemon.lines.slice(before[i]).flatMap(({ event, account }) => (event === 'owner-gained' ? [account] : [])),
      );
      return had.every((account) => gained.includes(account));
    },
    () => others.map(({ daemon }) => daemon.tail()).join(),
    4 * leaseMs,
  );
  return performance.now() - from;
}

const report = (what: string, ms: number) => console.log(`${what}: ${(ms / 1_000).toFixed(1)} s`);

it('three replicas over twelve accounts: one actor each, whatever happens', { timeout: 40 * 60_000 }, async () => {
  await using stage = new Stage();
  const set = await replicaSet(stage, { replicas: 3, accounts });
  await set.balanced();
  const replica = (i: number): Replica => {
    const found = set.replicas[i];
    if (!found) throw new Error(`no replica ${i}`);
    return found;
  };
  let round = 0;
  const stopSome = () => {
    const index = round++ % 4;
    set.stopTasks((_, at) => at === index);
  };
  const step = async (what: string, does: () => Promise<void>) => {
    const from = performance.now();
    await does();
    await set.healed(120_000);
    set.judge();
    report(`${what}, all healed`, performance.now() - from);
  };

  await step('kill -9', async () => {
    const had = await set.owned(replica(0));
    await replica(0).daemon.kill();
    stopSome();
    const ms = await takenOver(set, replica(0), had);
    report('taken over after kill -9', ms);
    expect(ms).toBeLessThan(runsOutWithinMs);
  });
  await step('another replica joins', async () => {
    await set.add();
    await set.balanced();
    stopSome();
  });
  await step('SIGTERM', async () => {
    const had = await set.owned(replica(1));
    stopSome();
    replica(1).daemon.child.kill('SIGTERM');
    const ms = await takenOver(set, replica(1), had);
    report('taken over after SIGTERM', ms);
    expect(ms).toBeLessThan(handedOverWithinMs);
    expect((await replica(1).daemon.ended).code).toBe(0);
  });
  await set.add();
  await set.balanced();

  await step('SIGSTOP for two minutes, then SIGCONT', async () => {
    const had = await set.owned(replica(2));
    await replica(2).daemon.freeze();
    stopSome();
    const ms = await takenOver(set, replica(2), had);
    report('taken over from a stopped process', ms);
    await sleep(Math.max(0, 120_000 - ms));
    stopSome();
    replica(2).daemon.child.kill('SIGCONT');
    await set.balanced(120_000);
  });
  await step('the database is killed, and starts after ten seconds', async () => {
    await set.server.crash();
    stopSome();
    await sleep(10_000);
    await set.server.start();
  });
  await step('the database is away for longer than a lease', async () => {
    await set.server.crash();
    stopSome();
    await sleep(leaseMs + 15_000);
    await set.server.start();
  });
  await step('connections are cut one by one', async () => {
    for (let i = 0; i < 12; i++) {
      if (i % 4 === 0) stopSome();
      for (const { wire } of set.replicas) {
        wire.cut();
        await sleep(250);
      }
    }
  });
  await step('nothing gets through between a replica and the database', async () => {
    const cutOff = replica(3);
    const had = await set.owned(cutOff);
    cutOff.wire.blackhole = true;
    stopSome();
    const ms = await takenOver(set, cutOff, had);
    report('taken over from a replica that was cut off', ms);
    expect(ms).toBeLessThan(runsOutWithinMs);
    await sleep(20_000);
    cutOff.wire.blackhole = false;
    cutOff.wire.cut();
    await set.balanced(120_000);
  });
  await step('two seconds a statement', async () => {
    for (const { wire } of set.replicas) wire.delayMs = 2_000;
    await sleep(5_000);
    stopSome();
    await sleep(60_000);
    await set.healed(180_000);
    for (const { wire } of set.replicas) wire.delayMs = 0;
  });
  await set.balanced(120_000);
});
