/** Restarts on their way: the intent saved, the call sent, the answer recorded. Shared by the lane and by operators. */
import { answerEvents } from '../domain/learn/circuit.ts';
import type { Ledger, TaskRecord } from '../domain/memory/ledger.ts';
import type { Cloud } from '../domain/ports/cloud-port.ts';
import type { Permit } from '../domain/ports/gate-port.ts';
import type { Clock } from '../domain/ports/time-port.ts';
import type { Event } from '../domain/words/events.ts';
import type { RestartAnswer } from '../domain/words/task.ts';

type Intent = Extract<Event, { type: 'restart-intended' }>;

/** What calls need of their keeper. */
export interface CallsOptions {
  readonly clock: Clock;
  readonly complain: (what: string, cause: unknown) => void;
  /** By this machine's clock; the ledger has moved along with a step when it is told. */
  readonly now: () => number;
  readonly ledger: () => Ledger;
  readonly cloud: () => Cloud;
  /** Applies and notes facts. */
  readonly happened: (events: readonly Event[]) => void;
  /** Resolves when all that was noted is on disk. */
  readonly commit: () => Promise<void>;
  /** The account is ours for as long as a call may last. */
  readonly mayCall: () => boolean;
  readonly onAnswer: () => void;
}

export class Calls {
  readonly #options: CallsOptions;
  readonly #inFlight = new Set<Promise<unknown>>();

  constructor(options: CallsOptions) {
    this.#options = options;
  }

  /**
   * Saves the intent, then sends. Resolves as soon as the call is out, with its answer to wait for. Undefined: the
   * intent could not be saved, or not while the account was surely ours, so the attempt was never made; it is given
   * back, and the permit with it.
   */
  async send(
    record: TaskRecord,
    intent: Intent,
    permit: Permit,
  ): Promise<{ readonly answer: Promise<RestartAnswer> } | undefined> {
    const { happened, commit, mayCall, complain } = this.#options;
    happened([intent]);
    try {
      await commit();
    } catch (cause) {
      permit.done('unused');
      happened([{ ...intent, type: 'restart-given-back', why: 'not-saved', failedAt: undefined }]);
      complain('a restart was not sent: the store could not save its intent', cause);
      return undefined;
    }
    if (!mayCall()) {
      permit.done('unused');
      happened([{ ...intent, type: 'restart-given-back', why: 'not-sent', failedAt: undefined }]);
      complain(
        'a restart was not sent: saving its intent took so long that another process may own the account',
        undefined,
      );
      return undefined;
    }
    const answer = this.#callAndRecord(record, intent, permit);
    this.#inFlight.add(answer);
    const done = () => this.#inFlight.delete(answer);
    answer.then(done, done);
    answer.catch((cause: unknown) => complain('the answer to a restart could not be recorded', cause));
    return { answer };
  }

  async #callAndRecord(record: TaskRecord, intent: Intent, permit: Permit): Promise<RestartAnswer> {
    const { clock, now: tellTime, cloud, ledger, happened, commit, complain, onAnswer } = this.#options;
    const startedAt = clock.monotonic();
    const task = { taskId: record.taskId, cloudGroup: record.item.cloudGroup };
    // Never aborted from here: a call that may have taken effect is waited for, and its own timeout bounds it.
    const answer = await cloud().restart(task, permit, new AbortController().signal);
    const answeredAt = tellTime();
    const now = ledger().tasks.get(record.taskId);
    if (now?.attempt?.id === intent.attemptId)
      happened(answerEvents(ledger(), now, now.attempt, answer, clock.monotonic() - startedAt, answeredAt));
    await commit().catch((cause: unknown) =>
      complain('the answer to a restart could not be saved: the next save includes it', cause),
    );
    onAnswer();
    return answer;
  }

  /** Resolves when no call is out any more and every answer is on disk. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#inFlight);
    await this.#options
      .commit()
      .catch((cause: unknown) => this.#options.complain('the last answers could not be saved', cause));
  }
}
