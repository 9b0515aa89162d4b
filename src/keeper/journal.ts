/**
 * What keeps memory and disk together for one account: every fact goes to log and metrics, and is
 * written; saves that come together are written together.
 *
 * Memory may run ahead of a disk that fails; then nothing is lost here, the next save tries again with all of it,
 * and nobody may act: `commit` rejects, and a call is only ever sent after its intent's `commit` has resolved.
 */

import type { Ledger } from '../domain/memory/ledger.ts';
import type { Notes } from '../domain/memory/memory.ts';
import type { LedgerChanges, LedgerStore } from '../domain/ports/store-port.ts';
import type { Event } from '../domain/words/events.ts';
import { isRecorded } from '../domain/words/events.ts';

/** Events kept for a disk that fails; older ones are given up (records are not). About 30 MB. */
const maxPendingEvents = 50_000;

export class Journal implements Notes {
  readonly #ledger: Ledger;
  readonly #store: LedgerStore;
  readonly #tell: (event: Event) => void;
  #events: Event[] = [];
  #tasks = new Set<string>();
  #removed = new Set<string>();
  #holds = new Set<string>();
  #removedHolds = new Set<string>();
  #savedAccount: unknown;
  /** Counts what was noted and what of it is on disk. */
  #noted = 0;
  #saved = 0;
  #saving: Promise<void> | undefined;
  #failing = false;

  constructor(ledger: Ledger, store: LedgerStore, tell: (event: Event) => void) {
    this.#ledger = ledger;
    this.#store = store;
    this.#tell = tell;
    this.#savedAccount = ledger.accountRecord;
  }

  /** The last save failed: nothing may act until one succeeds. */
  get failing(): boolean {
    return this.#failing;
  }

  note(event: Event): void {
    this.#tell(event);
    if (isRecorded(event)) this.#events.push(event);
    if ('taskId' in event) this.#tasks.add(event.taskId);
    if (event.type === 'hold-added' || event.type === 'hold-extended') this.#holds.add(event.hold.id);
    if (event.type === 'hold-removed' || event.type === 'hold-expired') this.#removedHolds.add(event.hold.id);
    this.#noted++;
    if (this.#events.length > maxPendingEvents) this.#events = this.#events.slice(-maxPendingEvents / 2);
  }

  /** The account's record may have changed as well. */
  touch(changed: readonly string[], removed: readonly string[]): void {
    for (const taskId of changed) this.#tasks.add(taskId);
    for (const taskId of removed) this.#removed.add(taskId);
    if (changed.length + removed.length > 0 || this.#ledger.accountRecord !== this.#savedAccount) this.#noted++;
  }

  /** Resolves when all that was noted so far is on disk. Rejects if it could not be written; it stays noted. */
  async commit(): Promise<void> {
    const goal = this.#noted;
    while (this.#saved < goal) {
      if (this.#saving) {
        await this.#saving.catch(() => undefined);
        if (this.#failing) throw new Error('the ledger could not be saved');
        continue;
      }
      this.#saving = this.#save();
      try {
        await this.#saving;
      } finally {
        this.#saving = undefined;
      }
    }
  }

  async #save(): Promise<void> {
    const noted = this.#noted;
    const changes = this.#take();
    try {
      await this.#store.save(this.#ledger.account, changes);
      this.#saved = noted;
      this.#failing = false;
    } catch (cause) {
      this.#putBack(changes);
      this.#failing = true;
      throw new Error('the ledger could not be saved', { cause });
    }
  }

  #take(): LedgerChanges {
    const { tasks, holds, accountRecord } = this.#ledger;
    const changes: LedgerChanges = {
      events: this.#events,
      tasks: valuesOf(tasks, this.#tasks),
      removedTasks: [...this.#removed].filter((taskId) => !tasks.has(taskId)),
      holds: valuesOf(holds, this.#holds),
      removedHolds: [...this.#removedHolds],
      accountRecord: accountRecord === this.#savedAccount ? undefined : accountRecord,
    };
    this.#savedAccount = accountRecord;
    this.#events = [];
    this.#tasks = new Set();
    this.#removed = new Set();
    this.#holds = new Set();
    this.#removedHolds = new Set();
    return changes;
  }

  #putBack(changes: LedgerChanges): void {
    this.#events = [...changes.events, ...this.#events];
    for (const { taskId } of changes.tasks) this.#tasks.add(taskId);
    for (const taskId of changes.removedTasks) this.#removed.add(taskId);
    for (const { id } of changes.holds) this.#holds.add(id);
    for (const id of changes.removedHolds) this.#removedHolds.add(id);
    if (changes.accountRecord) this.#savedAccount = undefined;
  }
}

/** A loop, without an array for each key: with 100,000 tasks it is one turn that cannot be cut. */
function valuesOf<V>(map: ReadonlyMap<string, V>, keys: ReadonlySet<string>): readonly V[] {
  const values: V[] = [];
  for (const key of keys) {
    const value = map.get(key);
    if (value !== undefined) values.push(value);
  }
  return values;
}
