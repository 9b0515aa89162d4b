/**
 * Lists several cloud groups as one: in one request while all of them answer. If a group makes the list fail, asking
 * for halves finds it. From then on it is listed separately and nobody waits for it, so only its own tasks are missing
 * until it recovers.
 */
import type { KnownItem } from '../../domain/ports/cloud-port.ts';
import type { Lane } from '../../domain/ports/gate-port.ts';
import { type CallFailure, classMeanings } from '../../domain/words/failure.ts';
import { restReads } from '../call.ts';
import { createIllGroups } from './ill-groups.ts';
import { type ListContext, type ListRead, readList } from './paging.ts';
import { type Sights, together } from './sights.ts';

/** Names in one call; longer lists of names are cut into several lists. */
const groupsPerList = 50;
/**
 * A list, its halves and theirs: when all of them fail, the cause is hardly the groups. Groups that fail can stand in every
 * part, so the next poll goes on where this one stopped: of 50 groups it takes 17 polls to ask for each of them alone.
 */
const callsInVain = 7;
/** Lists that change while they are searched leave the old ones behind. */
const mostSearches = 100;
/** A list that failed sooner is worth one patient try; where every call times out there was enough patience. */
const quickMs = 5_000;
/** How long a poll waits for groups that failed alone; and if one of them answers again. */
const besideMs = 250;
const convalescentMs = 900;
/** A throttled answer halves the limit for all calls, so its group rests this long. */
const throttledRestMs = 60_000;
/** After a look that failed only polls ask for its group, for this long: a look at others does not wait for it again. */
const lookRestMs = 15_000;

export function createGroupsReader(context: ListContext) {
  const { clock } = context;
  const ill = createIllGroups(clock);
  /** Groups whose look failed, and until when they are not looked at (monotonic). */
  const lookRests = new Map<string, number>();
  let sizes: ReadonlyMap<string, number> = new Map();
  /** Polls in a row that failed altogether. */
  let failedPolls = 0;
  /** Asking for the ill ones, one after the other, however long that takes. */
  let beside: Promise<void> | undefined;
  const searches: Searches = new Map();

  const listsFor = (cloudGroups: readonly string[], lane: Lane): (readonly string[])[] => {
    const rests = (name: string) => lane !== 'poll' && clock.monotonic() < (lookRests.get(name) ?? 0);
    const lists: (readonly string[])[] = [];
    // Who falls ill or gets well moves no other to another list.
    for (let i = 0; i < cloudGroups.length; i += groupsPerList) {
      const list = cloudGroups.slice(i, i + groupsPerList).filter((name) => !ill.has(name) && !rests(name));
      if (list.length > 0) lists.push(list);
    }
    // Those in vain come last, searched longest ago first: where others answer, each that fails is found.
    const searched = [...searches.keys()];
    const turn = (list: readonly string[]) => searched.indexOf(namesOf(list));
    return lane === 'poll' ? lists.sort((a, b) => turn(a) - turn(b)) : lists;
  };

  /** A sight is as old as its request: what they answer after their poll no other shows, but the next waits for them. */
  const askBeside = async (round: Round, names: readonly string[], known: KnownItem, signal: AbortSignal) => {
    if (!beside) {
      const asking = (async () => {
        for (const name of ill.toBeAsked(names)) {
          const end = await readList({ context, cloudGroups: [name], lane: 'poll', known, signal, once: true });
          if (end.kind === 'failed') ill.failed(name, restMsAfter(end.failure, 0));
          else ill.answered(name, round.take([name], end) ? 'in time' : 'late');
        }
      })();
      beside = asking.finally(() => {
        beside = undefined;
      });
      // A mistake of ours is thrown at whoever waits for it.
      beside.catch(() => {});
    }
    const patienceMs = names.some(ill.convalesces) ? convalescentMs : besideMs;
    await Promise.race([beside, clock.sleep(patienceMs, signal)]);
  };

  const leaveOut = (names: readonly string[], failure: CallFailure, lane: Lane): void => {
    for (const name of names)
      if (lane === 'poll') ill.failed(name, 0);
      else lookRests.set(name, clock.monotonic() + restMsAfter(failure, lookRestMs));
  };

  return {
    /** `cloudGroups` undefined: all, without naming them. Rejects with the signal's reason if it aborts. */
    async read(cloudGroups: readonly string[] | undefined, lane: Lane, known: KnownItem, signal: AbortSignal) {
      const round = newRound(context, leaveOut, failedPolls, searches, lane, known, signal);
      if (!cloudGroups) await round.ask([]);
      else {
        const wanted = [...new Set(cloudGroups)];
        if (lane === 'poll' && wanted.every(ill.has)) ill.allAreWell();
        const before = wanted.filter((name) => ill.has(name));
        const lists = listsFor(wanted, lane);
        while (lists.length > 0 && !round.failedWhole()) await round.ask(lists.shift() ?? []);
        await Promise.all(lists.map(round.glance));
        if (lane === 'poll' && before.length > 0) await askBeside(round, before, known, signal);
        round.lacks(before);
      }
      const sight = round.end();
      if (lane === 'poll') failedPolls = sight.any ? 0 : failedPolls + 1;
      return sight;
    },
    /** Calls that reading these groups costs, by the sizes last seen; names as the cloud writes them. */
    cost(cloudGroups: readonly string[]): number {
      const size = context.pageSizes.current();
      const tasks = (list: readonly string[]) => list.reduce((sum, name) => sum + (sizes.get(name) ?? 0), 0);
      return listsFor(cloudGroups, 'verify').reduce(
        (calls, list) => calls + Math.max(1, Math.ceil(tasks(list) / size)),
        0,
      );
    },
    /** What the newest sight says of the groups' sizes; those that it could not read keep theirs. */
    learnSizes({ items, failed }: ReturnType<ReturnType<typeof newRound>['end']>): void {
      const counted = new Map<string, number>();
      items.forEach(({ cloudGroup }) => {
        counted.set(cloudGroup, (counted.get(cloudGroup) ?? 0) + 1);
      });
      sizes = new Map([
        ...failed.map((name) => [name, sizes.get(name) ?? 0] as const),
        ...[...counted].map(([shown, count]) => [context.groupNames.written(shown), count] as const),
      ]);
    },
  };
}

