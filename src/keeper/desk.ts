/**
 * What the loops, the restarts and the operators of one account share: its memory, its journal, and this machine's
 * clock; when the clock steps, every stored time moves with it.
 */

import type { Ledger, StoredLedger } from '../domain/memory/ledger.ts';
import { Memory } from '../domain/memory/memory.ts';
import type { LedgerStore } from '../domain/ports/store-port.ts';
import type { Clock } from '../domain/ports/time-port.ts';
import type { Event } from '../domain/words/events.ts';
import { failuresKeptMs } from '../domain/words/policy.ts';
import { Journal } from './journal.ts';

export interface DeskOptions {
  readonly account: string;
  readonly store: LedgerStore;
  readonly clock: Clock;
  /** Called with every fact once, in order. */
  readonly publish: (event: Event) => void;
  /** Called when something failed that is no fact about tasks: the tick goes on. */
  readonly complain: (what: string, cause: unknown) => void;
}

/** A slice of a list is done at each turn: enough for the longest lists of all accounts, one after the other. */
const mostTurns = 100_000;

/** Resolves when none of them is half way through a list: each is of one policy then, its times of one clock. */
export async function betweenLists(ledgers: () => readonly Ledger[], clock: Clock): Promise<void> {
  for (let turn = 0; turn < mostTurns && ledgers().some(({ midway }) => midway); turn++) await clock.yield();
}

/** A smaller change of the difference is the pace of two clocks, not a step. */
const stepMs = 2_000;

/** After so many different causes each is complained of once more. */
const mostCauses = 20;

export class Desk {
  readonly account: string;
  readonly clock: Clock;
  readonly complain: DeskOptions['complain'];
  readonly #options: DeskOptions;
  /** How far the wall clock is from the monotonic one. */
  #aheadMs: number;
  #steps = 0;
  /** Why saves fail, as it was complained of since the last one that worked. */
  readonly #causes = new Set<string>();
  readonly #onStep: (deltaMs: number) => void;
  readonly #onSavedAgain: () => void;
  #memory: Memory;
  #journal: Journal;

  /** `onSavedAgain`: a save has succeeded after one that failed, so what may act is to be asked anew. */
  constructor(options: DeskOptions, onStep: (deltaMs: number) => void, onSavedAgain: () => void) {
    const { account, clock, complain } = options;
    this.account = account;
    this.clock = clock;
    this.complain = complain;
    this.#options = options;
    this.#onStep = onStep;
    this.#onSavedAgain = onSavedAgain;
    this.#aheadMs = this.#ahead();
    [this.#memory, this.#journal] = opened(options, undefined);
  }

  /** What the last owner stored is in memory from here on. */
  async load(signal: AbortSignal): Promise<void> {
    const { account, store, clock } = this.#options;
    // Steps before this moment were the last owner's to mind: what it stored has moved along already.
    this.#aheadMs = this.#ahead();
    const stored = await store.load(account, clock.now() - failuresKeptMs, signal);
    [this.#memory, this.#journal] = opened(this.#options, stored);
  }

  /** What the owner stored, to be shown: nothing of it is ever written from here. */
  follow(stored: StoredLedger): void {
    this.#aheadMs = this.#ahead();
    [this.#memory, this.#journal] = opened(this.#options, stored);
    this.#memory.follow();
  }

  get memory(): Memory {
    return this.#memory;
  }

  get ledger(): Ledger {
    return this.#memory.ledger;
  }

  /** The last save failed: nothing may act until one succeeds. */
  get failing(): boolean {
    return this.#journal.failing;
  }

  /** Resolves when every fact so far is on disk. Rejects if it could not be written. */
  async commit(): Promise<void> {
    const failed = this.failing;
    await this.#journal.commit();
    if (failed) this.#onSavedAgain();
  }

  /** `otherwise` is the complaint when it cannot be written: once for a cause, until it can be again. */
  async commitOrComplain(otherwise = 'the ledger could not be saved, so nothing is restarted'): Promise<void> {
    if (!this.failing) this.#causes.clear();
    await this.commit().catch((failed: Error) => {
      const cause = String(failed.cause);
      if (!this.#causes.has(cause)) this.complain(otherwise, failed);
      if (this.#causes.size === mostCauses) this.#causes.clear();
      this.#causes.add(cause);
    });
  }

  /** As `commitOrComplain`, and resolves when no event is left that follows, if the store takes them. */
  async commitAllOrComplain(otherwise: string): Promise<void> {
    do await this.commitOrComplain(otherwise);
    while (this.#journal.isBehind);
  }

  // ---- the clock

  /** By this machine's clock. If the clock has stepped, the stored times are moved along first, so that they still compare. */
  now(): number {
    this.mindClockSteps();
    return this.ledger.midway ? Math.round(this.clock.monotonic() + this.#aheadMs) : this.clock.now();
  }

  /** Steps of the clock noticed so far: what was read across one has times that fit nothing. */
  get steps(): number {
    return this.#steps;
  }

  betweenLists(): Promise<void> {
    return betweenLists(() => [this.ledger], this.clock);
  }

  mindClockSteps(): void {
    // What is left of the list has times of before: it becomes facts first, and moves along.
    if (this.ledger.midway) return;
    const before = this.#aheadMs;
    this.#aheadMs = this.#ahead();
    if (Math.abs(this.#aheadMs - before) < stepMs) return;
    this.#steps++;
    const deltaMs = Math.round(this.#aheadMs - before);
    this.#memory.stepClock(deltaMs);
    this.#onStep(deltaMs);
    this.complain(
      `this machine's clock stepped by ${Math.round(deltaMs / 1_000)} s: every wait keeps its length`,
      undefined,
    );
  }

  #ahead(): number {
    return this.clock.now() - this.clock.monotonic();
  }
}

/** What memory takes is noted in the journal, and the journal writes what stands in memory. */
function opened(
  { account, store, publish, complain }: DeskOptions,
  stored: StoredLedger | undefined,
): [Memory, Journal] {
  const memory: Memory = new Memory(
    account,
    {
      note: (event) => journal.note(event),
      touch: (taskIds) => journal.touch(taskIds),
    },
    stored,
  );
  const journal = new Journal(memory.ledger, store, publish, (events) =>
    complain(
      `${events} events are given up: the store has taken none for too long, so the history lacks them`,
      undefined,
    ),
  );
  return [memory, journal];
}
