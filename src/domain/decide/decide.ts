/**
 * From one observation to what is to be done: the facts it tells, the restarts to make in their order, and for
 * each task a verdict. Pure but for the ledger, which takes each fact as it is told; it reads no clock.
 *
 * It is a generator so that a list of 100,000 tasks is worked off in slices: each `yield` gives the facts of its slice,
 * and the keeper lets other work go first.
 */

import { accountTime, emptyGroups, sliceOfTasks, takeCensus } from '../learn/census.ts';
import { closeListCircuit, listFailureEvents, nextListProbeAt } from '../learn/circuit.ts';
import { type Look, missEvents, moveEvents, showEvents, verifyEvents } from '../learn/outage.ts';
import { passesStorms, reviewStorms, trimBudget } from '../learn/storm.ts';
import { apply } from '../memory/apply.ts';
import { isIncomplete, type Ledger, type TaskRecord } from '../memory/ledger.ts';
import { areToBeRenewed, takeTallies } from '../memory/tallies.ts';
import type { Event } from '../words/events.ts';
import { groupOf, type Policies } from '../words/policy.ts';
import type { CompleteObservation, Observation, TaskItem } from '../words/task.ts';
import { inOrder, intention, mayBeShadow, mayWaitInLane } from './queue.ts';
import { dueSince, type Moment, type Situation, situationOf, type Verdict, verdictOf } from './rules.ts';

export { settledItem } from '../learn/outage.ts';

/** A list that shrank beyond belief is believed after it has stayed so for this long. */
const suspectForMs = 15 * 60_000;
const suspectFewer = 5;
/** After so long without a list other tasks are no surprise: only their number is compared. */
const turnoverMs = 3_600_000;
const maxUnknownTold = 100;
const maxCloudGroupsTold = 10;
const goneRecordsKeptMs = 8 * 24 * 3_600_000;

/** What came of one observation. Every event has been applied to the ledger. */
export interface Decision {
  /** Those that no slice has given before. */
  readonly events: readonly Event[];
  /** Tasks to restart, best first: those that may go now, and those that only a storm or the circuit withholds. */
  readonly lane: readonly string[];
  /** Records that are kept no longer. */
  readonly removed: readonly string[];
}

/** Decides from one observation. Nothing is decided from a failed one: unknown is neither stopped nor healthy. */
export function* decide(
  ledger: Ledger,
  observation: Observation,
  policies: Policies,
  moment: Moment,
): Generator<readonly Event[], Decision> {
  const events: Event[] = [];
  const steps = decideSlices(ledger, observation, policies, moment, (told) => {
    for (const event of told) apply(ledger, event);
    events.push(...told);
  });
  ledger.midway = true;
  try {
    for (;;) {
      const step = steps.next();
      if (step.done) return { ...step.value, events };
      yield events.splice(0);
    }
  } finally {
    ledger.midway = false;
  }
}

type Tell = (events: readonly Event[]) => void;

function* decideSlices(
  ledger: Ledger,
  observation: Observation,
  policies: Policies,
  moment: Moment,
  tell: Tell,
): Generator<void, Omit<Decision, 'events'>> {
  if (observation.kind === 'failed') {
    const { failure, startedAt, finishedAt } = observation;
    tell([
      { type: 'poll-failed', at: moment.now, account: ledger.account, failure, durationMs: finishedAt - startedAt },
    ]);
    tell(listFailureEvents(ledger, failure, moment.now));
    return { lane: [], removed: [] };
  }
  tell(closeListCircuit(ledger, moment.now));
  tell(expireHolds(ledger, moment.now));
  tell(accountTime(ledger, policies, observation.startedAt, moment));
  const suspect = suspicion(ledger, observation, moment.now);
  if (observation.items.length > sliceOfTasks) yield;
  yield* takeIn(ledger, observation, suspect.doubted, policies, moment, tell);
  tell(suspect.events);
  tell(pollEvents(ledger, observation, suspect.doubted, moment.now));
  tell(completeness(ledger, observation, moment.now));
  const removed = dropOldRecords(ledger, moment.now);
  trimBudget(ledger, policies, moment.now);
  const { stopped, matched } = yield* takeCensus(ledger, situationOf(ledger, policies, moment));
  tell(reviewStorms(ledger, policies, moment.now));
  tell(emptyGroups(ledger, policies, matched, moment.now));
  const lane = yield* judge(ledger, stopped, policies, moment, tell);
  const cloudNow = moment.now + moment.clockOffsetMs;
  if (areToBeRenewed(ledger.tallies, cloudNow)) {
    if (ledger.tasks.size > sliceOfTasks) yield;
    ledger.tallies = takeTallies(ledger, cloudNow);
  }
  return { lane, removed };
}

/** Runs `decide` to its end in one go. */
export function decideAtOnce(ledger: Ledger, observation: Observation, policies: Policies, moment: Moment): Decision {
  const steps = decide(ledger, observation, policies, moment);
  const events: Event[] = [];
  for (;;) {
    const step = steps.next();
    if (step.done) return { ...step.value, events: [...events, ...step.value.events] };
    events.push(...step.value);
  }
}

