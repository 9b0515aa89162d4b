/** How many API calls a configuration will make, before it makes any. */
import { anyMatches, isGlob, type Policy } from '../domain/words/policy.ts';
import { cronSchedule, sampleTicks } from './schedule.ts';
import type { AccountSettings, Settings } from './settings.ts';

export type Forecast = ReturnType<typeof forecastAccount>;

/** How many polls are looked at: an hour of the densest usual schedule, a day of a rare one. */
const pollsLookedAt = 240;
/** Of ten permits polls have three while restarts wait, however many they would take otherwise. */
const leastWatchShare = 0.3;
/** With `subAccount` and globs the cloud's groups are listed once a minute. */
const groupListsPerSecond = 1 / 60;

export function shortestGapMs({ schedule, timezone }: AccountSettings['poll']): number {
  const runs = sampleTicks(cronSchedule(schedule, timezone), pollsLookedAt);
  return Math.min(...runs.slice(1).map((at, index) => at - (runs[index] ?? at)));
}

/** Calls of each account if it has `tasks` tasks (in every cloud group together). */
export function forecast(settings: Settings, tasks: number): readonly Forecast[] {
  return settings.accounts.map((account) => forecastAccount(account, settings.groups, tasks));
}

function forecastAccount(account: AccountSettings, groups: readonly Policy[], tasks: number) {
  const { poll, rateLimit } = account;
  const limit = rateLimit.perSecond;
  const own = groups.filter(({ match }) => anyMatches(match.account, account.name));
  const { lists, groupLists } = listsOf(account, own);
  // Every list has its own last page, which may be short.
  const callsPerPoll = Math.max(1, Math.ceil(tasks / poll.pageSize)) + lists - 1;
  const mayTake = poll.share * Math.min(limit, rateLimit.list);
  const tickMs = shortestGapMs(poll);
  const gapMs = tickMs * Math.max(1, Math.ceil((callsPerPoll * 1000) / mayTake / tickMs));
  const pollsPerSecond = callsPerPoll / (gapMs / 1000) + groupLists;
  const looks = callsPerPoll / (poll.verifyEveryMs / 1000);
  const restartPerSecond = Math.min(rateLimit.restart, limit - Math.min(pollsPerSecond, leastWatchShare * limit));
  const allRestartedMs = Math.ceil(tasks / restartPerSecond) * 1000;
  /** Sentences for a person; empty if all is well. */
  const warnings: readonly string[] = [
    ...(gapMs > tickMs ? [ticksLeftOut(account, { callsPerPoll, gapMs, tickMs, tasks })] : []),
    ...restartsAskedFor(account, own, { restartPerSecond, allRestartedMs, tasks }),
  ];
  return {
    account: account.name,
    tasks,
    callsPerPoll,
    /** Between polls where the schedule is densest, ticks that are left out counted in; milliseconds. */
    gapMs,
    /** Calls per second where the schedule is densest. */
    pollsPerSecond,
    /** Further calls per second while restarts are verified, at worst (in every cloud group); 0: too dear, polls do it. */
    verifyPerSecond: looks < mayTake ? looks : 0,
    limitPerSecond: limit,
    restartPerSecond,
    /** Share of the limit that polling alone takes. */
    pollShare: pollsPerSecond / limit,
    /** How long it takes at least to restart all tasks once, if all are stopped. */
    allRestartedMs,
    warnings,
  };
}

/** How many lists a poll reads: one, or with a sub-account's key one for each cloud group that is known by name. */
function listsOf(account: AccountSettings, own: readonly Policy[]): { lists: number; groupLists: number } {
  if (!account.subAccount) return { lists: 1, groupLists: 0 };
  const cloudGroups = new Set(own.flatMap(({ match }) => match.cloudGroup));
  const anyGlob = [...cloudGroups].some(isGlob);
  return { lists: Math.max(1, cloudGroups.size), groupLists: anyGlob ? groupListsPerSecond : 0 };
}

function ticksLeftOut(
  { name, poll, rateLimit }: AccountSettings,
  { callsPerPoll, gapMs, tickMs, tasks }: Record<'callsPerPoll' | 'gapMs' | 'tickMs' | 'tasks', number>,
): string {
  const cost = `a poll of ${tasks} tasks takes ${callsPerPoll} calls of ${poll.pageSize}`;
  const share = `polling may use at most ${Math.round(poll.share * 100)} % of ${Math.min(rateLimit.perSecond, rateLimit.list)} calls a second (\`poll.share\`)`;
  const raise = poll.pageSize < 500 ? '; raise `poll.pageSize` to 500' : '';
  return `account ${name}: ${cost}, so polls run every ${gapMs / 1000} s instead of every ${tickMs / 1000} s: ${share}${raise}`;
}

/** Of the group that asks for most: how often its tasks would be tried if all of them stay stopped. */
function restartsAskedFor(
  { name }: AccountSettings,
  own: readonly Policy[],
  { restartPerSecond, allRestartedMs, tasks }: Record<'restartPerSecond' | 'allRestartedMs' | 'tasks', number>,
): readonly string[] {
  const [first] = own.toSorted((a, b) => a.backoff.maxMs - b.backoff.maxMs);
  if (!first) return [];
  const everyMs = first.backoff.maxMs;
  const asked = tasks / (everyMs / 1000);
  if (asked <= restartPerSecond) return [];
  return [
    `account ${name}: if all ${tasks} tasks stay stopped, group ${first.name} restarts each every ${everyMs / 1000} s (\`backoff.max\`), ` +
      `${asked.toFixed(1)} restarts a second; the limits allow ${restartPerSecond.toFixed(1)}, so each task's turn comes every ${allRestartedMs / 1000} s`,
  ];
}
