/** What a person on call asks of one account: restart, release, hold. Refused with the rule that forbids it. */

import { operatorRelease, operatorRestart } from '../domain/decide/operator.ts';
import type { Situation } from '../domain/decide/rules.ts';
import type { Ledger, TaskRecord } from '../domain/memory/ledger.ts';
import type { Gate } from '../domain/ports/gate-port.ts';
import { Refusal } from '../domain/ports/operations-port.ts';
import type { Event } from '../domain/words/events.ts';
import type { RestartAnswer } from '../domain/words/task.ts';
import type { Calls } from './restarts.ts';

/** What it needs of its keeper. */
export interface ByHandOptions {
  readonly account: string;
  readonly gate: Gate;
  readonly calls: Calls;
  readonly ledger: () => Ledger;
  readonly situation: () => Situation;
  /** The account is ours for as long as a call may last, and we are not stopping. */
  readonly mayCall: () => boolean;
  readonly happened: (events: readonly Event[]) => void;
  /** Resolves when all that was noted is on disk. */
  readonly commit: () => Promise<void>;
  /** A hold or a release may let something go, or show something new at the next look. */
  readonly onChange: () => void;
}

export class ByHand {
  readonly #options: ByHandOptions;

  constructor(options: ByHandOptions) {
    this.#options = options;
  }

  /** Resolves with the cloud's answer. Throws `Refusal`. */
  async restart(taskId: string, by: string, force: boolean): Promise<RestartAnswer> {
    const { gate, calls, situation, mayCall, happened, ledger } = this.#options;
    const asked = operatorRestart(this.#mustKnow(taskId), situation(), by, force);
    if (asked.kind === 'refused') throw new Refusal('refused', asked.why);
    const permit = await gate.acquire('restart');
    // Decided again: meanwhile a hold, an answer or the end of the account's lease may have come.
    const record = this.#mustKnow(taskId);
    const decided = operatorRestart(record, situation(), by, force);
    if (decided.kind === 'refused' || !mayCall()) {
      permit.done('unused');
      throw new Refusal(
        'refused',
        decided.kind === 'refused' ? decided.why : 'the daemon is stopping, or it has lost the account',
      );
    }
    if (record.stageTold) happened(operatorRelease(ledger(), record, by, situation().now));
    const sent = await calls.send(record, decided.intent, permit);
    if (!sent) throw new Refusal('unavailable', 'the store fails, so relaykeeper may not send a restart');
    return sent.answer;
  }

  async release(taskId: string, by: string): Promise<void> {
    const { ledger, situation } = this.#options;
    this.#mustOwn();
    await this.#save(operatorRelease(ledger(), this.#mustKnow(taskId), by, situation().now));
  }

  async changeHold(event: Extract<Event, { type: 'hold-added' | 'hold-removed' }>): Promise<void> {
    this.#mustOwn();
    await this.#save([event]);
  }

  /** In force at once; told as done only when it is on disk. */
  async #save(events: readonly Event[]): Promise<void> {
    const { happened, commit, onChange } = this.#options;
    happened(events);
    try {
      await commit();
    } catch {
      throw new Refusal(
        'unavailable',
        'it is in force but not saved: it is lost if the daemon ends before the store works again',
      );
    }
    onChange();
  }

  #mustKnow(taskId: string): TaskRecord {
    const record = this.#options.ledger().tasks.get(taskId);
    if (!record) throw new Refusal('not-found', `no task ${taskId} in account ${this.#options.account}`);
    return record;
  }

  #mustOwn(): void {
    if (!this.#options.ledger().owned)
      throw new Refusal('unavailable', `standby: another process owns account ${this.#options.account}; ask that one`);
  }
}
