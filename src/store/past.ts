/**
 * Stored times in the future are taken as now (design section 5): a clock that ran ahead when they were written must
 * not make anybody wait for it. The cloud's own times (StartTime, EndTime) and an operator's end of a hold are not ours
 * to change.
 */

import type { AccountRecord, Attempt, Circuit, Outage, StretchEntry, TaskRecord } from '../domain/memory/ledger.ts';
import type { Hold } from '../domain/words/events.ts';

/** How far ahead of a fact "excused until" can lie: unanswered restarts are excused for 10 minutes (design section 5). */
const excusedMs = 10 * 60_000;

const past = <T extends number | undefined>(at: T, now: number): T => (at !== undefined && at > now ? (now as T) : at);

/** The record itself if nothing in it lies in the future. */
export function pastTask(record: TaskRecord, now: number): TaskRecord {
  if (newestOf(record) <= now) return record;
  return {
    ...record,
    item: { ...record.item, requestedAt: past(record.item.requestedAt, now) },
    firstSeenAt: past(record.firstSeenAt, now),
    changedAt: past(record.changedAt, now),
    activeSince: past(record.activeSince, now),
    missing: record.missing && { ...record.missing, since: past(record.missing.since, now) },
    goneAt: past(record.goneAt, now),
    failedAt: record.failedAt.map((at) => past(at, now)),
    lastTryAt: past(record.lastTryAt, now),
    attempt: record.attempt && pastAttempt(record.attempt, now),
    outage: record.outage && pastOutage(record.outage, now),
  };
}

function newestOf({ item, attempt, outage, missing, ...record }: TaskRecord): number {
  return Math.max(
    item.requestedAt,
    record.firstSeenAt,
    record.changedAt,
    record.activeSince ?? 0,
    missing?.since ?? 0,
    record.goneAt ?? 0,
    record.lastTryAt ?? 0,
    ...record.failedAt,
    attempt?.at ?? 0,
    attempt?.previousTryAt ?? 0,
    attempt ? phaseTime(attempt) : 0,
    outage?.since ?? 0,
    outage?.lastEffectAt ?? 0,
    outage?.activeAt ?? 0,
  );
}

function phaseTime({ phase }: Attempt): number {
  if (phase.kind === 'in-flight') return 0;
  return phase.kind === 'holding' ? phase.activeAt : phase.from;
}

function pastAttempt(attempt: Attempt, now: number): Attempt {
  const { phase } = attempt;
  return {
    ...attempt,
    at: past(attempt.at, now),
    previousTryAt: past(attempt.previousTryAt, now),
    phase:
      phase.kind === 'in-flight'
        ? phase
        : phase.kind === 'holding'
          ? { ...phase, activeAt: past(phase.activeAt, now) }
          : { ...phase, from: past(phase.from, now) },
  };
}

const pastOutage = (outage: Outage, now: number): Outage => ({
  ...outage,
  since: past(outage.since, now),
  lastEffectAt: past(outage.lastEffectAt, now),
  activeAt: past(outage.activeAt, now),
});

export function pastAccount(record: AccountRecord, now: number): AccountRecord {
  const { lastComplete, suspect, throttle, circuits } = record;
  return {
    ...record,
    lastComplete: lastComplete && {
      ...lastComplete,
      startedAt: past(lastComplete.startedAt, now),
      finishedAt: past(lastComplete.finishedAt, now),
    },
    suspect: suspect && { ...suspect, since: past(suspect.since, now) },
    // Its length is the fact; it counts from when it was set.
    throttle: throttle && {
      ...throttle,
      setAt: past(throttle.setAt, now),
      until: throttle.until - throttle.setAt + past(throttle.setAt, now),
    },
    circuits: { list: pastCircuit(circuits.list, now), restart: pastCircuit(circuits.restart, now) },
  };
}

function pastCircuit(circuit: Circuit, now: number): Circuit {
  const pastEntries = (entries: readonly StretchEntry[]) =>
    entries.map((entry) => ({ ...entry, at: past(entry.at, now) }));
  if (circuit.kind === 'closed') {
    const { unansweredExcusedUntil } = circuit;
    return {
      ...circuit,
      streak: pastEntries(circuit.streak),
      unansweredExcusedUntil: past(unansweredExcusedUntil, now + excusedMs),
    };
  }
  return {
    ...circuit,
    since: past(circuit.since, now),
    lastProbeAt: past(circuit.lastProbeAt, now),
    stretch: pastEntries(circuit.stretch),
  };
}

export const pastHold = (hold: Hold, now: number): Hold => ({ ...hold, createdAt: past(hold.createdAt, now) });
