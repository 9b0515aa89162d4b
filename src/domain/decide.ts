/**
 * From one observation to what is to be done: the facts it tells, the restarts to make in their order, and for
 * each task a verdict. Pure but for the ledger, which takes each fact as it is told; it reads no clock.
 *
 * It is a generator so that a list of 100,000 tasks is worked off in slices: the keeper lets other work go first
 * at each `yield`.
 */
import { apply } from './apply.ts';
import { closeListCircuit, listFailureEvents, nextListProbeAt } from './circuit.ts';
import type { Event, Reason } from './events.ts';
import { hashOf } from './hash.ts';
import type { Availability, Census, Ledger, TaskRecord } from './ledger.ts';
import { type Look, missEvents, moveEvents, showEvents, verifyEvents } from './outage.ts';
import { groupOf, type Policies } from './policy.ts';
import {
  dueSince,
  givenUp,
  holdOver,
  isOverdue,
  type Moment,
  nextProbeAt,
  type Situation,
  situationOf,
  type Verdict,
  verdictOf,
} from './rules.ts';
import { isObserved, passesStorms, reviewStorms, scopesOf, stormKey, stormsOver, trimBudget } from './storm.ts';
import type { CompleteObservation, Observation, TaskItem } from './task.ts';

/** Tasks between two yields: about two milliseconds of work. */
const sliceOfTasks = 1_000;
/** A list that shrank beyond belief is believed after it has stayed so for this long. */
const suspectForMs = 15 * 60_000;
const suspectFewer = 5;
const maxUnknownTold = 100;
/** A group that has matched nothing for this long is warned of. */
const emptyGroupAfterMs = 10 * 60_000;
const goneRecordsKeptMs = 8 * 24 * 3_600_000;

/** What came of one observation. Every event has been applied to the ledger. */
export interface Decision {
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
): Generator<void, Decision> {
  const events: Event[] = [];
  const tell = (told: readonly Event[]) => {
    for (const event of told) apply(ledger, event);
    events.push(...told);
  };
  if (observation.kind === 'failed') {
    const { failure, startedAt, finishedAt } = observation;
    tell([
      { type: 'poll-failed', at: moment.now, account: ledger.account, failure, durationMs: finishedAt - startedAt },
    ]);
    tell(listFailureEvents(ledger, failure, moment.now));
    return { events, lane: [], removed: [] };
  }
  tell(closeListCircuit(ledger, moment.now));
  tell(expireHolds(ledger, moment.now));
  tell(accountTime(ledger, policies, observation.startedAt, moment));
  const suspect = suspicion(ledger, observation, moment.now);
  yield* takeIn(ledger, observation, suspect.doubted, policies, moment, tell);
  tell(suspect.events);
  tell(pollEvents(ledger, observation, suspect.doubted, moment.now));
  const removed = dropOldRecords(ledger, moment.now);
  trimBudget(ledger, policies, moment.now);
  const stopped = yield* takeCensus(ledger, situationOf(ledger, policies, moment));
  tell(reviewStorms(ledger, policies, moment.now));
  tell(emptyGroups(ledger, policies, moment.now));
  const lane = yield* judge(ledger, stopped, policies, moment, tell);
  return { events, lane, removed };
}

/** Runs `decide` to its end in one go. */
export function decideAtOnce(ledger: Ledger, observation: Observation, policies: Policies, moment: Moment): Decision {
  const steps = decide(ledger, observation, policies, moment);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
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
  tell: (events: readonly Event[]) => void,
): Generator<void, void> {
  const look = lookOf(ledger, policies, moment);
  const seen = new Set<string>();
  let worked = 0;
  for (const item of observation.items) {
    if (++worked % sliceOfTasks === 0) yield;
    const known = ledger.tasks.get(item.taskId);
    if (seen.has(item.taskId) || (doubted && !known)) continue;
    seen.add(item.taskId);
    const told = showEvents(look, known, item);
    if (told.length > 0) tell(told);
    if (item.status === 'unknown') tell(unknownStatus(ledger, item, moment.now));
  }
  ledger.seenNow = seen;
  if (doubted) return;
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

/** Fewer than half of the tasks of before (and at least 5 fewer, or none at all) is not believed for a quarter of an hour. */
function suspicion(
  ledger: Ledger,
  { items }: CompleteObservation,
  now: number,
): { readonly doubted: boolean; readonly events: readonly Event[] } {
  const { suspect, lastComplete } = ledger.accountRecord;
  const before = suspect?.before ?? lastComplete?.tasks ?? 0;
  const shrank = items.length * 2 < before && (before - items.length >= suspectFewer || items.length === 0);
  if (!shrank) return { doubted: false, events: [] };
  if (suspect && now - suspect.since >= suspectForMs)
    return {
      doubted: false,
      events: [{ type: 'list-believed', at: now, account: ledger.account, tasks: items.length }],
    };
  return { doubted: true, events: [] };
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
  }
  return removed;
}

