/**
 * The judge: stands outside and watches. It sees what arrives at the cloud, what crosses the border of a process (lists,
 * looks, calls, answers, what it tells) and what is on disk; it never asks the rules, and never reads the keeper's
 * memory. The first violation is kept; the history ends there.
 */

import type { LookResult } from '../../src/domain/ports/cloud-port.ts';
import type { Event } from '../../src/domain/words/events.ts';
import type { ErrorClass } from '../../src/domain/words/failure.ts';
import { type Observation, type RestartAnswer, seenAt, type TaskItem } from '../../src/domain/words/task.ts';
import type { Arrival } from '../../src/simulator/arrivals.ts';
import type { Configuration } from './account.ts';
import { Book, type Call } from './book.ts';
import type { History } from './history.ts';
import { wrongByHand, wrongByRules } from './laws.ts';
import { Liveness } from './liveness.ts';
import { OneActor } from './one-actor.ts';
import type { Process } from './process.ts';
import { isRestart } from './stage.ts';

/** Parts of a second that a machine's clocks gain or lose in one. */
export const mostDrift = 300e-6;
/** Calls of before a reload arrive within their timeout. */
const limitReachMs = 20_000;
/** An open list circuit asks again after five minutes at the latest, and a sleeping loop looks at the clock each minute. */
const longestPauseMs = 5 * 60_000 + 70_000;
const longestPollMs = 30 * 60_000;
/** Nothing works until a person acts, and the circuit is probed seldom. */
const needsPerson: ReadonlySet<ErrorClass> = new Set(['auth', 'billing', 'clock', 'retired']);

type Hear<T> = (event: T, process: Process) => unknown;

export class Judge {
  readonly book = new Book();
  readonly liveness: Liveness;
  /** Undefined: the account has one process at a time. */
  readonly actors: OneActor | undefined;
  violation: string | undefined;
  sends = 0;
  readonly #sight: Pick<History, 'clock' | 'home' | 'note'>;
  /** Limits in force, oldest first. */
  readonly #limits: { readonly from: number; readonly perSecond: number }[];
  readonly #arrivals: number[] = [];
  /** Who has told last that the account is its own. */
  #owner: Process | undefined;
  #listBegan: number | undefined;
  #listEndedAt = 0;

  constructor(history: History, replicas: number) {
    this.#sight = history;
    this.#limits = [{ from: 0, perSecond: history.configuration.perSecond }];
    this.liveness = new Liveness(this.book, (what) => this.fail(what));
    this.actors = replicas > 1 ? new OneActor((what) => this.fail(what)) : undefined;
  }

  get now(): number {
    return this.#sight.clock.monotonic();
  }

  fail(what: string): void {
    if (this.violation !== undefined) return;
    this.violation = what;
    this.#sight.note(() => `VIOLATION ${what}`);
  }

  must(condition: boolean, what: () => string): void {
    if (!condition) this.fail(what());
  }

  reloaded({ perSecond }: Configuration): void {
    this.#limits.push({ from: this.now, perSecond });
    this.book.reloadedAt = this.now;
    this.liveness.beginAnew();
  }

