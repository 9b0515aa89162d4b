/** May this attempt be made now? Asked when its intent is told, of the newest facts that had reached the process. */
import type { Policy } from '../../src/domain/words/policy.ts';
import type { TaskItem } from '../../src/domain/words/task.ts';
import { type Books, type Intent, newTry, paceSlack, type TaskBook, type Try, tinyMs } from './books.ts';
import { rowKept } from './judge-outcomes.ts';
import type { Process } from './process.ts';
import { isOpen, managedBy, waitBefore } from './reading.ts';

export function judgeIntent(books: Books, process: Process, intent: Intent): void {
  const book = books.task(intent.taskId);
  const attempt = newTry(intent, books.now);
  const before = book.latest;
  if (intent.trigger !== 'shadow') books.intents.set(intent.taskId, intent);
  if (intent.trigger === 'auto') judgeAuto(books, process, book, intent, attempt);
  if (intent.trigger === 'manual') judgeManual(books, process, book, intent);
  if (intent.trigger === 'shadow') judgeShadow(books, process, book);
  if (before && !before.settled) books.close(before);
  book.latest = attempt;
  if (attempt.trigger !== 'manual') book.triesInOutage++;
  books.tries.set(attempt.id, attempt);
  books.open.add(attempt);
}

type Wrong = (condition: boolean, why: () => string) => void;

function judgeAuto(books: Books, process: Process, book: TaskBook, intent: Intent, attempt: Try): void {
  const { taskId } = book;
  const must: Wrong = (condition, why) => books.must(condition, () => `restart of ${taskId}: ${why()}`);
  must(books.witness.isOwner(process), () => 'the account is not ours');
  must(books.newest !== undefined, () => 'no complete list has been read');
  must(!books.listRefused, () => 'the list is refused');
  must(isFresh(books, process), () => 'the newest complete list is too old');
  const item = books.newest?.items.get(taskId);
  must(item?.status === 'stopped', () => `the newest complete list says ${item?.status ?? 'nothing of it'}`);
  must(book.lastUpAt <= book.lastDownAt, () => 'it was seen running last');
  if (!item) return;
  const policy = managedBy(process.configuration.policies, item);
  must(policy !== undefined, () => 'it is unmanaged');
  if (!policy) return;
  must(policy.name === intent.group, () => `it is ${policy.name}'s, not ${intent.group}'s`);
  judgePolicy(books, process, book, item, policy, must);
  judgePace(books, process, book, policy, attempt, must);
  const certain = books.deaths === 0 && !book.shadowed && book.row < rowKept;
  must(!certain || intent.n === book.tries + 1, () => `it is called number ${intent.n}, and it is ${book.tries + 1}`);
  const objection = books.storms.objection(attempt, book.triesInOutage === 0, books.open);
  must(objection === undefined, () => objection ?? '');
}

/** Design section 4, `blind`: max(3 × gap, 2 × the longest of the last three polls, 60 s). */
function isFresh(books: Books, process: Process): boolean {
  const { newest, polls, blurredAt, now } = books;
  const patienceMs = Math.max(3 * process.configuration.pollEveryMs, 2 * Math.max(0, ...polls), 60_000);
  return !newest || now - newest.at <= patienceMs * (1 + paceSlack) + tinyMs || blurredAt > newest.at;
}

function judgePolicy(
  books: Books,
  process: Process,
  book: TaskBook,
  item: TaskItem,
  policy: Policy,
  must: Wrong,
): void {
  must(policy.mode === 'heal', () => 'its group observes');
  must(!books.isWatchedOnly(book, policy), () => 'it was stopped at first sight');
  const held = books.heldBy(book.taskId, policy.name);
  must(held === undefined, () => `it is held by ${held}`);
  const believed = books.believed(process);
  const { endsAt = Number.POSITIVE_INFINITY, startsAt = Number.NEGATIVE_INFINITY } = item;
  must(believed < endsAt - policy.endGuardMs, () => 'it has ended, or is about to');
  must(believed >= startsAt - policy.startLeadMs, () => 'its start is ahead');
  must(isOpen(policy.hours, believed), () => 'outside its hours');
  // A list that died with its process broke no row of sights.
  const lost = book.notStoppedAt !== undefined && books.diedAt >= book.notStoppedAt;
  // After a death the failures of before a step are misdated: one that is given back may stay counted.
  const misdated = books.deaths > 0 && books.steppedAt > Number.NEGATIVE_INFINITY;
  const confirmed = book.triesInOutage > 0 || book.stoppedInRow >= policy.confirm || lost || misdated;
  must(confirmed, () => `seen stopped ${book.stoppedInRow} times of ${policy.confirm}`);
}