const restMsAfter = ({ retryAfterMs, class: name }: CallFailure, otherwiseMs: number): number =>
  retryAfterMs ?? (name === 'throttled' ? throttledRestMs : otherwiseMs);

type Parts = readonly (readonly string[])[];

/**
 * Where polls look for groups that fail while nothing answers, by the list that it is about. Together the parts are that
 * list; those that were asked for longest ago come first.
 */
type Searches = Map<string, Parts>;

const namesOf = (list: readonly string[]): string => JSON.stringify(list);

type Found = { readonly alone: readonly string[] } | { readonly inVain: Parts };

const halvesOf = (part: readonly string[]): Parts => {
  const middle = Math.ceil(part.length / 2);
  return [part.slice(0, middle), part.slice(middle)];
};

type Round = ReturnType<typeof newRound>;

function newRound(
  context: ListContext,
  /** These failed alone. */
  leaveOut: (names: readonly string[], failure: CallFailure, lane: Lane) => void,
  failedPolls: number,
  searches: Searches,
  lane: Lane,
  known: KnownItem,
  signal: AbortSignal,
) {
  const lists: Sights[] = [];
  const read = new Set<string>();
  const failed: string[] = [];
  let drift = false;
  let malformedItems = 0;
  let asked = 0;
  let firstFailure: CallFailure | undefined;
  /** A list failed as a whole: after a search that found nothing, or as every list of the account does. */
  let failedWhole: 'in vain' | 'of the account' | undefined;
  let ended = false;

  /** False: the round has ended without it. */
  const take = (names: readonly string[], list: ListRead): boolean => {
    if (ended) return false;
    for (const name of names) read.add(name);
    malformedItems += list.malformedItems;
    drift ||= list.drift;
    lists.push(list.sights);
    return true;
  };

  /** Reads one list; gives the failure if there was one. */
  const one = async (list: readonly string[], once: boolean): Promise<CallFailure | undefined> => {
    asked++;
    // A look is not worth a wait: the next poll shows the same, and it is not to keep that waiting either.
    const end = await readList({ context, cloudGroups: list, lane, known, signal, once: once || lane !== 'poll' });
    if (end.kind === 'ok') {
      take(list, end);
      searches.delete(namesOf(list));
      return undefined;
    }
    firstFailure ??= end.failure;
    return end.failure;
  };

  /** Gives the groups that fail alone; or, when nothing answers, all parts of the list, for the next poll to go on. */
  const searchIn = async (begun: Parts, isWell: boolean): Promise<Found> => {
    let parts = begun;
    const alone: string[] = [];
    let answered = isWell;
    for (let left = callsInVain - 1; parts.length > 0 && (answered || left > 0); ) {
      const turn: Parts = answered ? parts : parts.slice(0, left);
      left -= turn.length;
      const failures = await Promise.all(turn.map((part) => one(part, true)));
      const failing = turn.filter((_, index) => failures[index]);
      alone.push(...failing.filter(({ length }) => length === 1).flat());
      const split = failing.filter(({ length }) => length > 1).flatMap(halvesOf);
      const others = parts.slice(turn.length);
      const answersNow: boolean = !answered && failing.length < turn.length;
      answered ||= answersNow;
      // Whatever it was may be over: one call then shows what polls before this one cut to pieces.
      parts = answersNow && others.length > 1 ? [others.flat(), ...split] : [...others, ...split];
      // Whoever asks everywhere to be left alone for a while is no group.
      if (!answered && failures.every((failure) => failure?.retryAfterMs !== undefined)) break;
    }
    return answered ? { alone } : { inVain: [...parts, ...alone.map((name) => [name])] };
  };

  /** Asks for a list until it is known whose failure it is. */
  const ask = async (list: readonly string[]): Promise<void> => {
    const startedAt = context.clock.monotonic();
    const askedBefore = asked;
    const several = list.length > 1;
    const begun = lane === 'poll' ? searches.get(namesOf(list)) : undefined;
    if (begun) searches.delete(namesOf(list));
    const failure = await one(list, several);
    if (!failure) return;
    const isSearched = several && (classMeanings[failure.class].ofOneGroup || failedPolls > 0);
    if (isSearched) {
      // In vain before, and others answer: it is no outage that begins.
      const found = await searchIn(begun ?? halvesOf(list), begun !== undefined && lists.length > 0);
      if ('alone' in found) {
        leaveOut(found.alone, failure, lane);
        return void failed.push(...found.alone);
      }
      if (searches.size >= mostSearches) searches.clear();
      if (lane === 'poll') searches.set(namesOf(list), found.inVain);
    }
    if (lane !== 'poll') {
      if (!several || restMsAfter(failure, 0) > 0) leaveOut(list, failure, lane);
    } else if (several) {
      restReads(context, failure);
      // The account's or the network's: it may be over in a moment.
      const isQuick = asked > askedBefore + 1 && context.clock.monotonic() - startedAt < quickMs;
      if (isQuick && !(await one(list, false))) return;
    }
    if (several) failedWhole = isSearched && lane === 'poll' ? 'in vain' : 'of the account';
    failed.push(...list);
  };

  /** What stands behind a list that failed as a whole may be well: one call shows it. */
  const glance = async (list: readonly string[]): Promise<void> => {
    const isLeftAlone = failedWhole === 'of the account' || context.readsRest.until > context.clock.monotonic();
    if (isLeftAlone || (await one(list, true))) failed.push(...list);
  };

  return {
    take,
    ask,
    glance,
    failedWhole: () => failedWhole !== undefined,
    /** Those of them that did not answer in time could not be read. */
    lacks: (names: readonly string[]) => void failed.push(...names.filter((name) => !read.has(name))),
    end() {
      ended = true;
      const { items, shownAt, overlap } = together(context.pages.numbers(), lists);
      // `any`: whether anything could be read at all.
      return { items, shownAt, drift: drift || overlap, malformedItems, failed, firstFailure, any: lists.length > 0 };
    },
  };
}
