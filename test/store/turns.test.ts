/** Whoever takes many accounts over reads them a few at a time, and stops reading when it is asked to stop. */
import { expect, test } from 'vitest';
import type { StoredLedger } from '../../src/domain/memory/ledger.ts';
import { openReplica, type Statements } from '../../src/store/postgres/replica.ts';
import { VirtualClock } from '../sim/virtual-clock.ts';

const readMs = 1_000;

test('a hundred accounts, asked to stop: what is being read is read to its end, nothing else is begun', async () => {
  const clock = new VirtualClock(0);
  let begun = 0;
  const statements: Partial<Statements> = {
    load: async () => {
      begun++;
      await clock.sleep(readMs);
      return {} as StoredLedger;
    },
  };
  const { ledgerStore } = openReplica({
    statements: statements as Statements,
    clock,
    id: 'a',
    name: 'a',
    version: '0',
    configHash: () => '',
    place: 'the database',
    newId: () => '1',
    run: (_, work) => work(new AbortController().signal),
  });
  const stop = new AbortController();
  const settledAt: number[] = [];
  for (let n = 0; n < 100; n++) {
    const done = () => settledAt.push(clock.now());
    ledgerStore.load(`a${n}`, 0, stop.signal).then(done, done);
  }
  await clock.run(2.5 * readMs);
  expect([begun, settledAt.length]).toEqual([6, 4]);
  stop.abort(new Error('asked to stop'));
  await clock.run(readMs);
  expect([begun, settledAt.length]).toEqual([6, 100]);
  expect(Math.max(...settledAt)).toBe(3 * readMs);
});
