/**
 * Every reason to wait, in the order of authority. Each rule answers "not before when?" for a stopped task:
 * the first that says no is the reason shown, the latest of all times is when to look again.
 *
 * A new reason is a row and its sentences in `words/reason.ts`, its rule here, and rows in the table test; its key of the
 * policy stands in `words/policy.ts` and `settings/schema.ts`.
 */

import { givenUp, hasEnded, isObserved } from '../memory/condition.ts';
import { endOf, holdOver } from '../memory/holds.ts';
import type { TaskRecord } from '../memory/ledger.ts';
import type { Situation } from '../memory/situation.ts';
import { passesStorms, patienceMs } from '../memory/windows.ts';
import { byOurs, plus } from '../words/cloud-time.ts';
import { type CallFailure, classMeanings, failureName } from '../words/failure.ts';
import { hashOf } from '../words/hash.ts';
import { openingAt } from '../words/hours.ts';
import { entryOf, type Policy } from '../words/policy.ts';
import { type Objection, type Reason, reasons } from '../words/reason.ts';

const never = Number.POSITIVE_INFINITY;
/** How often an open restart circuit is probed; and how often if a single answer opened it (`restartCircuit: 'opens'`). */
const probeEveryMs = 30_000;
const probeAtOnceEveryMs = 5 * 60_000;
/** Tasks, cloud groups or groups, as many as the answers in a row that open the circuit. */
const triedThatShow = 5;

/** Backoff before attempt n, without jitter; the first is at once. */
export function backoffMs({ backoff }: Policy, n: number): number {
  if (n < 2) return 0;
  return Math.min(backoff.initialMs * backoff.factor ** (n - 2), backoff.maxMs);
}

const jittered = (ms: number, { backoff }: Policy, taskId: string, n: number): number =>
  Math.round(ms * (1 + (backoff.jitterPercent / 100) * hashOf(taskId, n)));

const opensAtOnce = (failure: CallFailure): boolean => classMeanings[failure.class].restartCircuit === 'opens';

/**
 * When an open restart circuit may be probed with the task. While fewer than `triedThatShow` tasks (or cloud groups, or
 * groups) failed so, the trouble may be theirs alone, and a task that is none of them probes at once. After that it counts
 * as the account's, and probes are spaced out. A task that still ran when the circuit opened may show that the trouble is
 * over: before its first probe it waits no longer than `probeEveryMs`, whatever opened the circuit.
 */
export function probeNotBefore({ taskId, item, group, outage }: TaskRecord, { ledger, tried }: Situation): number {
  const { restart } = ledger.accountRecord.circuits;
  if (restart.kind === 'closed' || !tried) return Number.NEGATIVE_INFINITY;
  const { tasks, cloudGroups, groups } = tried;
  const untried = !tasks.has(taskId);
  const another = tasks.size < triedThatShow && untried;
  const elsewhere =
    (cloudGroups.size < triedThatShow && !cloudGroups.has(item.cloudGroup)) ||
    (groups.size < triedThatShow && !groups.has(group));
  if (another || elsewhere) return restart.since;
  const ranThen = untried && (outage?.since ?? 0) > restart.since;
  return restart.lastProbeAt + (opensAtOnce(restart.failure) && !ranThen ? probeAtOnceEveryMs : probeEveryMs);
}

/**
 * Which restart would go for an observed task, and not before when: as far apart as if each were accepted and did not
 * help, so that they show what healing would cost.
 */
function nextShadow(
  { taskId, shadow }: TaskRecord,
  policy: Policy,
): { readonly n: number; readonly notBefore: number } {
  if (!shadow) return { n: 1, notBefore: Number.NEGATIVE_INFINITY };
  const n = shadow.n + 1;
  const pauseMs = n > policy.attempts ? policy.quarantine.retryEveryMs : backoffMs(policy, n);
  return { n, notBefore: shadow.at + Math.max(jittered(pauseMs, policy, taskId, n), policy.verifyWithinMs) };
}

// ---- the rules -------------------------------------------------------------------------------------------------

/** The task a rule is asked about. `policy` is undefined for an unmanaged one. */
interface Asked {
  readonly record: TaskRecord;
  readonly policy: Policy | undefined;
  readonly situation: Situation;
}

/** Not before then; undefined: nothing against it. Infinity: never. */
type Rule = (asked: Asked) => { readonly notBefore: number; readonly objection: Objection } | undefined;

