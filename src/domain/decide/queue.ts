/**
 * The queue: which restarts may go, in which order, and which one goes when a permit comes. Decided again each time,
 * because a permit may have come late.
 */

import { type Ledger, recordsOf, type TaskRecord } from '../memory/ledger.ts';
import type { InTrouble, Situation } from '../memory/situation.ts';
import { isStormOver, passesStorms } from '../memory/windows.ts';
import type { EventOf } from '../words/events.ts';
import { hashOf } from '../words/hash.ts';
import { type ReasonMeaning, reasonMeanings } from '../words/reason.ts';
import { probeNotBefore, type Verdict, verdictOf } from './rules.ts';

type Intent = EventOf<'restart-intended'>;

/**
 * What only the storm or the circuit withholds stays in the queue, and goes when its window frees or as a probe. So does
 * what only a time withholds that comes before the next poll: it goes then, as `explain` says, and not at the poll after.
 */
export function mayStayQueued(verdict: Verdict, { nextPollAt }: Situation): boolean {
  const isSoon = verdict.kind === 'wait' && verdict.until <= nextPollAt;
  return withheldOnlyBy(verdict, (queued) => queued === 'stays' || (queued === 'until-its-time' && isSoon));
}

const withheldOnlyBy = (verdict: Verdict, what: (queued: ReasonMeaning['queued']) => boolean): boolean =>
  verdict.kind === 'restart' ||
  (verdict.kind === 'wait' && verdict.blockers.every((reason) => what(reasonMeanings[reason].queued)));

/**
 * The earliest moment after now at which time alone lets a queued restart go; undefined: none before the next poll, which
 * decides anew, or an answer that is awaited. Milliseconds by this machine.
 */
export function queueMovesAt(queue: readonly string[], situation: Situation): number | undefined {
  if (awaitsThrottledAnswer(situation.ledger)) return undefined;
  const at = situation.throttledUntil ?? earliestWait(queue, situation);
  return at < situation.nextPollAt ? at : undefined;
}

function earliestWait(queue: readonly string[], situation: Situation): number {
  let earliest = Number.POSITIVE_INFINITY;
  for (const record of recordsOf(situation.ledger, queue)) {
    const verdict = verdictOf(record, situation);
    if (verdict.kind === 'wait' && verdict.until > situation.now) earliest = Math.min(earliest, verdict.until);
  }
  return earliest;
}

/**
 * After so many calls none has precedence for having had fewer: whoever's call is longest ago is next. Otherwise, with
 * few restarts at a time, a task that was called for often waits until all that never come up had as many.
 */
const turnsFromCalls = 3;

/**
 * Fewest calls in this outage first (until turns begin), then groups in file order, then the oldest outage, then task id.
 * During a storm two things differ. Cloud groups take turns instead of following the file, and so do the groups within a
 * cloud group: a group whose tasks never come up leaves every second place to the others. And a hash of the task replaces
 * the age of its outage: neighbours often share a cause, and it must not take all the first places. Calls that were given
 * back count too: a task that made the account wait, or opened a circuit, must not go first again.
 */
export function inOrder(records: readonly TaskRecord[], situation: Situation): readonly TaskRecord[] {
  const { ledger, policies } = situation;
  const groupRank = new Map(policies.groups.map(({ name }, rank) => [name, rank]));
  const accountStorm = ledger.storms.has(undefined);
  const keyed = records.map((record) => {
    const group = record.group ?? '';
    const stormy = isStormOver(ledger, group);
    return {
      record,
      stormy,
      calls: Math.min(record.outage?.calls ?? 0, turnsFromCalls),
      rank: accountStorm ? 0 : (groupRank.get(group) ?? Number.POSITIVE_INFINITY),
      place: placeOf(record, stormy),
      turn: 0,
      lastCallAt: 0,
    };
  });
  keyed.sort(
    (a, b) => a.calls - b.calls || a.rank - b.rank || a.place - b.place || (a.record.taskId < b.record.taskId ? -1 : 1),
  );
  // Elsewhere groups have their rank.
  if (accountStorm && groupRank.size > 1) takeTurns(keyed, ledger, ({ item, group }) => `${item.cloudGroup}\n${group}`);
  if (ledger.storms.size > 0) takeTurns(keyed, ledger, ({ item }) => item.cloudGroup);
  return keyed.map(({ record }) => record);
}

interface InTurn {
  readonly record: TaskRecord;
  readonly stormy: boolean;
  readonly calls: number;
  readonly rank: number;
  /** Its place on its side; sides take turns, beginning with the one whose last call is longest ago. */
  turn: number;
  lastCallAt: number;
}

function takeTurns(keyed: InTurn[], ledger: Ledger, sideOf: (record: TaskRecord) => string): void {
  const lastCallAt = new Map<string, number>();
  for (const record of recordsOf(ledger, ledger.stopped)) {
    const calledAt = record.outage?.lastCallAt;
    if (calledAt === undefined) continue;
    const side = sideOf(record);
    lastCallAt.set(side, Math.max(calledAt, lastCallAt.get(side) ?? 0));
  }
  // Those of one rank stand together.
  const turns = new Map<string, number>();
  let before: InTurn | undefined;
  for (const one of keyed) {
    if (!one.stormy) continue;
    if (one.calls !== before?.calls || one.rank !== before.rank) turns.clear();
    before = one;
    const side = sideOf(one.record);
    one.turn = turns.get(side) ?? 0;
    turns.set(side, one.turn + 1);
    one.lastCallAt = lastCallAt.get(side) ?? 0;
  }
  // What is equal keeps its order.
  keyed.sort((a, b) => a.calls - b.calls || a.rank - b.rank || a.turn - b.turn || a.lastCallAt - b.lastCallAt);
}

