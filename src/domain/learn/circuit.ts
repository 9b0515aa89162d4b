/**
 * What follows from the cloud's answer to a restart: for its attempt, for the pace of the account, and for the two
 * circuits that stop calls to an API which fails for every task.
 */

import { aboutAttempt, excuseOf, isDoubted } from '../memory/condition.ts';
import type { Attempt, Ledger, RestartCircuit, StretchEntry, TaskRecord } from '../memory/ledger.ts';
import type { Fact } from '../words/events.ts';
import { type CallFailure, classMeanings, failureName } from '../words/failure.ts';
import type { RestartAnswer } from '../words/task.ts';

const rowThatOpens = 5;
/** Of denials: one is the task's own trouble, that of another task right after it is the account's. */
const denialsThatOpen = 2;
const tasksThatOpen = 2;

const throttleFirstMs = 5_000;
const throttleMaxMs = 60_000;
const listProbeMaxMs = 5 * 60_000;

/** The answer to one restart, and what it was asked for. */
interface Answered {
  readonly record: TaskRecord;
  readonly attempt: Attempt;
  readonly answer: RestartAnswer;
  readonly durationMs: number;
  readonly now: number;
}

/**
 * All facts that follow from one answer, in their order; the first is the answer itself. An operator's restart that
 * counts makes its task forget what failed before; one that was given back was none.
 */
export function answerFacts(ledger: Ledger, answered: Answered): Fact[] {
  const { record, attempt } = answered;
  const facts = factsOf(ledger, answered);
  if (attempt.trigger !== 'manual' || facts.some(({ type }) => type === 'restart-given-back')) return facts;
  const { taskId, group } = record;
  if (record.stageTold)
    facts.push({ type: 'task-released', taskId, group, by: attempt.by ?? 'an operator', cause: 'operator' });
  else if (record.attempts > 0 || record.row > 0) facts.push({ type: 'attempts-forgotten', taskId, group });
  return facts;
}

function factsOf(ledger: Ledger, answered: Answered): Fact[] {
  const { record, attempt, answer, durationMs, now } = answered;
  const about = aboutAttempt(record, attempt);
  const failure = answer.kind === 'accepted' ? undefined : answer.failure;
  const { restart } = ledger.accountRecord.circuits;
  const towardsCircuit = failure !== undefined && countsTowards(restart, answered, failure);
  const facts: Fact[] = [{ ...about, type: 'restart-answered', answer, durationMs, towardsCircuit }];

  if (failure === undefined) return [...facts, ...closeRestartCircuit(ledger)];
  const manual = attempt.trigger === 'manual';
  const excuse = excuseOf(answer);
  const alone = excuse !== 'not-sent' && isThrottledAlone(ledger, record);
  // However often an operator asks, his answers make nobody else wait: a restart of the rules will get the same answer.
  const wait = () => (manual || alone ? [] : throttle(ledger, attempt, failure, now));
  if (excuse && (manual || !alone)) {
    facts.push({ ...about, type: 'restart-given-back', why: excuse, failedAt: undefined });
    return [...facts, ...wait()];
  }

  // Whatever else it says: not before that.
  if (failure.retryAfterMs !== undefined) facts.push(...wait());
  const saysMore = classMeanings[failure.class].restartCircuit !== 'nothing';
  if (speaksOfAccount(ledger, record, failure) || (restart.kind === 'open' && saysMore)) {
    // Nor does an operator's call put off the next probe.
    if (!manual || restart.kind === 'closed') facts.push(openOrProbed(ledger, failure, true));
    return [...facts, { ...about, type: 'restart-given-back', why: 'circuit', failedAt: undefined }];
  }
  const failed = answer.kind === 'throttled' || (answer.kind === 'refused' && !isDoubted(answer, attempt));
  if (failed) {
    const row = record.row + (manual ? 0 : 1);
    facts.push({ ...about, type: 'restart-failed', cause: failureName(failure), class: failure.class, row });
  }
  return towardsCircuit ? [...facts, ...openInARow(ledger, answered, failure, failed)] : facts;
}

/** A new owner, or a fresh process: what was in flight when the last one ended is unanswered, and the next poll shows. */
export function takeOverFacts(ledger: Ledger, epoch: number): readonly Fact[] {
  const failure = { class: 'network', message: 'the process ended before the answer came' } as const;
  const answer = { kind: 'unanswered', failure } as const;
  const facts: Fact[] = [{ type: 'owner-gained', epoch }];
  for (const record of ledger.tasks.values()) {
    const { attempt } = record;
    if (attempt?.phase.kind !== 'in-flight') continue;
    const about = aboutAttempt(record, attempt);
    facts.push({ ...about, type: 'restart-answered', answer, durationMs: 0, towardsCircuit: false });
  }
  return facts;
}

/**
 * Whether one answer is enough to open the circuit: the class says so, or the list is refused in such words too. What
 * was said so of a task in a stretch that another's success ended is its own trouble.
 */
function speaksOfAccount({ accountRecord }: Ledger, record: TaskRecord, failure: CallFailure): boolean {
  const { list, restart } = accountRecord.circuits;
  const { restartCircuit } = classMeanings[failure.class];
  if (restartCircuit !== 'opens' && restartCircuit !== 'denies') return false;
  if (list.kind === 'open' && classMeanings[list.failure.class].restartCircuit === restartCircuit) return true;
  return restartCircuit === 'opens' && (restart.kind === 'open' || !record.outage?.failedInStretch);
}

