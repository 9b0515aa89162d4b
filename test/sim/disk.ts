/**
 * The disk of a history: keeps what was saved and survives its processes; slow, full, or gone half way, but never
 * lying. A save is whole or absent, also when the process dies in the middle of it.
 */

import type { StoredLedger } from '../../src/domain/memory/ledger.ts';
import { mapTimes, notAfter } from '../../src/domain/memory/times.ts';
import type { LedgerChanges, LedgerStore } from '../../src/domain/ports/store-port.ts';
import type { Clock } from '../../src/domain/ports/time-port.ts';
import type { Hold } from '../../src/domain/words/events.ts';
import { between, draw, type Random, type Span } from '../../src/simulator/random.ts';
import { type Life, never } from './life.ts';
import { MemoryStore } from './stage.ts';

export interface DiskWeather {
  /** How long a save or a load takes. */
  readonly ms: Span;
  /** Share of saves and loads that fail. */
  readonly failing: number;
}

export const fairDisk: DiskWeather = { ms: [0, 0], failing: 0 };

/** Where a process dies around its next save: nothing of it is written, or all of it. */
export type DeathAtSave = 'before' | 'after';

export class Disk {
  readonly memory = new MemoryStore();
  /** Attempts whose intent is on disk. */
  readonly intended = new Set<string>();
  weather: DiskWeather = fairDisk;
  /** The newest save, milliseconds of the world. */
  savedAt = 0;
  readonly #random: Random;
  readonly #clock: Clock;

  constructor(random: Random, clock: Clock) {
    this.#random = random;
    this.#clock = clock;
  }

  /** The disk as one process has it. */
  mountedBy(process: Life): LedgerStore {
    const pause = async () => {
      const ms = between(this.#random, this.weather.ms);
      if (ms > 0) await this.#clock.sleep(ms);
    };
    return {
      load: async (account, budgetSince) => {
        if (!process.alive) return never();
        const fails = draw(this.#random) < this.weather.failing;
        await pause();
        if (!process.alive) return never();
        if (fails) throw new Error('the disk cannot be read');
        return this.loaded(account, budgetSince, process.clock.now());
      },
      save: async (_account, changes) => {
        if (!process.alive) return never();
        const fails = draw(this.#random) < this.weather.failing;
        // Written at its beginning or at its end: a process that dies in between has it whole or not at all.
        const early = draw(this.#random) < 0.5;
        const death = process.onSave();
        if (death === 'before') {
          process.die();
          return never();
        }
        const write = () => this.write(changes);
        if (early && !fails) await write();
        if (death === 'after') {
          if (!early && !fails) await write();
          process.die();
          return never();
        }
        await pause();
        if (!process.alive) return never();
        if (fails) throw new Error('the disk is full');
        if (!early) await write();
      },
    };
  }

  holds(): readonly Hold[] {
    return [...this.memory.holds.values()];
  }

  /** As the store does it: stored times in the future are taken as now. */
  async loaded(account: string, budgetSince: number, now: number): Promise<StoredLedger> {
    const { memory } = this;
    // Written back, so that what is in memory and what is on disk can be compared at the end.
    for (const [taskId, record] of memory.tasks) memory.tasks.set(taskId, mapTimes('task', record, notAfter(now)));
    memory.account = memory.account && mapTimes('account', memory.account, notAfter(now));
    const stored = await memory.load(account, budgetSince);
    return { ...stored, budget: stored.budget.map((entry) => ({ ...entry, at: Math.min(entry.at, now) })) };
  }

  write(changes: LedgerChanges): Promise<void> {
    this.savedAt = this.#clock.monotonic();
    for (const event of changes.events) {
      if (event.type === 'restart-intended') this.intended.add(event.attemptId);
    }
    return this.memory.save('main', changes);
  }
}
