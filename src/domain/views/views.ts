/** What people are shown of the ledger: plain values for the API, the command line, the page and the scrape. */

import { isUnseen, objections, verdictOf } from '../decide/rules.ts';
import { downSince, dueSince, givenUp, isListed, isStopped, stateOf, willRun } from '../memory/condition.ts';
import { covers } from '../memory/holds.ts';
import {
  isIncomplete,
  type ListCircuit,
  type RestartCircuit,
  recordsOf,
  type States,
  type TaskRecord,
} from '../memory/ledger.ts';
import { dueOrApart, isDown, type Situation } from '../memory/situation.ts';
import { areTrueAt, newStates, takeTallies } from '../memory/tallies.ts';
import { unixMs } from '../words/cloud-time.ts';
import type { Hold } from '../words/events.ts';
import type { Policy } from '../words/policy.ts';
import { objectionSentence, type Reason, reasons } from '../words/reason.ts';
import { type ApartWhy, shownTitle } from '../words/task.ts';
import { type DestinationOf, endingsOf } from './endings.ts';

type When = number | 'never' | 'unknown';
const orNever = (at: number): When => (at === Number.POSITIVE_INFINITY ? 'never' : at);

function nothingToDo(record: TaskRecord, situation: Situation): string {
  const { goneAt, item, outage } = record;
  if (goneAt !== undefined) return 'It is gone from the list.';
  if (item.status === 'active' && isUnseen(record, situation))
    return 'It ran when it was last listed; whether it still does no newer poll shows.';
  if (item.status === 'not-started') return 'It has not started yet: there is nothing to restart.';
  return outage
    ? 'It runs again; relaykeeper is watching whether it stays up.'
    : 'It runs: there is nothing to restart.';
}

interface VerdictView {
  /** `restart`: it goes with the next permit. `wait`: see reason and until. `none`: there is nothing to restart. */
  readonly kind: 'restart' | 'wait' | 'none';
  readonly reason?: Reason;
  readonly until?: When;
  /** Of an observed task: which restart would go, and not before when (null: at once). */
  readonly wouldGo?: { readonly n: number; readonly at: number | null };
  readonly sentence: string;
}

function verdictView(record: TaskRecord, situation: Situation): VerdictView {
  const verdict = verdictOf(record, situation);
  if (verdict.kind === 'none') return { kind: 'none', sentence: nothingToDo(record, situation) };
  if (verdict.kind === 'restart')
    return { kind: 'restart', sentence: 'It will be restarted as soon as the limiter allows.' };
  const { kind, reason, objection } = verdict;
  const sentence = `It is not restarted: ${objectionSentence(objection)}.`;
  const view = { kind, reason, until: orNever(verdict.until), sentence };
  return objection.kind === 'observed' ? { ...view, wouldGo: { n: objection.n, at: objection.at } } : view;
}

export function taskView(record: TaskRecord, situation: Situation) {
  const { item, outage, attempt } = record;
  const policy = situation.policyOf.get(record.group);
  return {
    account: situation.ledger.account,
    taskId: record.taskId,
    // A row without a name could not be spoken of.
    title: shownTitle(item),
    cloudGroup: item.cloudGroup,
    group: record.group ?? null,
    type: item.type,
    state: stateOf(record, situation.cloudNow),
    statusText: item.statusText,
    startsAt: item.startsAt === undefined ? null : unixMs(item.startsAt),
    endsAt: item.endsAt === undefined ? null : unixMs(item.endsAt),
    firstSeenAt: record.firstSeenAt,
    changedAt: record.changedAt,
    gone: record.goneAt !== undefined,
    due: policy !== undefined && dueSince(record, policy, situation.cloudNow) !== undefined,
    /** Since when it should run and does not; null: it is not down, because it runs, is not due, is held or only observed. */
    downSince: policy && isDown(record, situation) ? downSince(record, policy, situation) : null,
    outage: outage
      ? {
          id: outage.id,
          since: outage.since,
          attempts: outage.attempts,
          activeAt: outage.activeAt ?? null,
        }
      : null,
    attempts: {
      made: record.attempts,
      failedInRow: record.row,
      lastAt: record.lastAttemptAt ?? null,
      phase: (attempt?.phase.kind ?? null) as string | null,
    },
    givenUp: (policy && givenUp(record, policy)?.stage) ?? null,
    verdict: verdictView(record, situation),
  };
}

