/** How all tasks stand together, in one sentence: what the page and `status` say first. */
import type { Sentences } from '../words/reason.ts';
import type { GroupView, StatusView } from './shown.ts';
import { troubleMeanings, troublesOf } from './trouble.ts';

interface Standing {
  /** Without a full stop. */
  readonly words: Sentences;
  /** `unsure`: none is known to be down, but one may be. */
  readonly tone: 'bad' | 'unsure' | 'good';
  readonly down: number;
}

/** While none is known to be down. */
const sayings = {
  unpolled: ['Nothing is known yet: no poll has completed', '还不知道：没有完成过一次轮询'],
  unwatched: ['No task is watched: no group has one', '没有看管任何任务：没有分组有任务'],
  hidden: ['No task is known to be down', '没有已知中断的任务'],
  well: ['Every task that should be running is', '应当运行的任务都在运行'],
} as const satisfies Readonly<Record<string, Sentences>>;

/** What is down counts, then what cannot be known. `seen`: so many were found down besides. */
export function standingOf(status: StatusView, seen = 0): Standing {
  const { groups } = status;
  const down = Math.max(
    seen,
    sumOf(groups, (group) => group.down),
  );
  const overdue = sumOf(groups, ({ states }) => states.overdue);
  const bad = (count: number, words: string) => (count > 0 ? [`${count} ${words}`] : []);
  if (down + overdue > 0) {
    const english = [...bad(down, 'down'), ...bad(overdue, 'not started in time')];
    const chinese = [...bad(down, '个任务中断'), ...bad(overdue, '到时未开始')];
    return { words: [english.join(', '), chinese.join(', ')], tone: 'bad', down };
  }
  const kind = kindOf(status);
  return { words: sayings[kind], tone: kind === 'well' ? 'good' : 'unsure', down };
}

function kindOf(status: StatusView): keyof typeof sayings {
  const { accounts, groups } = status;
  const unpolled = accounts.filter(({ polledAt }) => polledAt === null).length;
  if (unpolled === accounts.length) return 'unpolled';
  const watched = sumOf(groups, ({ states }) => Object.values(states).reduce((all, one) => all + one, 0));
  if (unpolled === 0 && watched === 0) return 'unwatched';
  const hides = troublesOf(status).some(({ kind }) => troubleMeanings[kind].hides);
  return unpolled > 0 || hides ? 'hidden' : 'well';
}

export const sumOf = (groups: readonly GroupView[], of: (group: GroupView) => number): number =>
  groups.reduce((all, group) => all + of(group), 0);
