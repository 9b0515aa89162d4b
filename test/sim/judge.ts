/**
 * The judge: stands outside and watches. It sees what arrives at the cloud, what crosses the border of a process (lists,
 * looks, calls, answers, what it tells), what reaches the disk; it never asks the rules, and never reads the keeper's
 * memory. The first violation is kept; the history ends there.
 */

import type { Arrival } from '../../src/simulator/arrivals.ts';
import { Book, type Call } from './book.ts';
import type { Disk } from './disk.ts';
import { type Moment, needsPerson, surelyStormy, wrongByHand, wrongByRules } from './laws.ts';
import { Liveness } from './liveness.ts';
import { Outcomes } from './outcomes.ts';
import type { Configuration, Process } from './process.ts';
import { type LookResult, type Observation, type RestartAnswer, type TaskItem, type Told, toldGapMs } from './seam.ts';

const isRestart = /^(Restart|Continue|Relaunch)PullToPushTask$/;
/** Calls of before a reload arrive within their timeout. */
const limitReachMs = 20_000;
/** An open list circuit asks again after five minutes at the latest, and a sleeping loop looks at the clock each minute. */
const longestPauseMs = 5 * 60_000 + 70_000;
/** The three newest polls, and those that failed among them. */
const longestOfPolls = 10;
const longestPollMs = 30 * 60_000;

export interface Witness {
  /** Milliseconds since the story's begin. */
  readonly now: () => number;
  readonly wall: () => number;
  readonly disk: Disk;
  readonly isOwner: (process: Process) => boolean;
  /** For so long the account is surely the process's. */
  readonly leaseLeftMs: (process: Process) => number;
  readonly note: (line: () => string) => void;
}

export class Judge {
  readonly book = new Book();
  readonly liveness: Liveness;
  violation: string | undefined;
  sends = 0;
  readonly #witness: Witness;
  /** Limits in force, oldest first. */
  readonly #limits: { readonly from: number; readonly perSecond: number }[];
  readonly #arrivals: number[] = [];
  readonly #outcomes: Outcomes;
  #mustStorm: Moment['mustStorm'] = new Set();
  /** Who has told last that the account is its own. */
  #owner: Process | undefined;
  #listBegan: number | undefined;
  #listEndedAt = 0;