/** What a look that only verifies tells: it settles attempts and nothing else. Applied to the ledger. */
export function settleByLook(
  ledger: Ledger,
  items: readonly TaskItem[],
  policies: Policies,
  moment: Moment,
): readonly Event[] {
  const look = lookOf(ledger, policies, moment);
  const events: Event[] = [];
  for (const item of items) {
    const known = ledger.tasks.get(item.taskId);
    if (!known) continue;
    const told = verifyEvents(look, known, item);
    for (const event of told) apply(ledger, event);
    events.push(...told);
  }
  const reviewed = reviewStorms(ledger, policies, moment.now);
  for (const event of reviewed) apply(ledger, event);
  return [...events, ...reviewed];
}

/** Gives every known task to the group that matches it now; after a reload. Applied to the ledger. */
export function regroup(ledger: Ledger, policies: Policies, now: number): readonly Event[] {
  const events: Event[] = [];
  for (const record of ledger.tasks.values()) {
    if (record.goneAt !== undefined) continue;
    const told = moveEvents(ledger, record, groupOf(policies, record.item), now);
    for (const event of told) apply(ledger, event);
    events.push(...told);
  }
  return events;
}

// ---- taking in the list ------------------------------------------------------------------------------------------

const lookOf = (ledger: Ledger, policies: Policies, { now, clockOffsetMs }: Moment): Look => {
  const named = new Map(policies.groups.map((policy) => [policy.name, policy]));
  return {
    ledger,
    policyFor: (item) => groupOf(policies, item),
    policyNamed: (group) => named.get(group),
    now,
    cloudNow: now + clockOffsetMs,
  };
};

function* takeIn(
  ledger: Ledger,
  observation: CompleteObservation,
  doubted: boolean,
  policies: Policies,
  moment: Moment,
  tell: Tell,
): Generator<void, void> {
  const look = lookOf(ledger, policies, moment);
  const seen = new Set<string>();
  let worked = 0;
  for (const item of observation.items) {
    if (++worked % sliceOfTasks === 0) yield;
    const known = ledger.tasks.get(item.taskId);
    if (doubted && !known) continue;
    const others = seen.size;
    // The ledger's own text of the id: one copy of it is kept, and its hash is known already.
    seen.add(known?.taskId ?? item.taskId);
    if (seen.size === others) continue;
    const told = showEvents(look, known, item);
    if (told.length > 0) tell(told);
    if (item.status === 'unknown') tell(unknownStatus(ledger, item, moment.now));
  }
  ledger.seenNow = seen;
  // What was seen is known by now: as many as are known leave nobody out.
  if (doubted || seen.size === ledger.tasks.size) return;
  const failed = new Set(observation.failedCloudGroups);
  const counts = !observation.drift && observation.malformedItems === 0;
  for (const record of ledger.tasks.values()) {
    if (++worked % sliceOfTasks === 0) yield;
    if (seen.has(record.taskId) || record.goneAt !== undefined || failed.has(record.item.cloudGroup)) continue;
    tell(missEvents(look, record, counts));
  }
}

/** Told once for each value. */
function unknownStatus(ledger: Ledger, { taskId, statusText }: TaskItem, now: number): Event[] {
  if (ledger.unknownTold.has(statusText) || ledger.unknownTold.size >= maxUnknownTold) return [];
  ledger.unknownTold.add(statusText);
  return [{ type: 'status-unknown', at: now, account: ledger.account, statusText, taskId }];
}

/**
 * A list that shows fewer than half of the tasks of before (and at least 5 fewer, or none at all) is not believed for
 * a quarter of an hour. Other tasks in their place do not help: with a wrong key they are somebody else's.
 */
function suspicion(
  ledger: Ledger,
  { items, malformedItems, failedCloudGroups }: CompleteObservation,
  now: number,
): { readonly doubted: boolean; readonly events: readonly Event[] } {
  const { suspect, lastComplete } = ledger.accountRecord;
  const before = suspect?.before ?? lastComplete?.tasks ?? 0;
  // What could not be read is not missing: it costs the item or the cloud group, not the poll.
  const unread = malformedItems + knownIn(ledger, failedCloudGroups);
  const young = lastComplete && now - lastComplete.startedAt < turnoverMs;
  const kept = unread + (young ? knownAmong(ledger, items, before / 2 - unread) : items.length);
  const shrank = kept * 2 < before && (before - kept >= suspectFewer || items.length + unread === 0);
  if (!shrank) return { doubted: false, events: [] };
  if (suspect && now - suspect.since >= suspectForMs)
    return {
      doubted: false,
      events: [{ type: 'list-believed', at: now, account: ledger.account, tasks: items.length }],
    };
  return { doubted: true, events: [] };
}

/** Counts no further than `enough`: this is not done in slices. */
function knownAmong(ledger: Ledger, items: readonly TaskItem[], enough: number): number {
  let known = 0;
  for (const { taskId } of items) {
    if (known >= enough) break;
    const record = ledger.tasks.get(taskId);
    if (record && record.goneAt === undefined) known++;
  }
  return known;
}

