/**
 * What must be true when the weather is over: circuits close, lists are believed, each curable task is restarted
 * within its bound and its outage ends, incurable ones are given up once, and memory, disk and numbers agree.
 */

import { verdictOf } from '../../src/domain/decide/rules.ts';
import { groupViews } from '../../src/domain/views/views.ts';
import type { Event } from '../../src/domain/words/events.ts';
import { reasons } from '../../src/domain/words/reason.ts';
import { total } from './counters.ts';
import type { Expected, History } from './history.ts';
import type { Process } from './process.ts';

export interface Surroundings {
  readonly until: (atMs: number) => Promise<void>;
  readonly note: (text: () => string) => void;
  readonly told: ReadonlyMap<Process, readonly Event[]>;
}

const minute = 60_000;
/** Design section 5: the list circuit's longest wait, a suspect list's quarter of an hour, the throttle's minute. */
const circuitMs = 5 * minute;
const suspectMs = 15 * minute;
const throttleMs = minute;

export async function heal(history: History, surroundings: Surroundings): Promise<void> {
  const { clock, judge } = history;
  const { until, note } = surroundings;
  const now = () => clock.monotonic();
  const gapMs = history.configuration.pollEveryMs;
  /** Runs until `done`, at most for so long; false if it never came. */
  const within = async (ms: number, done: () => boolean): Promise<boolean> => {
    const end = now() + ms;
    while (now() < end && !done() && !judge.books.violation) await until(Math.min(end, now() + gapMs / 2));
    return done();
  };

  const fairSince = now();
  const ready = () => {
    const process = history.owner;
    // A poll that began in the weather can still fail of it.
    if (!process?.keeper.ledger.owned || (judge.books.newest?.at ?? 0) <= fairSince) return false;
    const { accountRecord, fresh } = process.keeper.ledger;
    const { list, restart } = accountRecord.circuits;
    return (
      !fresh &&
      !accountRecord.suspect &&
      list.kind === 'closed' &&
      (restart.kind === 'closed' || nothingToProbe(process))
    );
  };
  const readyWithinMs = comesToItselfWithin(history, gapMs);
  if (!(await within(readyWithinMs, ready))) {
    if (!judge.books.violation)
      judge.books.fail(
        `after the weather it did not come to itself within ${readyWithinMs / minute} min: ${stateOf(history)}`,
      );
    return;
  }
  note(() => '> it has come to itself');
  await allRestarted(history, within, gapMs);
  if (judge.books.violation) return;
  await outagesEnd(history, within, gapMs);
  if (judge.books.violation) return;
  await givenUpOnce(history, within, gapMs);
  if (judge.books.violation) return;
  await until(now() + gapMs + 20_000);
  await checkEnd(history, surroundings);
}

/** A process that is down, a lease that has to run out, a list beyond belief, each circuit: their longest waits. */
function comesToItselfWithin({ owner, world, script, judge, configuration }: History, gapMs: number): number {
  const downMs = owner?.keeper.ledger.owned ? 0 : 11 * minute;
  if (!owner || downMs > 0 || script.replicas > 1)
    return 11 * minute + 2 * circuitMs + suspectMs + throttleMs + 4 * gapMs;
  const { accountRecord, tasks } = owner.keeper.ledger;
  const { suspect, lastComplete, circuits } = accountRecord;
  const kept = [...world.tasks.keys()].filter((taskId) => tasks.has(taskId)).length;
  const mayBeSuspect = suspect !== undefined || kept * 2 <= (lastComplete?.tasks ?? 0);
  // Design section 5: the list is asked again after one gap, then twice as long each time, up to five minutes.
  const { refusedInRow } = judge.books;
  const listMs = circuits.list.kind === 'open' ? Math.min(circuitMs, gapMs * 2 ** Math.max(0, refusedInRow - 1)) : 0;
  // Its probe is a restart that the rules would give: if only a quarantined task is left, it waits for that one's retry.
  const { groups } = configuration.policies;
  const retryMs = groups.map(({ quarantine, backoff }) => quarantine.retryEveryMs * (1 + backoff.jitterPercent / 100));
  const restartMs = circuits.restart.kind === 'open' ? Math.max(circuitMs, ...retryMs) : 0;
  return listMs + restartMs + (mayBeSuspect ? suspectMs : 0) + throttleMs + minute + 4 * gapMs;
}

/** An open restart circuit that has nobody to probe with stays open; that is no harm. */
function nothingToProbe(process: Process): boolean {
  const { keeper } = process;
  const situation = keeper.situation();
  for (const record of keeper.ledger.tasks.values()) {
    const verdict = verdictOf(record, situation);
    if (
      verdict.kind === 'wait' &&
      verdict.blockers.every((reason) =>
        ['circuit', 'storm', 'backoff', 'verifying', 'in-flight', 'quarantined', 'confirming'].includes(reason),
      )
    )
      return false;
  }
  return true;
}

