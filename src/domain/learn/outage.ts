/**
 * What a list says about one task: what changed, what became of the awaited attempt, whether an outage opened or
 * ended. Each fact goes to memory as it is found, so that the next question already builds on it.
 */

import { aboutAttempt, downSince, givenUp, hasEnded, isOnLeave, isOverdue, isWanted } from '../memory/condition.ts';
import type { Attempt, TaskRecord } from '../memory/ledger.ts';
import type { Memory } from '../memory/memory.ts';
import type { Situation } from '../memory/situation.ts';
import { byCloud } from '../words/cloud-time.ts';
import type { Ending, Fact } from '../words/events.ts';
import { groupOf, type Policy } from '../words/policy.ts';
import { showsTheSame, type TaskItem } from '../words/task.ts';
import { closeRestartCircuit } from './circuit.ts';

/** An outage that ends with the task seen active so long after an attempt is called recovered, later: external. */
const recoveredWithinMs = 10 * 60_000;
const goneAfterObservations = 3;
const goneAfterMs = 60 * 60_000;

/** One task, and its record as it stands after each new fact. */
class Facts {
  record: TaskRecord;
  readonly situation: Situation;
  readonly #memory: Memory;

  constructor(memory: Memory, situation: Situation, record: TaskRecord) {
    this.record = record;
    this.situation = situation;
    this.#memory = memory;
  }

  get about() {
    const { taskId, group } = this.record;
    return { taskId, group } as const;
  }

  tell(...facts: readonly Fact[]): void {
    this.#memory.tell(this.situation.now, ...facts);
    this.record = this.#memory.ledger.tasks.get(this.record.taskId) ?? this.record;
  }
}

/** A complete observation shows the task. */
export function tellShown(memory: Memory, situation: Situation, known: TaskRecord | undefined, item: TaskItem): void {
  const policy = groupOf(situation.policies, item);
  if (!known) {
    const { taskId } = item;
    memory.tell(situation.now, { type: 'task-found', taskId, group: policy?.name, item });
    const found = memory.ledger.tasks.get(taskId);
    if (found && item.status !== 'active' && policy) openOrEnd(new Facts(memory, situation, found), policy);
    return;
  }
  // A page that was asked for before a look saw the task run: it says nothing of now.
  const upAt = known.outage?.activeAt;
  if (item.status === 'stopped' && upAt !== undefined && item.requestedAt <= upAt) return;
  const nothingNew = saysNothingNew(known, item, policy);
  if (nothingNew && isQuiet(known, item)) return;
  const facts = new Facts(memory, situation, known);
  if (!nothingNew) learn(facts, known, item, policy);
  settle(facts, item, policy);
  endIfProved(facts, item, policy);
  forget(facts, item, policy);
  openOrEnd(facts, policy);
  if (policy) tellStage(facts, policy);
}

/** A look that only verifies: it settles attempts, and nothing else. */
export function tellVerified(memory: Memory, situation: Situation, known: TaskRecord, item: TaskItem): void {
  if (!known.attempt) return;
  const policy = situation.policyOf.get(known.group);
  const facts = new Facts(memory, situation, known);
  settle(facts, item, policy);
  if (policy) tellStage(facts, policy);
}

/** A complete observation lacks the task. `counts` is false when absence says nothing (drift). */
export function tellMissed(memory: Memory, situation: Situation, record: TaskRecord, counts: boolean): void {
  const { now, cloudNow, policyOf } = situation;
  const facts = new Facts(memory, situation, record);
  facts.tell({ ...facts.about, type: 'task-missed', counts });
  const { missing } = facts.record;
  const policy = policyOf.get(record.group);
  endIfUnmanaged(facts);
  if (hasEnded(facts.record, cloudNow)) end(facts, 'ended', now, policy);
  if (missing && (missing.counted >= goneAfterObservations || now - missing.since >= goneAfterMs)) {
    end(facts, 'gone', now, policy);
    lapse(facts);
    facts.tell({ ...facts.about, type: 'task-gone' });
  }
}

/** Another group has the task now, or none: by its own change, or by a new configuration. */
export const movedFact = ({ taskId, group: from }: TaskRecord, policy: Policy | undefined): Fact => ({
  taskId,
  group: policy?.name,
  type: 'task-moved',
  from,
});

/** The item says only what is known already: it need not be written down again. */
function saysNothingNew(record: TaskRecord, item: TaskItem, policy: Policy | undefined): boolean {
  const { item: before, outage } = record;
  if (record.group !== policy?.name || record.missing || record.goneAt !== undefined) return false;
  if (item.status === 'active' && record.activeSince === undefined) return false;
  if (outage && (item.status === 'unknown' || (item.status !== 'stopped' && outage.activeAt === undefined)))
    return false;
  if (item.status === 'stopped' && policy && outage) {
    const counted = outage.activeAt === undefined && outage.sights >= policy.confirm;
    if (!counted) return false;
  }
  return showsTheSame(before, item);
}