/** Charges the time since the observation before to what was known then; a gap in which we were blind is nobody's. */
function accountTime(ledger: Ledger, policies: Policies, startedAt: number, moment: Moment): Event[] {
  const before = ledger.accountRecord.lastComplete;
  if (!before || ledger.fresh || startedAt >= situationOf(ledger, policies, moment).blindAt) return [];
  const elapsedMs = Math.max(0, startedAt - before.startedAt);
  return [...ledger.availability].map(([group, { due, down }]) => ({
    type: 'time-accounted',
    at: moment.now,
    account: ledger.account,
    group,
    expectedMs: due * elapsedMs,
    downtimeMs: down * elapsedMs,
  }));
}

// ---- counting ---------------------------------------------------------------------------------------------------

/** Counts due and stopped tasks for storms, budgets and availability; gives the stopped ones. */
function* takeCensus(ledger: Ledger, situation: Situation): Generator<void, readonly TaskRecord[]> {
  const census = new Map<string, { due: number; stopped: number; dueForBudget: number }>();
  const availability = new Map<string, { due: number; down: number }>();
  const stopped: TaskRecord[] = [];
  let worked = 0;
  for (const record of ledger.tasks.values()) {
    if (++worked % sliceOfTasks === 0) yield;
    const policy = record.group === undefined ? undefined : situation.policyOf.get(record.group);
    if (record.goneAt !== undefined || !policy) continue;
    const isStopped = record.item.status === 'stopped';
    if (isStopped) stopped.push(record);
    if (dueSince(record, policy, situation.cloudNow) === undefined || holdOver(situation, record)) continue;
    const observed = isObserved(record, policy);
    const stage = isStopped ? givenUp(record, policy, situation.now)?.stage : undefined;
    for (const scope of scopesOf(policy.name, observed)) {
      const counts = entry(census, stormKey(scope), () => ({ due: 0, stopped: 0, dueForBudget: 0 }));
      if (stage !== 'abandoned') counts.dueForBudget++;
      if (stage !== undefined) continue;
      counts.due++;
      if (isStopped) counts.stopped++;
    }
    if (observed && policy.mode !== 'observe') continue;
    const group = entry(availability, policy.name, () => ({ due: 0, down: 0 }));
    group.due++;
    if (isStopped || isOverdue(record, situation.cloudNow)) group.down++;
  }
  ledger.census = census satisfies Map<string, Census>;
  ledger.availability = availability satisfies Map<string, Availability>;
  return stopped;
}

/** Groups that have matched no task for ten minutes; told once, until one is matched. */
function emptyGroups(ledger: Ledger, policies: Policies, now: number): Event[] {
  const matched = new Set<string>();
  for (const { group, goneAt } of ledger.tasks.values())
    if (group !== undefined && goneAt === undefined) matched.add(group);
  const names = new Set(policies.groups.map(({ name }) => name));
  for (const group of ledger.emptyGroups.keys())
    if (matched.has(group) || !names.has(group)) ledger.emptyGroups.delete(group);
  const events: Event[] = [];
  for (const group of names) {
    if (matched.has(group)) continue;
    const empty = ledger.emptyGroups.get(group) ?? { since: now, told: false };
    const told = empty.told || now - empty.since >= emptyGroupAfterMs;
    if (told && !empty.told) events.push({ type: 'group-empty', at: now, account: ledger.account, group });
    ledger.emptyGroups.set(group, { ...empty, told });
  }
  return events;
}

function entry<V>(map: Map<string, V>, key: string, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}

// ---- judging ----------------------------------------------------------------------------------------------------

/** A verdict for each stopped task: tells changed reasons, makes shadow attempts, gives the lane in its order. */
function* judge(
  ledger: Ledger,
  stopped: readonly TaskRecord[],
  policies: Policies,
  moment: Moment,
  tell: (events: readonly Event[]) => void,
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
    if (mayGoThrough(verdict, passableInLane)) lane.push(record);
    else if (mayGoThrough(verdict, passableByShadow)) shadows.push(record);
    tell(withheldEvents(record, verdict, situation));
  }
  for (const record of inOrder(shadows, situation)) {
    if (++worked % sliceOfTasks === 0) yield;
    tell(shadowEvents(record, situationOf(ledger, policies, moment)));
  }
  return inOrder(lane, situation).map(({ taskId }) => taskId);
}

