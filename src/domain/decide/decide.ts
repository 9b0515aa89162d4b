/**
 * From one observation to what is to be done: its facts, the restarts to make in their order, and a verdict for each
 * task. What forbids a restart stands in rules.ts, the order in queue.ts. It reads no clock, and changes nothing but the
 * memory, which takes each fact at once.
 *
 * It is a generator so that a list of 100,000 tasks is worked off in slices: at each `yield` the keeper lets other work
 * go first.
 */

import { accountTime, emptyGroupFacts, sliceOfTasks, takeCensus } from '../learn/census.ts';
import { closeListCircuit, listFailureFacts } from '../learn/circuit.ts';
import { failingFacts, recoveredFacts } from '../learn/failing-polls.ts';
import { isSettled, tellMissed, tellShown, tellVerified } from '../learn/outage.ts';
import { reviewStorms } from '../learn/storm.ts';
import { dueSince, isOnLeave } from '../memory/condition.ts';
import { endOf } from '../memory/holds.ts';
import { isIncomplete, type Ledger, type TaskRecord } from '../memory/ledger.ts';
import type { Memory } from '../memory/memory.ts';
import { type Moment, type Situation, situationOf } from '../memory/situation.ts';
import { areToBeRenewed } from '../memory/tallies.ts';
import type { Fact } from '../words/events.ts';
import { failuresKeptMs, type Policies } from '../words/policy.ts';
import {
  type CompleteObservation,
  type FailedObservation,
  type Observation,
  seenAt,
  type TaskItem,
} from '../words/task.ts';
import { inOrder, mayStayQueued } from './queue.ts';
import { type Verdict, verdictOf } from './rules.ts';

/** A list that lost too many tasks is believed after it has stayed so for this long. */
const suspectForMs = 15 * 60_000;
const suspectFewer = 5;
/** After so long without a list other tasks are no surprise: only their number is compared. */
const turnoverMs = 3_600_000;
const maxUnknownTold = 100;
const maxCloudGroupsNamed = 10;

/**
 * Tasks to restart, best first: those that may go now, or when a storm, the circuit, or a wait that ends before the next
 * poll lets them.
 */
type Queue = readonly string[];

/**
 * Decides from one observation, and tells memory every fact on the way. Nothing is decided from a failed one: unknown is
 * neither stopped nor healthy.
 */
export function* decide(
  memory: Memory,
  observation: Observation,
  policies: Policies,
  moment: Moment,
): Generator<void, Queue> {
  memory.midway = true;
  try {
    return observation.kind === 'failed'
      ? pollFailed(memory, observation, moment.now)
      : yield* decideFromList(memory, observation, policies, moment);
  } finally {
    memory.midway = false;
  }
}

function pollFailed(memory: Memory, { failure, startedAt, finishedAt }: FailedObservation, now: number): Queue {
  const { ledger } = memory;
  memory.tell(now, ...failingFacts(ledger, failure, now));
  memory.tell(now, { type: 'poll-failed', failure, durationMs: finishedAt - startedAt });
  memory.tell(now, ...listFailureFacts(ledger, failure));
  return [];
}

function* decideFromList(
  memory: Memory,
  observation: CompleteObservation,
  policies: Policies,
  moment: Moment,
): Generator<void, Queue> {
  const { ledger } = memory;
  const { now } = moment;
  memory.tell(now, ...closeListCircuit(ledger));
  memory.tell(now, ...expireHolds(ledger, now));
  const before = situationOf(ledger, policies, moment);
  memory.tell(now, ...accountTime(before, observation.startedAt));
  const again = isShownAgain(ledger.seenNow, observation.items);
  const suspect = suspicion(ledger, observation, again, now);
  if (observation.items.length > sliceOfTasks) yield;
  yield* takeIn(memory, before, observation, again, suspect.doubted);
  memory.tell(now, ...suspect.facts, ...pollFacts(ledger, observation, suspect.doubted, now));
  memory.tell(now, ...completeness(memory, observation, now));
  memory.forgetFailuresUntil(now - failuresKeptMs);
  const { stopped, gone, counted } = yield* takeCensus(situationOf(ledger, policies, moment));
  memory.dropOldRecords(gone, now);
  memory.counted(counted, now);
  memory.tell(now, ...reviewStorms(ledger, policies, now));
  memory.tell(now, ...emptyGroupFacts(ledger, now));
  const queue = yield* judge(memory, stopped, policies, moment);
  if (areToBeRenewed(ledger.tallies, before.cloudNow)) {
    if (ledger.tasks.size > sliceOfTasks) yield;
    memory.renewTallies(before.cloudNow);
  }
  return queue;
}

