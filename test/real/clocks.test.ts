/** Clocks that jump under three replicas: the database's, and one replica's own. */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { it } from 'vitest';
import { env } from '../end-to-end/cloud.ts';
import { Stage, sleep } from '../end-to-end/daemon.ts';
import { type ReplicaSet, replicaSet } from '../end-to-end/replicas.ts';

/** What the daemons ask for the time is a function of the test's, in the database itself. */
async function settable(set: ReplicaSet): Promise<(interval: string) => Promise<void>> {
  const statements = [
    'create schema fake',
    'create table fake.skew (by interval)',
    "insert into fake.skew values ('0')",
    `create function fake.clock_timestamp() returns timestamptz language sql volatile
      as 'select pg_catalog.clock_timestamp() + by from fake.skew'`,
    'grant usage on schema fake to keeper',
    'grant select on fake.skew to keeper',
    'alter role keeper set search_path = fake, pg_catalog, public',
  ];
  for (const text of statements) await set.server.ask(text, set.url);
  return async (interval) => void (await set.server.ask(`update fake.skew set by = '${interval}'`, set.url));
}

it('the clock of the database jumps ahead and back, also while an owner dies', async () => {
  await using stage = new Stage();
  const set = await replicaSet(stage, { replicas: 0, accounts: 6 });
  const jump = await settable(set);
  for (let i = 0; i < 3; i++) await set.add();
  await set.balanced();
  const step = async (what: string, index: number, does: () => Promise<unknown>) => {
    const from = performance.now();
    await does();
    set.stopTasks((_, at) => at === index);
    await set.healed();
    set.judge();
    console.log(`${what}, all healed: ${((performance.now() - from) / 1_000).toFixed(1)} s`);
    await set.balanced();
  };
  await step('an hour ahead', 0, () => jump('1 hour'));
  await step('back to the true time', 1, () => jump('0'));
  await step('an hour back', 2, () => jump('-1 hour'));
  await step('three seconds ahead', 3, () => jump('-59 minutes -57 seconds'));
  await step('two hours back, and an owner killed', 0, async () => {
    await Promise.all([jump('-3 hours'), set.replicas[0]?.daemon.kill()]);
  });
});

it('the clock of one replica jumps ahead and back', async () => {
  await using stage = new Stage();
  const set = await replicaSet(stage, { replicas: 0, accounts: 4 });
  const file = join(stage.folder(), 'skew');
  // At once: what is half written is read as no jump.
  const jump = (ms: number) => {
    writeFileSync(`${file}.new`, `${ms}`);
    renameSync(`${file}.new`, file);
  };
  jump(0);
  const nodeArgs = ['--import', pathToFileURL(join(import.meta.dirname, 'wall-clock.mjs')).href];
  await set.add({ nodeArgs, env: { ...env, WALL_CLOCK: file } });
  await set.add();
  await set.balanced();
  for (const [index, ms] of [3_600_000, 0, -3_600_000, 20_000].entries()) {
    jump(ms);
    await sleep(500);
    set.stopTasks((_, at) => at === index);
    await set.healed();
    set.judge();
    await set.balanced();
  }
});
