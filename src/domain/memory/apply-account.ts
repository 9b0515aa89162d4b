/** What an event does to the record of its account: polls, circuits, throttling, what was learned. */
import type { Event, TaskEvent } from '../words/events.ts';
import { classMeanings } from '../words/failure.ts';
import { type AccountRecord, type Circuit, excuseUnansweredMs, type StretchEntry } from './ledger.ts';

const pollDurationsKept = 3;
/** One task alone cannot open the circuit, however often it fails: its streak need not be kept whole. */
const maxStreakKept = 50;

/** The record of the account after one event. */
export function applyToAccount(account: AccountRecord, event: Event): AccountRecord {
  switch (event.type) {
    case 'poll-completed':
      return {
        ...polled(account, event.durationMs),
        lastComplete: { startedAt: event.startedAt, finishedAt: event.at, tasks: event.tasks },
        suspect: undefined,
      };
    case 'poll-suspect':
      return {
        ...polled(account, event.durationMs),
        lastComplete: { startedAt: event.startedAt, finishedAt: event.at, tasks: event.before },
        suspect: { since: account.suspect?.since ?? event.at, before: event.before },
      };
    case 'poll-failed':
      return polled(account, event.durationMs);
    case 'restarts-throttled':
      return {
        ...account,
        throttle: { inRow: (account.throttle?.inRow ?? 0) + 1, setAt: event.at, until: event.until },
      };
    case 'action-retired':
      return { ...account, retiredActions: [...new Set([...account.retiredActions, event.from])] };
    case 'circuit-opened':
    case 'circuit-probed':
    case 'circuit-closed':
    case 'restart-intended':
    case 'restart-answered':
    case 'restart-given-back':
    case 'restart-worked':
      return applyToCircuits(account, event);
    default:
      return account;
  }
}

const polled = (account: AccountRecord, durationMs: number): AccountRecord => ({
  ...account,
  pollDurationsMs: [...account.pollDurationsMs, durationMs].slice(-pollDurationsKept),
});

const closed: Circuit = { kind: 'closed', streak: [], unansweredExcusedUntil: undefined };

function applyToCircuits(account: AccountRecord, event: Event): AccountRecord {
  const { restart } = account.circuits;
  switch (event.type) {
    case 'circuit-opened': {
      const before = account.circuits[event.circuit];
      const stretch = before.kind === 'closed' ? before.streak : before.stretch;
      const { at, failure, atOnce } = event;
      return withCircuit(account, event.circuit, {
        kind: 'open',
        since: at,
        failure,
        atOnce,
        probes: 0,
        lastProbeAt: at,
        stretch,
      });
    }
    case 'circuit-probed': {
      const before = account.circuits[event.circuit];
      if (before.kind === 'closed') return account;
      const { at, failure } = event;
      const atOnce = classMeanings[failure.class].needsPerson;
      const probes = before.probes + 1;
      return withCircuit(account, event.circuit, { ...before, failure, atOnce, probes, lastProbeAt: at });
    }
    case 'circuit-closed':
      return withCircuit(account, event.circuit, closed);
    case 'restart-intended':
      if (restart.kind === 'closed' || !event.probe) return account;
      return withCircuit(account, 'restart', { ...restart, lastProbeAt: event.at });
    case 'restart-answered': {
      const { throttle } = account;
      const throttled = event.answer.kind === 'throttled' || event.answer.kind === 'not-sent';
      const calmer = throttle && !throttled ? { ...account, throttle: { ...throttle, inRow: 0 } } : account;
      return withCircuit(calmer, 'restart', afterAnswer(restart, event));
    }
    case 'restart-given-back':
      if (restart.kind === 'closed' || event.why !== 'circuit') return account;
      return withCircuit(account, 'restart', { ...restart, stretch: triedIn(restart.stretch, event) });
    case 'restart-worked':
      return restart.kind === 'closed' && event.unanswered
        ? withCircuit(account, 'restart', {
            ...restart,
            streak: [],
            unansweredExcusedUntil: event.at + excuseUnansweredMs,
          })
        : account;
    default:
      return account;
  }
}

/** What an answer does to the row of failures that may open the circuit. */
function afterAnswer(circuit: Circuit, event: Extract<TaskEvent, { type: 'restart-answered' }>): Circuit {
  if (circuit.kind === 'open') return circuit;
  if (event.answer.kind === 'accepted') return { ...circuit, streak: [] };
  if (!event.towardsCircuit) return circuit;
  const { taskId, attemptId, at } = event;
  return { ...circuit, streak: [...circuit.streak, { taskId, attemptId, at }].slice(-maxStreakKept) };
}

/** The stretch after one more try; those that opened it are in it already, with the time of their answer. */
function triedIn(
  stretch: readonly StretchEntry[],
  { taskId, attemptId, at }: Extract<TaskEvent, { type: 'restart-given-back' }>,
): readonly StretchEntry[] {
  if (stretch.some((entry) => entry.attemptId === attemptId)) return stretch;
  return [...stretch.filter((entry) => entry.taskId !== taskId), { taskId, attemptId, at }];
}

const withCircuit = (account: AccountRecord, name: 'list' | 'restart', circuit: Circuit): AccountRecord =>
  account.circuits[name] === circuit ? account : { ...account, circuits: { ...account.circuits, [name]: circuit } };