function knownIn(ledger: Ledger, cloudGroups: readonly string[]): number {
  if (cloudGroups.length === 0) return 0;
  let known = 0;
  for (const { item, goneAt } of ledger.tasks.values())
    if (goneAt === undefined && cloudGroups.includes(item.cloudGroup)) known++;
  return known;
}

function pollEvents(ledger: Ledger, observation: CompleteObservation, doubted: boolean, now: number): Event[] {
  const { startedAt, finishedAt, drift, malformedItems, items } = observation;
  const { suspect, lastComplete } = ledger.accountRecord;
  const common = {
    at: now,
    account: ledger.account,
    tasks: items.length,
    durationMs: finishedAt - startedAt,
    startedAt,
  };
  const before = suspect?.before ?? lastComplete?.tasks ?? 0;
  return [
    doubted
      ? { ...common, type: 'poll-suspect', before }
      : { ...common, type: 'poll-completed', drift, malformedItems },
  ];
}

/** Told when so many polls in a row have not added up, and when one does again. */
function completeness(ledger: Ledger, observation: CompleteObservation, now: number): Event[] {
  const { drift, failedCloudGroups: cloudGroups, items } = observation;
  const { account, incomplete: before } = ledger;
  if (!drift && cloudGroups.length === 0) {
    ledger.incomplete = undefined;
    return isIncomplete(before) ? [{ type: 'list-complete', at: now, account, since: before.since }] : [];
  }
  const incomplete = { since: before?.since ?? now, polls: (before?.polls ?? 0) + 1 };
  ledger.incomplete = incomplete;
  if (isIncomplete(before) || !isIncomplete(incomplete)) return [];
  const shown = cloudGroups.slice(0, maxCloudGroupsTold);
  return [{ type: 'list-incomplete', at: now, account, ...incomplete, tasks: items.length, cloudGroups: shown }];
}

function expireHolds(ledger: Ledger, now: number): Event[] {
  const events: Event[] = [];
  for (const hold of ledger.holds.values())
    if (hold.endsAt !== undefined && hold.endsAt <= now)
      events.push({ type: 'hold-expired', at: now, account: ledger.account, hold });
  return events;
}

function dropOldRecords(ledger: Ledger, now: number): string[] {
  const removed: string[] = [];
  for (const { taskId, goneAt } of ledger.tasks.values())
    if (goneAt !== undefined && now - goneAt > goneRecordsKeptMs) removed.push(taskId);
  for (const taskId of removed) {
    ledger.tasks.delete(taskId);
    ledger.unsettled.delete(taskId);
    ledger.outages.delete(taskId);
  }
  return removed;
}

// ---- judging ----------------------------------------------------------------------------------------------------

/** A verdict for each stopped task: tells changed reasons, makes shadow attempts, gives the lane in its order. */
function* judge(
  ledger: Ledger,
  stopped: readonly TaskRecord[],
  policies: Policies,
  moment: Moment,
  tell: Tell,
): Generator<void, readonly string[]> {
  const situation = situationOf(ledger, policies, moment);
  const lane: TaskRecord[] = [];
  const shadows: TaskRecord[] = [];
  let worked = 0;
  for (const { taskId } of stopped) {
    if (++worked % sliceOfTasks === 0) yield;
    const record = ledger.tasks.get(taskId);
    if (!record) continue;
    const verdict = verdictOf(record, situation);
    if (mayWaitInLane(verdict)) lane.push(record);
    else if (mayBeShadow(verdict)) shadows.push(record);
    tell(withheldEvents(record, verdict, situation));
  }
  for (const record of inOrder(shadows, situation)) {
    if (++worked % sliceOfTasks === 0) yield;
    tell(shadowEvents(record, situationOf(ledger, policies, moment)));
  }
  return inOrder(lane, situation).map(({ taskId }) => taskId);
}

/** Told each time the reason of a due, stopped task changes. */
function withheldEvents(record: TaskRecord, verdict: Verdict, situation: Situation): Event[] {
  const policy = record.group === undefined ? undefined : situation.policyOf.get(record.group);
  if (!policy || verdict.kind !== 'wait' || verdict.reason === record.reasonTold) return [];
  if (dueSince(record, policy, situation.cloudNow) === undefined) return [];
  const { reason, until } = verdict;
  const { taskId } = record;
  return [
    {
      type: 'restart-withheld',
      at: situation.now,
      account: situation.ledger.account,
      taskId,
      group: policy.name,
      reason,
      until,
    },
  ];
}

/** What would have been sent becomes an attempt that nobody sends. */
function shadowEvents(record: TaskRecord, situation: Situation): Event[] {
  const verdict = verdictOf(record, situation);
  if (verdict.kind !== 'wait' || verdict.blockers.some((reason) => reason !== 'observing')) return [];
  const { group } = record;
  if (group === undefined) return [];
  const { free } = passesStorms(situation.ledger, situation.unsettled, record, group, true);
  return [intention(record, group, 'shadow', situation, { probe: false, free })];
}

/** No poll is made before that: the list circuit puts it off. */
export const pollNotBefore = (ledger: Ledger, pollGapMs: number): number => nextListProbeAt(ledger, pollGapMs);
