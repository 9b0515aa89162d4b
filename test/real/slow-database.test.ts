/** A slow database, and many accounts to take over at once: each has its turn, and nobody's save waits for that. */
import { expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { StoreTrace } from '../../src/domain/ports/store-port.ts';
import { databaseAt } from '../../src/store/open.ts';
import { Stage } from '../end-to-end/daemon.ts';
import { Wire } from '../end-to-end/replicas.ts';
import { startPostgres } from '../postgres.ts';
import { nothing, record } from '../store/shapes.ts';
import { addressed } from '../store/surroundings.ts';

it('twenty ledgers are read at 300 ms a statement, while one that is owned is saved', {
  timeout: 120_000,
}, async () => {
  await using stage = new Stage();
  const server = await startPostgres();
  stage.onLeave(() => server.stop());
  const wire = await new Wire(server.port).open();
  stage.onLeave(() => wire.close());
  const url = new URL(await server.database());
  url.port = `${wire.port}`;
  const failed: StoreTrace[] = [];
  const store = await (await databaseAt(addressed(url.href))).open({
    clock: systemClock,
    onTrace: (trace) => {
      if (trace.error) failed.push(trace);
    },
  });
  stage.onLeave(() => store.close());
  const forever = new AbortController().signal;
  const names = Array.from({ length: 20 }, (_, i) => `a${i}`);
  await Promise.all(names.map((name) => store.ownership.acquire(name, forever)));
  await store.ledgerStore.load('a0', 0);
  wire.delayMs = 300;
  const saves: number[] = [];
  let loading = true;
  const saving = (async () => {
    for (let n = 1; loading; n++) {
      const from = performance.now();
      await store.ledgerStore.save('a0', { ...nothing, tasks: [record('a', n)] });
      saves.push(performance.now() - from);
    }
  })();
  await Promise.all(names.slice(1).map((name) => store.ledgerStore.load(name, 0)));
  loading = false;
  await saving;
  wire.delayMs = 0;
  expect(failed.map(({ operation, error }) => `${operation}: ${error?.message}`)).toEqual([]);
  expect(store.failingSince()).toBeUndefined();
  expect(saves.length).toBeGreaterThan(3);
  console.log(`a save took at most ${(Math.max(...saves) / 1_000).toFixed(1)} s`);
});
