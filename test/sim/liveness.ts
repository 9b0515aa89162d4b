/**
 * **Every due, stopped, unheld task is restarted within a bound**, while the weather lasts as well as after it.
 *
 * Time counts for a task from one complete list to the next, if both show it as stopped and the policy gives no reason
 * to leave it alone. The bound is made of what the task may have to wait for:
 *
 * - its own backoff, or quarantine's `retryEvery`, or `verifyWithin` after a call (`own`);
 * - lists: `confirm` of them, and two more to learn of an effect and of a wait that is over;
 * - the limiter, for each other stopped task one call;
 * - in a storm its turn: of three at a time, each for `verifyWithin` and its lists; who has fewer attempts goes first;
 * - while restarts are refused (an open circuit) a probe for each stopped task, tried longest ago first.
 *
 * Not counted is time in which nobody may act: the disk fails, the lease is not renewed, the cloud says "too fast" or
 * cannot be reached, the clock has just stepped. A new owner and a reload begin anew.
 */
import type { Book, TaskBook } from './book.ts';
import { probeEveryMs, smallestWindow } from './laws.ts';
import { isDue, isOpen, managedBy, plannedOf, waitBefore } from './reading.ts';
import type { Policies, Policy, RestartAnswer, TaskItem } from './seam.ts';

export interface Scene {
  readonly policies: Policies;
  readonly now: number;
  readonly wall: number;
  readonly cloudNow: number;
  readonly pollEveryMs: number;
  readonly verifyEveryMs: number;
  readonly requestTimeoutMs: number;
  readonly perSecond: number;
}

/** Restarts wait for at most a minute after an answer that says "too fast". */
const throttleMs = 60_000;
/** Rounding, turns of the loops, the permit of a call that was lost. */
const slackMs = 30_000;
/** From three attempts on it goes by turns. */
const turnsFrom = 3;

interface Wait {
  readonly group: string;
  closedMs: number;
  /** In the present stretch of an open circuit. */
  openMs: number;
  stormy: boolean;
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
  #person = false;

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
    this.#person = this.#book.circuit?.person ?? false;
  }

  /** Until then nobody may be able to act. */
  excuse(until: number): void {
    this.#excusedUntil = Math.max(this.#excusedUntil, until);
  }

  answered(now: number, tookMs: number, { kind }: RestartAnswer): void {
    this.#longestCallMs = Math.max(this.#longestCallMs, tookMs);
    if (kind === 'throttled' || kind === 'not-sent') this.excuse(now + throttleMs);
  }

  circuitFailed(person: boolean): void {
    this.#person ||= person;
  }

  /** It was its turn, or another policy has it. */
  called({ taskId }: TaskBook): void {
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
      const policy = managedBy(scene.policies, item);
      if (!task || !policy || !this.#isOwed(task, item, policy, scene)) continue;
      const known = before.get(item.taskId);
      const wait = known?.group === policy.name ? known : undefined;
      const next = wait ?? { group: policy.name, closedMs: 0, openMs: 0, stormy: false };
      this.#waits.set(item.taskId, next);
      next.stormy ||= this.#book.storms.size > 0;
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

  #isOwed(task: TaskBook, item: TaskItem, policy: Policy, { wall, cloudNow }: Scene): boolean {
    if (!task.found || task.isOnlyWatched(policy, 'perhaps')) return false;
    if (task.abandoned !== undefined || task.downAt <= task.upAt) return false;
    if (this.#book.heldBy(item.taskId, policy.name, wall, false) !== undefined) return false;
    const { startsAt, endsAt } = plannedOf(item);
    if (cloudNow < startsAt - policy.startLeadMs || cloudNow >= endsAt - policy.endGuardMs) return false;
    return isOpen(policy.hours, cloudNow) && (startsAt > cloudNow || isDue(item, policy, cloudNow));
  }

  #judge(task: TaskBook, policy: Policy, { closedMs, openMs, stormy }: Wait, scene: Scene): void {
    const gapMs = Math.max(scene.pollEveryMs, this.#longestGapMs);
    const jitter = 1 + policy.backoff.jitterPercent / 100;
    // A restart by hand that was given back forgot nothing: the waits of before it go on.
    const forgot = !task.unsure;
    const n = forgot ? task.counted.length : Number.POSITIVE_INFINITY;
    const settleMs = policy.verifyWithinMs + gapMs + scene.verifyEveryMs + scene.requestTimeoutMs;
    const ownMs = Math.max(
      n > 0 ? (forgot ? waitBefore(policy, n + 1) : policy.backoff.maxMs) * jitter : 0,
      Math.max(n, task.failures.size) >= policy.attempts ? policy.quarantine.retryEveryMs * jitter : 0,
      task.latest ? settleMs : 0,
    );
    const listsMs = (policy.confirm + 2) * gapMs;
    const others = this.#mostStopped;
    const turns = Math.min(n, turnsFrom) + 1;
    const callMs = (4 * (1_000 + this.#longestCallMs)) / scene.perSecond;
    const longestVerifyMs = Math.max(...scene.policies.groups.map(({ verifyWithinMs }) => verifyWithinMs));
    const turnMs = longestVerifyMs + gapMs + scene.verifyEveryMs + scene.requestTimeoutMs;
    const stormMs = stormy ? Math.ceil((others * turns) / smallestWindow) * turnMs : 0;
    const probeMs = (this.#person ? probeEveryMs.person : probeEveryMs.row) + gapMs + scene.requestTimeoutMs;
    const bounds = {
      closed: ownMs + listsMs + others * turns * callMs + stormMs + slackMs,
      open: ownMs + listsMs + (others + 1) * probeMs + slackMs,
    };
    const late = (waitedMs: number, boundMs: number, when: string) => {
      if (waitedMs > boundMs)
        this.#fail(
          `${task.taskId} is stopped and nothing is sent for ${Math.round(waitedMs / 1_000)} s${when}: at most ${Math.round(boundMs / 1_000)} s with ${others} stopped, after ${n} calls`,
        );
    };
    late(closedMs, bounds.closed, '');
    late(openMs, bounds.open, ' while restarts are refused');
  }
}
