/** The thread of the doors dies: the doors open again where they were, and what asks meanwhile hangs on nothing. */
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { openWeb } from './fixture.ts';

/** The threads that are started from here on. */
function threads(): readonly Worker[] {
  const started: Worker[] = [];
  const onWorker = (worker: Worker) => void started.push(worker);
  process.on('worker', onWorker);
  onTestFinished(() => void process.off('worker', onWorker));
  return started;
}

type Client = ReturnType<Awaited<ReturnType<typeof openWeb>>['on']>;
const statusOf = (ask: Client, path = '/-/healthy') =>
  ask('GET', path).then(
    ({ status }) => status,
    () => 0,
  );
const answers = (ask: Client) => vi.waitFor(async () => expect(await statusOf(ask)).toBe(200), 30_000);

describe('doors whose thread has ended', () => {
  test('by itself: both open again at the same places, and it is logged', async () => {
    const started = threads();
    const { on, logged } = await openWeb();
    for (const round of [1, 2]) {
      await started.at(-1)?.terminate();
      await answers(on('listen'));
      await answers(on('socket'));
      expect(started).toHaveLength(1 + round);
    }
    expect(logged.filter(({ msg }) => /its thread ended/.test(msg))).toHaveLength(2);
  });

  test('amid requests: who asked is cut, the answer that comes late does no harm', async () => {
    const started = threads();
    const late = Promise.withResolvers<string>();
    const { on } = await openWeb({ renderMetrics: () => late.promise });
    const asked = [statusOf(on('listen'), '/metrics'), statusOf(on('socket'), '/metrics')];
    await sleep(200);
    await started.at(-1)?.terminate();
    expect(await Promise.all(asked)).toEqual([0, 0]);
    late.resolve('# none\n');
    await answers(on('listen'));
    expect(await statusOf(on('socket'), '/metrics')).toBe(200);
  });

  test.each([0, 1_010, 1_040])('closed %d ms after its death, nothing stays open', async (ms) => {
    const started = threads();
    const { on, web, close } = await openWeb();
    await started.at(-1)?.terminate();
    await sleep(ms);
    await close(0);
    await sleep(600);
    expect(await statusOf(on('listen'))).toBe(0);
    expect(existsSync(web.socket ?? '')).toBe(false);
  });
});
