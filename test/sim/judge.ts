/**
 * The judge: stands outside and watches. It sees what arrives at the cloud, what crosses the border of a process (lists,
 * looks, calls, answers, what it tells) and what is on disk; it never asks the rules, and never reads the keeper's
 * memory. The first violation is kept; the history ends there.
 */

import { seenAt } from '../../src/domain/words/task.ts';
import type { Arrival } from '../../src/simulator/arrivals.ts';
import { Book, type Call, type TaskBook } from './book.ts';
import type { Disk } from './disk.ts';
import { type Scene, wrongByHand, wrongByRules } from './laws.ts';
import { Liveness } from './liveness.ts';
import { OneActor } from './one-actor.ts';
import type { Configuration, Process } from './process.ts';
import {
  type ErrorClass,
  type LookResult,
  type Observation,
  type RestartAnswer,
  type TaskItem,
  type Told,
  toldGapMs,
} from './seam.ts';

const isRestart = /^(Restart|Continue|Relaunch)PullToPushTask$/;
/** Parts of a second that a machine's clocks gain or lose in one. */
export const mostDrift = 300e-6;
/** Calls of before a reload arrive within their timeout. */
const limitReachMs = 20_000;
/** An open list circuit asks again after five minutes at the latest, and a sleeping loop looks at the clock each minute. */
const longestPauseMs = 5 * 60_000 + 70_000;
const longestPollMs = 30 * 60_000;
/** Nothing works until a person acts, and the circuit is probed seldom. */
const needsPerson: ReadonlySet<ErrorClass> = new Set(['auth', 'billing', 'clock', 'retired']);

export interface Witness {
  /** Milliseconds since the story's begin. */
  readonly now: () => number;
  readonly disk: Disk;
  readonly isOwner: (process: Process) => boolean;
  /** For so long the account is surely the process's. */
  readonly leaseLeftMs: (process: Process) => number;
  readonly note: (line: () => string) => void;
}

export class Judge {
  readonly book = new Book();
  readonly liveness: Liveness;
  /** Undefined: the account has one process at a time. */
  readonly actors: OneActor | undefined;
  violation: string | undefined;
  sends = 0;
  readonly #witness: Witness;
  /** Limits in force, oldest first. */
  readonly #limits: { readonly from: number; readonly perSecond: number }[];
  readonly #arrivals: number[] = [];
  /** Who has told last that the account is its own. */
  #owner: Process | undefined;
  #ownedSince = Number.NEGATIVE_INFINITY;
  #listBegan: number | undefined;
  #listEndedAt = 0;

  constructor(witness: Witness, { perSecond }: Configuration, replicas: number) {
    this.#witness = witness;
    this.#limits = [{ from: 0, perSecond }];
    this.liveness = new Liveness(this.book, (what) => this.fail(what));
    this.actors = replicas > 1 ? new OneActor((what) => this.fail(what)) : undefined;
  }

  get now(): number {
    return this.#witness.now();
  }

  fail(what: string): void {
    if (this.violation !== undefined) return;
    this.violation = what;
    this.#witness.note(() => `VIOLATION ${what}`);
  }

  must(condition: boolean, what: () => string): void {
    if (!condition) this.fail(what());
  }

  reloaded({ perSecond }: Configuration): void {
    this.#limits.push({ from: this.now, perSecond });
    this.book.reloadedAt = this.now;
    this.liveness.beginAnew();
  }

  stepped(): void {
    this.book.steppedAt = this.now;
  }

  /** A clock stepped and nobody may have noticed. */
  blur(): void {
    this.book.blurredAt = this.now;
  }

