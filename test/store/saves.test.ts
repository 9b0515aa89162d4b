/** Saves of several accounts in one process, on a virtual clock: what keeps one of them from the disk keeps no other. */
import { expect, test } from 'vitest';
import type { LedgerChanges } from '../../src/domain/ports/store-port.ts';
import type { Event } from '../../src/domain/words/events.ts';
import type { SaveTransactions } from '../../src/store/postgres/save-transactions.ts';
import { openSaves } from '../../src/store/postgres/saves.ts';
import { begin } from '../domain/story.ts';
import { VirtualClock } from '../sim/virtual-clock.ts';

const quickMs = 5;
const lockedMs = 5_000;

const changes = (account: string, rows: number): LedgerChanges => {
  const events = Array.from({ length: rows }, (): Event => ({ type: 'owner-lost', at: begin, account }));
  return { events, tasks: [], removedTasks: [], holds: [], removedHolds: [], accountRecord: undefined };
};

/** Each transaction with one of the troubled takes longer, and is refused then if somebody has locked their rows. */
function saving(troubled: ReadonlyMap<string, { readonly ms: number; readonly locked: boolean }>) {
  const clock = new VirtualClock(begin);
  const written: string[] = [];
  const underWay = new Set<string>();
  const transactions: SaveTransactions = {
    write: async (parts, begun) => {
      for (const { account } of parts) {
        expect(underWay).not.toContain(account);
        underWay.add(account);
      }
      const trouble = parts.flatMap(({ account }) => troubled.get(account) ?? []);
      await clock.sleep(trouble.reduce((most, { ms }) => Math.max(most, ms), quickMs));
      for (const { account } of parts) underWay.delete(account);
      if (trouble.some(({ locked }) => locked)) throw new Error('canceling statement due to lock timeout');
      written.push(parts.map(({ account }) => account).join(' '));
      begun('1', new Set(parts.map(({ account }) => account)));
    },
    fateOf: async () => 'aborted',
  };
  const saves = openSaves({ transactions, clock, name: 'the database' });
  /** Milliseconds until it was saved; Infinity: it was refused. */
  const save = async (account: string, rows = 1) => {
    const from = clock.monotonic();
    const saved = await saves.save(account, 1, changes(account, rows)).catch(() => false);
    return saved ? clock.monotonic() - from : Number.POSITIVE_INFINITY;
  };
  return { clock, save, saves, written };
}

test.each([
  ['whose rows somebody has locked', { ms: lockedMs, locked: true }, 1],
  ['that writes 300 rows in 9 s', { ms: 9_000, locked: false }, 300],
])('an account %s keeps no other from the disk', async (_, trouble, rows) => {
  const { clock, save } = saving(new Map([['x', trouble]]));
  // Again and again, whatever became of the one before.
  const asks = async (account: string, restMs: number, measured: (tookMs: number) => void) => {
    for (;;) {
      measured(await save(account, account === 'x' ? rows : 1));
      await clock.sleep(restMs);
    }
  };
  const took: Record<string, number[]> = { x: [], a: [], b: [] };
  for (const [account, restMs] of [
    ['x', 100],
    ['a', 700],
    ['b', 1_100],
  ] as const)
    void asks(account, restMs, (tookMs) => took[account]?.push(tookMs));
  // At first nobody knows.
  await clock.run(30_000);
  for (const account of ['a', 'b']) took[account]?.splice(0);
  await clock.run(300_000);
  expect(took.a?.length).toBeGreaterThan(250);
  expect(Math.max(...(took.a ?? []), ...(took.b ?? []))).toBeLessThanOrEqual(2 * quickMs);
  expect(took.x?.length).toBeGreaterThan(20);
});

test('two whose rows are locked are tried in turn, and nobody waits for them', async () => {
  const locked = { ms: lockedMs, locked: true };
  const { clock, save } = saving(
    new Map([
      ['x', locked],
      ['y', locked],
    ]),
  );
  void save('x');
  void save('y');
  await clock.run(30_000);
  void save('x');
  void save('y');
  let tookMs = Number.POSITIVE_INFINITY;
  void save('a').then((ms) => {
    tookMs = ms;
  });
  await clock.run(lockedMs);
  expect(tookMs).toBeLessThanOrEqual(quickMs);
});

test('one whose rows are free again goes with the others', async () => {
  const troubled = new Map([['x', { ms: lockedMs, locked: true }]]);
  const { clock, save, written } = saving(troubled);
  void save('x');
  await clock.run(30_000);
  troubled.clear();
  void save('x');
  await clock.run(1_000);
  void save('c');
  for (const account of ['x', 'a', 'b']) void save(account);
  await clock.run(1_000);
  expect(written).toEqual(['x', 'c', 'x a b']);
});

test('after an outage of the database all go together again', async () => {
  const locked = { ms: lockedMs, locked: true };
  const accounts = ['a', 'b', 'c'];
  const troubled = new Map(accounts.map((account) => [account, locked]));
  const { clock, save, written } = saving(troubled);
  const all = () => {
    for (const account of ['', ...accounts]) void save(account);
  };
  all();
  await clock.run(60_000);
  troubled.clear();
  all();
  await clock.run(1_000);
  expect(written).toEqual(['', '', 'a b c']);
});
