/**
 * What must be true when the weather is over and all has healed: curable tasks run, outages are over, and what was
 * told, what is on disk and what the metrics show agree. A crash at the very end loses nothing.
 */
import type { Event } from '../../src/domain/words/events.ts';
import { groupOf } from '../../src/domain/words/policy.ts';
import type { History } from './history.ts';

const minute = 60_000;
/** Ten minutes of a process that is down, five of an open list circuit, and some of its neighbour's lease. */
const longestSilenceMs = 20 * minute;
/** The longest that everybody may take by the judge's own bounds; a violation comes sooner. */
const longestHealingMs = 12 * 60 * minute;

export async function healAndCheck(history: History): Promise<void> {
  const { clock, judge } = history;
  const { pollEveryMs: gapMs, policies } = history.configuration;
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
    [...openOutages(history.disk.memory.events, () => {})].filter((taskId) => {
      const item = history.shown(taskId);
      return item?.status === '生效中' && groupOf(policies, item) !== undefined;
    });
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
export async function checkBooks({ judge, disk, owner }: History): Promise<void> {
  if (judge.violation || !owner) return;
  const kept = owner.told;
  const newest = kept.length === 0 ? [] : disk.memory.events.slice(-kept.length);
  const same = JSON.stringify(kept) === JSON.stringify(newest);
  judge.must(same, () => `${kept.length} events were told, and the disk does not end with them`);
  openOutages(disk.memory.events, (what) => judge.fail(what));

  if (owner.reloaded || owner.gains !== 1) return;
  const scrape = new TextDecoder().decode(await owner.metrics.render([])).split('\n');
  const groups = new Set(owner.configuration.policies.groups.map(({ name }) => name));
  const ofGroups = owner.told.filter((event) => 'group' in event && groups.has(event.group ?? ''));
  for (const [name, counts] of Object.entries(counters)) {
    const series = scrape.filter((line) => line.startsWith(`relaykeeper_${name}{`));
    const total = series.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
    const times = ofGroups.filter(counts).length;
    judge.must(total === times, () => `${name} is ${total}, and ${times} such events were told`);
  }
}

/** Which events each of these counters counts, of groups that the policies have. */
const counters: Readonly<Record<string, (event: Event) => boolean>> = {
  restarts_total: (event) => event.type === 'restart-answered' && event.answer.kind !== 'not-sent',
  restart_failures_total: ({ type }) => type === 'restart-failed',
  shadow_restarts_total: ({ type }) => type === 'restart-shadowed',
  outages_total: ({ type }) => type === 'outage-opened',
  outage_endings_total: ({ type }) => type === 'outage-ended',
  restarts_withheld_total: ({ type }) => type === 'restart-withheld',
};

/**
 * Tasks of which an outage is open on disk. Told to `fail`: there outages open and end in turn, an attempt fails once,
 * and a task is given up once until it is let go.
 */
function openOutages(events: readonly Event[], fail: (what: string) => void): Iterable<string> {
  const open = new Map<string, string>();
  const failed = new Set<string>();
  const abandoned = new Set<string>();
  for (const event of events) {
    switch (event.type) {
      case 'outage-opened':
        if (open.has(event.taskId)) fail(`two outages of ${event.taskId} are open at once`);
        open.set(event.taskId, event.outageId);
        break;
      case 'outage-ended':
        if (open.get(event.taskId) !== event.outageId) fail(`an outage of ${event.taskId} ended that was not open`);
        open.delete(event.taskId);
        abandoned.delete(event.taskId);
        break;
      case 'task-abandoned':
        if (abandoned.has(event.taskId)) fail(`${event.taskId} was abandoned twice`);
        abandoned.add(event.taskId);
        break;
      case 'task-released':
        abandoned.delete(event.taskId);
        break;
      case 'restart-intended':
        abandoned.delete(event.taskId);
        // After the clock was set back an attempt can have a name again, hours later.
        failed.delete(event.attemptId);
        break;
      case 'restart-failed':
        if (failed.has(event.attemptId)) fail(`attempt ${event.attemptId} failed twice`);
        failed.add(event.attemptId);
        break;
      default:
    }
  }
  return open.keys();
}

/** A process that is killed now leaves a successor who finds nothing new: all that was known is on disk. */
async function crash(history: History, gapMs: number): Promise<void> {
  const { judge } = history;
  const died = history.owner && history.kill({ death: 'now', downMs: 1_000 });
  if (!died) return;
  await history.until(history.clock.monotonic() + 3 * gapMs + 90_000);
  if (judge.violation) return;
  const { owner } = history;
  if (!owner || owner === died) return judge.fail('nobody took over after a crash in fair weather');
  openOutages(history.disk.memory.events, (what) => judge.fail(what));
  for (const event of owner.told)
    if (event.type === 'task-found' || event.type === 'task-moved')
      judge.fail(`after a crash in fair weather this is news: ${event.type} ${event.taskId}`);
}
