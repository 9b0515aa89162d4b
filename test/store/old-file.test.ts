/**
 * A ledger file that version 0c3a3cd wrote opens, and its accounts go on. In it: account `open`, whose restart circuit is
 * open, and account `closed`, whose list circuit is; attempts in each phase, a streak, quarantine, a throttle, holds.
 */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { opened, temporaryFile } from './surroundings.ts';

/** What stands in the file was written around this moment. */
const then = Date.UTC(2026, 0, 5, 0, 5, 0);

async function oldFile() {
  const file = temporaryFile();
  copyFileSync(join(import.meta.dirname, 'fixtures/ledger-0c3a3cd.db'), file);
  return await opened(file, { clock: { ...systemClock, now: () => then } });
}

test('every record of it is read', async () => {
  const { ledgerStore } = await oldFile();
  const open = await ledgerStore.load('open', 0);
  expect(open.tasks).toHaveLength(12);
  expect(open.holds.map(({ id }) => id).sort()).toEqual(['aaaa1111', 'bbbb2222']);
  expect(open.accountRecord?.circuits).toMatchObject({
    list: { kind: 'closed' },
    restart: { kind: 'open', failure: { class: 'common' } },
  });
  const closed = await ledgerStore.load('closed', 0);
  expect(closed.accountRecord?.circuits).toMatchObject({
    list: { kind: 'open', failure: { class: 'auth' }, probes: 0 },
    restart: { kind: 'closed', streak: [expect.anything()] },
  });
  expect(closed.tasks.map(({ stageTold }) => stageTold)).toContain('quarantined');
});
