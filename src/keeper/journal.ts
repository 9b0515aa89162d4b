/**
 * Keeps memory and disk in step for one account: every fact goes to log, metrics and disk; saves that arrive together
 * are written together.
 *
 * Memory may run ahead of a disk that fails; then nothing is lost here, the next save tries again with all of it, and
 * nobody may act: `commit` rejects, and a call is only ever sent after its intent's `commit` has resolved. The
 * records of a save are whole; of very many events at once some follow, and a crash until then costs the history those.
 */

import type { Ledger } from '../domain/memory/ledger.ts';
import type { Notes } from '../domain/memory/memory.ts';
import type { LedgerChanges, LedgerStore } from '../domain/ports/store-port.ts';
import type { Event } from '../domain/words/events.ts';
import { isRecorded } from '../domain/words/events.ts';

/** Events kept for a disk that fails; older ones are given up (records are not). About 30 MB. */
const maxPendingEvents = 50_000;
/** Besides, until a save fails: one list and one reload tell no more of a task. What waits then keeps its room. */
const eventsOfTask = 4;
/** Events of one save, so that a restart's intent waits for few of those that a long list told. */
const maxSavedEvents = 5_000;

export class Journal implements Notes {
  readonly #ledger: Ledger;
  readonly #store: LedgerStore;
  readonly #publish: (event: Event) => void;
  readonly #onGivenUp: (events: number) => void;
  #pending = nothing();
  #savedAccount: unknown;
  /** Counts what was noted and what of it is on disk. */
  #noted = 0;
  #saved = 0;
  #saving: Promise<void> | undefined;
  #failure: Error | undefined;
  /** Events that waited when saves began to fail. */
  #waitedAlready = 0;

  /** `onGivenUp`: so many events will be missing from the history. */
  constructor(
    ledger: Ledger,
    store: LedgerStore,
    publish: (event: Event) => void,
    onGivenUp: (events: number) => void,
  ) {
    this.#ledger = ledger;
    this.#store = store;
    this.#publish = publish;
    this.#onGivenUp = onGivenUp;
    this.#savedAccount = ledger.accountRecord;
  }

  /** The last save failed: nothing may act until one succeeds. */
  get failing(): boolean {
    return this.#failure !== undefined;
  }

  /** Events follow what was committed: the next commit, or a few, have them on disk. */
  get isBehind(): boolean {
    return !this.failing && this.#pending.events.length > 0;
  }

  note(event: Event): void {
    const pending = this.#pending;
    this.#publish(event);
    if (isRecorded(event)) pending.events.push(event);
    if ('taskId' in event) pending.tasks.add(event.taskId);
    if ('hold' in event) pending.holds.add(event.hold.id);
    this.#noted++;
    const room = maxPendingEvents + (this.failing ? this.#waitedAlready : eventsOfTask * this.#ledger.tasks.size);
    if (pending.events.length > room)
      this.#onGivenUp(pending.events.splice(0, pending.events.length - room / 2).length);
  }

  /** The account's record may have changed as well. */
  touch(taskIds: readonly string[]): void {
    for (const taskId of taskIds) this.#pending.tasks.add(taskId);
    if (taskIds.length > 0 || this.#ledger.accountRecord !== this.#savedAccount) this.#noted++;
  }

  /**
   * Resolves when all that was noted so far is on disk, but for events beyond `maxSavedEvents`, which follow by themselves.
   * Rejects if it could not be written; it stays noted.
   */
  async commit(): Promise<void> {
    const goal = this.#noted;
    while (this.#saved < goal) {
      if (this.#saving) {
        await this.#saving.catch(() => undefined);
        if (this.#failure) throw this.#failure;
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
      this.#failure = undefined;
      if (changes.events.length === maxSavedEvents) this.#followUp();
    } catch (cause) {
      this.#putBack(changes);
      if (!this.failing) this.#waitedAlready = this.#pending.events.length;
      this.#failure = new Error('the ledger could not be saved', { cause });
      throw this.#failure;
    }
  }

  /** Whoever commits meanwhile waits for one part of what is left, and takes the next along. */
  #followUp(): void {
    this.#noted++;
    // The next who commits finds out that it fails.
    this.commit().catch(() => undefined);
  }

  #take(): LedgerChanges {
    const { tasks, holds, accountRecord } = this.#ledger;
    const pending = this.#pending;
    const [writtenTasks, removedTasks] = asTheyStand(tasks, pending.tasks);
    const [writtenHolds, removedHolds] = asTheyStand(holds, pending.holds);
    const changes: LedgerChanges = {
      events: pending.events.splice(0, maxSavedEvents),
      tasks: writtenTasks,
      removedTasks,
      holds: writtenHolds,
      removedHolds,
      accountRecord: accountRecord === this.#savedAccount ? undefined : accountRecord,
    };
    this.#savedAccount = accountRecord;
    this.#pending = { ...nothing(), events: pending.events };
    return changes;
  }

  #putBack(changes: LedgerChanges): void {
    const pending = this.#pending;
    pending.events = [...changes.events, ...pending.events];
    for (const { taskId } of changes.tasks) pending.tasks.add(taskId);
    for (const taskId of changes.removedTasks) pending.tasks.add(taskId);
    for (const { id } of changes.holds) pending.holds.add(id);
    for (const id of changes.removedHolds) pending.holds.add(id);
    if (changes.accountRecord) this.#savedAccount = undefined;
  }
}

/** Noted and not on disk: events, and the ids of tasks and holds that changed, came or went. */
const nothing = () => ({ events: [] as Event[], tasks: new Set<string>(), holds: new Set<string>() });

/**
 * Of these keys: the values to write, and the keys that are gone. A plain loop: all of it must show one moment, so it cannot
 * pause, and 100,000 tasks can have changed.
 */
function asTheyStand<V>(map: ReadonlyMap<string, V>, keys: ReadonlySet<string>): [written: V[], removed: string[]] {
  const written: V[] = [];
  const removed: string[] = [];
  for (const key of keys) {
    const value = map.get(key);
    if (value === undefined) removed.push(key);
    else written.push(value);
  }
  return [written, removed];
}