/** Every rule in the order of authority, those that have nothing against a restart included. */
export function ruleViews(record: TaskRecord, situation: Situation) {
  const said = new Map(objections(record, situation).map((answer) => [answer.reason, answer]));
  return reasons.map((reason) => {
    const answer = said.get(reason);
    return {
      reason,
      /** Null: this rule has nothing against it. */
      notBefore: answer ? orNever(answer.notBefore) : null,
      detail: answer ? objectionSentence(answer.objection) : '',
      /** What the sentence is made of, for other languages. */
      objection: answer?.objection ?? null,
    };
  });
}

type Tally = ReturnType<typeof newTally>;

const newTally = (states: States) => ({
  states: { ...states },
  waiting: {} as Partial<Record<Reason, number>>,
  /** Tasks that should run and do not: due, stopped, neither held nor only observed. */
  down: 0,
  /** Stopped tasks that are not down, by why. */
  apart: { held: 0, 'outside-hours': 0, observed: 0 } satisfies Record<ApartWhy, number>,
  quarantined: 0,
  abandoned: 0,
  /** The oldest outage of a task that is down and not abandoned. */
  oldestOutageAt: null as number | null,
  nextRestartAt: null as number | null,
});

const earlier = (a: number | null, b: number): number => (a === null ? b : Math.min(a, b));

const noneKnown: DestinationOf = () => undefined;

/** What is counted of all tasks; asks only those one by one that are stopped, or whose state is about to change. */
export function groupViews(situation: Situation, destinationOf: DestinationOf = noneKnown) {
  const { ledger, policies, cloudNow } = situation;
  const { groups, changing } = areTrueAt(ledger.tallies, cloudNow) ? ledger.tallies : takeTallies(ledger, cloudNow);
  const nobody = newStates();
  const tallies = new Map(policies.groups.map(({ name }) => [name, newTally(groups.get(name) ?? nobody)]));
  let [managed, unmanaged] = [0, 0];
  for (const [group, states] of groups) {
    const sum = Object.values(states).reduce((all, one) => all + one, 0);
    if (group === undefined) unmanaged += sum;
    else managed += sum;
  }
  for (const record of recordsOf(ledger, changing)) {
    if (record.group === undefined) unmanaged++;
    else managed++;
    const tally = tallies.get(record.group ?? '');
    if (tally) tally.states[stateOf(record, cloudNow)]++;
  }
  const down: TaskRecord[] = [];
  for (const record of recordsOf(ledger, ledger.stopped)) {
    const tally = tallies.get(record.group ?? '');
    if (!tally || !isListed(record) || !isStopped(record)) continue;
    if (isDown(record, situation)) down.push(record);
    countStopped(tally, record, situation);
  }
  down.sort((a, b) => (a.outage?.since ?? a.changedAt) - (b.outage?.since ?? b.changedAt));
  const holds = holdsByGroup(situation);
  const endings = endingsOf(situation, destinationOf);
  const endingSoon = new Map<string, number>();
  for (const { group } of endings.soon) endingSoon.set(group, (endingSoon.get(group) ?? 0) + 1);
  const views = policies.groups.map((policy) => ({
    ...groupView(policy, tallies.get(policy.name) ?? newTally(nobody), situation, holds.get(policy.name) ?? []),
    nextEndAt: endings.next.get(policy.name) ?? null,
    /** How many of its tasks end soon with nobody to follow them. */
    endingSoon: endingSoon.get(policy.name) ?? 0,
  }));
  return {
    groups: views,
    /** Oldest first. */
    down,
    /** Listed tasks with a group, and without. */
    managed,
    unmanaged,
    ending: endings.soon,
  };
}

function countStopped(tally: Tally, record: TaskRecord, situation: Situation): void {
  const policy = situation.policyOf.get(record.group);
  if (!policy) return;
  const verdict = verdictOf(record, situation);
  if (verdict.kind === 'wait') tally.waiting[verdict.reason] = (tally.waiting[verdict.reason] ?? 0) + 1;
  const restartAt = verdict.kind === 'restart' ? situation.now : verdict.kind === 'wait' ? verdict.until : undefined;
  if (restartAt !== undefined && Number.isFinite(restartAt))
    tally.nextRestartAt = earlier(tally.nextRestartAt, restartAt);
  const stage = givenUp(record, policy)?.stage;
  if (stage === 'quarantined') tally.quarantined++;
  if (stage === 'abandoned') tally.abandoned++;
  const due = dueOrApart(record, situation);
  if (due !== undefined && due !== 'due') tally.apart[due]++;
  if (due !== 'due') return;
  tally.down++;
  if (stage === 'abandoned') return;
  tally.oldestOutageAt = earlier(tally.oldestOutageAt, downSince(record, policy, situation));
}

