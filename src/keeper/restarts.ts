/** Restarts on their way: the intent saved, the call sent, the answer recorded. Those of the queue and those of operators. */
import { answerFacts } from '../domain/learn/circuit.ts';
import type { Cloud } from '../domain/ports/cloud-port.ts';
import type { Permit } from '../domain/ports/gate-port.ts';
import type { EventOf } from '../domain/words/events.ts';
import type { RestartAnswer } from '../domain/words/task.ts';
import type { Desk } from './desk.ts';

type Intent = EventOf<'restart-intended'>;

interface RestartsOptions {
  readonly cloud: () => Cloud;
  /** The account is ours for as long as a call may last. */
  readonly mayCall: () => boolean;
  readonly onAnswer: () => void;
}

/** Without an answer its task would be in flight, and never restarted, until the process ends. */
const madeByMistake: RestartAnswer = {
  kind: 'unanswered',
  failure: { class: 'unknown', message: 'relaykeeper made a mistake in the call' },
};

/** It is out. */
interface Sent {
  readonly taskId: string;
  readonly answer: Promise<RestartAnswer>;
}

export class Restarts {
  readonly #desk: Desk;
  readonly #options: RestartsOptions;
  readonly #inFlight = new Set<Promise<unknown>>();

  constructor(desk: Desk, options: RestartsOptions) {
    this.#desk = desk;
    this.#options = options;
  }

  /**
   * Decides which restart the permit is for, saves the intent, then sends. Resolves as soon as the call is out, with its
   * answer to wait for. Undefined: there is none; or the intent could not be saved, or not while the account was surely
   * ours, so the attempt was never made and is given back. A permit that sends nothing is given back, also when deciding
   * throws.
   */
  send(permit: Permit, decide: () => Intent | undefined): Promise<Sent | undefined> {
    return this.#underWay(this.#send(permit, decide));
  }

  async #send(permit: Permit, decide: () => Intent | undefined): Promise<Sent | undefined> {
    let isOut = false;
    try {
      const intent = decide();
      if (!intent || !(await this.#saved(intent))) return undefined;
      isOut = true;
      const answer = this.#underWay(this.#callAndRecord(intent, permit));
      answer.catch((cause: unknown) => this.#desk.complain('the answer to a restart could not be recorded', cause));
      return { taskId: intent.taskId, answer };
    } finally {
      if (!isOut) permit.done('unused');
    }
  }

  /** False: it may not be sent, and the attempt is given back. */
  async #saved(intent: Intent): Promise<boolean> {
    const { memory, complain } = this.#desk;
    const giveBack = (why: 'not-saved' | 'not-sent') =>
      memory.tell(intent.at, { ...intent, type: 'restart-given-back', why, failedAt: undefined });
    memory.tell(intent.at, intent);
    try {
      await this.#desk.commit();
    } catch (cause) {
      giveBack('not-saved');
      complain('a restart was not sent: the store could not save its intent', cause);
      return false;
    }
    if (!this.#options.mayCall()) {
      giveBack('not-sent');
      complain(
        'a restart was not sent: saving its intent took so long that another process may own the account',
        undefined,
      );
      return false;
    }
    return true;
  }

  #underWay<T>(work: Promise<T>): Promise<T> {
    this.#inFlight.add(work);
    const done = () => this.#inFlight.delete(work);
    work.then(done, done);
    return work;
  }

  async #callAndRecord({ taskId, attemptId }: Intent, permit: Permit): Promise<RestartAnswer> {
    const { clock, ledger } = this.#desk;
    const startedAt = clock.monotonic();
    const task = { taskId, cloudGroup: ledger.tasks.get(taskId)?.item.cloudGroup ?? '' };
    const cloud = this.#options.cloud();
    const answer = await cloud.restart(task, permit, this.#options.mayCall).catch((cause: unknown) => {
      this.#desk.complain('a restart ended in a mistake of relaykeeper, so nobody knows its effect', cause);
      return madeByMistake;
    });
    const now = this.#desk.now();
    const { memory } = this.#desk;
    const record = memory.ledger.tasks.get(taskId);
    const attempt = record?.attempt;
    const durationMs = clock.monotonic() - startedAt;
    if (record && attempt?.id === attemptId)
      memory.tell(now, ...answerFacts(memory.ledger, { record, attempt, answer, durationMs, now }));
    // Of the keys, or of the way to the cloud, that a reload replaced meanwhile it says nothing.
    if (this.#options.cloud() !== cloud) memory.probeSoon();
    await this.#desk.commitOrComplain('the answer to a restart could not be saved: the next save includes it');
    this.#options.onAnswer();
    return answer;
  }

  /** Resolves when no intent is being saved, no call is out any more and every answer is on disk. */
  async settled(): Promise<void> {
    while (this.#inFlight.size > 0) await Promise.allSettled(this.#inFlight);
    await this.#desk.commitAllOrComplain('the last answers could not be saved');
  }
}
