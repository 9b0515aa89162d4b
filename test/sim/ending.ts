/**
 * What must be true when the weather is over and all has healed: curable tasks run, outages are over, and what was
 * told, what is on disk and what the metrics show agree. A crash at the very end loses nothing.
 */
import type { History } from './history.ts';
import { type Event, expectedTotals, shownNumbers, toldBy } from './seam.ts';

const minute = 60_000;
/** Ten minutes of a process that is down, five of an open list circuit, and some of its neighbour's lease. */
const longestSilenceMs = 20 * minute;
/** The longest that everybody may take by the judge's own bounds; a violation comes sooner. */
const longestHealingMs = 12 * 60 * minute;

export async function healAndCheck(history: History): Promise<void> {
  const { clock, judge } = history;
  const gapMs = history.configuration.pollEveryMs;
  const { policies } = history.configuration;
  const now = () => clock.monotonic();
  const fairSince = now();
  const within = async (ms: number, done: () => boolean): Promise<boolean> => {
    const end = now() + ms;
    while (now() < end && !done() && !judge.violation) await history.until(Math.min(end, now() + gapMs / 2));
    return done() || judge.violation !== undefined;
  };
  const listed = () => history.owner !== undefined && (judge.book.list?.at ?? 0) > fairSince;
  if (!(await within(longestSilenceMs, listed))) return judge.fail('no complete list in fair weather');
  const healed = await within(longestHealingMs, () => history.owner !== undefined && history.leftDown().length === 0);
  if (!healed) return judge.fail(`${history.leftDown().slice(0, 5).join(', ')} did not come back in fair weather`);
  history.note(() => '> it has come to itself');
  // Those that came up last have to hold before their outages are over.
  const longestVerifyMs = Math.max(...policies.groups.map(({ verifyWithinMs }) => verifyWithinMs));
  const open = () =>
    openOutages(history.disk.memory.events).filter((taskId) => history.isManaged(taskId) && history.isActive(taskId));
  const known = open();
  const left = () => open().filter((taskId) => known.includes(taskId));
  if (!(await within(2 * longestVerifyMs + 6 * gapMs + minute, () => left().length === 0)))
    return judge.fail(`the outage of ${left()[0]} stays open on a running task`);
  // A sub-account learns of a new cloud group within a minute.
  await history.until(Math.max(now() + gapMs + 20_000, fairSince + 2 * minute));
  const recently = now() - gapMs - minute;
  judge.must((judge.book.list?.at ?? 0) >= recently, () => 'no complete list in fair weather');
  await checkBooks(history);
  if (!judge.violation) await crash(history, gapMs);
}

/** What was told, what is on disk and what the metrics show agree. */
export async function checkBooks(history: History): Promise<void> {
  const { judge, disk, owner } = history;
  if (judge.violation || !owner) return;
  const { keptUp, counted } = shownNumbers(owner.keeper);
  judge.must(keptUp === counted, () => `the numbers of the groups are not those of their tasks: ${keptUp} ${counted}`);

  const kept = owner.told;
  const newest = disk.memory.events.slice(-kept.length);
  const same =
    newest.length === kept.length &&
    kept.every((event, index) => JSON.stringify(event) === JSON.stringify(newest[index]));
  judge.must(kept.length === 0 || same, () => `${kept.length} events were told, and the disk does not end with them`);
  everythingHasItsPlace(disk.memory.events, (what) => judge.fail(what));

  if (owner.reloaded || owner.gains !== 1) return;
  for (const [name, times] of Object.entries(expectedTotals(owner.told, owner.configuration.policies))) {
    const total = await owner.counters.total(name);
    judge.must(total === times, () => `${name} is ${total}, and ${times} such events were told`);
  }
}

/** On disk, outages open and end in turn, an attempt fails once, and a task is given up once until it is let go. */
function everythingHasItsPlace(events: readonly Event[], fail: (what: string) => void): void {
  const open = new Map<string, string>();
  const failed = new Set<string>();
  const abandoned = new Set<string>();
  for (const event of events) {
    const told = toldBy(event);
    if (!told || !('taskId' in told)) continue;
    const { taskId, kind } = told;
    if (kind === 'opened') {
      if (open.has(taskId)) fail(`two outages of ${taskId} are open at once`);
      open.set(taskId, told.outageId);
    }
    if (kind === 'ended') {
      if (open.get(taskId) !== told.outageId) fail(`an outage of ${taskId} ended that was not open`);
      open.delete(taskId);
    }
    if (kind === 'abandoned') {
      if (abandoned.has(taskId)) fail(`${taskId} was abandoned twice`);
      abandoned.add(taskId);
    }
    if (kind === 'ended' || kind === 'released' || kind === 'intended') abandoned.delete(taskId);
    // After the clock was set back an attempt can have a name again, hours later.
    if (kind === 'intended') failed.delete(told.attemptId);
    if (kind === 'failed') {
      if (failed.has(told.attemptId)) fail(`attempt ${told.attemptId} failed twice`);
      failed.add(told.attemptId);
    }
  }
}

function openOutages(events: readonly Event[]): readonly string[] {
  const open = new Set<string>();
  for (const event of events) {
    const told = toldBy(event);
    if (told?.kind === 'opened') open.add(told.taskId);
    if (told?.kind === 'ended') open.delete(told.taskId);
  }
  return [...open];
}

/** A process that is killed now leaves a successor who finds nothing new: all that was known is on disk. */
async function crash(history: History, gapMs: number): Promise<void> {
  const { judge } = history;
  const died = history.killOwner();
  if (!died) return;
  await history.until(history.clock.monotonic() + 3 * gapMs + 90_000);
  if (judge.violation) return;
  const { owner } = history;
  if (!owner || owner === died) return judge.fail('nobody took over after a crash in fair weather');
  everythingHasItsPlace(history.disk.memory.events, (what) => judge.fail(what));
  for (const event of owner.told) {
    const told = toldBy(event);
    const news = told && ['found', 'moved'].includes(told.kind);
    if (news) judge.fail(`after a crash in fair weather this is news: ${JSON.stringify(told)}`);
  }
}