  /** A process is gone. Another may have the account by then. */
  left(process: Process): void {
    if (this.#owner === process) this.#ended();
  }

  #ended(): void {
    this.#listBegan = undefined;
    this.book.ended(this.now, this.#witness.disk.savedAt);
    this.liveness.beginAnew();
  }

  // ---- the cloud's side ------------------------------------------------------------------------------------------

  /** Never more than the limit in any second at the server; no restart without a saved intent. */
  arrived({ action, taskId = '', outcome, accessKeyId }: Arrival, at: number): void {
    this.#witness.note(() => `  arrives ${accessKeyId} ${action} ${taskId} ${outcome}`);
    this.actors?.arrived(accessKeyId, at);
    this.#arrivals.push(at);
    while ((this.#arrivals[0] ?? at) <= at - 1_000) this.#arrivals.shift();
    const inForce = this.#limits.filter((_, i, all) => (all[i + 1]?.from ?? Infinity) > at - limitReachMs);
    const most = Math.max(...inForce.map(({ perSecond }) => perSecond));
    const { length } = this.#arrivals;
    this.must(length <= most, () => `${length} calls arrived within a second, ${most} are allowed`);
    if (!isRestart.test(action)) return;
    const attemptId = this.book.tasks.get(taskId)?.latest?.attemptId;
    const saved = attemptId !== undefined && this.#witness.disk.intended.has(attemptId);
    this.must(saved, () => `a restart of ${taskId} arrived before its intent was saved`);
  }

  // ---- the border of a process -----------------------------------------------------------------------------------

  listBegins(): void {
    this.#listBegan = this.now;
  }

  observed(process: Process, observation: Observation, startedAt: number): void {
    const { book, now } = this;
    const { disk, note } = this.#witness;
    if (process !== this.#owner) return;
    this.#listBegan = undefined;
    this.#listEndedAt = now;
    // A list that was read across a step of the clock is not used.
    if (book.steppedAt > startedAt) return;
    book.longestPollMs = Math.max(book.longestPollMs, now - startedAt);
    if (observation.kind === 'failed') {
      const { failure } = observation;
      note(() => `  list failed ${failure.class} ${failure.code ?? ''}`);
      return;
    }
    note(() => `  list complete ${observation.items.length}${observation.drift ? ' drift' : ''}`);
    const items = new Map(observation.items.map((item) => [item.taskId, item]));
    book.list = { items, at: now };
    for (const [place, item] of observation.items.entries())
      this.#saw(process, seenAt(item, observation.shownAt?.[place]), true);
    this.liveness.listed(this.#scene(process), disk.holds());
  }

  looked(process: Process, look: LookResult, startedAt: number): void {
    if (process !== this.#owner || this.book.steppedAt > startedAt) return;
    this.#witness.note(() => `  look ${look.items.length}`);
    for (const item of look.items) if (this.book.tasks.has(item.taskId)) this.#saw(process, item, false);
  }

  #saw({ machine }: Process, item: TaskItem, complete: boolean): void {
    // A sight is as old as its request.
    const seenAt = this.now - Math.max(0, Math.floor(machine.wall()) - item.requestedAt);
    this.book.task(item.taskId).saw(item, seenAt, complete);
  }

  #scene({ configuration, keeper, machine }: Process): Scene {
    const { policies, requestTimeoutMs, verifyEveryMs, perSecond } = configuration;
    const pollEveryMs = Math.max(configuration.pollEveryMs, toldGapMs(keeper));
    const wall = machine.wall();
    const drift = this.actors ? 2 * mostDrift : 0;
    const cloudNow = Math.floor(wall) + keeper.cloud.clockOffsetMs();
    return { policies, pollEveryMs, requestTimeoutMs, verifyEveryMs, perSecond, now: this.now, wall, cloudNow, drift };
  }

  /** One actor, with a lease that covers the call; its intent on disk; never two calls of a task out at once. */
  sent(process: Process, taskId: string): void {
    const { disk, isOwner, leaseLeftMs, note } = this.#witness;
    this.sends++;
    const task = this.book.task(taskId);
    const call = task.latest;
    note(() => `  sends ${process.name} ${taskId} ${call?.trigger ?? ''}`);
    if (call?.of !== process || call.sentAt !== undefined) {
      this.fail(`a restart of ${taskId} was sent without an intent`);
      return;
    }
    const wrong = (condition: boolean, why: string) =>
      this.must(!condition, () => `a restart of ${taskId} was sent ${why}`);
    wrong(!isOwner(process), `by ${process.name}, and the account is another's`);
    wrong(leaseLeftMs(process) <= process.configuration.requestTimeoutMs, 'with a lease that may not cover it');
    wrong(!disk.intended.has(call.attemptId), 'before its intent was saved');
    call.sentAt = this.now;
    if (call.trigger === 'auto') task.counted.add(call.attemptId);
    if (call.by !== undefined) this.actors?.done(call.by);
    this.liveness.called(task);
  }

  answered(process: Process, taskId: string, answer: RestartAnswer): void {
    const { book, now } = this;
    const { kind } = answer;
    this.#witness.note(() => `  answer ${taskId} ${kind} ${kind === 'accepted' ? '' : answer.failure.class}`);
    const call = book.task(taskId).latest;
    if (call?.of !== process) return;
    call.answeredAt = now;
    call.mayWork = kind === 'accepted' || kind === 'unanswered';
    this.liveness.answered(now, now - (call.sentAt ?? now), answer);
    // Whatever it tells of its circuit: that restarts work ends what it may wait for.
    if (kind === 'accepted' && book.circuit) book.circuitClosed(now);
  }

  // ---- what a process tells ----------------------------------------------------------------------------------------

  told(process: Process, told: Told): void {
    const { book, now } = this;
    const owns = this.#witness.isOwner(process);
    if (told.kind === 'owned' && !this.actors)
      this.must(owns, () => `${process.name} says that it owns the account, and it does not`);
    // Who has lost the account and does not know it yet may say what it likes: nothing of it is saved or sent.
    if (told.kind !== 'lost' && (!owns || (told.kind !== 'owned' && process !== this.#owner))) return;
    switch (told.kind) {
      case 'owned':
        if (this.#owner) this.#ended();
        this.#owner = process;
        this.#ownedSince = now;
        this.#listEndedAt = now;
        return;
      case 'lost':
        this.left(process);
        return;
      case 'intended':
        this.#intended(process, told);
        return;
      case 'found':
        book.task(told.taskId).found = true;
        return;
      case 'abandoned':
        this.#abandoned(book.task(told.taskId));
        return;
      case 'failed':
        book.task(told.taskId).failedAt = now;
        book.task(told.taskId).listsSinceFailure = 0;
        return;
      case 'released':
        book.task(told.taskId).abandoned = false;
        book.task(told.taskId).lastAt = Number.NEGATIVE_INFINITY;
        return;
      case 'forgotten':
        book.task(told.taskId).counted.clear();
        book.task(told.taskId).abandoned = false;
        book.task(told.taskId).lastAt = Number.NEGATIVE_INFINITY;
        return;
      case 'given-back':
        book.task(told.taskId).counted.delete(told.attemptId);
        book.task(told.taskId).lastAt = Number.NEGATIVE_INFINITY;
        book.task(told.taskId).givenBackAt = now;
        this.liveness.called(book.task(told.taskId));
        return;
      case 'moved':
        // The other group's policy judges its failures anew, and its wait begins anew.
        book.task(told.taskId).failedAt = Number.NEGATIVE_INFINITY;
        book.task(told.taskId).lastAt = Number.NEGATIVE_INFINITY;
        this.liveness.called(book.task(told.taskId));
        return;
      case 'shadowed':
        // That was its turn.
        this.liveness.called(book.task(told.taskId));
        return;
      case 'storm-on':
        book.storms.add(told.group);
        return;
      case 'storm-off':
        book.storms.delete(told.group);
        return;
      case 'circuit-failed':
        if (told.circuit === 'restart') book.circuitOpened(now, needsPerson.has(told.class));
        return;
      case 'circuit-closed':
        if (told.circuit === 'restart') book.circuitClosed(now);
        return;
      case 'hold-ended':
        this.must((told.endsAt ?? Infinity) <= process.machine.wall(), () => `hold ${told.id} ended early`);
        // Its end may die unsaved, and then the clock be set back before it.
        book.asked.holdsOff.add(told.id);
        return;
      case 'opened':
      case 'ended':
        return;
      default:
        told satisfies never;
    }
  }

  /** By a failed try, told with the next list at the latest: never by a clock. Another policy or owner judges anew. */
  #abandoned(task: TaskBook): void {
    task.abandoned = true;
    const { reloadedAt, steppedAt, blurredAt } = this.book;
    const anew = Math.max(reloadedAt, steppedAt, blurredAt, this.#ownedSince);
    this.must(
      task.failedAt <= anew || task.listsSinceFailure <= 1,
      () => `${task.taskId} is abandoned, and its last failure is ${this.now - task.failedAt} ms ago`,
    );
  }

  #intended(process: Process, told: Extract<Told, { kind: 'intended' }>): void {
    const { book } = this;
    const { disk } = this.#witness;
    const task = book.task(told.taskId);
    const { taskId, attemptId, trigger, group, by, probe } = told;
    task.forgetUnsent();
    const open = {
      sentAt: undefined,
      answeredAt: undefined,
      mayWork: false,
      intendedAt: this.now,
      lastAt: task.lastAt,
    };
    const call: Call = { of: process, taskId, attemptId, trigger, group, by, ...open };
    const moment = { ...this.#scene(process), book, task, call, holds: disk.holds() };
    const wrong = trigger === 'auto' ? wrongByRules(moment) : wrongByHand(moment);
    this.must(!wrong, () => `restart of ${taskId}${trigger === 'manual' ? ' by hand' : ''}: ${wrong}`);
    const out = task.latest?.sentAt !== undefined && task.latest.answeredAt === undefined;
    this.must(!out, () => `restart of ${taskId}: another of it is out`);
    task.latest = call;
    task.lastAt = trigger === 'auto' && !probe ? this.now : Number.NEGATIVE_INFINITY;
  }

  // ---- lists that must come ------------------------------------------------------------------------------------------

  /** The loop of an owner goes round: lists are asked for, at least every five minutes, and come to an end. */
  lookAtLoop(process: Process): void {
    if (this.#listBegan !== undefined) {
      const forMs = this.now - this.#listBegan;
      this.must(forMs < longestPollMs, () => `a list of ${process.name} has not come for ${forMs} ms`);
      return;
    }
    const silentMs = this.now - this.#listEndedAt;
    const most = longestPauseMs + process.configuration.pollEveryMs;
    this.must(silentMs <= most, () => `${process.name} has not asked for a list for ${silentMs} ms`);
  }
}
