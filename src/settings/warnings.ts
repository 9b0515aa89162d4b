/**
 * Warns of what is allowed but probably a mistake. Each of these would cost somebody a search at night; what is merely
 * unusual is not a warning.
 */
import { globMatches, isGlob, type Policy } from '../domain/words/policy.ts';
import { shortestGapMs } from './forecast.ts';
import type { Finding } from './issues.ts';
import { type AccountSettings, type Settings, vendorLimits } from './settings.ts';

const minuteMs = 60_000;
/** Above this a schedule is probably one of five fields that was meant with seconds. */
const longGapMs = 5 * minuteMs;

export function warnings(settings: Settings): readonly Finding[] {
  return [...settings.accounts.flatMap(aboutAccount), ...unreachableGroups(settings.groups)];
}

function aboutAccount(account: AccountSettings, index: number): readonly Finding[] {
  const found: Finding[] = [];
  const warn = (key: string, wrong: string) =>
    found.push({ path: ['accounts', index, ...key.split('.')], at: 'value', wrong });
  const { poll, rateLimit, endpoint } = account;
  if (account.provider === 'simulator') warn('provider', 'a pretend cloud: no real task is seen or restarted');
  const shortestMs = shortestGapMs(poll);
  if (shortestMs > longGapMs) {
    const fields = poll.schedule.trim().split(/\s+/).length;
    const why =
      fields === 5 ? ' (five fields begin with the minute; put seconds in front, as in `*/15 * * * * *`)' : '';
    warn('poll.schedule', `tasks are listed only every ${Math.round(shortestMs / minuteMs)} minutes${why}`);
  }
  const { restart } = vendorLimits[account.vendor];
  if (rateLimit.restart > restart) {
    warn(
      'rateLimit.restart',
      `the vendor accepts ${restart} restart${restart === 1 ? '' : 's'} a second and refuses more, unless it has raised your limit`,
    );
  }
  if (
    endpoint?.startsWith('http://') &&
    account.provider !== 'simulator' &&
    !/^http:\/\/(localhost|127\.|\[::1\])/.test(endpoint)
  ) {
    warn('endpoint', 'calls are not encrypted: write https');
  }
  return found;
}

/** Groups that can never have a task, because an earlier one has every task that they match: only where that is certain. */
function unreachableGroups(groups: readonly Policy[]): readonly Finding[] {
  return groups.flatMap((group, index): readonly Finding[] => {
    const earlier = groups.slice(0, index).find((other) => covers(other, group));
    if (!earlier) return [];
    const wrong = `this group gets no task: everything it matches is matched by \`${earlier.name}\` above it; move it up or narrow that one`;
    return [{ path: ['groups', index, 'name'], at: 'value', wrong }];
  });
}

function covers({ match: wide }: Policy, { match: narrow }: Policy): boolean {
  const all = (globs: readonly string[], others: readonly string[]) =>
    others.every((other) => globs.some((glob) => includes(glob, other)));
  return (
    all(wide.account, narrow.account) &&
    all(wide.cloudGroup, narrow.cloudGroup) &&
    all(wide.title, narrow.title) &&
    narrow.type.every((type) => wide.type.includes(type))
  );
}

/** Whether every text that fits `narrow` certainly fits `wide`. */
function includes(wide: string, narrow: string): boolean {
  if (/^\*+$/.test(wide) || wide === narrow) return true;
  return !isGlob(narrow) && globMatches(wide, narrow);
}