/** Whether this answer is one of those that open the circuit when there are enough of them in a row. */
function countsTowards(
  circuit: RestartCircuit,
  { record, attempt, answer, now }: Answered,
  failure: CallFailure,
): boolean {
  const { restartCircuit } = classMeanings[failure.class];
  if (attempt.trigger === 'manual' || (restartCircuit !== 'counts' && restartCircuit !== 'denies')) return false;
  if (answer.kind !== 'refused' && answer.kind !== 'unanswered') return false;
  if (circuit.kind === 'open') return true;
  const excused = answer.kind === 'unanswered' && now < (circuit.unansweredExcusedUntil ?? 0);
  return !excused && !record.outage?.failedInStretch;
}

const openOrProbed = ({ accountRecord: { circuits } }: Ledger, failure: CallFailure, atOnce: boolean): Fact =>
  circuits.restart.kind === 'closed'
    ? { type: 'circuit-opened', circuit: 'restart', failure, atOnce }
    : { type: 'circuit-probed', circuit: 'restart', failure };

/** Opens the circuit if this answer makes enough of its kind on two tasks, and gives back what failed in that streak. */
function openInARow(
  ledger: Ledger,
  { record: { taskId }, attempt: { id: attemptId }, now: at }: Answered,
  failure: CallFailure,
  failed: boolean,
): Fact[] {
  const { restart } = ledger.accountRecord.circuits;
  if (restart.kind === 'open') return [];
  const denied = classMeanings[failure.class].restartCircuit === 'denies';
  const all: readonly StretchEntry[] = [...restart.streak, { taskId, attemptId, denied, at }];
  const alike = all.filter((entry) => entry.denied === denied);
  const enough = denied ? denialsThatOpen : rowThatOpens;
  if (alike.length < enough || new Set(alike.map((entry) => entry.taskId)).size < tasksThatOpen) return [];
  const facts: Fact[] = [openOrProbed(ledger, failure, false)];
  for (const entry of all) {
    const record = ledger.tasks.get(entry.taskId);
    if (!record) continue;
    const about = aboutAttempt(record, { id: entry.attemptId, trigger: 'auto' });
    const failedAt = entry.attemptId === attemptId ? (failed ? at : undefined) : failedAtOf(ledger, record, entry);
    facts.push({ ...about, type: 'restart-given-back', why: 'circuit', failedAt });
  }
  return facts;
}

/** When an attempt of the streak was settled as failed; undefined while its effect is still awaited. */
function failedAtOf(ledger: Ledger, record: TaskRecord, entry: StretchEntry): number | undefined {
  if (record.attempt?.id === entry.attemptId) return undefined;
  return ledger.budget.find(({ attemptId }) => attemptId === entry.attemptId)?.at;
}

/** A success of its own kind closes the circuit; what failed in the stretch starts afresh, and the storm paces it. */
export function closeRestartCircuit(ledger: Ledger): Fact[] {
  const { restart } = ledger.accountRecord.circuits;
  if (restart.kind === 'closed') return [];
  const facts: Fact[] = [{ type: 'circuit-closed', circuit: 'restart' }];
  for (const taskId of new Set(restart.stretch.map((entry) => entry.taskId))) {
    const record = ledger.tasks.get(taskId);
    if (!record || (record.attempts === 0 && record.row === 0)) continue;
    const { group } = record;
    if (record.stageTold)
      facts.push({ type: 'task-released', taskId, group, by: 'the API works again', cause: 'circuit-closed' });
    facts.push({ type: 'attempts-forgotten', taskId, group });
  }
  return facts;
}

/**
 * It was throttled before in this outage, and other restarts were answered since: the account is not throttled, and
 * nobody else waits for it again.
 */
const isThrottledAlone = ({ accountRecord: { throttle } }: Ledger, { outage }: TaskRecord): boolean =>
  outage?.throttled === true && (throttle?.inRow ?? 0) === 0;

/**
 * The account's restarts wait 5 s × 2^k (≤ 60 s), k the throttled answers in a row, and as long as the cloud asks. Calls
 * that were already out when the wait was set say nothing new, unless the cloud asks for longer.
 */
function throttle(ledger: Ledger, attempt: Attempt, failure: CallFailure, now: number): Fact[] {
  const before = ledger.accountRecord.throttle;
  const askedUntil = now + (failure.retryAfterMs ?? 0);
  const wasOut = before !== undefined && attempt.at < before.setAt;
  if (wasOut && askedUntil <= before.until) return [];
  const waitMs = wasOut ? 0 : Math.min(throttleFirstMs * 2 ** Math.min(before?.inRow ?? 0, 10), throttleMaxMs);
  const until = Math.max(now + waitMs, askedUntil);
  return [{ type: 'restarts-throttled', failure, until }];
}

/** What a failed poll does to the list circuit: some classes open it, and each further failure is a probe. */
export function listFailureFacts({ accountRecord: { circuits } }: Ledger, failure: CallFailure): Fact[] {
  if (circuits.list.kind === 'open') return [{ type: 'circuit-probed', circuit: 'list', failure }];
  if (classMeanings[failure.class].listCircuit !== 'opens') return [];
  return [{ type: 'circuit-opened', circuit: 'list', failure, atOnce: true }];
}

export const closeListCircuit = ({ accountRecord: { circuits } }: Ledger): Fact[] =>
  circuits.list.kind === 'closed' ? [] : [{ type: 'circuit-closed', circuit: 'list' }];

/** While the list circuit is open its probe, the poll, backs off from one gap to five minutes. */
export function nextListProbeAt(ledger: Ledger, pollGapMs: number): number {
  const { list } = ledger.accountRecord.circuits;
  if (list.kind === 'closed') return Number.NEGATIVE_INFINITY;
  return list.lastProbeAt + Math.min(pollGapMs * 2 ** Math.min(list.probes, 10), Math.max(listProbeMaxMs, pollGapMs));
}
