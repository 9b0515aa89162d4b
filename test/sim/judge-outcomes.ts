/** Is what is told of an attempt, an outage or a stage so? Asked of what crossed the border before. */
import type { Event, TaskEvent } from '../../src/domain/words/events.ts';
import type { ErrorClass } from '../../src/domain/words/failure.ts';
import type { Policy } from '../../src/domain/words/policy.ts';
import { type Books, paceSlack, type TaskBook, type Try, tinyMs } from './books.ts';
import type { Process } from './process.ts';
import { managedBy } from './reading.ts';

/** Design section 5: what needs a person, and what five in a row of open the circuit. */
export const needsPerson: ReadonlySet<ErrorClass> = new Set(['auth', 'permission', 'billing', 'clock', 'retired']);
export const fiveInARow: ReadonlySet<ErrorClass> = new Set([
  'server',
  'common',
  'quota',
  'network',
  'timeout',
  'unknown',
]);

/** Times of sights are of their requests: told so much later at most. */
const sightMs = 15_000;
/** Steps of the clock that add up to less are the pace of two clocks, and move no stored time. */
const leastStepMs = 2_000;
const hourMs = 3_600_000;
/** Of longer rows the ledger keeps no times, and what is given back of them is not taken off. */
export const rowKept = 100;

type Of<T extends Event['type']> = Extract<Event, { type: T }>;

export function judgeOutcome(books: Books, process: Process, event: Exclude<TaskEvent, Of<'restart-intended'>>): void {
  const book = books.task(event.taskId);
  switch (event.type) {
    case 'restart-answered':
    case 'restart-given-back':
    case 'restart-worked':
    case 'restart-failed':
    case 'restart-proved':
    case 'restart-lapsed': {
      const attempt = books.tries.get(event.attemptId);
      if (attempt) attemptSettled(books, process, book, attempt, event);
      return;
    }
    case 'task-moved':
      if (book.latest) book.latest.group = event.group;
      return;
    case 'task-gone':
      book.gone = true;
      taskGone(books, book);
      return;
    case 'outage-opened':
      books.must(
        book.lastDownAt > book.lastUpAt || book.item?.status === 'stopped',
        () => `an outage of ${event.taskId} opened, and it was not seen stopped`,
      );
      book.triesInOutage = 0;
      book.outage = { id: event.outageId, since: books.now };
      book.learnedUpAt = undefined;
      return;
    case 'outage-ended':
      outageEnded(books, process, book, event);
      return;
    case 'task-quarantined':
    case 'task-abandoned':
      givenUp(books, process, book, event);
      return;
    case 'task-released':
      released(books, book, event);
      return;
    case 'attempts-forgotten':
      forgotten(books, process, book);
      return;
    case 'task-found':
      found(book);
      return;
    case 'task-seen':
    case 'task-missed':
    case 'task-edited':
    case 'task-overdue':
    case 'restart-withheld':
      return;
    default:
      event satisfies never;
  }
}

const policyNamed = (process: Process, group: string | undefined): Policy | undefined =>
  process.configuration.policies.groups.find(({ name }) => name === group);

/**
 * A list that shrank beyond belief shows no new task: it is first seen in the list that it is found in. How it was is
 * read from that list, not from what is told.
 */
function found(book: TaskBook): void {
  if (book.firstSight) return;
  book.firstSight = book.item?.status === 'stopped' ? 'stopped' : 'other';
  book.upSinceFirstSight = false;
}

function taskGone(books: Books, book: TaskBook): void {
  const absentMs = books.now - (book.absentSince ?? books.now);
  // A sight in between may have died with its process.
  const uncertain = books.blurredAt > 0 || books.deaths > 0;
  const right = book.absentInRow >= 3 || absentMs >= hourMs * (1 - paceSlack) || uncertain;
  books.must(right, () => `${book.taskId} is called gone after ${book.absentInRow} complete lists without it`);
}

function outageEnded(books: Books, process: Process, book: TaskBook, event: Of<'outage-ended'>): void {
  const { ending, taskId } = event;
  if (ending === 'recovered' || ending === 'external') {
    books.must(
      book.upSince !== undefined && book.lastUpAt >= book.lastDownAt,
      () => `an outage of ${taskId} ended as ${ending}, and it was seen stopped last`,
    );
    const policy = policyNamed(process, event.group);
    const heldMs = books.now - (book.upSince ?? books.now) + sightMs;
    // A process that ended may not have saved that it was seen stopped meanwhile.
    const uncertain = Math.max(books.blurredAt, books.diedAt) > book.lastDownAt;
    const long = !policy || heldMs >= policy.verifyWithinMs || uncertain;
    books.must(long, () => `an outage of ${taskId} ended as ${ending} after ${heldMs - sightMs} ms of running`);
    judgeDuration(books, book, event);
  }
  if (ending === 'ended') {
    const ended = book.item?.status === 'ended' || (book.item?.endsAt ?? Infinity) <= books.believed(process) + sightMs;
    books.must(ended, () => `an outage of ${taskId} ended as ended, and the task has not`);
  }
  if (ending === 'recovered') book.clearRow();
  const { latest } = book;
  if (latest?.answeredAt !== undefined) books.close(latest);
}