async function allRestarted(
  history: History,
  within: (ms: number, done: () => boolean) => Promise<boolean>,
  gapMs: number,
): Promise<void> {
  const { policies } = history.configuration;
  const stopped = [...history.world.tasks.keys()].filter((taskId) => !history.isActive(taskId)).length;
  const longest = (of: (policy: (typeof policies.groups)[number]) => number) => Math.max(...policies.groups.map(of));
  const jitter = longest(({ backoff }) => 1 + backoff.jitterPercent / 100);
  const stormMs = Math.ceil(stopped / 3) * (longest(({ verifyWithinMs }) => verifyWithinMs) + gapMs);
  const boundMs =
    Math.max(
      longest(({ backoff }) => backoff.maxMs) * jitter,
      longest(({ quarantine }) => quarantine.retryEveryMs) * jitter,
      stormMs,
    ) +
    (2 + longest(({ confirm }) => confirm)) * gapMs +
    throttleMs +
    60_000;
  const waiting = history.curable(history.clock.monotonic() + boundMs);
  const back = () => waiting.every(({ taskId }) => history.isActive(taskId));
  if (await within(boundMs, back)) return;
  const left = waiting.filter(({ taskId }) => !history.isActive(taskId)).map(({ taskId }) => taskId);
  if (left.length > 0 && !history.judge.books.violation)
    history.judge.books.fail(
      `${left.slice(0, 5).join(', ')} did not come back within ${Math.round(boundMs / 1_000)} s (${stopped} were stopped): ${verdictsOf(history, left[0])}`,
    );
}

async function outagesEnd(
  history: History,
  within: (ms: number, done: () => boolean) => Promise<boolean>,
  gapMs: number,
): Promise<void> {
  const verifyMs = Math.max(...history.configuration.policies.groups.map(({ verifyWithinMs }) => verifyWithinMs));
  const open = () =>
    [...(history.owner?.keeper.ledger.tasks.values() ?? [])].filter(
      ({ taskId, outage }) => outage && history.isActive(taskId),
    );
  // Tasks that came up meanwhile have to hold first.
  const boundMs = verifyMs * 2 + 6 * gapMs + 60_000;
  const known = new Set(open().map(({ taskId }) => taskId));
  const done = () => !open().some(({ taskId }) => known.has(taskId));
  if (await within(boundMs, done)) return;
  const left = open().find(({ taskId }) => known.has(taskId));
  if (left && !history.judge.books.violation)
    history.judge.books.fail(`the outage of ${left.taskId} stays open on a running task: ${JSON.stringify(left)}`);
}

/** Few enough that no storm decides how long it takes, and given up within the hour. */
async function givenUpOnce(
  history: History,
  within: (ms: number, done: () => boolean) => Promise<boolean>,
  gapMs: number,
): Promise<void> {
  const soon = history
    .incurable(history.clock.monotonic())
    .filter(({ taskId, policy }) => !history.isActive(taskId) && policy.quarantine.abandonAfterMs <= 60 * minute);
  if (soon.length === 0 || soon.length > 3) return;
  const boundMs = Math.max(
    ...soon.map(({ policy: { attempts, backoff, quarantine, verifyWithinMs } }) => {
      const attemptMs = (1 + backoff.jitterPercent / 100) * backoff.maxMs + verifyWithinMs + 3 * gapMs;
      return attempts * attemptMs + quarantine.abandonAfterMs + 2 * quarantine.retryEveryMs + 4 * gapMs;
    }),
  );
  // Only those that are due for as long, and in nobody's way.
  const waiting = history
    .incurable(history.clock.monotonic() + boundMs)
    .filter(({ taskId }) => soon.some((other) => other.taskId === taskId));
  // One that stopped in the weather may have its return before it: it comes back by itself, and nobody gives it up.
  const settled = ({ taskId }: Expected) =>
    history.isActive(taskId) || history.owner?.keeper.ledger.tasks.get(taskId)?.stageTold === 'abandoned';
  if (await within(boundMs, () => waiting.every(settled))) return;
  const left = waiting.find((one) => !settled(one));
  if (left)
    history.judge.books.fail(
      `${left.taskId} is incurable, and not given up after ${boundMs / minute} min: ${verdictsOf(history, left.taskId)}`,
    );
}

