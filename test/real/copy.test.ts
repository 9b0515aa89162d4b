/** `store copy` that is killed again and again: nobody runs on half a copy, and in the end all of it is there. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
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
const [batches, perBatch] = [20, 1_000];

interface Bytes {
  readonly sent: number;
  readonly got: number;
}
const noEnd: Bytes = { sent: Number.POSITIVE_INFINITY, got: Number.POSITIVE_INFINITY };

/** A way to a database on which nothing moves any more once it has carried so many bytes. */
async function openWay(to: string, most: Bytes) {
  const { port } = new URL(to);
  const had = { sent: 0, got: 0 };
  const { promise: stalled, resolve: stall } = Promise.withResolvers<void>();
  const server = createServer((near) => {
    const far = connect(Number(port), '127.0.0.1');
    const carry = (from: Socket, into: Socket, what: keyof Bytes) => {
      from.on('data', (bytes) => {
        had[what] += bytes.length;
        if (had[what] < most[what]) return void into.write(bytes);
        near.pause();
        far.pause();
        stall();
      });
      from.on('error', () => {});
      from.on('close', () => into.destroy());
    };
    carry(near, far, 'sent');
    carry(far, near, 'got');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(to);
  url.port = String((server.address() as AddressInfo).port);
  return { url: url.href, had, stalled, [Symbol.asyncDispose]: async () => void server.close() };
}

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

  /** Killed when so many bytes went to the database or came from it: no more get through, so it cannot have ended. */
  const copied = async (to: string, most = noEnd) => {
    await using way = await openWay(to, most);
    const child = spawn(process.execPath, [main, 'store', 'copy', `sqlite:${file}`, way.url], {
      cwd: folder,
      stdio: 'ignore',
    });
    void way.stalled.then(() => child.kill('SIGKILL'));
    const [code, signal] = await once(child, 'exit');
    return { code, signal, had: way.had };
  };
  const whole = await copied(await server.database());
  expect(whole).toMatchObject({ code: 0 });
  // What was copied stays, so each of the next has less to send; the last has sent all, and compares.
  const { sent, got } = whole.had;
  for (const most of [...Array<Bytes>(3).fill({ ...noEnd, sent: sent / 4 }), { ...noEnd, got: got / 2 }]) {
    expect(await copied(url, most)).toMatchObject({ signal: 'SIGKILL' });
    const opening = (await databaseAt(addressed(url))).open({ ...common, patienceMs: 0 });
    await expect(opening).rejects.toThrow(/unfinished copy/);
  }
  expect(await copied(url)).toMatchObject({ code: 0 });
  const [a, b] = [await rawFile(file, systemClock, false), await rawDatabase(addressed(url), false)];
  expect(await contentOf(b)).toEqual(await contentOf(a));
  expect((await contentOf(a)).event.rows).toBe(batches * perBatch);
  await Promise.all([a.close(), b.close()]);
});