const no = (notBefore: number, objection: Objection) => ({ notBefore, objection });

/** Holds only once there is a policy: the rules below `unmanaged` are not asked without one. */
const under = (rule: (record: TaskRecord, policy: Policy, situation: Situation) => ReturnType<Rule>): Rule => {
  return ({ record, policy, situation }) => (policy ? rule(record, policy, situation) : undefined);
};

export const rules: Readonly<Record<Reason, Rule>> = {
  unmanaged: ({ policy, record, situation }) => (policy ? undefined : no(never, whyUnmanaged(record, situation))),
  ended: ({ record, situation }) => (hasEnded(record, situation.cloudNow) ? no(never, { kind: 'ended' }) : undefined),
  'unknown-status': ({ record }) =>
    record.item.status === 'unknown'
      ? no(never, { kind: 'unknown-status', statusText: record.item.statusText })
      : undefined,
  standby: ({ situation: { ledger, storeFails, nextPollAt } }) => {
    if (!ledger.owned && !ledger.followed) return no(nextPollAt, { kind: 'not-owner' });
    return storeFails ? no(nextPollAt, { kind: 'store-fails' }) : undefined;
  },
  blind: ({ record, situation }) => blind(record, situation),
  circuit: ({ record, situation }) => {
    const { list, restart } = situation.ledger.accountRecord.circuits;
    if (list.kind === 'open')
      return no(situation.nextPollAt, { kind: 'list-refused', failure: failureName(list.failure) });
    if (restart.kind === 'closed') return undefined;
    return no(probeNotBefore(record, situation), { kind: 'restarts-refused', failure: failureName(restart.failure) });
  },
  held: under((record, _policy, situation) => {
    const hold = holdOver(situation, record);
    return hold && no(endOf(hold), { kind: 'held', author: hold.author, reason: hold.reason });
  }),
  'outside-hours': under((_record, policy, { cloudNow, clockOffsetMs }) => {
    const opening = openingAt(policy.hours, cloudNow);
    return opening.open ? undefined : no(byOurs(opening.until, clockOffsetMs), { kind: 'outside-hours' });
  }),
  'before-start': under(({ item }, policy, { cloudNow, clockOffsetMs }) => {
    const from = item.startsAt && plus(item.startsAt, -policy.startLeadMs);
    if (from === undefined || from <= cloudNow) return undefined;
    return no(byOurs(from, clockOffsetMs), { kind: 'before-start' });
  }),
  'near-end': under(({ item }, policy, { cloudNow }) => {
    const tooLate = item.endsAt !== undefined && cloudNow >= plus(item.endsAt, -policy.endGuardMs);
    return tooLate ? no(never, { kind: 'near-end' }) : undefined;
  }),
  confirming: under(({ outage }, policy, { nextPollAt }) => {
    const sights = outage?.sights ?? 0;
    if ((outage?.attempts ?? 0) > 0 || sights >= policy.confirm) return undefined;
    return no(nextPollAt, { kind: 'too-few-sights', sights, confirm: policy.confirm });
  }),
  observing: under((record, policy, { now }) => {
    if (!isObserved(record, policy)) return undefined;
    const { n, notBefore } = nextShadow(record, policy);
    const why = policy.mode === 'observe' ? 'mode' : 'first-sight';
    return no(never, { kind: 'observed', why, n, at: notBefore <= now ? null : notBefore });
  }),
  'in-flight': under(({ attempt }, _policy, { nextPollAt }) =>
    attempt?.phase.kind === 'in-flight' ? no(nextPollAt, { kind: 'in-flight' }) : undefined,
  ),
  verifying: under(({ attempt }, policy, { now, nextPollAt, pollGapMs }) => {
    if (attempt?.phase.kind !== 'verifying' && attempt?.phase.kind !== 'doubted') return undefined;
    const { phase } = attempt;
    const said =
      phase.kind === 'doubted' ? ({ answer: 'refused', code: phase.code } as const) : { answer: phase.answer };
    const awaited = (awaits: 'effect' | 'next-poll' | 'any-list') => ({ kind: 'awaited', said, awaits }) as const;
    if (now >= phase.from + patienceMs(policy, pollGapMs)) return no(nextPollAt, awaited('any-list'));
    return phase.kind === 'doubted'
      ? no(nextPollAt, awaited('next-poll'))
      : no(phase.from + policy.verifyWithinMs, awaited('effect'));
  }),
  backoff: under((record, policy, { now, throttledUntil = 0 }) => {
    const n = record.attempts + 1;
    const paced = record.lastAttemptAt !== undefined && !givenUp(record, policy);
    const ownUntil = paced ? record.lastAttemptAt + jittered(backoffMs(policy, n), policy, record.taskId, n) : 0;
    if (Math.max(ownUntil, throttledUntil) <= now) return undefined;
    return ownUntil >= throttledUntil
      ? no(ownUntil, { kind: 'backoff', n })
      : no(throttledUntil, { kind: 'throttled' });
  }),
  quarantined: under((record, policy, { now }) => {
    const stage = givenUp(record, policy);
    if (stage?.stage !== 'quarantined') return undefined;
    const { retryEveryMs } = policy.quarantine;
    const notBefore =
      (record.lastAttemptAt ?? stage.since) + jittered(retryEveryMs, policy, record.taskId, record.attempts + 1);
    return notBefore > now ? no(notBefore, { kind: 'quarantined', row: record.row }) : undefined;
  }),
  abandoned: under((record, policy) =>
    givenUp(record, policy)?.stage === 'abandoned' ? no(never, { kind: 'abandoned', row: record.row }) : undefined,
  ),
  storm: under((record, policy, situation) => {
    const { storms } = situation.ledger;
    const tight = storms.get(undefined) ?? storms.get(policy.name);
    if (!tight || passesStorms(situation, record, policy).passes) return undefined;
    return no(situation.nextPollAt, { kind: 'storm', window: tight.window });
  }),
};