function judgePace(books: Books, process: Process, book: TaskBook, policy: Policy, attempt: Try, must: Wrong): void {
  const { now, circuit, throttle, blurredAt } = books;
  const { latest } = book;
  const triedAt = book.lastTry?.intendedAt;
  const awaited = latest !== undefined && books.open.has(latest) && !latest.givenBack;
  must(!awaited, () => 'the one before it is still awaited');
  must(now >= throttle.until - tinyMs, () => `the account is throttled for another ${throttle.until - now} ms`);
  if (circuit.open) {
    must(attempt.probe, () => 'the restart circuit is open');
    const everyMs = circuit.atOnce ? 300_000 : 30_000;
    const since = now - circuit.probedAt;
    const enough = since >= everyMs * (1 - paceSlack) - tinyMs || blurredAt > circuit.probedAt;
    must(enough, () => `a probe ${since} ms after the one before`);
    circuit.probedAt = now;
  }
  if (triedAt === undefined || triedAt <= blurredAt) return;
  const sinceMs = now - triedAt;
  const gapMs = sinceMs + books.slack(triedAt, process);
  const quarantinedAt = book.row >= policy.attempts ? book.failures[policy.attempts - 1]?.at : undefined;
  // After a death the ledger may know of failures that the books lack: then the shorter of both waits is asked.
  const kept = process.keeper.ledger.tasks.get(book.taskId)?.row ?? 0;
  const mayRetry = books.deaths > 0 && kept >= policy.attempts;
  if (quarantinedAt === undefined) {
    const backoffMs = waitBefore(policy, book.tries + 1);
    const leastMs = mayRetry ? Math.min(backoffMs, policy.quarantine.retryEveryMs) : backoffMs;
    attempt.leastGapMs = leastMs;
    must(gapMs >= leastMs, () => `attempt ${book.tries + 1} comes after ${sinceMs} ms, its backoff is ${leastMs} ms`);
    return;
  }
  attempt.leastGapMs = policy.quarantine.retryEveryMs;
  must(gapMs >= policy.quarantine.retryEveryMs, () => `in quarantine, and ${sinceMs} ms after the one before`);
  const abandonedForMs = now - quarantinedAt - policy.quarantine.abandonAfterMs;
  const stays = abandonedForMs <= books.slack(quarantinedAt, process) || quarantinedAt <= blurredAt;
  must(stays, () => `it is abandoned since ${abandonedForMs} ms`);
}

function judgeManual(books: Books, process: Process, book: TaskBook, intent: Intent): void {
  const { taskId } = book;
  const force = books.asked.restarts.get(taskId);
  books.must(force !== undefined, () => `a restart by hand of ${taskId}, and nobody asked for it`);
  const held = books.heldBy(taskId, intent.group);
  books.must(force === true || held === undefined, () => `a restart by hand of ${taskId}, which is held by ${held}`);
  books.must(!books.listRefused, () => `a restart by hand of ${taskId}, and the list is refused`);
  const item = books.newest?.items.get(taskId);
  books.must(
    !item || managedBy(process.configuration.policies, item) !== undefined,
    () => `a restart by hand of ${taskId}, which is unmanaged`,
  );
  book.forget(books.now);
}

function judgeShadow(books: Books, process: Process, book: TaskBook): void {
  book.shadowed = true;
  const policy = book.item && managedBy(process.configuration.policies, book.item);
  const watched = policy !== undefined && (books.deaths > 0 || books.isWatchedOnly(book, policy));
  books.must(watched, () => `a shadow of ${book.taskId}, which is not observed`);
}