/** What a look that only verifies brings: it settles attempts and nothing else. */
export function settleByLook(memory: Memory, items: readonly TaskItem[], situation: Situation): void {
  const { ledger, policies, now } = situation;
  for (const item of items.toSorted(byId)) {
    const known = ledger.tasks.get(item.taskId);
    if (known) tellVerified(memory, situation, known, item);
  }
  memory.tell(now, ...reviewStorms(ledger, policies, now));
}

/** What settles changes storm windows, and the outcome must not hang on the order in which a list has its tasks. */
const byId = (a: TaskItem, b: TaskItem): number => (a.taskId < b.taskId ? -1 : 1);

// ---- taking in the list ------------------------------------------------------------------------------------------

function* takeIn(
  memory: Memory,
  situation: Situation,
  observation: CompleteObservation,
  again: boolean,
  doubted: boolean,
): Generator<void, void> {
  const { ledger, now } = situation;
  const { items, shownAt } = observation;
  const before = ledger.seenNow;
  const seen = !doubted && again ? undefined : new Set<string>();
  const awaited: TaskItem[] = [];
  let worked = 0;
  for (let place = 0; place < items.length; place++) {
    const listed = items[place];
    if (!listed) continue;
    if (++worked % sliceOfTasks === 0) yield;
    const known = ledger.tasks.get(listed.taskId);
    if (doubted && !known) continue;
    // The ledger's own text of the id: one copy of it is kept, and its hash is known already.
    if (seen && !addedTo(seen, known?.taskId ?? listed.taskId)) continue;
    // Not so most of 100,000 tasks. Their groups cannot have changed: a new configuration has looked for them at once.
    if (known?.item !== listed || !isSettled(known)) {
      const item = seenAt(listed, shownAt?.[place]);
      if (known?.attempt) awaited.push(item);
      else tellShown(memory, situation, known, item);
    }
    if (listed.status === 'unknown') memory.tell(now, ...unknownStatus(ledger, listed));
  }
  for (const item of awaited.sort(byId)) {
    if (++worked % sliceOfTasks === 0) yield;
    tellShown(memory, situation, ledger.tasks.get(item.taskId), item);
  }
  const shown = seen ?? before;
  memory.showed(shown);
  // Every task seen is known by now: with equal numbers none is missing.
  if (doubted || shown.size === ledger.tasks.size) return;
  const failed = new Set(observation.failedCloudGroups);
  const counts = !observation.drift && observation.malformedItems === 0;
  for (const record of ledger.tasks.values()) {
    if (++worked % sliceOfTasks === 0) yield;
    if (shown.has(record.taskId) || record.goneAt !== undefined || failed.has(record.item.cloudGroup)) continue;
    // A group that is taken out of the file for a moment is not asked for meanwhile.
    tellMissed(memory, situation, record, counts && !isOnLeave(record, now));
  }
}

/**
 * The list shows the tasks of the previous one in the same order, which also means each of them once. Most polls do, and
 * then no set is built: with 100,000 tasks each set would be 5 MB of garbage.
 */
function isShownAgain(before: ReadonlySet<string>, items: readonly TaskItem[]): boolean {
  if (before.size !== items.length) return false;
  let place = 0;
  let isSame = true;
  before.forEach((taskId) => {
    isSame &&= items[place++]?.taskId === taskId;
  });
  return isSame;
}

function addedTo(seen: Set<string>, taskId: string): boolean {
  const others = seen.size;
  return seen.add(taskId).size > others;
}

/** Once for each value. */
function unknownStatus({ unknownTold }: Ledger, { taskId, statusText }: TaskItem): Fact[] {
  if (unknownTold.has(statusText) || unknownTold.size >= maxUnknownTold) return [];
  return [{ type: 'status-unknown', statusText, taskId }];
}

/**
 * A list that shows fewer than half of the tasks of before (and at least 5 fewer, or none at all) is not believed for
 * a quarter of an hour. Other tasks in their place do not help: with a wrong key they are somebody else's.
 */
