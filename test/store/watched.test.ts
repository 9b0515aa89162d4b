/** What the store says of itself after each operation. */
import { expect, test } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { StoreOperation, StoreTrace } from '../../src/domain/ports/store-port.ts';
import { watch } from '../../src/store/watched.ts';

const saidAsItIs = (error: unknown) => (error instanceof Error ? error : new Error(String(error)));

type End = readonly [operation: StoreOperation, works: boolean];

async function after(...ends: readonly End[]) {
  const traces: StoreTrace[] = [];
  const watching = watch(saidAsItIs, systemClock, (trace) => void traces.push(trace));
  for (const [operation, works] of ends) {
    const run = watching.run(operation, async () => {
      if (!works) throw new Error('disk full');
    });
    await run.catch(() => undefined);
  }
  return { up: traces.at(-1)?.up, failing: watching.failingSince() !== undefined };
}

test.each<[what: string, ends: readonly End[], up: boolean]>([
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
  ['events cannot be read', [['events', false]], true],
  ['old events cannot be removed', [['prune', false]], true],
])('%s', async (_what, ends, up) => {
  expect(await after(...ends)).toEqual({ up, failing: !up });
});
