/** What the store says of itself after each operation. */
import { expect, test } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { StoreOperation, StoreTrace } from '../../src/domain/ports/store-port.ts';
import { watch } from '../../src/store/watched.ts';
import { VirtualClock } from '../sim/virtual-clock.ts';

const saidAsItIs = (error: unknown) => (error instanceof Error ? error : new Error(String(error)));

type End = readonly [operation: StoreOperation, works: boolean, of?: string];

async function after(...ends: readonly End[]) {
  const traces: StoreTrace[] = [];
  const watching = watch(saidAsItIs, systemClock, (trace) => void traces.push(trace));
  for (const [operation, works, of] of ends) {
    const run = watching.run(
      operation,
      async () => {
        if (!works) throw new Error('disk full');
      },
      of,
    );
    await run.catch(() => undefined);
  }
  const { up, whole } = traces.at(-1) ?? {};
  return { up, whole, failing: watching.failingSince() !== undefined };
}

test.each<[what: string, ends: readonly End[], up: boolean, whole?: boolean]>([
  ['a save works', [['save', true]], true],
  ['a save fails', [['save', false]], false],
  [
    'a save fails, and the lock is still ours',
    [
      ['save', false],
      ['lock', true],
    ],
    false,
  ],
  [
    'a save fails, and events can be read',
    [
      ['save', false],
      ['events', true],
    ],
    false,
  ],
  [
    'a save fails, and the next one works',
    [
      ['save', false],
      ['save', true],
    ],
    true,
  ],
  [
    'the lock is lost, and a save works',
    [
      ['lock', false],
      ['save', true],
    ],
    false,
  ],
  ['events cannot be read', [['events', false]], true, false],
  ['old events cannot be removed', [['prune', false]], true, false],
  [
    'old events cannot be removed, and a save works',
    [
      ['prune', false],
      ['save', true],
    ],
    true,
    false,
  ],
  [
    'one account cannot be loaded, and another can, and be saved',
    [
      ['load', false, 'a'],
      ['load', true, 'b'],
      ['save', true],
    ],
    true,
    false,
  ],
  [
    'an account could not be loaded, and can',
    [
      ['load', false, 'a'],
      ['load', true, 'a'],
    ],
    true,
  ],
])('%s', async (_what, ends, up, whole = up) => {
  expect(await after(...ends)).toEqual({ up, whole, failing: !up });
});

test('a save that does not end is reported after 10 s, and again when it ends; nobody waits for the history any longer', async () => {
  const clock = new VirtualClock(0);
  const traces: StoreTrace[] = [];
  const watching = watch(saidAsItIs, clock, (trace) => void traces.push(trace));
  const disk = Promise.withResolvers<void>();
  const save = watching.run('save', () => disk.promise);
  const pruned = watching.run('prune', () => disk.promise);
  const events = watching.run('events', () => disk.promise).catch((error: Error) => error.message);
  await clock.run(9_000);
  expect([traces, watching.failingSince()]).toEqual([[], undefined]);
  await clock.run(2_000);
  expect(await events).toMatch(/not answered for 10 s \(events\)/);
  expect(traces.map(({ operation, up, error }) => [operation, up, error?.message])).toEqual([
    ['save', false, expect.stringMatching(/not answered for 10 s \(save\)/)],
    ['events', false, expect.stringMatching(/not answered for 10 s \(events\)/)],
  ]);
  expect(watching.failingSince()).toBe(0);
  disk.resolve();
  await Promise.all([save, pruned]);
  expect(traces.at(-1)).toMatchObject({ operation: 'prune', up: true, error: undefined });
  expect(watching.failingSince()).toBeUndefined();
});

test('what is cleaned up may take its time: restarts do not rest on it', async () => {
  const clock = new VirtualClock(0);
  const traces: StoreTrace[] = [];
  const watching = watch(saidAsItIs, clock, (trace) => void traces.push(trace));
  const pruned = watching.run('prune', () => clock.sleep(60_000));
  await clock.run(30_000);
  expect([traces, watching.failingSince()]).toEqual([[], undefined]);
  await clock.run(40_000);
  await pruned;
});

test('what nobody does again does not count as failing for ever', async () => {
  const clock = new VirtualClock(0);
  let whole: boolean | undefined;
  const { run } = watch(saidAsItIs, clock, (trace) => {
    whole = trace.whole;
  });
  await run('events', () => Promise.reject(new Error('disk full'))).catch(() => undefined);
  await clock.run(3_600_000);
  await run('save', async () => {});
  expect(whole).toBe(false);
  await clock.run(3_600_000);
  await run('save', async () => {});
  expect(whole).toBe(true);
});
