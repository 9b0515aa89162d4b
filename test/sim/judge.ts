/**
 * The invariants, judged at the borders: what a process sees, says, sends and saves, and what arrives at the cloud.
 * Nothing here asks the rules whether they were right. The first violation is kept; the history ends there.
 */

import type { LookResult } from '../../src/domain/ports/cloud-port.ts';
import type { Event } from '../../src/domain/words/events.ts';
import type { Policies, Policy } from '../../src/domain/words/policy.ts';
import { reasons } from '../../src/domain/words/reason.ts';
import type { CompleteObservation, Observation, RestartAnswer, TaskItem } from '../../src/domain/words/task.ts';
import type { Arrival } from '../../src/simulator/arrivals.ts';
import { Books, covers, paceSlack, type TaskBook, tinyMs, type Witness } from './books.ts';
import { judgeIntent } from './judge-intents.ts';
import { fiveInARow, judgeOutcome, needsPerson } from './judge-outcomes.ts';
import type { Configuration, Process, Watcher } from './process.ts';
import { isDue, managedBy } from './reading.ts';
import type { Counted } from './storm-book.ts';

const isRestart = /^(Restart|Continue|Relaunch)PullToPushTask$/;
/** Calls of before a reload arrive within their timeout. */
const limitReachMs = 20_000;
/** A list that shrank beyond belief is not believed for so long. */
const suspectMs = 15 * 60_000;

export class Judge implements Omit<Watcher, 'calls'> {
  readonly books: Books;
  readonly #witness: Witness;
  /** Limits in force, oldest first. */
  readonly limits: { readonly from: number; readonly perSecond: number }[] = [];
  #arrivals: number[] = [];
  #believedSize = 0;
  #suspectSince: number | undefined;
  sends = 0;

  constructor(witness: Witness) {
    this.#witness = witness;
    this.books = new Books(witness);
  }

