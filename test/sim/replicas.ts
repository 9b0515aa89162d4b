/** Three processes on one database that share some accounts out between them. What is kept of each account is told to them. */
import type { Ownership } from '../../src/domain/ports/store-port.ts';
import { seeded } from '../../src/simulator/random.ts';
import { terms } from '../../src/store/postgres/lease.ts';
import { createDatabase } from './database.ts';
import { Disk } from './disk.ts';
import { Life } from './life.ts';
import { Machine } from './machine.ts';
import type { VirtualClock } from './virtual-clock.ts';

const names = ['p1', 'p2', 'p3'];
/**
 * Each third is the same replica's. Of two, `main` is what its replica would give away; and shared out anew among those
 * that are left it would be another's.
 */
const accounts = ['a', 'b', 'c', 'main', 'x', 'y'];
/** It shares a replica with `main`. */
export const partner = 'a';

export type Replicas = ReturnType<typeof createReplicas>;

export function createReplicas(clock: VirtualClock, seed: number) {
  /** What the database saw and must not see. */
  const wrong: string[] = [];
  const must = (isSo: boolean, what: () => string) => {
    if (!isSo) wrong.push(what());
  };
  const disk = new Disk(seeded(seed, 'disk'), clock);
  const database = createDatabase({ disk, clock, random: seeded(seed, 'database'), must });
  const seats = names.map((name) => {
    const life = new Life(name, new Machine(clock, 0));
    return { life, ...database.open(life) };
  });
  for (const [index, account] of accounts.entries())
    database.seize(account, names[index % names.length] ?? '', terms.leaseMs);
  const stop = new AbortController();
  return {
    database,
    seats,
    wrong,
    /** Nothing happens in the accounts that nobody else keeps: what a replica has of them counts when they are shared out. */
    keepBut(kept: readonly string[]): void {
      for (const { ownership } of seats)
        for (const account of accounts) if (!kept.includes(account)) void keepIdly(ownership, account, stop.signal);
    },
    /** Whose `main` is, or one that has nothing of it. */
    whose(which: 'its own' | 'another'): Life {
      const holder = database.holderOf('main');
      const seat = seats.find(({ life }) => (life.name === holder) === (which === 'its own'));
      if (!seat) throw new Error(`no replica is ${which}`);
      return seat.life;
    },
    /** What befalls an account of its replica would befall nobody's else. */
    mustShare(): void {
      const [one, other] = ['main', partner].map(database.holderOf);
      if (one !== other) throw new Error(`main is with ${one}, and ${partner} with ${other}`);
    },
    /** What still waits is let go. */
    end(): void {
      for (const { life } of seats) life.die();
      stop.abort(new Error('the history is over'));
    },
  };
}

/** Has the account whenever it may, and does nothing with it. */
export async function keepIdly(ownership: Ownership, account: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const owned = await ownership.acquire(account, signal).catch(() => undefined);
    if (!owned) return;
    const over = AbortSignal.any([signal, owned.lost]);
    await new Promise((resolve) => over.addEventListener('abort', resolve, { once: true }));
    await owned.handOver?.();
  }
}
