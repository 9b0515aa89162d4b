/** `store copy` that is killed again and again: nobody runs on half a copy, and in the end all of it is there. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { contentOf } from '../../src/store/copy.ts';
import { databaseAt } from '../../src/store/open.ts';
import { rawDatabase } from '../../src/store/postgres/raw-database.ts';
import { rawFile } from '../../src/store/sqlite/raw-file.ts';
import { sqliteAt } from '../../src/store/sqlite/sqlite-store.ts';
import { Stage } from '../end-to-end/daemon.ts';
import { startPostgres } from '../postgres.ts';
import { found, nothing, record } from '../store/shapes.ts';
import { addressed } from '../store/surroundings.ts';

const main = join(import.meta.dirname, '../../src/main.ts');
const common = { clock: systemClock, onTrace: () => {} };
const [batches, perBatch] = [80, 1_000];

it('killed in the middle, again and again, until it is whole', { timeout: 5 * 60_000 }, async () => {
  await using stage = new Stage();
  const folder = stage.folder();
  const file = join(folder, 'from.db');
  const server = await startPostgres();
  stage.onLeave(() => server.stop());
  const url = await server.database();
  const from = await sqliteAt(file).open(common);
  await from.ownership.acquire('main', new AbortController().signal);
  for (let batch = 0; batch < batches; batch++) {
    const names = Array.from({ length: perBatch }, (_, i) => `任务 ${batch}-${i}`);
    await from.ledgerStore.save('main', {
      ...nothing,
      tasks: names.slice(0, perBatch / 4).map((name) => record(name, batch)),
      events: names.map((name) => found(name)),
    });
  }
  await from.close();

  const copied = async (to: string, killAfterMs: number) => {
    const child = spawn(process.execPath, [main, 'store', 'copy', `sqlite:${file}`, to], {
      cwd: folder,
      stdio: 'ignore',
    });
    const kill = setTimeout(() => child.kill('SIGKILL'), killAfterMs);
    const [code] = await once(child, 'exit');
    clearTimeout(kill);
    return code === 0;
  };
  // How long it takes here; what was copied stays, so each of the next has less to do, and a little more time.
  const startedAt = performance.now();
  expect(await copied(await server.database(), 60_000)).toBe(true);
  const tookMs = performance.now() - startedAt;
  let killed = 0;
  while (!(await copied(url, tookMs * (0.35 + killed * 0.05)))) {
    killed++;
    const opening = (await databaseAt(addressed(url))).open({ ...common, patienceMs: 0 });
    await expect(opening).rejects.toThrow(/unfinished copy/);
  }
  console.log(`killed ${killed} times`);
  expect(killed).toBeGreaterThan(1);
  const [a, b] = [await rawFile(file, systemClock, false), await rawDatabase(addressed(url), false)];
  expect(await contentOf(b)).toEqual(await contentOf(a));
  expect((await contentOf(a)).event.rows).toBe(batches * perBatch);
  await Promise.all([a.close(), b.close()]);
});