  constructor(witness: Witness, { perSecond }: Configuration) {
    this.#witness = witness;
    this.#limits = [{ from: 0, perSecond }];
    this.liveness = new Liveness(this.book, (what) => this.fail(what));
    this.#outcomes = new Outcomes(this.book, this.liveness, (what) => this.fail(what));
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
    this.#mustStorm = new Set();
    this.book.reloadedAt = this.now;
    // Under another policy it may be given up no longer, or again.
    for (const task of this.book.tasks.values()) task.abandoned &&= 'perhaps';
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
    if (this.#owner === process) this.ended();
  }

  /** What had the account has it no longer. */
  ended(): void {
    const { intended, savedAt, memory } = this.#witness.disk;
    this.#mustStorm = new Set();
    this.#listBegan = undefined;
    this.book.ended(this.now, savedAt, (id) => intended.has(id) || memory.holds.has(id));
    this.liveness.beginAnew();
  }

  // ---- the cloud's side ------------------------------------------------------------------------------------------

  /** Never more than the limit in any second at the server; no restart without a saved intent. */
  arrived({ action, taskId = '', outcome }: Arrival, at: number): void {
    this.#witness.note(() => `  arrives ${action} ${taskId} ${outcome}`);
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
    this.#listBegan = undefined;
    this.#listEndedAt = now;
    // A list that was read across a step of the clock is not used.
    if (book.steppedAt > startedAt) return;
    book.pollsMs = [...book.pollsMs, now - startedAt].slice(-longestOfPolls);
    if (observation.kind === 'failed') {
      const { failure } = observation;
      this.#witness.note(() => `  list failed ${failure.class} ${failure.code ?? ''}`);
      if (needsPerson.has(failure.class)) book.listRefused = true;
      return;
    }
    this.#witness.note(() => `  list complete ${observation.items.length}${observation.drift ? ' drift' : ''}`);
    book.listRefused = false;
    const items = new Map(observation.items.map((item) => [item.taskId, item]));
    book.list = { items, at: now };
    for (const item of observation.items) this.#saw(item, true);
    this.liveness.listed(this.#scene(process));
  }

  looked(look: LookResult, startedAt: number): void {
    if (this.book.steppedAt > startedAt) return;
    this.#witness.note(() => `  look ${look.items.length}`);
    for (const item of look.items) if (this.book.tasks.has(item.taskId)) this.#saw(item, false);
  }

  #saw(item: TaskItem, complete: boolean): void {
    // A sight is as old as its request.
    const seenAt = this.now - Math.max(0, Math.floor(this.#witness.wall()) - item.requestedAt);
    this.book.task(item.taskId).saw(item, seenAt, complete);
  }

  #scene(process: Process) {
    const { configuration } = process;
    const { policies, requestTimeoutMs, verifyEveryMs, perSecond } = configuration;
    const pollEveryMs = Math.max(configuration.pollEveryMs, toldGapMs(process.keeper));
    const wall = this.#witness.wall();
    const cloudNow = Math.floor(wall) + process.keeper.cloud.clockOffsetMs();
    return { policies, pollEveryMs, requestTimeoutMs, verifyEveryMs, perSecond, now: this.now, wall, cloudNow };
  }

  /** One actor, with a lease that covers the call; its intent on disk; never two calls of a task out at once. */
  sent(process: Process, taskId: string): void {
    const { disk, isOwner, leaseLeftMs, note } = this.#witness;
    this.sends++;
    const task = this.book.task(taskId);
    const call = task.latest;
    note(() => `  sends ${process.name} ${taskId} ${call?.trigger ?? ''}`);
    if (!call?.open || call.sentAt !== undefined) {
      this.fail(`a restart of ${taskId} was sent without an intent`);
      return;
    }
    const wrong = (condition: boolean, why: string) =>
      this.must(!condition, () => `a restart of ${taskId} was sent ${why}`);
    wrong(!isOwner(process), `by ${process.name}, and the account is another's`);
    wrong(leaseLeftMs(process) <= process.configuration.requestTimeoutMs, 'with a lease that may not cover it');
    wrong(!disk.intended.has(call.attemptId), 'before its intent was saved');
    const out = [...this.book.open].some(
      (other) =>
        other.taskId === taskId && other !== call && other.sentAt !== undefined && other.answeredAt === undefined,
    );
    wrong(out, 'while another of it is out');
    call.sentAt = this.now;
    // What was forgotten or given back between its intent and its call does not count.
    if (call.trigger === 'auto' && !call.forgotten && !call.givenBack) task.counted.push(call);
    this.liveness.called(task);
  }

  answered(taskId: string, answer: RestartAnswer): void {
    const { book, now } = this;
    const failure = answer.kind === 'accepted' ? undefined : answer.failure.class;
    this.#witness.note(() => `  answer ${taskId} ${answer.kind} ${failure ?? ''}`);
    const call = book.task(taskId).latest;
    if (!call) return;
    call.answer = answer;
    call.answeredAt = now;
    this.liveness.answered(now, now - (call.sentAt ?? now), answer);
    const slowed = answer.kind === 'throttled' || answer.kind === 'not-sent';
    const asked = answer.kind !== 'accepted' && answer.failure.retryAfterMs !== undefined;
    const task = book.task(taskId);
    call.throttledAlone = answer.kind !== 'not-sent' && task.throttled && !book.throttledInRow;
    // Calls that were out already say nothing new.
    if (slowed && !call.throttledAlone && call.intendedAt >= book.throttledAt) book.throttledAt = now;
    task.throttled ||= answer.kind === 'throttled' || asked;
    book.throttledInRow = slowed ? book.throttledInRow || !call.throttledAlone : asked;
    if (answer.kind !== 'accepted' || !call.open) return;
    book.acceptedAt = now;
    if (book.circuit?.surely === false) book.circuit = undefined;
  }

  // ---- what a process tells ----------------------------------------------------------------------------------------

  told(process: Process, told: Told): void {
    const { book, now } = this;
    switch (told.kind) {
      case 'owned': {
        const diedAt = book.endedAt;
        if (this.#owner) this.ended();
        this.#owner = process;
        this.#listEndedAt = now;
        // What was out is unanswered, and dated by the one who takes over.
        for (const call of book.open) call.answeredAt ??= diedAt;
        // That ends a row of throttled ones.
        book.throttledInRow = false;
        this.must(
          this.#witness.isOwner(process),
          () => `${process.name} says that it owns the account, and it does not`,
        );
        return;
      }
      case 'lost':
        this.left(process);
        return;
      case 'decided':
        this.#mustStorm = surelyStormy(book, process.configuration.policies, this.#scene(process));
        return;
      case 'storm-on':
        book.storms.set(told.group, { worked: book.storms.get(told.group)?.worked ?? 0, byStopped: told.byStopped });
        return;
      case 'storm-off':
        book.storms.delete(told.group);
        this.#mustStorm = new Set([...this.#mustStorm].filter((group) => group !== told.group));
        return;
      case 'circuit-failed':
        if (told.circuit !== 'restart') return;
        book.circuit = {
          openedAt: book.circuit?.openedAt ?? now,
          probedAt: now,
          // A denial of one task is its own; two of them open the circuit, which is probed as after five.
          person: needsPerson.has(told.class) && told.class !== 'permission',
          surely: true,
          refused: book.circuit?.refused ?? new Map(),
        };
        this.liveness.circuitFailed(book.circuit.person);
        return;
      case 'circuit-closed':
        if (told.circuit !== 'restart') return;
        book.circuit = undefined;
        book.circuitClosedAt = now;
        return;
      case 'hold-ended': {
        this.must((told.endsAt ?? Infinity) <= this.#witness.wall(), () => `hold ${told.id} ended early`);
        // Its end may die unsaved, and then the clock be set back before it.
        const held = book.holds.get(told.id);
        if (held) held.confirmed = false;
        return;
      }
      case 'hold-set':
        book.holdSet(told.hold);
        return;
      case 'hold-dropped': {
        const wrong = book.holdDropped(told.id, process.configuration.policies);
        this.must(!wrong, () => `hold ${told.id} was taken off: ${wrong}`);
        return;
      }
      case 'moved': {
        const lost = book.holdLostBy(told, this.#witness.wall(), process.configuration.policies);
        this.must(!lost, () => `${told.taskId} was taken from ${told.from}, and hold ${lost} did not follow it`);
        this.#outcomes.told(now, told);
        return;
      }
      case 'intended':
        this.#intended(process, told);
        return;
      default:
        this.#outcomes.told(now, told);
    }
  }

  #intended(process: Process, told: Extract<Told, { kind: 'intended' }>): void {
    const { book, now } = this;
    const task = book.task(told.taskId);
    const { taskId, attemptId, trigger, group, probe, free } = told;
    const call: Call = {
      taskId,
      attemptId,
      trigger,
      group,
      groupNow: group,
      probe,
      free,
      intendedAt: now,
      sentAt: undefined,
      answer: undefined,
      answeredAt: undefined,
      throttledAlone: false,
      givenBack: false,
      lapsed: false,
      forgotten: false,
      open: true,
      holding: false,
    };
    const moment = { ...this.#scene(process), book, task, call, mustStorm: this.#mustStorm };
    const wrong = trigger === 'auto' ? wrongByRules(moment) : wrongByHand(moment);
    this.must(!wrong, () => `restart of ${taskId}${trigger === 'manual' ? ' by hand' : ''}: ${wrong}`);
    this.must(this.#witness.isOwner(process), () => `restart of ${taskId}: the account is another's`);
    if (book.circuit && probe) book.circuit.probedAt = now;
    if (trigger === 'manual') {
      const { abandoned } = task;
      task.forget();
      task.abandoned = abandoned && 'perhaps';
      task.unsure = true;
    }
    if (task.latest) book.close(task.latest);
    task.latest = call;
    book.calls.set(attemptId, call);
    book.open.add(call);
    if (trigger !== 'manual') {
      task.callsInOutage++;
      task.calledInOutage = true;
    }
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