function placeOf({ taskId, outage }: TaskRecord, stormy: boolean): number {
  const calls = outage?.calls ?? 0;
  if (calls >= turnsFromCalls) return outage?.lastCallAt ?? 0;
  return stormy ? hashOf(taskId, calls + 1) : (outage?.since ?? 0);
}

/** The restart to send now: decided again from the newest facts, because a permit may have come late. */
export function pick(queue: readonly string[], situation: Situation): Intent | undefined {
  const { ledger, throttledUntil } = situation;
  const { restart, list } = ledger.accountRecord.circuits;
  // While the cloud's word keeps every restart of the account, nobody in the queue has to be asked.
  if (list.kind === 'open' || awaitsThrottledAnswer(ledger) || throttledUntil !== undefined) return undefined;
  if (restart.kind === 'open') return pickProbe(queue, situation);
  const place = throttledPlaces(ledger);
  const records = place ? [...recordsOf(ledger, queue)].sort((a, b) => place(a) - place(b)) : recordsOf(ledger, queue);
  for (const record of records)
    if (verdictOf(record, situation).kind === 'restart') return intentOf(record, situation, false);
  return undefined;
}

/** The largest that `nearness` gives. */
const nearest = 3;

/** Who was throttled in this outage goes last: it may be theirs alone. Undefined: nobody was. */
function throttledPlaces(ledger: Ledger): ((record: TaskRecord) => number) | undefined {
  if (!ledger.accountRecord.throttle) return undefined;
  const cloudGroups = new Set<string>();
  const groups = new Set<string | undefined>();
  let since = Number.POSITIVE_INFINITY;
  for (const record of recordsOf(ledger, ledger.stopped)) {
    if (!record.outage?.throttled) continue;
    cloudGroups.add(record.item.cloudGroup);
    groups.add(record.group);
    since = Math.min(since, record.outage.since);
  }
  if (cloudGroups.size === 0) return undefined;
  return (record) => (record.outage?.throttled ? nearest + 1 : nearness(record, { cloudGroups, groups, since }));
}

/**
 * How near a task is to those that are in trouble, 0 to 3: another cloud group than theirs is farthest, because a
 * trouble may be of one; within theirs, another group, or to have stopped after the trouble began.
 */
function nearness({ item, group, outage }: TaskRecord, { cloudGroups, groups, since }: InTrouble): number {
  const alike = groups.has(group);
  if (!cloudGroups.has(item.cloudGroup)) return alike ? 1 : 0;
  return alike && (outage?.since ?? 0) <= since ? 3 : 2;
}

/** After throttled answers one restart of the rules goes alone, and its answer shows whether others may follow. */
function awaitsThrottledAnswer(ledger: Ledger): boolean {
  const { throttle } = ledger.accountRecord;
  if (!throttle || throttle.inRow === 0) return false;
  for (const { attempt } of recordsOf(ledger, ledger.unsettled))
    if (attempt?.phase.kind === 'in-flight' && attempt.trigger === 'auto') return true;
  return false;
}

/**
 * The probe is a restart that only the circuit or a storm keeps back. Tasks that were not tried since the circuit opened
 * go first, those farthest from the tried ones before the others, because a trouble of one task or one group does not reach
 * them; then the task that was tried longest ago.
 */
function pickProbe(queue: readonly string[], situation: Situation): Intent | undefined {
  const { ledger, now, tried } = situation;
  let best: { readonly record: TaskRecord; readonly rank: number } | undefined;
  for (const record of recordsOf(ledger, queue)) {
    if (!tried || now < probeNotBefore(record, situation)) continue;
    if (!withheldOnlyBy(verdictOf(record, situation), (queued) => queued === 'stays')) continue;
    const answeredSo = tried.tasks.get(record.taskId) ?? nearness(record, tried) - nearest;
    // Any call counts: who is refused for a cause of its own would otherwise stay untried, and take every probe.
    const calledAt = record.outage?.lastCallAt ?? 0;
    const rank = calledAt >= tried.since ? Math.max(answeredSo, calledAt) : answeredSo;
    if (!best || rank < best.rank) best = { record, rank };
  }
  return best && intentOf(best.record, situation, true);
}

function intentOf(record: TaskRecord, situation: Situation, probe: boolean): Intent | undefined {
  const { ledger, policyOf, now: at } = situation;
  const { taskId, attempts, group = '' } = record;
  const policy = policyOf.get(group);
  if (!policy) return undefined;
  const n = attempts + 1;
  const { free } = passesStorms(situation, record, policy);
  // With its number: a clock that was set back comes to the same moment again.
  const about = { at, account: ledger.account, taskId, group, attemptId: `${taskId}#${n}@${at}` };
  return { ...about, type: 'restart-intended', trigger: 'auto', n, probe, free, by: undefined };
}
