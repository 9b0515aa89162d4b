/**
 * A ledger file that version 0c3a3cd wrote opens, and its accounts go on. In it: account `open`, whose restart circuit is
 * open, and account `closed`, whose list circuit is; attempts in each phase, a streak, quarantine, a throttle, holds.
 */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { decide } from '../../src/domain/decide/decide.ts';
import { takeOverFacts } from '../../src/domain/learn/circuit.ts';
import { Memory } from '../../src/domain/memory/memory.ts';
import type { Event } from '../../src/domain/words/events.ts';
import { isRecorded } from '../../src/domain/words/events.ts';
import { atOnce, item, plainPolicy, policiesOf } from '../domain/story.ts';
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
  const phases = [...open.tasks, ...closed.tasks].flatMap(({ attempt }) => (attempt ? [attempt.phase.kind] : []));
  expect([...new Set(phases)].sort()).toEqual(['doubted', 'in-flight', 'proving', 'verifying']);
});

test('events that have another name today are found by it', async () => {
  const { history } = await oldFile();
  const reported = await history.events({ limit: 1_000 });
  const proved = await history.events({ types: ['restart-proved'], limit: 10 });
  expect(proved.map(({ event }) => event.type)).toEqual(['restart-proved', 'restart-proved']);
  expect(reported).toContainEqual(proved[0]);
  expect(reported.map(({ event }) => event.type as string)).not.toContain('restart-held');
});

test('a hold stands in the history of its group, and of no other', async () => {
  const { history } = await oldFile();
  const holdsOf = async (group: string) => {
    const reported = await history.events({ group, types: ['hold-added'], limit: 10 });
    return reported.map(({ event }) => 'hold' in event && event.hold.id);
  };
  expect(await holdsOf('sports')).toEqual(['bbbb2222']);
  expect(await holdsOf('vip')).toEqual([]);
});

test.each(['open', 'closed'])('account %s goes on: everything runs again, and that is saved', async (account) => {
  const { ledgerStore } = await oldFile();
  const reported: Event[] = [];
  const stored = await ledgerStore.load(account, 0);
  const memory = new Memory(account, { note: (event) => reported.push(event), touch: () => {} }, stored);
  memory.tell(then, ...takeOverFacts(memory.ledger, 2));
  for (const minute of [0, 1, 2]) {
    const now = then + minute * 60_000;
    const observation = {
      kind: 'complete',
      items: stored.tasks.map(({ taskId }) => item(taskId, 'active', { requestedAt: now })),
      startedAt: now,
      finishedAt: now,
      drift: false,
      failedCloudGroups: [],
      malformedItems: 0,
    } as const;
    const moment = { now, clockOffsetMs: 0, nextPollAt: now + 15_000, pollGapMs: 15_000 };
    atOnce(decide(memory, observation, policiesOf(plainPolicy), moment));
  }
  const types = new Set(reported.map(({ type }) => type));
  const expected =
    account === 'open' ? ['restart-proved', 'outage-ended'] : ['circuit-closed', 'restart-proved', 'outage-ended'];
  expect([...types]).toEqual(expect.arrayContaining(expected));
  const { tasks, accountRecord } = memory.ledger;
  const changes = { events: reported.filter(isRecorded), tasks: [...tasks.values()], accountRecord };
  await ledgerStore.save(account, { ...changes, removedTasks: [], holds: [], removedHolds: [] });
  const again = await ledgerStore.load(account, 0);
  expect(new Map(again.tasks.map((record) => [record.taskId, record]))).toEqual(tasks);
});