async function checkEnd(history: History, { told }: Surroundings): Promise<void> {
  const { judge, disk, owner, clock } = history;
  if (judge.books.violation || !owner) return;
  const { keeper } = owner;
  const { ledger } = keeper;
  const must = (condition: boolean, what: () => string) => {
    if (!condition) judge.books.fail(what());
  };
  const silentMs = clock.monotonic() - keeper.tickedAt;
  must(
    silentMs <= Math.max(60_000, history.configuration.pollEveryMs) + 30_000,
    () => `the loop has not ticked for ${silentMs} ms in fair weather`,
  );
  const polledMs = owner.clock.now() - (ledger.accountRecord.lastComplete?.finishedAt ?? 0);
  must(
    polledMs <= history.configuration.pollEveryMs + 60_000,
    () => `the newest complete list is ${polledMs} ms old in fair weather`,
  );

  // Every stopped task has a verdict, and it says why.
  const situation = keeper.situation();
  for (const record of ledger.tasks.values()) {
    const verdict = verdictOf(record, situation);
    if (verdict.kind === 'wait')
      must(
        reasons.includes(verdict.reason) && verdict.until >= situation.now && verdict.detail !== '',
        () => `the verdict of ${record.taskId} has no reason`,
      );
  }

  // What was kept up with every fact is what a count of all tasks gives.
  const counted = { ...situation, ledger: { ...ledger, tallies: undefined } };
  must(
    JSON.stringify(groupViews(situation)) === JSON.stringify(groupViews(counted)),
    () => 'the numbers of the groups are not those of their tasks',
  );
  for (const { taskId, outage } of ledger.tasks.values())
    must(
      ledger.outages.has(taskId) === (outage !== undefined),
      () => `${taskId} is ${outage ? 'not ' : ''}among those in outage`,
    );

  // Memory and disk agree, and so do events and records.
  for (const [taskId, record] of ledger.tasks)
    must(
      JSON.stringify(record) === JSON.stringify(disk.memory.tasks.get(taskId)),
      () => `the record of ${taskId} on disk is not the one in memory`,
    );
  must(
    disk.memory.tasks.size === ledger.tasks.size,
    () => `${disk.memory.tasks.size} records on disk, ${ledger.tasks.size} in memory`,
  );
  must(
    JSON.stringify(disk.memory.account) === JSON.stringify(ledger.accountRecord),
    () => 'the account on disk is not the one in memory',
  );
  must(disk.memory.holds.size === ledger.holds.size, () => 'holds on disk are not those in memory');
  const mine = told.get(owner) ?? [];
  const newest = disk.memory.events.slice(-mine.length);
  must(
    mine.length === 0 ||
      (newest.length === mine.length &&
        mine.every((event, index) => JSON.stringify(event) === JSON.stringify(newest[index]))),
    () => `${mine.length} events were told, and the disk does not end with them`,
  );
  for (const [id, { endsAt }] of judge.books.holds)
    must(
      (endsAt ?? Number.POSITIVE_INFINITY) <= owner.clock.now() + 60_000 || ledger.holds.has(id),
      () => `hold ${id} is lost`,
    );

  await countersAgree(owner, mine, must);

  // Nothing grows without bound.
  const { circuits } = ledger.accountRecord;
  const kept = circuits.restart.kind === 'closed' ? circuits.restart.streak.length : 0;
  must(kept <= 50 && ledger.budget.length <= 20_000, () => 'the ledger grows');
  must(ledger.unsettled.size <= ledger.tasks.size, () => 'more attempts are unsettled than there are tasks');
  for (const taskId of ledger.unsettled) {
    const attempt = ledger.tasks.get(taskId)?.attempt;
    must(attempt !== undefined && attempt.phase.kind !== 'proving', () => `${taskId} is unsettled without an attempt`);
  }
  for (const hold of ledger.holds.values())
    must(
      (hold.endsAt ?? Number.POSITIVE_INFINITY) > owner.clock.now() - 2 * history.configuration.pollEveryMs - 60_000,
      () => `hold ${hold.id} has ended and is still there`,
    );
}

/** What the metrics counted is what was told, for a process that was never reloaded. */
async function countersAgree(
  { counters, reloaded, gains, configuration }: Process,
  told: readonly Event[],
  must: (condition: boolean, what: () => string) => void,
): Promise<void> {
  if (reloaded || gains !== 1) return;
  const groups = new Set(configuration.policies.groups.map(({ name }) => name));
  const count = (wanted: (event: Event) => boolean) =>
    told.filter((event) => 'group' in event && groups.has(event.group ?? '') && wanted(event)).length;
  const expected = {
    restarts_total: count(
      (event) => event.type === 'restart-answered' && event.trigger !== 'shadow' && event.answer.kind !== 'not-sent',
    ),
    restart_failures_total: count((event) => event.type === 'restart-failed' && event.trigger !== 'shadow'),
    outages_total: count(({ type }) => type === 'outage-opened'),
    outage_endings_total: count(({ type }) => type === 'outage-ended'),
    restarts_withheld_total: count(({ type }) => type === 'restart-withheld'),
  };
  const text = await counters.text();
  for (const [name, times] of Object.entries(expected)) {
    const counted = total(text, `relaykeeper_${name}`);
    must(counted === times, () => `${name} is ${counted}, and ${times} such events were told`);
  }
}

const stateOf = (history: History): string => {
  const ledger = history.owner?.keeper.ledger;
  if (!ledger) return 'no process owns the account';
  const { circuits, suspect } = ledger.accountRecord;
  return JSON.stringify({
    owned: ledger.owned,
    fresh: ledger.fresh,
    suspect,
    list: circuits.list,
    restart: circuits.restart,
  }).slice(0, 600);
};

function verdictsOf(history: History, taskId: string | undefined): string {
  const keeper = history.owner?.keeper;
  const record = keeper?.ledger.tasks.get(taskId ?? '');
  if (!keeper || !record) return 'it is unknown';
  return JSON.stringify({
    verdict: verdictOf(record, keeper.situation()),
    tries: record.tries,
    row: record.row,
    item: record.item.status,
    attempt: record.attempt,
    storms: [...keeper.ledger.storms],
  });
}