/** Design section 4: the duration of an outage ends at the first sight of the task running. */
function judgeDuration(books: Books, book: TaskBook, { taskId, outageId, durationMs }: Of<'outage-ended'>): void {
  const { outage, learnedUpAt } = book;
  // The one before it, if a process died that had not saved its end.
  if (outage?.id !== outageId || learnedUpAt === undefined) return;
  // What was seen and not saved is lost.
  if (books.blurredAt > outage.since || books.diedAt > learnedUpAt) return;
  const steppedMs = books.steppedAt > outage.since ? leastStepMs : 0;
  const mostMs = Math.max(0, learnedUpAt - outage.since) * (1 + paceSlack) + tinyMs + steppedMs;
  books.must(
    durationMs <= mostMs,
    () => `an outage of ${taskId} is told as ${durationMs} ms long, and it was seen running after ${mostMs} ms`,
  );
}

function givenUp(
  books: Books,
  process: Process,
  book: TaskBook,
  event: Of<'task-quarantined'> | Of<'task-abandoned'>,
): void {
  const { taskId, failures, group } = event;
  const policy = policyNamed(process, group);
  books.must(policy !== undefined, () => `${taskId} is given up by a group that does not exist`);
  if (!policy) return;
  books.must(failures >= policy.attempts, () => `${taskId} is given up after ${failures} failures`);
  if (books.deaths === 0)
    books.must(
      book.row >= policy.attempts,
      () => `${taskId} is given up after ${book.row} failures by the judge's book`,
    );
  if (event.type === 'task-quarantined') return;
  const since = book.failures[policy.attempts - 1]?.at;
  const early =
    books.deaths === 0 &&
    since !== undefined &&
    books.now - since + books.slack(since, process) < policy.quarantine.abandonAfterMs;
  books.must(!early || books.blurredAt > (since ?? 0), () => `${taskId} is abandoned early`);
  books.must(!book.abandonedTold, () => `${taskId} is abandoned twice`);
  book.abandonedTold = true;
}

function released(books: Books, book: TaskBook, { cause, taskId }: Of<'task-released'>): void {
  if (cause === 'operator') {
    const asked = books.asked.releases.has(taskId) || books.asked.restarts.has(taskId);
    books.must(asked, () => `${taskId} was released by nobody`);
    book.forget(books.now);
  }
  if (cause === 'circuit-closed')
    books.must(books.circuit.closedAt === books.now, () => `${taskId} was released by a circuit that did not close`);
  if (cause === 'seen-active')
    books.must(book.item?.status === 'active', () => `${taskId} was released as seen active, and was not`);
  book.clearRow();
}

function forgotten(books: Books, process: Process, book: TaskBook): void {
  const policy = book.item && managedBy(process.configuration.policies, book.item);
  const activeMs = book.activeSince === undefined ? 0 : books.now - book.activeSince;
  const long = !policy || activeMs >= policy.backoff.resetAfterMs * (1 - paceSlack) - sightMs;
  const uncertain = Math.max(books.blurredAt, books.diedAt) > book.lastDownAt && books.deaths > 0;
  const right = long || books.circuit.closedAt === books.now || uncertain || books.blurredAt > 0;
  books.must(right, () => `attempts of ${book.taskId} were forgotten after ${activeMs} ms of being active`);
  book.forget(books.now);
}