function groupView({ name: group, mode }: Policy, tally: Tally, { ledger }: Situation, concerning: readonly Hold[]) {
  const living = Object.values(tally.states).reduce((sum, one) => sum + one, 0) - tally.states.ended;
  const holds = living === 0 ? [] : concerning;
  // A recurring one ends as it was meant to: nobody has to be warned.
  const ends = holds.flatMap(({ endsAt, target }) => (endsAt === undefined || target.kind === 'match' ? [] : [endsAt]));
  const storm = ledger.storms.get(group);
  return {
    account: ledger.account,
    group,
    mode,
    ...tally,
    /** Holds that cover a task of it. */
    holds: holds.length,
    /** The earliest end of them; null: none ends. */
    holdEndsAt: ends.length > 0 ? Math.min(...ends) : null,
    storm: storm ? { since: storm.since, window: storm.window } : null,
  };
}

/**
 * By group the holds in force that concern it: with a task that they cover and that has not ended. Tasks are gone
 * through only for globs.
 */
function holdsByGroup({ ledger, policies, holds, cloudNow }: Situation): ReadonlyMap<string, readonly Hold[]> {
  const byGroup = new Map<string, Hold[]>(policies.groups.map(({ name }) => [name, []]));
  for (const hold of holds.all) {
    const { target } = hold;
    if (target.kind === 'account') for (const own of byGroup.values()) own.push(hold);
    else if (target.kind === 'group') byGroup.get(target.group)?.push(hold);
    else if (target.kind === 'task') {
      const record = ledger.tasks.get(target.taskId);
      if (record?.group !== undefined && willRun(record, cloudNow)) byGroup.get(record.group)?.push(hold);
    }
  }
  const byGlob = new Map(holds.globs.map((hold) => [hold, new Set<string>()]));
  if (byGlob.size > 0)
    for (const record of ledger.tasks.values()) {
      if (record.group === undefined || !willRun(record, cloudNow)) continue;
      for (const [hold, groups] of byGlob)
        if (!groups.has(record.group) && covers(hold, record)) {
          groups.add(record.group);
          byGroup.get(record.group)?.push(hold);
        }
    }
  return byGroup;
}

/** For so long after its end a period of failing polls is shown. */
const failedShownMs = 3_600_000;

/** What the ledger knows of an account; the keeper adds what only the running client knows. */
export function accountView(situation: Situation, unmanaged: number) {
  const { ledger, now } = situation;
  const { lastComplete, circuits, suspect, failing } = ledger.accountRecord;
  const storm = ledger.storms.get(undefined);
  const shown = (circuit: ListCircuit | RestartCircuit) => {
    if (circuit.kind === 'closed') return null;
    const { failure, since } = circuit;
    return { since, class: failure.class, code: failure.code ?? null, message: failure.message };
  };
  return {
    account: ledger.account,
    owned: ledger.owned,
    polledAt: lastComplete?.finishedAt ?? null,
    // None are counted where other cloud groups are asked for since: no number of before can be compared with the next.
    tasks: lastComplete?.tasks || [...ledger.tasks.values()].filter(isListed).length,
    unmanaged,
    circuits: { list: shown(circuits.list), restart: shown(circuits.restart) },
    storm: storm ? { since: storm.since, window: storm.window } : null,
    throttledUntil: situation.throttledUntil ?? null,
    /** The period of failing polls that goes on, or the newest that ended within the last hour. */
    failing:
      failing && now - (failing.endedAt ?? now) < failedShownMs
        ? { ...failing, code: failing.code ?? null, endedAt: failing.endedAt ?? null }
        : null,
    suspectSince: suspect?.since ?? null,
    /** Polls in a row do not add up since then. */
    incompleteSince: isIncomplete(ledger.incomplete) ? ledger.incomplete.since : null,
  };
}
