/**
 * The only way to change memory, which everybody else reads as `ledger`. A fact goes through `tell`, which applies it
 * (apply.ts) and notes it; what is no fact (a step of the clock, another scope, what one list showed, counts, records that
 * are too old) is changed by the named methods below.
 */

import type { CloudTime } from '../words/cloud-time.ts';
import type { Event, Fact } from '../words/events.ts';
import { apply, replace } from './apply.ts';
import { isListed } from './condition.ts';
import {
  type Counted,
  emptyLedger,
  type Ledger,
  type StoredLedger,
  type TaskRecord,
  type WritableLedger,
} from './ledger.ts';
import { takeTallies } from './tallies.ts';
import { stepClock } from './times.ts';

/** Where changes go to be written down. */
export interface Notes {
  /** A fact, which the ledger has taken. */
  note(event: Event): void;
  /** Records that changed without a fact, or that are kept no longer. */
  touch(taskIds: readonly string[]): void;
}

const goneRecordsKeptMs = 8 * 24 * 3_600_000;

export class Memory {
  readonly #ledger: WritableLedger;
  readonly #notes: Notes;

  /** Storms begin anew, and nothing is decided before a complete observation. */
  constructor(account: string, notes: Notes, stored?: StoredLedger) {
    this.#notes = notes;
    this.#ledger = emptyLedger(account);
    if (!stored) return;
    for (const record of stored.tasks) replace(this.#ledger, undefined, record);
    for (const hold of stored.holds) this.#ledger.holds.set(hold.id, hold);
    this.#ledger.accountRecord = stored.accountRecord ?? this.#ledger.accountRecord;
    this.#ledger.budget = [...stored.budget];
    this.probeSoon();
  }

  /** Another process owns the account: this one shows what that one has stored. */
  follow(): void {
    const { tasks, accountRecord } = this.#ledger;
    this.#ledger.followed = true;
    this.#ledger.fresh = accountRecord.lastComplete === undefined;
    this.#ledger.seenNow = new Set([...tasks.values()].filter(isListed).map(({ taskId }) => taskId));
  }

  get ledger(): Ledger {
    return this.#ledger;
  }

  /** What happened at that moment, Unix milliseconds. */
  tell(at: number, ...facts: readonly Fact[]): void {
    const { account } = this.#ledger;
    for (const fact of facts) {
      const event = { at, account, ...fact };
      apply(this.#ledger, event);
      this.#notes.note(event);
    }
  }

  /** This machine's clock stepped: waits go on as they were. */
  stepClock(deltaMs: number): void {
    this.#notes.touch(stepClock(this.#ledger, deltaMs));
  }

  /** These cloud groups are asked for from here on: if they were others before, a list of another length is no surprise. */
  rescope(listScope: string): void {
    const { accountRecord } = this.#ledger;
    const { lastComplete, listScope: before } = accountRecord;
    if (before === listScope) return;
    const other = before === undefined ? undefined : lastComplete;
    this.#ledger.accountRecord = {
      ...accountRecord,
      listScope,
      ...(other && { suspect: undefined, lastComplete: { ...other, tasks: 0, unlisted: [] } }),
    };
    this.#notes.touch([]);
  }

  /**
   * What opened a circuit may have ended (a fresh process, a new owner, other keys): each open one is probed at once. If
   * the probe fails, they back off as before.
   */
  probeSoon(): void {
    const { accountRecord } = this.#ledger;
    const { list, restart } = accountRecord.circuits;
    const circuits = {
      list: list.kind === 'open' ? { ...list, lastProbeAt: 0 } : list,
      restart: restart.kind === 'open' ? { ...restart, lastProbeAt: 0 } : restart,
    };
    this.#ledger.accountRecord = { ...accountRecord, circuits };
  }

  // ---- a complete observation, in the order of its steps

  /** From the first slice of a list to its last. */
  set midway(midway: boolean) {
    this.#ledger.midway = midway;
  }

  showed(seen: ReadonlySet<string>): void {
    this.#ledger.seenNow = seen;
  }

  listAddsUp(addsUp: boolean, now: number): void {
    const { incomplete } = this.#ledger;
    this.#ledger.incomplete = addsUp
      ? undefined
      : { since: incomplete?.since ?? now, polls: (incomplete?.polls ?? 0) + 1 };
  }

  dropOldRecords(gone: readonly TaskRecord[], now: number): void {
    const { tasks, unsettled, stopped } = this.#ledger;
    const removed: string[] = [];
    for (const { taskId, goneAt } of gone) {
      if (goneAt === undefined || now - goneAt <= goneRecordsKeptMs) continue;
      removed.push(taskId);
      tasks.delete(taskId);
      unsettled.delete(taskId);
      stopped.delete(taskId);
    }
    if (removed.length > 0) this.#notes.touch(removed);
  }

  forgetFailuresUntil(until: number): void {
    const { budget } = this.#ledger;
    const kept = budget.findIndex(({ at }) => at > until);
    if (kept !== 0) this.#ledger.budget = kept < 0 ? [] : budget.slice(kept);
  }

  counted(counted: Counted, now: number): void {
    this.#ledger.counted = counted;
    const { policies, groups } = counted;
    const { emptyGroups } = this.#ledger;
    const empty = new Set(policies.groups.map(({ name }) => name).filter((name) => !groups.has(name)));
    for (const group of emptyGroups.keys()) if (!empty.has(group)) emptyGroups.delete(group);
    for (const group of empty) if (!emptyGroups.has(group)) emptyGroups.set(group, { since: now, told: false });
  }

  renewTallies(cloudNow: CloudTime): void {
    this.#ledger.tallies = takeTallies(this.#ledger, cloudNow);
  }
}
