/** The disk of the database is full, while tasks stop: nothing is restarted without its intent saved, and all heals once there is space. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Stage, sleep, until } from '../end-to-end/daemon.ts';
import { replicaSet } from '../end-to-end/replicas.ts';

const canMount = process.getuid?.() === 0 && spawnSync('unshare', ['-m', 'true']).status === 0;
const nobody = 65_534;

it.skipIf(!canMount)('the disk of the database is full', async () => {
  await using stage = new Stage();
  const scratch = mkdtempSync(join(tmpdir(), 'rk-full-'));
  stage.onLeave(() => rmSync(scratch, { recursive: true, force: true }));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=120m', 'tmpfs', scratch]);
  stage.onLeave(() => execFileSync('umount', ['-l', scratch]));
  chownSync(scratch, nobody, nobody);
  const set = await replicaSet(stage, { replicas: 2, accounts: 4, postgres: { scratch } });
  await set.balanced();
  set.stopTasks((_, index) => index === 0);
  await set.healed();

  const ballast = join(scratch, 'ballast');
  // As much as there is: the database takes some meanwhile.
  spawnSync('dd', ['if=/dev/zero', `of=${ballast}`, 'bs=4k'], { stdio: 'ignore' });
  // What has room in pages that are there already goes on for a while.
  await until(
    'the database says that it is full',
    () => set.replicas.some(({ daemon }) => daemon.said('store-failing').length > 0),
    undefined,
    120_000,
  );
  set.stopTasks((_, index) => index === 1);
  await sleep(10_000);
  rmSync(ballast);
  if ((await set.server.ask('select 1').catch(() => [])).length === 0) await set.server.restart();
  set.stopTasks((_, index) => index === 2);
  await set.healed(120_000);
  set.judge();
  for (const { daemon } of set.replicas) expect(daemon.running).toBe(true);
});