function suspicion(
  ledger: Ledger,
  { items, malformedItems, failedCloudGroups }: CompleteObservation,
  again: boolean,
  now: number,
): { readonly doubted: boolean; readonly facts: readonly Fact[] } {
  const { suspect, lastComplete } = ledger.accountRecord;
  // What could not be read is not missing: it costs the item or the cloud group, not the poll. So only the cloud groups
  // are compared that were read both times.
  const unlisted = new Set(lastComplete?.unlisted);
  const unread = failedCloudGroups.filter((cloudGroup) => !unlisted.has(cloudGroup));
  const before = (suspect?.before ?? lastComplete?.tasks ?? 0) - knownIn(ledger, unread);
  const shown = unlisted.size === 0 ? items : items.filter(({ cloudGroup }) => !unlisted.has(cloudGroup));
  const young = lastComplete && now - lastComplete.startedAt < turnoverMs;
  const kept =
    malformedItems + (young && !again ? knownAmong(ledger, shown, before / 2 - malformedItems) : shown.length);
  const shrank = kept * 2 < before && (before - kept >= suspectFewer || shown.length + malformedItems === 0);
  if (!shrank) return { doubted: false, facts: [] };
  if (suspect && now - suspect.since >= suspectForMs)
    return { doubted: false, facts: [{ type: 'list-believed', tasks: items.length }] };
  return { doubted: true, facts: [] };
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

function pollFacts(ledger: Ledger, observation: CompleteObservation, doubted: boolean, now: number): Fact[] {
  const { startedAt, finishedAt, drift, malformedItems, failedCloudGroups, items } = observation;
  const { suspect, lastComplete } = ledger.accountRecord;
  const common = { tasks: items.length, durationMs: finishedAt - startedAt, startedAt };
  const before = suspect?.before ?? lastComplete?.tasks ?? 0;
  const message = `the list has ${items.length} tasks, ${before} before`;
  return doubted
    ? [...failingFacts(ledger, { class: 'suspect', message }, now), { ...common, type: 'poll-suspect', before }]
    : [{ ...common, type: 'poll-completed', drift, malformedItems, failedCloudGroups }, ...recoveredFacts(ledger)];
}

/** A fact when several polls in a row have not added up, and another when one does again. */
function completeness(memory: Memory, observation: CompleteObservation, now: number): Fact[] {
  const { drift, failedCloudGroups: cloudGroups, items } = observation;
  const { incomplete: before } = memory.ledger;
  memory.listAddsUp(!drift && cloudGroups.length === 0, now);
  const { incomplete } = memory.ledger;
  if (!incomplete) return isIncomplete(before) ? [{ type: 'list-complete', since: before.since }] : [];
  if (isIncomplete(before) || !isIncomplete(incomplete)) return [];
  const shown = cloudGroups.slice(0, maxCloudGroupsNamed);
  return [{ type: 'list-incomplete', ...incomplete, tasks: items.length, cloudGroups: shown }];
}

const expireHolds = ({ holds }: Ledger, now: number): Fact[] =>
  [...holds.values()].flatMap((hold) => (now < endOf(hold) ? [] : [{ type: 'hold-expired', hold }]));

// ---- judging ----------------------------------------------------------------------------------------------------

/** A verdict for each stopped task: tells memory changed reasons, makes shadow attempts, gives the queue in its order. */
function* judge(
  memory: Memory,
  stopped: readonly TaskRecord[],
  policies: Policies,
  moment: Moment,
): Generator<void, Queue> {
  const { ledger } = memory;
  const situation = situationOf(ledger, policies, moment);
  const queue: TaskRecord[] = [];
  let worked = 0;
  for (const { taskId } of stopped) {
    if (++worked % sliceOfTasks === 0) yield;
    const record = ledger.tasks.get(taskId);
    if (!record) continue;
    const verdict = verdictOf(record, situation);
    if (mayStayQueued(verdict, situation)) queue.push(record);
    memory.tell(moment.now, ...withheldFacts(record, verdict, situation), ...shadowFacts(record, verdict));
  }
  return inOrder(queue, situation).map(({ taskId }) => taskId);
}

/** Told each time the reason of a due, stopped task changes. */
function withheldFacts(record: TaskRecord, verdict: Verdict, { policyOf, cloudNow }: Situation): Fact[] {
  const { taskId, reasonTold } = record;
  const policy = policyOf.get(record.group);
  if (!policy || verdict.kind !== 'wait' || verdict.reason === reasonTold) return [];
  if (dueSince(record, policy, cloudNow) === undefined) return [];
  return [{ type: 'restart-withheld', taskId, group: policy.name, reason: verdict.reason, until: verdict.until }];
}

/** What would be sent, if the task were not only observed; an operator's restart is real, and awaited first. */
function shadowFacts({ taskId, group = '', attempt }: TaskRecord, verdict: Verdict): Fact[] {
  const objection = verdict.kind === 'wait' && !attempt ? verdict.objection : undefined;
  if (objection?.kind !== 'observed' || objection.at !== null) return [];
  return [{ type: 'restart-shadowed', taskId, group, n: objection.n }];
}