function attemptSettled(
  books: Books,
  process: Process,
  book: TaskBook,
  attempt: Try,
  event: Extract<Event, { attemptId: string }>,
): void {
  books.storms.settle(attempt, event);
  switch (event.type) {
    case 'restart-answered':
      // A process that takes over dates it when it began to read.
      attempt.answeredAt = books.now - Math.max(0, books.witness.wall() - event.at);
      if (event.durationMs === 0 && books.deaths > 0) attempt.answer = event.answer;
      attempt.answer ??= event.answer;
      // The next sight settles it, and is the one that counts.
      book.learnedUpAt = undefined;
      books.must(
        attempt.answer.kind === event.answer.kind,
        () => `the answer ${attempt.answer?.kind} is told as ${event.answer.kind}`,
      );
      return;
    case 'restart-given-back':
      givenBack(books, book, attempt, event);
      return;
    case 'restart-worked':
      books.must(
        book.lastUpAt >= (attempt.answeredAt ?? Number.NEGATIVE_INFINITY) || books.deaths > 0,
        () => `a restart of ${book.taskId} worked, and nobody saw it run`,
      );
      attempt.workedAt = books.now;
      if (event.unanswered) {
        books.succeeded();
      }
      books.close(attempt);
      attempt.holding = true;
      // The sight that said so is learned, whatever an older page of a list shows after it.
      book.learnedUpAt ??= book.lastUpAt;
      return;
    case 'restart-failed':
      failed(books, process, book, attempt, event);
      return;
    case 'restart-proved':
      books.must(
        book.lastDownAt <= (attempt.workedAt ?? books.now) || books.diedAt > book.lastDownAt,
        () => `a restart of ${book.taskId} held, and it was seen stopped since`,
      );
      book.clearRow();
      books.close(attempt);
      return;
    default:
      books.close(attempt);
      if (event.type === 'restart-lapsed' && event.activeAt !== undefined) book.learnedUpAt ??= book.lastUpAt;
  }
}

function givenBack(books: Books, book: TaskBook, attempt: Try, { why }: Of<'restart-given-back'>): void {
  const { answer } = attempt;
  const failure = answer && answer.kind !== 'accepted' ? answer.failure.class : undefined;
  const mayOpen = failure !== undefined && (needsPerson.has(failure) || fiveInARow.has(failure));
  const right = {
    throttled: answer?.kind === 'throttled',
    'not-sent': answer?.kind === 'not-sent' || attempt.sentAt === undefined,
    'not-saved': attempt.sentAt === undefined,
    circuit: books.circuit.open && mayOpen,
  }[why];
  books.must(
    right || books.deaths > 0,
    () => `an attempt of ${book.taskId} was given back as ${why}, its answer was ${answer?.kind} ${failure}`,
  );
  // What ended with its outage, or was forgotten since, is in no row any more: there is nothing to give back.
  const forgotten = attempt.settled && !book.failures.some(({ id }) => id === attempt.id);
  if (forgotten && books.deaths === 0) return;
  if (!forgotten && attempt.trigger !== 'manual' && !attempt.givenBack)
    book.triesInOutage = Math.max(0, book.triesInOutage - 1);
  if (attempt.sentAt === undefined) {
    books.intents.delete(book.taskId);
    books.close(attempt);
    return;
  }
  if (attempt.givenBack) return;
  attempt.givenBack = true;
  if (attempt.trigger === 'auto') {
    book.tries = Math.max(0, book.tries - 1);
    // A row is given back oldest first: the one before the newest may have been given back by then.
    while (book.lastTry?.givenBack) book.lastTry = book.lastTry.previous;
  }
  if (attempt.failedAt !== undefined) {
    attempt.failedAt = undefined;
    book.row = Math.max(0, book.row - 1);
    book.failures = book.failures.filter(({ id }) => id !== attempt.id);
  }
  if (answer?.kind !== 'accepted' && answer?.kind !== 'unanswered') books.close(attempt);
}

function failed(books: Books, process: Process, book: TaskBook, attempt: Try, event: Of<'restart-failed'>): void {
  const { taskId } = book;
  const { answer, answeredAt } = attempt;
  const policy = policyNamed(process, event.group);
  if (event.cause === 'not-recovered' && policy && answeredAt !== undefined && answeredAt > books.blurredAt) {
    const waitedMs = books.now - answeredAt;
    const long = waitedMs + books.slack(answeredAt, process) >= policy.verifyWithinMs;
    books.must(long, () => `a restart of ${taskId} is called failed ${waitedMs} ms after its answer`);
  }
  book.learnedUpAt = undefined;
  const counts = answer?.kind !== 'throttled' && answer?.kind !== 'not-sent';
  books.must(counts, () => `a restart of ${taskId} that was ${answer?.kind} is called failed`);
  if (attempt.trigger !== 'manual' && attempt.failedAt === undefined) {
    attempt.failedAt = books.now;
    book.row++;
    book.failures.push({ id: attempt.id, at: books.now });
    const certain = books.deaths === 0 && book.row <= rowKept;
    books.must(
      !certain || event.row === book.row,
      () => `${taskId} has failed ${book.row} times in a row, and ${event.row} is told`,
    );
  }
  books.close(attempt);
}
