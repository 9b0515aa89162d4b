/** What an event does to the record of its account: polls, circuits, throttling, what was learned. */
import type { Event, EventOf } from '../words/events.ts';
import { classMeanings, type PollTrouble } from '../words/failure.ts';
import { excuseOf } from './condition.ts';
import {
  type AccountRecord,
  emptyAccountRecord,
  excuseUnansweredMs,
  type FailingPolls,
  type RestartCircuit,
  type StretchEntry,
} from './ledger.ts';

const pollDurationsKept = 3;
/** One task alone cannot open the circuit, however often it fails: its streak need not be kept whole. */
const maxStreakKept = 50;

export function applyToAccount(account: AccountRecord, event: Event): AccountRecord {
  const { list, restart } = account.circuits;
  switch (event.type) {
    case 'poll-completed':
      return { ...listed(account, event, event.tasks, event.failedCloudGroups), suspect: undefined };
    case 'poll-suspect':
      return {
        ...listed(account, event, event.before, account.lastComplete?.unlisted ?? []),
        suspect: { since: account.suspect?.since ?? event.at, before: event.before },
        failing: oneMore(account.failing, 'suspect', undefined),
      };
    case 'poll-failed':
      return {
        ...polled(account, event.durationMs),
        failing: oneMore(account.failing, event.failure.class, event.failure.code),
      };
    case 'polls-failing': {
      const { since, class: trouble, code } = event;
      const { failing } = account;
      if (failing && failing.endedAt === undefined) return account;
      const begun = { since, polls: 0, class: trouble, code, classes: [trouble], endedAt: undefined };
      return { ...account, failing: begun };
    }
    case 'polls-recovered':
      return { ...account, failing: account.failing && { ...account.failing, endedAt: event.at } };
    case 'restarts-throttled': {
      const { at: setAt, until, failure } = event;
      const { inRow = 0, until: before = 0 } = account.throttle ?? {};
      // Calls that were out together count once.
      const row = setAt < before ? Math.max(inRow, 1) : inRow + 1;
      return { ...account, throttle: { inRow: row, setAt, until, unreached: classMeanings[failure.class].unreached } };
    }
    case 'action-retired':
      return { ...account, retiredActions: [...new Set([...account.retiredActions, event.from])] };
    case 'region-found':
      return { ...account, region: event.region };
    case 'circuit-opened': {
      const { at, failure } = event;
      const open = { kind: 'open', since: at, failure, lastProbeAt: at } as const;
      if (event.circuit === 'list') return withCircuits(account, { list: { ...open, probes: 0 } });
      const stretch = restart.kind === 'closed' ? restart.streak : restart.stretch;
      return withCircuits(account, { restart: { ...open, stretch } });
    }
    case 'circuit-probed': {
      const { at: lastProbeAt, failure } = event;
      if (event.circuit === 'list' && list.kind === 'open')
        return withCircuits(account, { list: { ...list, failure, probes: list.probes + 1, lastProbeAt } });
      if (event.circuit === 'restart' && restart.kind === 'open')
        return withCircuits(account, { restart: { ...restart, failure, lastProbeAt } });
      return account;
    }
    case 'circuit-closed':
      return withCircuits(account, { [event.circuit]: emptyAccountRecord.circuits[event.circuit] });
    case 'restart-intended':
      if (restart.kind === 'closed' || !event.probe || event.trigger === 'manual') return account;
      return withCircuits(account, { restart: { ...restart, lastProbeAt: event.at } });
    case 'restart-answered': {
      const { throttle } = account;
      const calmer =
        throttle && !excuseOf(event.answer) ? { ...account, throttle: { ...throttle, inRow: 0 } } : account;
      const after = afterAnswer(restart, event);
      return after === restart ? calmer : withCircuits(calmer, { restart: after });
    }
    case 'restart-given-back':
      if (restart.kind === 'closed' || event.why !== 'circuit') return account;
      return withCircuits(account, { restart: { ...restart, stretch: oneMoreTried(restart.stretch, event) } });
    case 'restart-worked':
      if (restart.kind === 'open' || !event.unanswered) return account;
      return withCircuits(account, {
        restart: { ...restart, streak: [], unansweredExcusedUntil: event.at + excuseUnansweredMs },
      });
    default:
      return account;
  }
}

function oneMore(
  failing: FailingPolls | undefined,
  trouble: PollTrouble,
  code: string | undefined,
): FailingPolls | undefined {
  if (!failing || failing.endedAt !== undefined) return failing;
  const classes = failing.classes.includes(trouble) ? failing.classes : [...failing.classes, trouble];
  return { ...failing, polls: failing.polls + 1, class: trouble, code, classes };
}

const polled = (account: AccountRecord, durationMs: number): AccountRecord => ({
  ...account,
  pollDurationsMs: [...account.pollDurationsMs, durationMs].slice(-pollDurationsKept),
});

/** The number of tasks, and the cloud groups that lack, are what the next list is compared with. */
const listed = (
  account: AccountRecord,
  { durationMs, startedAt, at: finishedAt }: EventOf<'poll-completed' | 'poll-suspect'>,
  tasks: number,
  unlisted: readonly string[],
): AccountRecord => ({
  ...polled(account, durationMs),
  lastComplete: { startedAt, finishedAt, tasks, unlisted },
});

/** What an answer does to the streak that may open the circuit. */
function afterAnswer(circuit: RestartCircuit, event: EventOf<'restart-answered'>): RestartCircuit {
  if (circuit.kind === 'open') return circuit;
  if (event.answer.kind === 'accepted') return { ...circuit, streak: [] };
  if (!event.towardsCircuit) return circuit;
  const { taskId, attemptId, at } = event;
  const denied = classMeanings[event.answer.failure.class].restartCircuit === 'denies';
  return { ...circuit, streak: [...circuit.streak, { taskId, attemptId, denied, at }].slice(-maxStreakKept) };
}

/** The stretch after one more attempt; those that opened it are in it already, with the time of their answer. */
function oneMoreTried(
  stretch: readonly StretchEntry[],
  { taskId, attemptId, at }: EventOf<'restart-given-back'>,
): readonly StretchEntry[] {
  if (stretch.some((entry) => entry.attemptId === attemptId)) return stretch;
  return [...stretch.filter((entry) => entry.taskId !== taskId), { taskId, attemptId, denied: false, at }];
}

const withCircuits = (account: AccountRecord, changed: Partial<AccountRecord['circuits']>): AccountRecord => ({
  ...account,
  circuits: { ...account.circuits, ...changed },
});
