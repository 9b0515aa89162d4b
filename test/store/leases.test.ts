/** How long an account that nobody owns waits for a replica, while the database fails or the network swallows statements. */
import { expect, test } from 'vitest';
import { draw, seeded } from '../../src/simulator/random.ts';
import { answerWithinMs, type Lease } from '../../src/store/postgres/lease.ts';
import { openLeases } from '../../src/store/postgres/leases.ts';
import type { Change, LeaseRows, ReplicaRow } from '../../src/store/postgres/rows.ts';
import { VirtualClock } from '../sim/virtual-clock.ts';

const account = 'main';
const expiresAt = 20_000;
const watchedMs = 180_000;

/** One replica, and an account whose owner is dead. `fate` of each statement, asked when it is sent. */
async function vacantMs(fate: (now: number) => 'done' | 'fails' | 'swallowed'): Promise<number> {
  const clock = new VirtualClock(0);
  let lease: Lease = { epoch: 1, holder: 'the dead one', expiresAt };
  let replicas: readonly ReplicaRow[] = [];
  const statement = async <T>(run: () => T): Promise<T> => {
    const what = fate(clock.now());
    await clock.sleep(what === 'swallowed' ? answerWithinMs : 1);
    if (what !== 'done') throw new Error(what);
    return run();
  };
  const change = (changes: readonly Change[]) =>
    statement(() => {
      for (const { to } of changes) lease = to;
      return new Set(changes.map((one) => one.account));
    });
  const rows: LeaseRows = {
    look: () => statement(() => ({ now: clock.now(), leases: new Map([[account, lease]]), replicas, requests: [] })),
    sayPresent: (one) =>
      statement(() => {
        replicas = [{ ...one, startedAt: 0, seenAt: clock.now() }];
      }),
    sayGone: () => statement(() => undefined),
    keep: async (changes) => (changes.length === 0 ? new Set() : change(changes)),
    take: async (changes) => (changes.length === 0 ? new Set() : change(changes)),
  };
  const leases = openLeases({
    rows,
    clock,
    id: 'a',
    name: 'a',
    version: '0',
    configHash: () => '',
    run: (work) => work(),
    onSnapshot: () => {},
  });
  let ownedAt = Number.POSITIVE_INFINITY;
  void leases.acquire(account, new AbortController().signal).then(() => {
    ownedAt = clock.now();
  });
  while (ownedAt > clock.now() && clock.now() < expiresAt + watchedMs) await clock.run(1_000);
  return ownedAt - expiresAt;
}

test('of ten statements three fail: it has an owner within 15 s of the lease’s end in nine of ten cases', async () => {
  const random = seeded(1, 'statements that fail');
  const waits: number[] = [];
  for (let i = 0; i < 100; i++) waits.push(await vacantMs(() => (draw(random) < 0.3 ? 'fails' : 'done')));
  waits.sort((a, b) => a - b);
  expect(waits[90]).toBeLessThan(15_000);
  expect(waits.at(-1)).toBeLessThan(60_000);
});

test('the network swallows everything for a while: it has an owner within 12 s of the end of that', async () => {
  const waits: number[] = [];
  for (let lastsMs = 500; lastsMs < 40_000; lastsMs += 1_300) {
    const healsAt = expiresAt + lastsMs;
    const ms = await vacantMs((now) => (now > expiresAt - 1_500 && now < healsAt ? 'swallowed' : 'done'));
    waits.push(ms - lastsMs);
  }
  expect(Math.max(...waits)).toBeLessThan(12_000);
});

test('the database refuses everything for a while: it has an owner within 3 s of the end of that', async () => {
  const waits: number[] = [];
  for (let lastsMs = 500; lastsMs < 40_000; lastsMs += 1_300) {
    const healsAt = expiresAt + lastsMs;
    waits.push((await vacantMs((now) => (now > expiresAt - 1_500 && now < healsAt ? 'fails' : 'done'))) - lastsMs);
  }
  expect(Math.max(...waits)).toBeLessThan(3_000);
});