  /** A process is gone. Another may have the account by then. */
  left(process: Process): void {
    if (this.#owner === process) this.#ended();
  }

  #ended(): void {
    this.#listBegan = undefined;
    this.book.ended(this.now, this.#sight.home.disk.savedAt);
    this.liveness.beginAnew();
  }

  // ---- the cloud's side ------------------------------------------------------------------------------------------

  /** Never more than the limit in any second at the server; no restart without a saved intent. */
  arrived({ action, taskId = '', outcome, accessKeyId }: Arrival, at: number): void {
    this.#sight.note(() => `  arrives ${accessKeyId} ${action} ${taskId} ${outcome}`);
    this.actors?.arrived(accessKeyId, at);
    this.#arrivals.push(at);
    while ((this.#arrivals[0] ?? at) <= at - 1_000) this.#arrivals.shift();
    const inForce = this.#limits.filter((_, i, all) => (all[i + 1]?.from ?? Infinity) > at - limitReachMs);
    const most = Math.max(...inForce.map(({ perSecond }) => perSecond));
    const { length } = this.#arrivals;
    this.must(length <= most, () => `${length} calls arrived within a second, ${most} are allowed`);
    if (!isRestart({ action })) return;
    const attemptId = this.book.tasks.get(taskId)?.latest?.attemptId;
    this.must(this.#isSaved(attemptId), () => `a restart of ${taskId} arrived before its intent was saved`);
  }

  #isSaved(attemptId = ''): boolean {
    return this.#sight.home.disk.intended.has(attemptId);
  }

  // ---- the border of a process -----------------------------------------------------------------------------------

  listBegins(): void {
    this.#listBegan = this.now;
  }

  observed(process: Process, observation: Observation, startedAt: number): void {
    const { book, now } = this;
    if (process !== this.#owner) return;
    this.#listBegan = undefined;
    this.#listEndedAt = now;
    // A list that was read across a step of the clock is not used.
    if (book.steppedAt > startedAt) return;
    book.longestPollMs = Math.max(book.longestPollMs, now - startedAt);
    if (observation.kind === 'failed') {
      this.#sight.note(() => `  list failed ${observation.failure.class} ${observation.failure.code ?? ''}`);
      return;
    }
    this.#sight.note(() => `  list complete ${observation.items.length}${observation.drift ? ' drift' : ''}`);
    book.list = { items: new Map(observation.items.map((item) => [item.taskId, item])), at: now };
    for (const [place, item] of observation.items.entries())
      this.#saw(process, seenAt(item, observation.shownAt?.[place]));
    this.liveness.listed(this.scene(process));
  }

  looked(process: Process, look: LookResult, startedAt: number): void {
    if (process !== this.#owner || this.book.steppedAt > startedAt) return;
    this.#sight.note(() => `  look ${look.items.length}`);
    for (const item of look.items) if (this.book.tasks.has(item.taskId)) this.#saw(process, item);
  }

  #saw({ machine }: Process, item: TaskItem): void {
    // A sight is as old as its request.
    const seenAt = this.now - Math.max(0, Math.floor(machine.wall()) - item.requestedAt);
    this.book.task(item.taskId).saw(item, seenAt);
  }

  /** What is so now, for one process. */
  scene({ configuration, keeper, machine }: Process) {
    const wall = machine.wall();
    return {
      ...configuration,
      now: this.now,
      wall,
      /** The cloud's time as the process can know it. */
      cloudNow: Math.floor(wall) + keeper.cloud.clockOffsetMs(),
      /** As the metrics tell it: ticks are left out where a poll costs much. */
      pollEveryMs: Math.max(configuration.pollEveryMs, keeper.pollGapMs()),
      /** By how much the clocks of two machines run apart at most. */
      drift: this.actors ? 2 * mostDrift : 0,
      /** On disk. */
      holds: this.#sight.home.disk.holds(),
    };
  }

  /** One actor, with a lease that covers the call; its intent on disk; never two calls of a task out at once. */
  sent(process: Process, taskId: string): void {
    this.sends++;
    const task = this.book.task(taskId);
    const call = task.latest;
    this.#sight.note(() => `  sends ${process.name} ${taskId} ${call?.trigger ?? ''}`);
    if (call?.of !== process || call.sentAt !== undefined) {
      this.fail(`a restart of ${taskId} was sent without an intent`);
      return;
    }
    const wrong = (condition: boolean, why: string) =>
      this.must(!condition, () => `a restart of ${taskId} was sent ${why}`);
    const leftMs = this.#sight.home.leftMs(process);
    wrong(leftMs <= 0, `by ${process.name}, and the account is another's`);
    wrong(leftMs <= process.configuration.requestTimeoutMs, 'with a lease that may not cover it');
    wrong(!this.#isSaved(call.attemptId), 'before its intent was saved');
    call.sentAt = this.now;
    if (call.trigger === 'auto') task.counted.add(call.attemptId);
    if (call.by !== undefined) this.actors?.done(call.by);
    this.liveness.called(task);
  }

  answered(process: Process, taskId: string, answer: RestartAnswer): void {
    const { book, now } = this;
    const { kind } = answer;
    this.#sight.note(() => `  answer ${taskId} ${kind} ${kind === 'accepted' ? '' : answer.failure.class}`);
    const call = book.task(taskId).latest;
    if (call?.of !== process) return;
    call.answeredAt = now;
    call.mayWork = kind === 'accepted' || kind === 'unanswered';
    this.liveness.answered(now, now - (call.sentAt ?? now), answer);
    // Whatever it tells of its circuit: that restarts work ends what it may wait for.
    if (kind === 'accepted' && book.circuit) book.circuitClosed(now);
  }

  // ---- what a process tells ----------------------------------------------------------------------------------------

  told(process: Process, event: Event): void {
    const owns = this.#sight.home.leftMs(process) > 0;
    const isGain = event.type === 'owner-gained';
    if (isGain && !this.actors) this.must(owns, () => `${process.name} says that it owns the account, and it does not`);
    // Who has lost the account and does not know it yet may say what it likes: nothing of it is saved or sent.
    if (event.type !== 'owner-lost' && (!owns || !(isGain || process === this.#owner))) return;
    (this.#hears[event.type] as Hear<Event> | undefined)?.(event, process);
  }

  readonly #hears: { readonly [Type in Event['type']]?: Hear<Extract<Event, { readonly type: Type }>> } = {
    'owner-gained': (_, process) => {
      if (this.#owner) this.#ended();
      this.#owner = process;
      this.#listEndedAt = this.now;
    },
    'owner-lost': (_, process) => this.left(process),
    'restart-intended': (event, process) => this.#intended(process, event),
    'restart-given-back': (event) => {
      this.book.task(event.taskId).gaveBack(event.attemptId, this.now);
      this.liveness.called(event);
    },
    // That was its turn.
    'restart-shadowed': (event) => this.liveness.called(event),
    'task-found': ({ taskId }) => this.book.found.add(taskId),
    'task-moved': (event) => {
      // Another group's policy: its wait begins anew.
      this.book.task(event.taskId).lastAt = Number.NEGATIVE_INFINITY;
      this.liveness.called(event);
    },
    'task-abandoned': ({ taskId }) => {
      this.book.task(taskId).abandoned = true;
    },
    'task-released': ({ taskId }) => this.book.task(taskId).released(),
    'attempts-forgotten': ({ taskId }) => {
      this.book.task(taskId).counted.clear();
      this.book.task(taskId).released();
    },
    'storm-started': ({ scope }) => this.book.storms.add(scope.group),
    'storm-changed': ({ scope }) => this.book.storms.add(scope.group),
    'storm-ended': ({ scope }) => this.book.storms.delete(scope.group),
    'circuit-opened': (event) => this.#circuitFailed(event),
    'circuit-probed': (event) => this.#circuitFailed(event),
    'circuit-closed': ({ circuit }) => {
      if (circuit === 'restart') this.book.circuitClosed(this.now);
    },
    'hold-expired': ({ hold: { id, endsAt = Infinity } }, { machine }) => {
      this.must(endsAt <= machine.wall(), () => `hold ${id} ended early`);
      // Its end may die unsaved, and then the clock be set back before it.
      this.book.asked.holdsOff.add(id);
    },
  };

  #circuitFailed({ circuit, failure }: Pick<Extract<Event, { type: 'circuit-opened' }>, 'circuit' | 'failure'>): void {
    if (circuit === 'restart') this.book.circuitOpened(this.now, needsPerson.has(failure.class));
  }

  #intended(process: Process, event: Extract<Event, { type: 'restart-intended' }>): void {
    const { book } = this;
    const { taskId, attemptId, trigger, group, by, probe } = event;
    const task = book.task(taskId);
    task.forgetUnsent();
    const open = { sentAt: undefined, answeredAt: undefined, mayWork: false };
    const before = { intendedAt: this.now, lastAt: task.lastAt };
    const call: Call = { of: process, attemptId, trigger, group, by, ...before, ...open };
    const moment = { ...this.scene(process), book, task, call };
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