/** Nothing is awaited of the task, and nothing about it depends on the time of day. */
const isQuiet = ({ outage, attempt, attempts, row, shadow }: TaskRecord, { status }: TaskItem): boolean =>
  !outage && !attempt && attempts === 0 && row === 0 && !shadow && status !== 'stopped' && status !== 'not-started';

/** Nothing is awaited of it: if it is shown again as it is, nobody will ask when. */
export const isSettled = (record: TaskRecord): boolean =>
  isQuiet(record, record.item) &&
  !record.missing &&
  record.goneAt === undefined &&
  (record.item.status !== 'active' || record.activeSince !== undefined);

function learn(facts: Facts, known: TaskRecord, item: TaskItem, policy: Policy | undefined): void {
  const { record } = facts;
  const before = record.item;
  const fields: ('startTime' | 'endTime' | 'source')[] = [];
  if (before.startsAt !== item.startsAt) fields.push('startTime');
  if (before.endsAt !== item.endsAt) fields.push('endTime');
  if (before.source !== item.source) fields.push('source');
  facts.tell({ ...facts.about, type: 'task-seen', item });
  if (known.group !== policy?.name) facts.tell(movedFact(facts.record, policy));
  if (fields.length > 0) facts.tell({ ...facts.about, type: 'task-edited', fields });
  const stage = policy && givenUp(facts.record, policy)?.stage;
  if (known.stageTold !== 'abandoned' && stage !== 'abandoned') return;
  if (item.status === 'active')
    facts.tell({ ...facts.about, type: 'task-released', by: 'seen active', cause: 'seen-active' });
  else if (fields.length > 0)
    facts.tell({ ...facts.about, type: 'task-released', by: `${fields.join(', ')} changed`, cause: 'edited' });
}

/**
 * What became of the attempt whose effect is awaited, by an item requested after its answer. The life of an attempt,
 * each way with its event; where a way ends, the record has no attempt any more:
 *
 *   restart-intended (saved, then the call is sent)
 *        ▼
 *    in-flight ── restart-given-back: not saved, not sent, throttled, or the circuit is open ──▶ end
 *        │ restart-answered
 *        ├─ refused ── restart-failed ──▶ end
 *        ├─ refused, which is also said of a task that runs ──▶ doubted
 *        │      ├─ runs ── restart-lapsed ──▶ end
 *        │      └─ stopped ── restart-failed ──▶ end
 *        └─ accepted, or unanswered ──▶ verifying
 *               ├─ stopped after verifyWithin ── restart-failed (not-recovered) ──▶ end
 *               └─ runs ── restart-worked ──▶ proving
 *                      ├─ stopped ── restart-failed (stopped-again) ──▶ end
 *                      └─ runs after verifyWithin ── restart-proved ──▶ end
 *
 * In flight nothing but the answer counts: the last owner's is taken as unanswered. In every other phase the attempt ends
 * with restart-lapsed when its task ends, is gone or unmanaged for ten minutes, and with outage-ended. A circuit that
 * opens gives back what is verifying or proving, too (restart-given-back): its effect is awaited all the same, and what
 * would be restart-failed is restart-lapsed.
 */
function settle(facts: Facts, item: TaskItem, policy: Policy | undefined): void {
  const { attempt } = facts.record;
  if ((!policy && !isOnLeave(facts.record, facts.situation.now)) || item.status === 'ended') lapse(facts);
  if (!attempt || !policy || item.status === 'unknown' || item.status === 'ended') return;
  const { phase } = attempt;
  const stopped = item.status === 'stopped';
  const about = aboutAttempt(facts.record, attempt);
  switch (phase.kind) {
    case 'in-flight':
      return;
    case 'doubted':
      if (item.requestedAt <= phase.from) return;
      if (stopped) fail(facts, attempt, phase.code);
      else facts.tell({ ...about, type: 'restart-lapsed', activeAt: item.requestedAt });
      return;
    case 'verifying':
      if (item.requestedAt <= phase.from) return;
      if (!stopped) {
        const unanswered = phase.answer === 'unanswered';
        // The circuit closes first: the next fact excuses unanswered calls, and only a closed circuit has such excuses.
        if (unanswered) facts.tell(...closeRestartCircuit(facts.situation.ledger));
        facts.tell({ ...about, type: 'restart-worked', activeAt: item.requestedAt, unanswered });
      } else if (item.requestedAt > phase.from + policy.verifyWithinMs) fail(facts, attempt, 'not-recovered');
      return;
    case 'proving':
      if (item.requestedAt <= phase.activeAt) return;
      if (stopped) fail(facts, attempt, 'stopped-again');
      else if (item.requestedAt >= phase.activeAt + policy.verifyWithinMs)
        facts.tell({ ...about, type: 'restart-proved' });
      return;
    default:
      phase satisfies never;
  }
}