function whyUnmanaged({ item }: TaskRecord, { policies }: Situation): Objection {
  const entry = entryOf(policies, item);
  if (!entry?.excluded) return { kind: 'no-entry' };
  const { excludedBy: key, glob } = entry.excluded;
  return { kind: 'excluded', entry: entry.policy.name, key, glob };
}

/** Nobody knows how it is now: no poll, or none that is new enough, shows it. */
export const isUnseen = (record: TaskRecord, situation: Situation): boolean => blind(record, situation) !== undefined;

function blind({ taskId }: TaskRecord, { blindAt, now, nextPollAt, ledger }: Situation): ReturnType<Rule> {
  if (now >= blindAt) return no(nextPollAt, { kind: ledger.fresh ? 'nothing-polled' : 'poll-too-old' });
  return ledger.seenNow.has(taskId) ? undefined : no(nextPollAt, { kind: 'not-in-poll' });
}

// ---- verdicts ---------------------------------------------------------------------------------------------------

/** What was decided for a task now. `blockers` are all reasons that say no, in their order. */
export type Verdict =
  | { readonly kind: 'restart' }
  | {
      readonly kind: 'wait';
      readonly reason: Reason;
      readonly until: number;
      readonly objection: Objection;
      readonly blockers: readonly Reason[];
    }
  /** It runs, or is not meant to run yet: there is nothing to restart. */
  | { readonly kind: 'none' };

interface RuleAnswer {
  readonly reason: Reason;
  readonly notBefore: number;
  readonly objection: Objection;
}

/** All rules that say no, in the order of authority. */
export function objections(record: TaskRecord, situation: Situation): readonly RuleAnswer[] {
  const policy = situation.policyOf.get(record.group);
  const asked: Asked = { record, policy, situation };
  const answers: RuleAnswer[] = [];
  for (const reason of reasons) {
    const answer = rules[reason](asked);
    if (answer) answers.push({ reason, ...answer });
  }
  return answers;
}

/** The verdict for one task, from every rule. */
export function verdictOf(record: TaskRecord, situation: Situation): Verdict {
  const { status } = record.item;
  if (record.goneAt !== undefined || status === 'active' || status === 'not-started') return { kind: 'none' };
  const answers = objections(record, situation);
  const [first] = answers;
  if (!first) return { kind: 'restart' };
  // A probe or a verification that is overdue waits for an observation that nobody can date: not before now.
  let until = Math.max(situation.now, ...answers.map(({ notBefore }) => notBefore));
  const policy = situation.policyOf.get(record.group);
  const { endsAt } = record.item;
  if (policy && endsAt !== undefined && until >= byOurs(plus(endsAt, -policy.endGuardMs), situation.clockOffsetMs))
    until = never;
  return {
    kind: 'wait',
    reason: first.reason,
    until,
    objection: first.objection,
    blockers: answers.map(({ reason }) => reason),
  };
}
