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
const mostTold = 20;

/**
 * One sentence for each group that has no task, and for each name in a `match` that nothing has; of all accounts together.
 * `others`: places that no group names, and so were not polled, but may be meant.
 */
export function unmatched(
  groups: readonly Policy[],
  tasks: readonly Listed[],
  others: readonly Place[] = [],
): readonly string[] {
  const told = groups.flatMap(({ name, match }) => {
    const among = tasks.filter(({ account }) => anyMatches(match.account, account));
    const cloudGroups = [...new Set(among.map(({ cloudGroup }) => cloudGroup))];
    const meant = [
      ...cloudGroups,
      ...others.flatMap((place) => (anyMatches(match.account, place.account) ? [place.cloudGroup] : [])),
    ];
    const unknown = match.cloudGroup.filter((glob) => !cloudGroups.some((text) => globMatches(glob, text)));
    const unheard = match.title.filter((glob) => glob !== '*' && !among.some(({ title }) => globMatches(glob, title)));
    const words = [
      ...unknown.map((glob) => `no task is in a cloud group ${glob}${didYouMean(glob, meant)}`),
      ...unheard.map((glob) => `no task has a title ${glob}`),
    ];
    const isEmpty = !tasks.some(({ group }) => group === name);
    if (isEmpty && words.length === 0)
      words.push('it has no task: groups above it take them, or its match excludes them');
    return words.map((word) => `group ${name}: ${word}`);
  });
  const more = told.length - mostTold;
  return more > 0 ? [...told.slice(0, mostTold), `and ${more} more names that nothing has`] : told;
}

function didYouMean(glob: string, known: readonly string[]): string {
  const name = nearest(glob.replaceAll('*', ''), known);
  return name === undefined ? '' : `: did you mean ${name}?`;
}
