/** The policies as the judge reads them: written from the design's text, sharing no code with the rules. */
import { unixMs } from '../../src/domain/words/cloud-time.ts';
import type { Hours, Policies, Policy, TaskItem } from './seam.ts';

const patterns = new Map<string, RegExp>();

function fits(globs: readonly string[], text: string): boolean {
  return globs.some((glob) => {
    let pattern = patterns.get(glob);
    if (!pattern) {
      const escaped = glob.replace(/[.+^${}()|[\]\\]/g, '\\$&');
      pattern = new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`, 'su');
      patterns.set(glob, pattern);
    }
    return pattern.test(text);
  });
}

/** The first entry that matches has it; what that entry excludes is unmanaged. */
export function managedBy(policies: Policies, item: TaskItem): Policy | undefined {
  const entry = policies.groups.find(
    ({ match }) =>
      fits(match.cloudGroup, item.cloudGroup) && fits(match.title, item.title) && match.type.includes(item.type),
  );
  if (!entry || fits(entry.match.exclude.title, item.title)) return undefined;
  return entry.match.exclude.taskId.includes(item.taskId) ? undefined : entry;
}

const dayMs = 24 * 3_600_000;
const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;

/** For zones without summer time only. */
function isOpen(hours: readonly Hours[], at: number): boolean {
  if (hours.length === 0) return true;
  return hours.some((entry) => {
    const local = at + (entry.timezone === 'Asia/Shanghai' ? 8 * 3_600_000 : 0);
    const day = new Date(local).getUTCDay();
    const minute = (local % dayMs) / 60_000;
    const isDay = (index: number) => {
      const name = days[(index + 7) % 7];
      return name !== undefined && entry.days.includes(name);
    };
    const { fromMinute, toMinute } = entry;
    if (toMinute > fromMinute) return isDay(day) && minute >= fromMinute && minute < toMinute;
    return (isDay(day) && minute >= fromMinute) || (isDay(day - 1) && minute < toMinute);
  });
}

/** What of its times is against a restart now. */
export function outsideItsTime(item: TaskItem, policy: Policy, cloudNow: number): string | undefined {
  const { startsAt, endsAt } = item;
  if (endsAt !== undefined && cloudNow >= unixMs(endsAt) - policy.endGuardMs) return 'it has ended, or is about to';
  if (startsAt !== undefined && cloudNow < unixMs(startsAt) - policy.startLeadMs) return 'its start is ahead';
  return isOpen(policy.hours, cloudNow) ? undefined : 'it is outside its hours';
}
