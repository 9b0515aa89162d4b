/** A rolling update: the program of an earlier commit and this one on one database, accounts going both ways. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Stage, until } from '../end-to-end/daemon.ts';
import { replicaSet } from '../end-to-end/replicas.ts';

/** The first whose replicas do what is asked of another and whose tests for PostgreSQL are whole. */
const earlier = 'd3f803c';
const top = join(import.meta.dirname, '../..');
const hasHistory = spawnSync('git', ['cat-file', '-e', `${earlier}^{commit}`], { cwd: top }).status === 0;

function programOf(commit: string, folder: string): string {
  const at = join(folder, commit);
  mkdirSync(at);
  const archive = execFileSync('git', ['archive', commit, 'src', 'package.json'], { cwd: top, maxBuffer: 1e8 });
  execFileSync('tar', ['-x'], { cwd: at, input: archive });
  symlinkSync(join(top, 'node_modules'), join(at, 'node_modules'));
  return join(at, 'src/main.ts');
}

it.skipIf(!hasHistory)('one of an earlier commit and one of this, until the tables are too new for both', async () => {
  await using stage = new Stage();
  const main = programOf(earlier, stage.folder());
  const set = await replicaSet(stage, { replicas: 0, accounts: 6 });
  const [old, older] = [await set.add({ main }), await set.add({ main })];
  await set.balanced();
  set.stopTasks((_, index) => index === 0);
  await set.healed();

  // Up: one at a time, each of the old ends by SIGTERM.
  const now = await set.add();
  await set.balanced();
  set.stopTasks((_, index) => index === 1);
  await set.healed();
  set.judge();
  expect((await old.daemon.stop()).code).toBe(0);
  await set.balanced();
  // What is asked of one is done by the other, both ways.
  for (const [asked, owner] of [
    [now, older],
    [older, now],
  ] as const) {
    const [account = ''] = await set.owned(owner);
    const answer = await asked.daemon.ask('POST', '/api/v1/holds', {
      account,
      target: { kind: 'account' },
      author: 'lin',
      reason: 'the update',
    });
    expect([answer.status, answer.text]).toEqual([201, expect.stringContaining('the update')]);
    const { id } = answer.json as { readonly id: string };
    // The earlier one shows it two seconds later.
    await until('it is removed', async () => (await asked.daemon.ask('DELETE', `/api/v1/holds/${id}`)).status === 200);
  }
  // And back: the new one goes, the old takes what it wrote.
  set.stopTasks((_, index) => index === 2);
  expect((await now.daemon.stop()).code).toBe(0);
  await set.healed();
  set.stopTasks((_, index) => index === 3);
  await set.healed();
  expect((await set.owned(older)).length).toBe(6);
  const again = await set.add();
  await older.daemon.kill();
  set.stopTasks((_, index) => index === 0);
  await set.healed(90_000);
  set.judge();
  expect((await set.owned(again)).length).toBe(6);

  await set.server.ask("update relaykeeper.meta set value = '99' where key in ('own-version', 'usable-from')", set.url);
  for (const how of [{ main }, {}]) {
    const refused = set.add(how);
    await expect(refused).rejects.toThrow(/was prepared by a newer relaykeeper .*update this one/);
  }
  // Who runs already goes on: what was added is no harm to it.
  set.stopTasks((_, index) => index === 1);
  await set.healed();
  await until('it lives', () => again.daemon.running);
});