/** No rule restarts the task any more: nobody waits for the effect, but the answer to a call on its way still comes. */
function lapse(facts: Facts): void {
  const { attempt } = facts.record;
  if (attempt && attempt.phase.kind !== 'in-flight')
    facts.tell({ ...aboutAttempt(facts.record, attempt), type: 'restart-lapsed' });
}

function fail(facts: Facts, attempt: Attempt, cause: string): void {
  const about = aboutAttempt(facts.record, attempt);
  if (attempt.givenBack)
    facts.tell({ ...about, type: 'restart-lapsed', stoppedAgain: attempt.phase.kind === 'proving' });
  else {
    const row = facts.record.row + (attempt.trigger === 'manual' ? 0 : 1);
    facts.tell({ ...about, type: 'restart-failed', cause, class: undefined, row });
  }
}

/** An outage whose task was seen active is over once it has stayed so for `verifyWithin`. */
function endIfProved(facts: Facts, item: TaskItem, policy: Policy | undefined): void {
  const { outage } = facts.record;
  if (outage?.activeAt === undefined || !policy || item.status === 'stopped' || item.status === 'unknown') return;
  if (item.status === 'ended' || item.requestedAt < outage.activeAt + policy.verifyWithinMs) return;
  const { activeAt, lastEffectAt } = outage;
  const recovered = lastEffectAt !== undefined && activeAt - lastEffectAt <= recoveredWithinMs;
  end(facts, recovered ? 'recovered' : 'external', activeAt, policy);
}

function end(facts: Facts, ending: Ending, endedAt: number, policy: Policy | undefined): void {
  const { outage } = facts.record;
  const { clockOffsetMs } = facts.situation;
  if (!outage) return;
  const clocks = { cloudNow: byCloud(endedAt, clockOffsetMs), clockOffsetMs };
  const since = policy ? downSince(facts.record, policy, clocks) : outage.since;
  const durationMs = Math.max(0, endedAt - since);
  const group = facts.record.group ?? facts.record.left?.group;
  facts.tell({ ...facts.about, group, type: 'outage-ended', outageId: outage.id, ending, durationMs });
}

/** An outage of a task that no group has is over when none had it for ten minutes; as long as some group had it. */
function endIfUnmanaged(facts: Facts): void {
  const { now } = facts.situation;
  const { group, left } = facts.record;
  if (group === undefined && !isOnLeave(facts.record, now)) end(facts, 'unmanaged', left?.at ?? now, undefined);
}

function forget(facts: Facts, item: TaskItem, policy: Policy | undefined): void {
  const { record } = facts;
  const { activeSince, attempts, row, shadow } = record;
  if (item.status !== 'active' || activeSince === undefined || (attempts === 0 && row === 0 && !shadow)) return;
  if (policy ? item.requestedAt - activeSince < policy.backoff.resetAfterMs : isOnLeave(record, facts.situation.now))
    return;
  facts.tell({ ...facts.about, type: 'attempts-forgotten' });
}

function openOrEnd(facts: Facts, policy: Policy | undefined): void {
  const { record } = facts;
  const { now, cloudNow } = facts.situation;
  const ended = hasEnded(record, cloudNow);
  if (ended) end(facts, 'ended', now, policy);
  endIfUnmanaged(facts);
  if (!policy || ended) return;
  if (record.item.status === 'stopped' && !record.outage && isWanted(record, policy, cloudNow))
    facts.tell({
      ...facts.about,
      group: policy.name,
      type: 'outage-opened',
      outageId: `${record.taskId}@${now}`,
      firstSight: record.stoppedAtFirstSight,
    });
  const { startsAt } = record.item;
  if (startsAt !== undefined && record.overdueTold !== startsAt && isOverdue(record, cloudNow))
    facts.tell({ ...facts.about, type: 'task-overdue', startsAt });
}

/**
 * A fact, once, when a task enters quarantine or is abandoned, and when it is so no longer though its failures still
 * count: the policy in force has another limit, or some were given back. Being given up again is a fact again.
 */
function tellStage(facts: Facts, policy: Policy): void {
  const { record } = facts;
  if (record.item.status !== 'stopped') return;
  const stage = givenUp(record, policy)?.stage;
  const { stageTold } = record;
  if (stage === stageTold) return;
  if (stage === undefined || stageTold === 'abandoned')
    facts.tell({ ...facts.about, type: 'task-released', by: 'the policy in force', cause: 'too-few-failures' });
  if (stage === undefined) return;
  const about = { ...facts.about, group: policy.name, failures: record.row };
  facts.tell({ ...about, type: stage === 'abandoned' ? 'task-abandoned' : 'task-quarantined' });
}
