/**
 * Several cloud groups as one sight: asked together while all of them answer; a group that makes the list fail is
 * found by asking one by one, and costs its own tasks only.
 */
import type { KnownItem } from '../../domain/ports/cloud-port.ts';
import type { Lane } from '../../domain/ports/gate-port.ts';
import { type CallFailure, classMeanings } from '../../domain/words/failure.ts';
import type { TaskItem } from '../../domain/words/task.ts';
import { type ListContext, readList } from './paging.ts';
import { createSights } from './sights.ts';

/** Names in one call; longer lists of names are cut into several lists. */
const groupsPerList = 50;
/** A group that failed alone is asked alone for so long. */
const askedAloneMs = 10 * 60_000;
/** One by one, after so many failures without a success the cause is not the groups. */
const aloneInVain = 3;

interface GroupsSight {
  /** Each task once. */
  readonly items: readonly TaskItem[];
  readonly drift: boolean;
  readonly malformedItems: number;
  /** Groups that could not be read. */
  readonly failed: readonly string[];
  readonly firstFailure: CallFailure | undefined;
  /** Whether anything could be read at all. */
  readonly any: boolean;
}

interface GroupsReader {
  /** `cloudGroups` undefined: all, without naming them. Rejects with the signal's reason if it aborts. */
  read(
    cloudGroups: readonly string[] | undefined,
    lane: Lane,
    known: KnownItem,
    signal: AbortSignal,
  ): Promise<GroupsSight>;
  /** Calls that reading these groups costs, by the sizes last seen; names as the cloud writes them. */
  cost(cloudGroups: readonly string[]): number;
  /** What the newest sight says of the groups' sizes; those that it could not read keep theirs. */
  learnSizes(sight: Pick<GroupsSight, 'items' | 'failed'>): void;
}

export function createGroupsReader(context: ListContext): GroupsReader {
  /** Group to when it may be asked together with others again (monotonic). */
  const alone = new Map<string, number>();
  let sizes: ReadonlyMap<string, number> = new Map();

  const listsFor = (cloudGroups: readonly string[]): readonly (readonly string[])[] => {
    const now = context.clock.monotonic();
    const together = cloudGroups.filter((name) => (alone.get(name) ?? Number.NEGATIVE_INFINITY) <= now);
    const lists: (readonly string[])[] = [];
    for (let i = 0; i < together.length; i += groupsPerList) lists.push(together.slice(i, i + groupsPerList));
    return [...lists, ...cloudGroups.filter((name) => !together.includes(name)).map((name) => [name])];
  };

  return {
    async read(cloudGroups, lane, known, signal) {
      const round = newRound(context, alone, lane, known, signal);
      if (!cloudGroups) await round.ask([]);
      else for (const list of listsFor([...new Set(cloudGroups)])) await round.ask(list);
      return round.sight();
    },
    cost(cloudGroups) {
      const size = context.pageSizes.current();
      const tasks = (list: readonly string[]) => list.reduce((sum, name) => sum + (sizes.get(name) ?? 0), 0);
      return listsFor(cloudGroups).reduce((calls, list) => calls + Math.max(1, Math.ceil(tasks(list) / size)), 0);
    },
    learnSizes({ items, failed }) {
      const counted = new Map<string, number>();
      for (const { cloudGroup } of items) counted.set(cloudGroup, (counted.get(cloudGroup) ?? 0) + 1);
      sizes = new Map([
        ...failed.map((name) => [name, sizes.get(name) ?? 0] as const),
        ...[...counted].map(([shown, count]) => [context.groupNames.written(shown), count] as const),
      ]);
    },
  };
}

function newRound(context: ListContext, alone: Map<string, number>, lane: Lane, known: KnownItem, signal: AbortSignal) {
  let sights = createSights();
  const failed: string[] = [];
  let drift = false;
  let malformedItems = 0;
  let answered = 0;
  let firstFailure: CallFailure | undefined;
  let over = false;

  /** Reads one list; gives the failure if there was one. */
  const one = async (list: readonly string[]): Promise<CallFailure | undefined> => {
    const end = await readList(context, list, lane, known, signal);
    if (end.kind === 'failed') {
      firstFailure ??= end.failure;
      return end.failure;
    }
    answered++;
    malformedItems += end.malformedItems;
    drift ||= end.drift;
    // The first list is taken as it is: often it is the only one, and 100,000 tasks need no second copy.
    if (sights.size() === 0) sights = end.sights;
    else if (sights.addAll(end.sights)) drift = true;
    return undefined;
  };

  const oneByOne = async (list: readonly string[]) => {
    let inVain = 0;
    for (const name of list) {
      if (over || inVain >= aloneInVain) {
        failed.push(name);
        continue;
      }
      const failure = await one([name]);
      if (!failure) {
        inVain = Number.NEGATIVE_INFINITY;
        alone.delete(name);
        continue;
      }
      failed.push(name);
      inVain++;
      if (classMeanings[failure.class].ofOneGroup) alone.set(name, context.clock.monotonic() + askedAloneMs);
      else over = true;
    }
  };

  return {
    async ask(list: readonly string[]): Promise<void> {
      if (over) return void failed.push(...list);
      if (list.length === 1) return oneByOne(list);
      const failure = await one(list);
      if (!failure) return;
      if (classMeanings[failure.class].ofOneGroup) return oneByOne(list);
      // The account's or the network's: other groups fail alike.
      over = true;
      failed.push(...list);
    },
    sight: (): GroupsSight => ({
      items: sights.items(),
      drift,
      malformedItems,
      failed,
      firstFailure,
      any: answered > 0,
    }),
  };
}
