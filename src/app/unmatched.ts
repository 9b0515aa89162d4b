/**
 * Finds groups and names in the configuration that no task matches. A misspelt name causes no error: its tasks just go
 * to a later group.
 */
import { anyMatches, globMatches, type Policy } from '../domain/words/policy.ts';
import { nearest } from '../settings/nearest.ts';

/** Where a task may be. */
export interface Place {
  readonly account: string;
  readonly cloudGroup: string;
}

interface Listed extends Place {
  readonly title: string;
  readonly group: string | null;
}

/** Names listed at most: with more, the task list is missing, not a name misspelt. */
const mostNamed = 20;

/**
 * One sentence for each group that has no task, and for each name in a `match` that nothing has; of all accounts together.
 * `others`: places that no group names, and so were not polled, but may be meant. A glob that no title fits is tried
 * against all of them, so at each `yield` other work may go first.
 */
export function* findUnmatched(
  groups: readonly Policy[],
  tasks: readonly Listed[],
  others: readonly Place[] = [],
): Generator<void, readonly string[]> {
  const places = [...placesOf(tasks)];
  const taken = new Set(tasks.map(({ group }) => group));
  const named: string[] = [];
  for (const { name, match } of groups) {
    const isAsked = ({ account }: Pick<Place, 'account'>) => anyMatches(match.account, account);
    const among = places.filter(isAsked);
    const cloudGroups = [...new Set(among.flatMap((place) => [...place.cloudGroups]))];
    const meant = [...cloudGroups, ...others.filter(isAsked).map(({ cloudGroup }) => cloudGroup)];
    const unknown = match.cloudGroup.filter((glob) => !cloudGroups.some((text) => globMatches(glob, text)));
    const words = unknown.map((glob) => `no task is in a cloud group ${glob}${didYouMean(glob, meant)}`);
    for (const glob of match.title) {
      if (glob === '*' || among.some(({ titles }) => titles.some((title) => globMatches(glob, title)))) continue;
      words.push(`no task has a title ${glob}`);
      yield;
    }
    if (!taken.has(name) && words.length === 0)
      words.push('it has no task: groups above it take them, or its match excludes them');
    named.push(...words.map((word) => `group ${name}: ${word}`));
  }
  const more = named.length - mostNamed;
  return more > 0 ? [...named.slice(0, mostNamed), `and ${more} more names that match nothing`] : named;
}

/** What each account has, gathered once and not for each group: with 100,000 tasks and 200 groups that takes seconds. */
function placesOf(tasks: readonly Listed[]) {
  const byAccount = new Map<string, { account: string; cloudGroups: Set<string>; titles: string[] }>();
  for (const { account, cloudGroup, title } of tasks) {
    const place = byAccount.get(account) ?? { account, cloudGroups: new Set(), titles: [] };
    byAccount.set(account, place);
    place.cloudGroups.add(cloudGroup);
    place.titles.push(title);
  }
  return byAccount.values();
}

function didYouMean(glob: string, known: readonly string[]): string {
  const name = nearest(glob.replaceAll('*', ''), known);
  return name === undefined ? '' : `: did you mean ${name}?`;
}
