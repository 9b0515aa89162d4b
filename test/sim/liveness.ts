/**
 * **Every due, stopped, unheld task is restarted within a bound**, while the weather lasts as well as after it.
 *
 * Time counts for a task from one complete list to the next, if both show it as stopped and the policy gives no reason
 * to leave it alone. The bound is made of what the task may have to wait for:
 *
 * - once it was called and that counts, the longest backoff, quarantine's `retryEvery` and `verifyWithin` (`own`);
 * - lists: `confirm` of them, and two more to learn of an effect and of a wait that is over;
 * - the limiter, for each other stopped task one call;
 * - in a storm its turn: of three at a time, each for `verifyWithin` and its lists; who was not called yet goes first;
 * - while restarts are refused (an open circuit) a probe for each stopped task, tried longest ago first.
 *
 * Not counted is time in which nobody may act: the disk fails, the lease is not renewed, the cloud says "too fast" or
 * cannot be reached, the clock has just stepped. A new owner and a reload begin anew.
 */

import { groupOf, type Policy } from '../../src/domain/words/policy.ts';
import type { RestartAnswer, TaskItem } from '../../src/domain/words/task.ts';
import type { Book, TaskBook } from './book.ts';
import { heldBy, outsideItsTime, type Scene } from './laws.ts';

/** How often an open circuit is probed. */
const probeEveryMs = { person: 300_000, row: 30_000 } as const;
/** Restarts that a storm admits at a time, at least. */
const smallestWindow = 3;
/** Restarts wait for at most a minute after an answer that says "too fast". */
const throttleMs = 60_000;
/** Rounding, turns of the loops, the permit of a call that was lost. */
const slackMs = 30_000;
/** Others who go first while it has been called less often than they; from three calls on it goes by turns. */
const turnsOfCalled = 4;

interface Wait {
  readonly group: string;
  closedMs: number;
  /** In the present stretch of an open circuit. */
  openMs: number;
  stormy: boolean;
  /** That circuit was opened by what needs a person, and is probed seldom. */
  person: boolean;
}

export class Liveness {
  readonly #book: Book;
  readonly #fail: (what: string) => void;
  #waits = new Map<string, Wait>();
  #listAt: number | undefined;
  #excusedUntil = Number.NEGATIVE_INFINITY;
  /** Of the present owner: the longest way there and back of a restart, the longest gap between lists, most stopped. */
  #longestCallMs = 0;
  #longestGapMs = 0;
  #mostStopped = 0;

  constructor(book: Book, fail: (what: string) => void) {
    this.#book = book;
    this.#fail = fail;
  }

  beginAnew(): void {
    this.#waits = new Map();
    this.#listAt = undefined;
    this.#longestCallMs = 0;
    this.#longestGapMs = 0;
    this.#mostStopped = 0;
  }

  /** Until then nobody may be able to act. */
  excuse(until: number): void {
    this.#excusedUntil = Math.max(this.#excusedUntil, until);
  }

  answered(now: number, tookMs: number, { kind }: RestartAnswer): void {
    this.#longestCallMs = Math.max(this.#longestCallMs, tookMs);
    if (kind === 'throttled' || kind === 'not-sent') this.excuse(now + throttleMs);
  }

  /** It was its turn. */
  called({ taskId }: Pick<TaskBook, 'taskId'>): void {
    this.#waits.delete(taskId);
  }

  listed(scene: Scene): void {
    const { list, circuit, circuitClosedAt } = this.#book;
    const from = this.#listAt;
    this.#listAt = scene.now;
    if (from === undefined || !list) return;
    const gapMs = scene.now - from;
    this.#longestGapMs = Math.max(this.#longestGapMs, gapMs);
    const stopped = [...list.items.values()].filter(({ status }) => status === 'stopped');
    this.#mostStopped = Math.max(this.#mostStopped, stopped.length);
    const excused = this.#excusedUntil > from;
    const before = this.#waits;
    this.#waits = new Map();
    for (const item of stopped) {
      const task = this.#book.tasks.get(item.taskId);
      const policy = groupOf(scene.policies, item);
      if (!task || !policy || !this.#isOwed(task, item, policy, scene)) continue;
      const known = before.get(item.taskId);
      const wait = known?.group === policy.name ? known : undefined;
      const next = wait ?? { group: policy.name, closedMs: 0, openMs: 0, stormy: false, person: false };
      this.#waits.set(item.taskId, next);
      next.stormy ||= this.#book.storms.size > 0;
      next.person ||= circuit?.person ?? false;
      // Its first list: the wait begins.
      if (!wait || excused) continue;
      if (circuit) next.openMs += circuit.openedAt > from ? scene.now - circuit.openedAt : gapMs;
      else if (circuitClosedAt <= from) {
        next.openMs = 0;
        next.closedMs += gapMs;
      }
      this.#judge(task, policy, next, scene);
    }
  }

  #isOwed(task: TaskBook, item: TaskItem, policy: Policy, { wall, cloudNow, holds }: Scene): boolean {
    if (!this.#book.found.has(item.taskId) || task.isOnlyWatched(policy, 'perhaps')) return false;
    if (task.abandoned || task.downAt <= task.upAt) return false;
    if (heldBy(holds, item.taskId, policy.name, wall) !== undefined) return false;
    return outsideItsTime(item, policy, cloudNow) === undefined;
  }

  #judge(task: TaskBook, policy: Policy, { closedMs, openMs, stormy, person }: Wait, scene: Scene): void {
    const gapMs = Math.max(scene.pollEveryMs, this.#longestGapMs);
    const longest = 1 + policy.backoff.jitterPercent / 100;
    const settleMs = policy.verifyWithinMs + gapMs + scene.verifyEveryMs + scene.requestTimeoutMs;
    const waitMs = Math.max(policy.backoff.maxMs, policy.quarantine.retryEveryMs) * longest;
    const called = task.counted.size > 0;
    const ownMs = called ? Math.max(waitMs, settleMs) : task.latest ? settleMs : 0;
    const listsMs = (policy.confirm + 2) * gapMs;
    const others = this.#mostStopped;
    const turns = task.latest ? turnsOfCalled : 1;
    const callMs = (4 * (1_000 + this.#longestCallMs)) / scene.perSecond;
    const longestVerifyMs = Math.max(...scene.policies.groups.map(({ verifyWithinMs }) => verifyWithinMs));
    const turnMs = longestVerifyMs + gapMs + scene.verifyEveryMs + scene.requestTimeoutMs;
    const stormMs = stormy ? Math.ceil((others * turns) / smallestWindow) * turnMs : 0;
    const probeMs = (person ? probeEveryMs.person : probeEveryMs.row) + gapMs + scene.requestTimeoutMs;
    const bounds = {
      closed: ownMs + listsMs + others * turns * callMs + stormMs + slackMs,
      open: ownMs + listsMs + (others + 1) * probeMs + slackMs,
    };
    const late = (waitedMs: number, boundMs: number, when: string) => {
      if (waitedMs > boundMs)
        this.#fail(
          `${task.taskId} is stopped and nothing is sent for ${Math.round(waitedMs / 1_000)} s${when}: at most ${Math.round(boundMs / 1_000)} s with ${others} stopped${called ? ', after calls' : ''}`,
        );
    };
    late(closedMs, bounds.closed, '');
    late(openMs, bounds.open, ' while restarts are refused');
  }
}