const passableInLane: ReadonlySet<Reason> = new Set(['storm', 'circuit']);
const passableByShadow: ReadonlySet<Reason> = new Set(['storm', 'observing']);

function mayGoThrough(verdict: Verdict, passable: ReadonlySet<Reason>): boolean {
  if (verdict.kind === 'restart') return true;
  return verdict.kind === 'wait' && verdict.blockers.every((reason) => passable.has(reason));
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

function intention(
  record: TaskRecord,
  group: string,
  trigger: 'auto' | 'shadow',
  { ledger, now }: Situation,
  { probe, free }: { readonly probe: boolean; readonly free: boolean },
): Event {
  const { taskId, tries } = record;
  const about = { at: now, account: ledger.account, taskId, group, attemptId: `${taskId}#${now}` };
  return { ...about, type: 'restart-intended', trigger, n: tries + 1, probe, free, by: undefined };
}

/**
 * Fewest attempts, then groups in file order, then oldest outage, then task id; while a storm is on a hash takes
 * the place of file order and age, so that a cause shared by neighbours is not met first.
 */
function inOrder(records: readonly TaskRecord[], situation: Situation): readonly TaskRecord[] {
  const { ledger, groupRank, policyOf } = situation;
  const keyed = records.map((record) => {
    const group = record.group ?? '';
    const policy = policyOf.get(group);
    const observed = policy !== undefined && isObserved(record, policy);
    const storms = stormsOver(ledger, group, observed);
    const accountStorm = ledger.storms.has(stormKey({ group: undefined, observed }));
    return {
      record,
      rank: accountStorm ? 0 : (groupRank.get(group) ?? Number.POSITIVE_INFINITY),
      place: storms.length > 0 ? hashOf(record.taskId, record.tries + 1) : (record.outage?.since ?? 0),
    };
  });
  keyed.sort(
    (a, b) =>
      a.record.tries - b.record.tries ||
      a.rank - b.rank ||
      a.place - b.place ||
      (a.record.taskId < b.record.taskId ? -1 : 1),
  );
  return keyed.map(({ record }) => record);
}

// ---- going ------------------------------------------------------------------------------------------------------

/** The restart to send now: decided again from the newest facts, because a permit may have come late. */
export interface Pick {
  readonly record: TaskRecord;
  /** Applied and saved before the call is sent. */
  readonly intent: Extract<Event, { type: 'restart-intended' }>;
}

export function pick(lane: readonly string[], situation: Situation): Pick | undefined {
  const { restart, list } = situation.ledger.accountRecord.circuits;
  if (list.kind === 'open' || awaitsThrottledAnswer(situation.ledger)) return undefined;
  if (restart.kind === 'open') return pickProbe(lane, situation);
  for (const taskId of lane) {
    const record = situation.ledger.tasks.get(taskId);
    if (record && verdictOf(record, situation).kind === 'restart') return picked(record, situation, false);
  }
  return undefined;
}

/** After throttled answers one restart goes alone, and its answer tells whether others may follow. */
function awaitsThrottledAnswer({ accountRecord: { throttle }, unsettled, tasks }: Ledger): boolean {
  if (!throttle || throttle.inRow === 0) return false;
  for (const taskId of unsettled) if (tasks.get(taskId)?.attempt?.phase.kind === 'in-flight') return true;
  return false;
}

/** The probe is the restart that the rules would give of the task tried longest ago in this stretch, untried ones first. */
function pickProbe(lane: readonly string[], situation: Situation): Pick | undefined {
  const { ledger, now } = situation;
  const { restart } = ledger.accountRecord.circuits;
  if (restart.kind === 'closed' || now < nextProbeAt(ledger)) return undefined;
  const triedAt = new Map(restart.stretch.map(({ taskId, at }) => [taskId, at]));
  let best: TaskRecord | undefined;
  for (const taskId of lane) {
    const record = ledger.tasks.get(taskId);
    if (!record || !mayGoThrough(verdictOf(record, situation), passableInLane)) continue;
    if (!best || (triedAt.get(taskId) ?? 0) < (triedAt.get(best.taskId) ?? 0)) best = record;
  }
  return best && picked(best, situation, true);
}

function picked(record: TaskRecord, situation: Situation, probe: boolean): Pick | undefined {
  const { group } = record;
  if (group === undefined) return undefined;
  const { free } = passesStorms(situation.ledger, situation.unsettled, record, group, false);
  const intent = intention(record, group, 'auto', situation, { probe, free });
  return intent.type === 'restart-intended' ? { record, intent } : undefined;
}

/** The first moment a poll may be made at: the list circuit puts it off. */
export const pollNotBefore = (ledger: Ledger, pollGapMs: number): number => nextListProbeAt(ledger, pollGapMs);
