/**
 * Is what a process tells of a task so? Asked of what crossed its border before: an outage that is over, a restart that
 * worked or failed, a task that is given up, let go or gone.
 */
import type { Book, Call, TaskBook } from './book.ts';
import type { Liveness } from './liveness.ts';
import type { Told } from './seam.ts';

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

  told(now: number, told: OfItsTask): void {
    const { taskId } = told;
    const book = this.#book;
    const task = book.task(taskId);
    this.#now = now;
    switch (told.kind) {
      case 'found':
        if (!task.found) task.foundStopped = task.item?.status === 'stopped';
        task.found = true;
        return;
      case 'moved':
        if (task.latest) task.latest.groupNow = told.group;
        if (task.latest) task.latest.lapsed = true;
        // Under another policy it may be given up no longer, or again.
        task.abandoned &&= 'perhaps';
        this.#liveness.called(task);
        return;
      case 'opened': {
        const down = task.downAt > task.upAt || task.item?.status === 'stopped';
        this.#must(down, () => `an outage of ${taskId} opened, and it was not seen stopped`);
        task.outageSince = now;
        task.callsInOutage = 0;
        task.calledInOutage = false;
        task.throttled = false;
        return;
      }
      case 'ended': {
        const { ending } = told;
        const up = (ending !== 'recovered' && ending !== 'external') || task.upAt >= task.downAt;
        this.#must(up, () => `an outage of ${taskId} ended as ${ending}, and it was seen stopped last`);
        if (task.latest) task.latest.lapsed = true;
        if (task.latest?.answeredAt !== undefined) book.close(task.latest);
        if (ending === 'recovered') task.clearRow();
        return;
      }
      case 'abandoned':
        this.#must(task.abandoned !== 'surely', () => `${taskId} is abandoned twice`);
        task.abandoned = 'surely';
        return;
      case 'released':
        if (told.cause === 'operator') this.#forget(task);
        task.clearRow();
        return;
      case 'forgotten':
        this.#forget(task);
        task.forgottenAt = now;
        return;
      case 'shadowed':
        // Whoever is only watched has its turn so; it may be for its first sight.
        this.#liveness.called(task);
        task.foundStopped ||= undefined;
        return;
      default: {
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
          (kind !== 'throttled' && kind !== 'not-sent') || call.throttledAlone || book.endedAt > call.intendedAt,
          () => `a restart of ${taskId} that was ${kind} is called failed`,
        );
        if (call.trigger !== 'manual') {
          task.failures.add(call.attemptId);
        }
        break;
      }
      case 'given-back':
        if (!call.givenBack && call.trigger === 'auto') task.callsInOutage = Math.max(0, task.callsInOutage - 1);
        call.givenBack = true;
        if (call.answer?.kind === 'refused' || call.answer?.kind === 'unanswered')
          book.circuit?.refused.set(taskId, task.item?.cloudGroup);
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
