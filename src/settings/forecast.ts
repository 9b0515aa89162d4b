/** How many API calls a configuration will make, before it makes any. */
import { globMatches, type Policy } from '../domain/words/policy.ts';
import { cronSchedule, sampleTicks } from './schedule.ts';
import type { AccountSettings, Settings } from './settings.ts';

export interface Forecast {
  readonly account: string;
  readonly tasks: number;
  /** Calls that one poll costs. */
  readonly callsPerPoll: number;
  /** Between scheduled polls: the shortest, milliseconds. */
  readonly gapMs: number;
  /** Calls per second where the schedule is densest. */
  readonly pollsPerSecond: number;
  /** Calls per second more while restarts are verified, at worst (every cloud group concerned); 0 if that is too dear and polls do it. */
  readonly verifyPerSecond: number;
  readonly limitPerSecond: number;
  /** Share of the limit that polling alone eats, 0 to …; above 1 it cannot keep up. */
  readonly pollShare: number;
  /** Sentences for a person; empty if all is well. */
  readonly warnings: readonly string[];
}

/** So many polls are looked at: an hour of the densest usual schedule, a day of a rare one. */
const pollsLookedAt = 240;
/** Polling alone should leave this share of the limit to restarts. */
const reservedShare = 0.5;
/** With `subAccount` and globs the cloud's groups are listed once a minute. */
const groupListsPerSecond = 1 / 60;

/** The gaps between scheduled polls, milliseconds. */
export function scheduledGaps(poll: AccountSettings['poll']): {
  readonly shortestMs: number;
  readonly longestMs: number;
} {
  const runs = sampleTicks(cronSchedule(poll.schedule, poll.timezone), pollsLookedAt);
  const gaps = runs.slice(1).map((at, index) => at - (runs[index] ?? at));
  return { shortestMs: Math.min(...gaps), longestMs: Math.max(...gaps) };
}

/** Calls of each account if it has `tasks` tasks (in every cloud group together). */
export function forecast(settings: Settings, tasks: number): readonly Forecast[] {
  return settings.accounts.map((account) => forecastAccount(account, settings.groups, tasks));
}

function forecastAccount(account: AccountSettings, groups: readonly Policy[], tasks: number): Forecast {
  const { poll, rateLimit } = account;
  const limit = rateLimit.perSecond;
  const { lists, groupLists } = listsOf(account, groups);
  // Every list has its own last page, which may be short.
  const callsPerPoll = Math.max(1, Math.ceil(tasks / poll.pageSize)) + lists - 1;
  const gapMs = scheduledGaps(poll).shortestMs;
  const pollsPerSecond = callsPerPoll / (gapMs / 1000) + groupLists;
  const looks = callsPerPoll / (poll.verifyEveryMs / 1000);
  const pollShare = pollsPerSecond / limit;
  return {
    account: account.name,
    tasks,
    callsPerPoll,
    gapMs,
    pollsPerSecond,
    verifyPerSecond: looks < limit * reservedShare ? looks : 0,
    limitPerSecond: limit,
    pollShare,
    warnings: sentences(account, { callsPerPoll, gapMs, pollShare, tasks }),
  };
}

/** How many lists a poll reads: one, or with a sub-account's key one for each cloud group that is known by name. */
function listsOf(account: AccountSettings, groups: readonly Policy[]): { lists: number; groupLists: number } {
  if (!account.subAccount) return { lists: 1, groupLists: 0 };
  const own = groups.filter(({ match }) => match.account.some((glob) => globMatches(glob, account.name)));
  const cloudGroups = new Set(own.flatMap(({ match }) => match.cloudGroup));
  const anyGlob = [...cloudGroups].some((name) => /[*?]/.test(name));
  return { lists: Math.max(1, cloudGroups.size), groupLists: anyGlob ? groupListsPerSecond : 0 };
}

function sentences(
  { name, poll, rateLimit }: AccountSettings,
  { callsPerPoll, gapMs, pollShare, tasks }: Pick<Forecast, 'callsPerPoll' | 'gapMs' | 'pollShare' | 'tasks'>,
): readonly string[] {
  if (pollShare <= reservedShare) return [];
  const cost = `a poll of ${tasks} tasks is ${callsPerPoll} calls of ${poll.pageSize} every ${gapMs / 1000} s`;
  const share = `${Math.round(pollShare * 100)} % of the ${rateLimit.perSecond} calls a second`;
  const enoughMs = Math.ceil(callsPerPoll / (rateLimit.perSecond * reservedShare)) * 1000;
  const raise = poll.pageSize < 500 ? 'raise `poll.pageSize` to 500, or ' : '';
  const trouble =
    pollShare > 1 ? 'polling cannot keep up' : 'polling alone eats more than half of the limit, and restarts wait';
  return [
    `account ${name}: ${trouble}: ${cost}, ${share}; ${raise}poll every ${enoughMs / 1000} s or more rarely (\`poll.schedule\`)`,
  ];
}
