/**
 * What must be true of several processes that share a store, seen from outside: the calls of two are never in one second;
 * when nobody has the account, somebody takes it soon; and what an operator asks of any of them is done once, and answered.
 */

import type { Refusal } from '../../src/domain/words/refusal.ts';
import { terms } from '../../src/store/postgres/lease.ts';
import type { Process } from './process.ts';

/** From the end of a lease, or from when somebody can have the next one: whoever should may be gone, and not be missed yet. */
const takenWithinMs = terms.leaseMs + 5_000;
/** Statements that are never answered, a restart of the database and a call are waited for. */
const answeredWithinMs = 5 * 60_000;
const nothingWasDone = /nothing was done|was not done|could not be asked/;

interface Asked {
  readonly of: Process;
  /** Since then it could have been answered. */
  from: number;
  times: number;
  /** The operator was told that it was not done. */
  denied: boolean;
  answered: boolean;
}

export class OneActor {
  readonly #fail: (what: string) => void;
  #last: { readonly by: string | undefined; readonly at: number } | undefined;
  #vacantFrom: number | undefined;
  readonly #asked = new Map<string, Asked>();

  constructor(fail: (what: string) => void) {
    this.#fail = fail;
  }

  /** `by`: the process, as the cloud knows it by its key. What it has given up counts too, and may arrive four seconds later. */
  arrived(by: string | undefined, at: number): void {
    const last = this.#last;
    if (last && last.by !== by && at - last.at < 1_000)
      this.#fail(`calls of ${last.by} and of ${by} arrive within ${(at - last.at).toFixed(0)} ms`);
    this.#last = { by, at };
  }

  /** Once a second. `vacant`: nobody has the lease, and somebody could. */
  look(now: number, vacant: boolean): void {
    if (!vacant) this.#vacantFrom = undefined;
    else this.#vacantFrom ??= now;
    const forMs = now - (this.#vacantFrom ?? now);
    if (forMs > takenWithinMs) this.#fail(`nobody has taken the account for ${forMs.toFixed(0)} ms`);
    for (const [id, one] of this.#asked) {
      if (one.answered) continue;
      if (!one.of.alive || one.of.paused) one.from = now;
      else if (now - one.from > answeredWithinMs) this.#fail(`${id} has had no answer for ${now - one.from} ms`);
    }
  }

  /** Gives who asks: by that name it is found again. */
  asks(of: Process, now: number): string {
    const id = `eve ${this.#asked.size}`;
    this.#asked.set(id, { of, from: now, times: 0, denied: false, answered: false });
    return id;
  }

  /** A restart that was asked for goes to the cloud. */
  done(id: string): void {
    const asked = this.#asked.get(id);
    if (!asked) return;
    asked.times++;
    if (asked.times > 1) this.#fail(`what ${id} asked for was done ${asked.times} times`);
    if (asked.denied) this.#fail(`what ${id} asked for was done after the answer that it was not`);
  }

  answered(id: string, refusal?: Refusal): void {
    const asked = this.#asked.get(id);
    if (!asked) return;
    asked.answered = true;
    asked.denied = refusal !== undefined && nothingWasDone.test(refusal.message);
    if (asked.denied && asked.times > 0) this.#fail(`${id} was told that it was not done, and it was`);
  }
}
