/** What a person on call asks of one account: restart, release, hold. Refused with the rule that forbids it. */

import { operatorRestart } from '../domain/decide/operator.ts';
import type { TaskRecord } from '../domain/memory/ledger.ts';
import type { Situation } from '../domain/memory/situation.ts';
import type { Gate, Permit } from '../domain/ports/gate-port.ts';
import type { OperatorOutcome, OperatorRequest } from '../domain/ports/store-port.ts';
import type { EventOf, Fact } from '../domain/words/events.ts';
import { Refusal } from '../domain/words/refusal.ts';
import { shellWord } from '../domain/words/shell-word.ts';
import type { RestartAnswer } from '../domain/words/task.ts';
import type { Desk } from './desk.ts';
import type { Restarts } from './restarts.ts';

interface OperatorRequestsOptions {
  readonly gate: Gate;
  readonly restarts: Restarts;
  readonly situation: () => Situation;
  /** The account is ours for as long as a call may last, and we are not stopping. */
  readonly mayCall: () => boolean;
  /** Has the owner do it, where several processes share the store. */
  readonly elsewhere: ((request: OperatorRequest) => Promise<OperatorOutcome>) | undefined;
  /** A hold or a release may let something go, or show something new at the next look. */
  readonly onChange: () => void;
}

/** An operator waits no longer for a disk that hangs. */
const savedWithinMs = 10_000;

export class OperatorRequests {
  readonly #desk: Desk;
  readonly #options: OperatorRequestsOptions;
  #permit: Promise<Permit | undefined> = Promise.resolve(undefined);

  constructor(desk: Desk, options: OperatorRequestsOptions) {
    this.#desk = desk;
    this.#options = options;
  }

  /** Resolves with the cloud's answer. Throws `Refusal`. */
  async restart(taskId: string, by: string, force: boolean): Promise<RestartAnswer> {
    const { restarts, situation, mayCall } = this.#options;
    const done = await this.#elsewhere({ kind: 'restart', taskId, by, force });
    if (done?.answer) return done.answer;
    const decide = () => {
      const decided = operatorRestart(this.#mustKnow(taskId), situation(), by, force);
      if (decided.kind === 'intend') return decided.intent;
      throw new Refusal('refused', decided.why, `See every rule for it: relaykeeper explain ${shellWord(taskId)}`);
    };
    decide();
    const sent = await restarts.send(await this.#acquire(), () => {
      // Again: meanwhile a hold, an answer or the end of the account's lease may have come.
      const intent = decide();
      if (mayCall()) return intent;
      throw new Refusal('refused', [
        'the daemon is stopping, or it has lost the account',
        '守护进程正在停止，或已失去这个账号',
      ]);
    });
    if (!sent)
      throw new Refusal('unavailable', [
        'the store fails, so relaykeeper may not send a restart',
        '存储失败，不能发送重启',
      ]);
    return sent.answer;
  }

  /** One at a time waits at the gate: a hundred restarts of operators leave every second permit to the daemon's own. */
  #acquire(): Promise<Permit> {
    const next = () => this.#options.gate.acquire('restart');
    const permit = this.#permit.then(next, next);
    this.#permit = permit;
    return permit;
  }

  async release(taskId: string, by: string): Promise<void> {
    if (await this.#elsewhere({ kind: 'release', taskId, by })) return;
    this.#mustOwn();
    const { group } = this.#mustKnow(taskId);
    await this.#save(this.#desk.now(), { type: 'task-released', taskId, group, by, cause: 'operator' });
  }

  async changeHold(event: EventOf<'hold-added' | 'hold-extended' | 'hold-removed'>): Promise<void> {
    if (await this.#elsewhere({ kind: 'hold', event })) return;
    this.#mustOwn();
    await this.#save(event.at, event);
  }

  /** What an operator asked another process for this account, done here. */
  async execute(request: OperatorRequest): Promise<OperatorOutcome> {
    try {
      switch (request.kind) {
        case 'restart':
          return { kind: 'done', answer: await this.restart(request.taskId, request.by, request.force) };
        case 'release':
          await this.release(request.taskId, request.by);
          return { kind: 'done' };
        case 'hold':
          await this.changeHold(request.event);
          return { kind: 'done' };
        default:
          return request satisfies never;
      }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const { code, message, chinese, next } = error;
      return { kind: 'refused', code, message, chinese, ...(next === undefined ? {} : { next }) };
    }
  }

  /** Undefined: the account is ours, or nobody else can be asked. Throws the owner's refusal. */
  async #elsewhere(request: OperatorRequest): Promise<Extract<OperatorOutcome, { kind: 'done' }> | undefined> {
    const { elsewhere } = this.#options;
    if (this.#desk.ledger.owned || !elsewhere) return undefined;
    const outcome = await elsewhere(request);
    if (outcome.kind === 'refused') {
      const { code, message, chinese = message, next } = outcome;
      throw new Refusal(code, [message, chinese], next);
    }
    return outcome;
  }

  /** In force at once; reported as done only when it is on disk. */
  async #save(at: number, fact: Fact): Promise<void> {
    this.#desk.memory.tell(at, fact);
    const saved = this.#desk.commit().then(
      () => true,
      () => false,
    );
    if (!(await Promise.race([saved, this.#desk.clock.sleep(savedWithinMs)])))
      throw new Refusal('unavailable', [
        'it is in force but not saved: it is lost if the daemon ends before the store works again',
        '已生效但没有保存：守护进程若在存储恢复之前结束，它就丢失',
      ]);
    this.#options.onChange();
  }

  #mustKnow(taskId: string): TaskRecord {
    const record = this.#desk.ledger.tasks.get(taskId);
    if (!record)
      throw new Refusal('not-found', [
        `no task ${taskId} in account ${this.#desk.account}`,
        `账号 ${this.#desk.account} 中没有任务 ${taskId}`,
      ]);
    return record;
  }

  #mustOwn(): void {
    if (!this.#desk.ledger.owned)
      throw new Refusal('unavailable', [
        `standby: another process owns account ${this.#desk.account}; ask that one`,
        `账号 ${this.#desk.account} 由另一个进程负责，请在那里操作`,
      ]);
  }
}
