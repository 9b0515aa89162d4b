/**
 * Is what a process tells of a task so? Asked of what crossed its border before: an outage that is over, a restart that
 * worked or failed, a task that is given up, let go or gone.
 */
import type { Book, Call, TaskBook } from './book.ts';
import { paceSlack } from './laws.ts';
import type { Liveness } from './liveness.ts';
import { managedBy } from './reading.ts';
import type { Policies, Policy, Told } from './seam.ts';

const goneAfterMs = 60 * 60_000;
/** Times of sights are of their requests: told so much later at most. */
const sightMs = 15_000;

type OfItsTask = Exclude<Extract<Told, { taskId: string }>, { kind: 'intended' }>;

export class Outcomes {
  readonly #book: Book;
  readonly #liveness: Liveness;
  readonly #fail: (what: string) => void;
  #now = 0;

  constructor(book: Book, liveness: Liveness, fail: (what: string) => void) {
    this.#book = book;
    this.#liveness = liveness;
    this.#fail = fail;
  }

  #must(condition: boolean, what: () => string): void {
    if (!condition) this.#fail(what());
  }

  told(policies: Policies, now: number, told: OfItsTask): void {
    const { taskId } = told;
    const book = this.#book;
    const task = book.task(taskId);
    const policy = task.item && managedBy(policies, task.item);
    this.#now = now;
    /** Nothing died with a process and no clock stepped unnoticed since. */
    const sure = (since: number) => Math.max(book.endedAt, book.blurredAt, book.steppedAt) <= since;
    switch (told.kind) {
      case 'found':
        task.foundStopped ??= task.item?.status === 'stopped';
        return;
      case 'moved':
        if (task.latest) task.latest.groupNow = told.group;
        if (task.latest) task.latest.lapsed = true;
        // Under another policy it may be given up no longer, or again.
        task.abandoned &&= 'perhaps';
        this.#liveness.called(task);
        return;
      case 'gone': {
        // Gone is what three lists that can be believed did not show, or none for an hour.
        const long = now - (task.absentSince ?? now) >= goneAfterMs * (1 - paceSlack);
        const right = task.absentInRow >= 3 || long || book.endedAt > 0 || book.blurredAt > 0;
        this.#must(right, () => `${taskId} is called gone after ${task.absentInRow} lists without it`);
        return;
      }
      case 'opened':
        this.#must(
          task.downAt > task.upAt || task.item?.status === 'stopped',
          () => `an outage of ${taskId} opened, and it was not seen stopped`,
        );
        task.outageSince = now;
        task.callsInOutage = 0;
        return;
      case 'ended':
        this.#outageEnded(task, told, policy, sure);
        return;
      case 'quarantined':
      case 'abandoned':
        this.#givenUp(task, told.kind, policy, sure);
        return;
      case 'released': {
        const { cause } = told;
        const asked = book.asked.releases.has(taskId) || book.asked.restarts.has(taskId);
        if (cause === 'operator') this.#must(asked, () => `${taskId} was released by nobody`);
        if (cause === 'operator') this.#forget(task);
        if (cause === 'circuit-closed')
          this.#must(book.circuitClosedAt === now, () => `${taskId} was released by a circuit that did not close`);
        task.clearRow();
        return;
      }
      case 'forgotten': {
        // Attempts are forgotten when it ran for `resetAfter`, and when a circuit closed that they failed in.
        const activeMs = task.activeSince === undefined ? 0 : now - task.activeSince;
        const long = !policy || activeMs >= policy.backoff.resetAfterMs * (1 - paceSlack) - sightMs;
        const asked = book.asked.releases.has(taskId) || book.asked.restarts.has(taskId);
        const right = long || asked || book.circuitClosedAt === now || !sure(task.downAt);
        this.#must(right, () => `attempts of ${taskId} were forgotten after ${activeMs} ms of being active`);
        this.#forget(task);
        return;
      }
      default: {
        // A look or a list that settles it has shown it running.
        if (told.kind === 'worked') task.foundStopped &&= false;
        const call = book.calls.get(told.attemptId);
        if (call) this.#settled(task, call, told);
      }
    }
  }

  #forget(task: TaskBook): void {
    // It may be on its way from its intent to its call.
    if (task.latest) task.latest.forgotten = true;
    task.forget();
    this.#liveness.called(task);
  }

  /** Recovered or external is what was seen up last, and for `verifyWithin`. */
  #outageEnded(
    task: TaskBook,
    { ending }: Extract<Told, { kind: 'ended' }>,
    policy: Policy | undefined,
    sure: (since: number) => boolean,
  ): void {
    const { taskId, upSince, upAt, downAt } = task;
    if (task.latest) task.latest.lapsed = true;
    if (task.latest?.answeredAt !== undefined) this.#book.close(task.latest);
    if (ending === 'recovered') task.clearRow();
    if (ending !== 'recovered' && ending !== 'external') return;
    this.#must(
      upSince !== undefined && upAt >= downAt,
      () => `an outage of ${taskId} ended as ${ending}, and it was seen stopped last`,
    );
    const heldMs = this.#now - (upSince ?? this.#now);
    const long =
      !policy || heldMs + sightMs >= policy.verifyWithinMs || !sure(downAt) || this.#book.reloadedAt > downAt;
    this.#must(long, () => `an outage of ${taskId} ended as ${ending} after ${heldMs} ms of running`);
  }

  /** Given up is what failed so often in a row as the policy says, abandoned what was for so long; each once. */
  #givenUp(
    task: TaskBook,
    stage: 'quarantined' | 'abandoned',
    policy: Policy | undefined,
    sure: (since: number) => boolean,
  ): void {
    const { taskId, failures } = task;
    if (!policy) {
      this.#fail(`${taskId} is ${stage}, and unmanaged`);
      return;
    }
    const died = task.unsure || this.#book.endedAt > Number.NEGATIVE_INFINITY;
    this.#must(died || failures.size >= policy.attempts, () => `${taskId} is ${stage} after ${failures.size} failures`);
    if (stage === 'quarantined') return;
    this.#must(task.abandoned !== 'surely', () => `${taskId} is abandoned twice`);
    task.abandoned = 'surely';
    const since = task.quarantinedSince(policy);
    if (since === undefined || task.unsure || !sure(since)) return;
    const forMs = this.#now - since;
    const early = forMs < policy.quarantine.abandonAfterMs * (1 - paceSlack) - sightMs;
    this.#must(!early, () => `${taskId} is abandoned ${forMs} ms after it entered quarantine`);
  }

  #settled(
    task: TaskBook,
    call: Call,
    told: Extract<Told, { kind: 'worked' | 'failed' | 'held' | 'lapsed' | 'given-back' }>,
  ): void {
    const book = this.#book;
    const now = this.#now;
    const { taskId } = task;
    switch (told.kind) {
      case 'worked':
        // Settled only by an item that was requested after the answer.
        this.#must(
          task.upAt >= (call.answeredAt ?? -Infinity) || book.endedAt > 0,
          () => `a restart of ${taskId} worked, and nobody saw it run since its answer`,
        );
        if (told.unanswered) book.acceptedAt = now;
        for (const [group, storm] of book.storms) if (group === undefined || group === call.groupNow) storm.worked++;
        book.close(call);
        call.holding = true;
        return;
      case 'held':
        task.clearRow();
        break;
      case 'failed': {
        const kind = call.answer?.kind;
        // That it was given back may have died with its process.
        this.#must(
          (kind !== 'throttled' && kind !== 'not-sent') || book.endedAt > call.intendedAt,
          () => `a restart of ${taskId} that was ${kind} is called failed`,
        );
        if (call.trigger !== 'manual') {
          task.failures.set(call.attemptId, now);
        }
        break;
      }
      case 'given-back':
        if (!call.givenBack && call.trigger === 'auto') task.callsInOutage = Math.max(0, task.callsInOutage - 1);
        call.givenBack = true;
        task.failures.delete(call.attemptId);
        this.#liveness.called(task);
        task.abandoned &&= 'perhaps';
        task.counted = task.counted.filter((other) => other !== call);
        // Its effect is awaited all the same.
        if (call.answer?.kind === 'accepted' || call.answer?.kind === 'unanswered') return;
        break;
      case 'lapsed':
        call.lapsed = true;
        break;
      default:
        told satisfies never;
    }
    book.close(call);
  }
}