  reloaded({ perSecond, policies }: Configuration): void {
    this.limits.push({ from: this.books.now, perSecond });
    this.books.storms.recount(policies, (policy) => this.#failuresWithin(policy));
  }

  // ---- the cloud's side ------------------------------------------------------------------------------------------

  arrived({ action, taskId = '', outcome }: Arrival, at: number): void {
    const { books } = this;
    this.#witness.note(() => `  arrives ${action} ${taskId} ${outcome}`);
    this.#arrivals.push(at);
    while ((this.#arrivals[0] ?? at) <= at - 1_000) this.#arrivals.shift();
    const inForce = this.limits.filter((_, i, all) => (all[i + 1]?.from ?? Infinity) > at - limitReachMs);
    const most = Math.max(...inForce.map(({ perSecond }) => perSecond));
    const { length } = this.#arrivals;
    books.must(length <= most, () => `${length} calls arrived within a second, ${most} are allowed`);
    if (!isRestart.test(action)) return;
    const attempt = books.tasks.get(taskId)?.latest;
    books.must(attempt?.sentAt !== undefined, () => `a restart of ${taskId} arrived that nobody sent`);
    const saved = this.#witness.disk.intended.has(attempt?.id ?? '');
    books.must(saved, () => `a restart of ${taskId} arrived before its intent was saved`);
  }

  // ---- the borders of a process -------------------------------------------------------------------------------------

  observed(_process: Process, observation: Observation, startedAt: number): void {
    const { books } = this;
    // A list that was read across a step of the clock is not used.
    if (books.steppedAt >= startedAt) return;
    books.polls = [...books.polls, books.now - startedAt].slice(-3);
    if (observation.kind === 'failed') {
      const { failure } = observation;
      this.#witness.note(() => `  list failed ${failure.class} ${failure.code ?? ''}`);
      if (needsPerson.has(failure.class)) books.listRefused = true;
      if (books.listRefused) books.refusedInRow++;
      return;
    }
    this.#witness.note(() => `  list complete ${observation.items.length}${observation.drift ? ' drift' : ''}`);
    books.listRefused = false;
    books.refusedInRow = 0;
    const items = new Map(observation.items.map((item) => [item.taskId, item]));
    books.newest = { items, at: books.now };
    for (const item of observation.items) this.#saw(item, true);
    this.#missed(observation, items);
  }

  looked(_process: Process, look: LookResult, startedAt: number): void {
    if (this.books.steppedAt >= startedAt) return;
    this.#witness.note(() => `  look ${look.items.length}`);
    for (const item of look.items) if (this.books.tasks.has(item.taskId)) this.#saw(item, false);
  }

  #saw(item: TaskItem, complete: boolean): void {
    const book = this.books.task(item.taskId);
    // A sight is as old as its request.
    const seenAt = this.books.now - Math.max(0, Math.floor(this.#witness.wall()) - item.requestedAt);
    const { status } = item;
    // A look settles attempts that were answered and nothing else: what it shows of others is not learned.
    const { latest } = book;
    const awaited = latest?.settled ? latest.holding && status === 'stopped' : latest?.answeredAt !== undefined;
    if (!complete && !awaited) return;
    if (status === 'stopped') {
      book.lastDownAt = Math.max(book.lastDownAt, seenAt);
      // Of the same millisecond: a page says nothing of after a look.
      if (seenAt > book.lastUpAt + 1) {
        book.upSince = undefined;
        book.learnedUpAt = undefined;
      }
    }
    if (status === 'active' || status === 'not-started') {
      book.lastUpAt = Math.max(book.lastUpAt, seenAt);
      book.upSince ??= seenAt;
      // What was asked for before an answer settles nothing.
      const settles = !book.latest || book.latest.settled || seenAt > (book.latest.answeredAt ?? Infinity) + tinyMs;
      if (settles) book.learnedUpAt ??= seenAt;
    }
    // A look that shows it stopped no longer settles an attempt as one that worked.
    const worked = !complete && status === 'not-started' && book.item?.status === 'stopped';
    if (status === 'active' || worked) book.upSinceFirstSight = true;
    if (!complete) return;
    book.item = item;
    const older = status === 'stopped' && seenAt <= book.lastUpAt;
    if (status === 'active') book.activeSince ??= seenAt;
    else if (!older) book.activeSince = undefined;
    book.stoppedInRow = status === 'stopped' ? book.stoppedInRow + 1 : 0;
    if (status !== 'stopped') book.notStoppedAt = this.books.now;
    book.absentInRow = 0;
    book.absentSince = undefined;
    book.gone = false;
  }

  /** Absence counts if the pages fit together and the list did not shrink beyond belief. */
  #missed({ drift, malformedItems }: CompleteObservation, items: ReadonlyMap<string, TaskItem>): void {
    const { now } = this.books;
    const size = items.size + malformedItems;
    const shrank = size * 2 < this.#believedSize && (this.#believedSize - size >= 5 || size === 0);
    this.#suspectSince = shrank ? (this.#suspectSince ?? now) : undefined;
    // A death may have lost how long the list was, or since when it is doubted.
    const doubted =
      this.books.deaths === 0 &&
      this.#suspectSince !== undefined &&
      now - this.#suspectSince < suspectMs * (1 - paceSlack) - 1_000;
    if (!doubted) this.#believedSize = items.size;
    if (doubted) return;
    for (const book of this.books.tasks.values()) {
      if (items.has(book.taskId)) continue;
      book.absentInRow = drift || malformedItems > 0 ? 0 : book.absentInRow + 1;
      book.absentSince ??= now;
    }
  }

  /** Due and stopped tasks of each group and of the account, as the list just handed over shows them. */
  #count(policies: Policies, process: Process): void {
    const { books } = this;
    const counted = new Map<string | undefined, Counted>();
    const believed = books.believed(process);
    // A hold that was taken off and not saved so is back after a death.
    const kept = [...process.keeper.ledger.holds.values()].filter(
      ({ endsAt }) => (endsAt ?? Infinity) > this.#witness.wall(),
    );
    const held = (taskId: string, group: string) =>
      books.heldBy(taskId, group) !== undefined || kept.some(({ target }) => covers(target, taskId, group));
    for (const book of books.tasks.values()) {
      const { item } = book;
      if (!item || book.gone) continue;
      const policy = managedBy(policies, item);
      if (!policy || books.isWatchedOnly(book, policy) || held(book.taskId, policy.name)) continue;
      if (!isDue(item, policy, believed)) continue;
      // A look that was asked for after the list's page may have seen it run.
      const stopped = item.status === 'stopped' && book.lastDownAt > book.lastUpAt;
      const given = stopped && this.#rowOf(book, process) >= policy.attempts;
      for (const group of [undefined, policy.name]) {
        const entry = counted.get(group) ?? { due: 0, stopped: 0, dueForBudget: 0 };
        counted.set(group, entry);
        entry.dueForBudget++;
        if (given) continue;
        entry.due++;
        if (stopped) entry.stopped++;
      }
    }
    this.#witness.note(() => `  judge counts ${JSON.stringify([...counted])}`);
    books.storms.count(policies, counted, (policy) => this.#failuresWithin(policy));
  }

  /** After a death the book may lack what the ledger has. */
  #rowOf({ taskId, row }: TaskBook, { keeper }: Process): number {
    return this.books.deaths === 0 ? row : Math.max(row, keeper.ledger.tasks.get(taskId)?.row ?? 0);
  }

  #failuresWithin({ budget, name }: Policy): number {
    const { books } = this;
    if (budget === false) return 0;
    // Stored failures keep the time they were written with: after a death those from before a step are misdated.
    const certainSince = books.deaths > 0 ? Math.max(books.blurredAt, books.steppedAt) : books.blurredAt;
    const since = Math.max(books.now - budget.perMs * (1 - paceSlack) + 2_000, certainSince);
    let count = 0;
    for (const { failedAt, trigger, group } of books.tries.values())
      if (trigger === 'auto' && group === name && (failedAt ?? Number.NEGATIVE_INFINITY) > since) count++;
    return count;
  }

  sent(process: Process, taskId: string): void {
    const { books } = this;
    const { disk } = this.#witness;
    this.sends++;
    const intent = books.intents.get(taskId);
    books.intents.delete(taskId);
    this.#witness.note(() => `  sends ${process.name} ${taskId} ${intent?.trigger} n=${intent?.n}`);
    const attempt = books.tries.get(intent?.attemptId ?? '');
    if (!intent || !attempt) {
      books.fail(`a restart of ${taskId} was sent without an intent`);
      return;
    }
    books.must(
      this.#witness.isOwner(process),
      () => `${process.name} sent a restart of ${taskId} of an account that is another's`,
    );
    const leftMs = this.#witness.leaseLeftMs(process);
    const long = leftMs > process.configuration.requestTimeoutMs;
    books.must(long, () => `a restart of ${taskId} was sent with ${leftMs} ms of the lease left`);
    books.must(disk.intended.has(attempt.id), () => `a restart of ${taskId} was sent before its intent was saved`);
    const record = disk.memory.tasks.get(taskId);
    books.must(
      record?.attempt?.id === attempt.id,
      () => `a restart of ${taskId} was sent, and its record on disk lacks the attempt`,
    );
    attempt.sentAt = books.now;
    if (intent.trigger !== 'auto') return;
    const book = books.task(taskId);
    attempt.previous = book.lastTry;
    if (attempt.intendedAt < book.forgottenAt) return;
    book.tries++;
    book.lastTry = attempt;
    const before = attempt.previous?.sentAt;
    if (before === undefined || before <= books.blurredAt) return;
    // Between the intent before and its call the disk may have taken its time.
    const savedForMs = before - (attempt.previous?.intendedAt ?? before);
    const gapMs = books.now - before + savedForMs + books.slack(before, process);
    books.must(
      gapMs >= attempt.leastGapMs,
      () =>
        `a restart of ${taskId} was sent ${books.now - (before ?? 0)} ms after the one before, backoff is ${attempt.leastGapMs} ms`,
    );
  }

  answered(_process: Process, taskId: string, answer: RestartAnswer): void {
    const { books } = this;
    const failure = answer.kind === 'accepted' ? undefined : answer.failure.class;
    this.#witness.note(() => `  answer ${taskId} ${answer.kind} ${failure ?? ''}`);
    const attempt = books.task(taskId).latest;
    if (attempt) attempt.answer = answer;
    const { now } = books;
    if (answer.kind === 'throttled' || answer.kind === 'not-sent') {
      const { inRow, setAt } = books.throttle;
      if ((attempt?.intendedAt ?? now) < setAt) return;
      books.throttle = { inRow: inRow + 1, setAt: now, until: now + Math.min(60_000, 5_000 * 2 ** inRow) };
      return;
    }
    books.throttle = { ...books.throttle, inRow: 0 };
    if (failure === undefined) {
      books.succeeded();
    } else if (attempt?.trigger !== 'manual' && fiveInARow.has(failure)) books.streak.push({ taskId, failure });
  }

  // ---- what a process says -----------------------------------------------------------------------------------------

  told(process: Process, event: Event): void {
    const { books } = this;
    this.#witness.note(() => `${process.name} ${line(event)}`);
    switch (event.type) {
      case 'owner-gained':
        books.storms.clear();
        books.newest = undefined;
        books.forgetUnsaved();
        books.must(
          this.#witness.isOwner(process),
          () => `${process.name} says that it owns the account, and it does not`,
        );
        return;
      case 'poll-completed':
      case 'poll-suspect':
        // A list beyond belief shows no new task.
        if (event.type === 'poll-suspect')
          for (const book of books.tasks.values())
            if (!process.keeper.ledger.tasks.has(book.taskId)) book.item = undefined;
        // Storms are reviewed after what the list told of each task.
        this.#count(process.configuration.policies, process);
        return;
      case 'hold-expired':
        books.must((event.hold.endsAt ?? Infinity) <= this.#witness.wall(), () => `hold ${event.hold.id} ended early`);
        books.holds.delete(event.hold.id);
        return;
      case 'storm-started':
        books.storms.started(event.scope);
        return;
      case 'storm-ended':
        books.storms.ended(event.scope);
        // Failures grow old between lists too.
        books.storms.recount(process.configuration.policies, (policy) => this.#failuresWithin(policy));
        return;
      case 'circuit-opened':
      case 'circuit-probed':
      case 'circuit-closed':
        if (event.circuit === 'restart') this.#restartCircuit(event);
        return;
      case 'restart-withheld':
        books.must(reasons.includes(event.reason), () => `a restart of ${event.taskId} was withheld without a reason`);
        return;
      case 'restart-intended':
        judgeIntent(books, process, event);
        return;
      default:
        if ('taskId' in event && event.type !== 'status-unknown') judgeOutcome(books, process, event);
    }
  }

  #restartCircuit(event: Extract<Event, { type: 'circuit-opened' | 'circuit-probed' | 'circuit-closed' }>): void {
    const { books } = this;
    const { now, circuit, streak } = books;
    if (event.type === 'circuit-closed') {
      // An unanswered restart that was just seen to have worked is told right after.
      const seen = [...books.open].some(
        ({ taskId, answer, answeredAt = Infinity }) =>
          answer?.kind === 'unanswered' && books.task(taskId).lastUpAt > answeredAt - tinyMs,
      );
      const right = seen || now - books.successAt < 20_000 || books.deaths > 0;
      books.must(right, () => 'the restart circuit closed without a success');
      books.circuit = { ...circuit, open: false, closedAt: now };
      return;
    }
    const atOnce = needsPerson.has(event.failure.class);
    if (event.type === 'circuit-opened') {
      const tasks = new Set(streak.map(({ taskId }) => taskId)).size;
      const right = event.atOnce ? atOnce : books.successLost || (streak.length >= 5 && tasks >= 2);
      books.must(right, () => `the restart circuit opened after ${streak.length} failures in a row of ${tasks} tasks`);
    }
    books.circuit = { open: true, atOnce, probedAt: now, closedAt: circuit.closedAt };
  }
}

/** An event as one line of the trace. */
export function line(event: Event): string {
  const { at: _at, account: _account, ...rest } = event;
  const shown = 'item' in rest ? { ...rest, item: rest.item.status } : rest;
  return JSON.stringify(shown, (_key, value: unknown) => (value === Number.POSITIVE_INFINITY ? 'never' : value));
}
