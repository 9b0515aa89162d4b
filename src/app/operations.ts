/** What operators may ask of the running daemon, over all its accounts: the `Operations` port on the keepers. */
import { verdictOf } from '../domain/decide/rules.ts';
import { isListed, stateOf } from '../domain/memory/condition.ts';
import type { TaskRecord } from '../domain/memory/ledger.ts';
import { isDown, type Situation } from '../domain/memory/situation.ts';
import type { Lane } from '../domain/ports/gate-port.ts';
import type { EventsAsked, Operations, ReloadResult, TaskPage, TaskQuery } from '../domain/ports/operations-port.ts';
import type { EventQuery } from '../domain/ports/store-port.ts';
import type { Clock } from '../domain/ports/time-port.ts';
import { inCommon } from '../domain/views/in-common.ts';
import type { AccountSnapshot, InCommon, StatusView, TaskView } from '../domain/views/shown.ts';
import { accountView, groupViews, taskView } from '../domain/views/views.ts';
import { firstOf } from '../domain/words/first-of.ts';
import type { Reason, Sentences } from '../domain/words/reason.ts';
import { Refusal } from '../domain/words/refusal.ts';
import { shellWord } from '../domain/words/shell-word.ts';
import type { Keeper } from '../keeper/keeper.ts';
import { withoutSecrets } from '../settings/settings.ts';
import { type Store, StoreProblem } from '../store/open.ts';
import { sameSecret } from '../web/access.ts';
import { besides, eventView, explained } from './explained.ts';
import type { Fleet } from './fleet.ts';
import type { Following } from './following.ts';
import { type Directory, holdOperations, type NamedTask } from './hold-operations.ts';
import { groupMustExist, subjectMustExist, typesMustExist, unknownAccount } from './known-names.ts';
import type { Current } from './reload.ts';

interface Running {
  readonly fleet: Fleet;
  /** Where the store is shared. */
  readonly following: Following | undefined;
  readonly store: Store;
  readonly current: Current;
  readonly configFile: string;
  readonly hookToken: (account: string) => string | undefined;
  readonly reload: () => Promise<ReloadResult>;
  readonly clock: Clock;
  readonly version: string;
}

/** A loop that has not gone round for so long hangs; the longest poll with all its patience is shorter. */
const hangsAfterMs = 10 * 60_000;
/** Tasks that end soon and are listed at most. */
const mostEnding = 50;
const lanes = ['restart', 'verify', 'poll', 'other'] as const satisfies readonly Lane[];
/** A prefix of a task id that names it is at least this long. */
const shortestPrefix = 6;

export function createOperations(running: Running): Operations {
  const { fleet, store, current, clock, following } = running;
  const { keeperOf, find } = directory(fleet);
  const startedAt = clock.now();
  const isUp = () => store.failingSince() === undefined;

  return {
    status: () => ({
      version: running.version,
      startedAt,
      now: clock.now(),
      configHash: current.hash,
      configFile: running.configFile,
      configLoadedAt: current.loadedAt,
      configChange: current.change ?? null,
      store: { kind: store.kind, up: isUp(), failingSince: store.failingSince() ?? null },
      rejected: current.rejected ?? null,
      ...(following ? { replicas: following.replicas(), othersReadAgoMs: following.ageMs() } : {}),
      ...inStatus(running),
    }),
    tasks: (query) => {
      const keepers = query.account === undefined ? fleet.keepers() : [keeperOf(query.account)];
      if (query.group !== undefined) groupMustExist(query.group, keepers);
      return taskPage(keepers, query);
    },
    taskIdOf(named, account) {
      try {
        return find(named, account).record.taskId;
      } catch (error) {
        if (error instanceof Refusal && error.code === 'not-found') return named;
        throw error;
      }
    },
    async explain(named, account) {
      const { keeper, record } = find(named, account);
      return explained(keeper, record, store, fleet);
    },
    async events(query) {
      typesMustExist(query.types);
      const events = await store.history.events(withBesides(query, fleet)).catch(unreadable);
      if (events.length === 0) subjectMustExist(query, fleet.keepers());
      return events.map((one) => eventView(one, fleet));
    },
    settledUpTo: () => store.history.settledUpTo().catch(unreadable),
    ...holdOperations(running, { keeperOf, find }),
    async restart(named, { account, by, force }) {
      const { keeper, record } = find(named, account);
      const answer = await keeper.operator.restart(record.taskId, by, force);
      await following?.refresh();
      return { task: viewOfTask(keeper, record.taskId), answer };
    },
    async release(named, { account, by }) {
      const { keeper, record } = find(named, account);
      await keeper.operator.release(record.taskId, by);
      await following?.refresh();
      return viewOfTask(keeper, record.taskId);
    },
    config: () => withoutSecrets(current.settings),
    rejected: () => current.rejected,
    reload: running.reload,
    snapshot: (maxTaskSeries) => fleet.keepers().map((keeper) => snapshotOf(keeper, running, maxTaskSeries)),
    healthy: () =>
      fleet.keepers().every((keeper) => !keeper.ledger.owned || clock.monotonic() - keeper.tickedAt < hangsAfterMs),
    ready: isUp,
    hook(account, token) {
      const known = running.hookToken(account);
      const keeper = fleet.keeper(account);
      if (!keeper || known === undefined || !sameSecret(token, known)) return false;
      keeper.pollSoon();
      return true;
    },
  };
}

/** A store that fails is nobody's mistake here, and what is in memory can be shown all the same. */
function unreadable(error: unknown): never {
  if (!(error instanceof StoreProblem)) throw error;
  throw new Refusal('unavailable', [`the history cannot be read: ${error.message}`, `无法读取历史：${error.message}`]);
}

/** Besides a task's own events those of its account, if they are asked for and the task is known. */
function withBesides({ besides: wanted, ...query }: EventsAsked, fleet: Fleet): EventQuery {
  const { account, taskId } = query;
  const keepers = fleet.keepers().filter((keeper) => account === undefined || keeper.account === account);
  const keeper = keepers.find(({ ledger }) => taskId !== undefined && ledger.tasks.has(taskId));
  const record = keeper?.ledger.tasks.get(taskId ?? '');
  return wanted && keeper && record ? { ...query, account: keeper.account, besides: besides(record) } : query;
}

/** Who keeps what: accounts by name, tasks by id, by the beginning of it, or by title. */
function directory(fleet: Fleet): Directory {
  const keeperOf = (account: string | undefined): Keeper => {
    const keepers = fleet.keepers();
    const found =
      account === undefined && keepers.length === 1 ? keepers[0] : keepers.find((keeper) => keeper.account === account);
    if (found) return found;
    const names = keepers.map((keeper) => keeper.account);
    if (account === undefined)
      throw new Refusal(
        'bad-request',
        [`name the account: one of ${names.join(', ')}`, `请指明账号：${names.join('、')} 之一`],
        'On the command line: --account.',
      );
    throw unknownAccount(account, names);
  };

  /** By id, a unique prefix of it, or a unique title; over all accounts unless one is named. Living tasks before gone ones. */
  const find = (named: string, account: string | undefined): NamedTask => {
    const keepers = account === undefined ? fleet.keepers() : [keeperOf(account)];
    const byId = keepers.flatMap((keeper) => {
      const record = keeper.ledger.tasks.get(named);
      return record ? [{ keeper, record }] : [];
    });
    const living = byId.filter(({ record }) => record.goneAt === undefined);
    const like = [living, byId].find((found) => found.length > 0) ?? foundAmong(keepers, isCalled(named));
    const [only] = like;
    if (only && like.length === 1) return only;
    // Whichever is meant must be said: what was done to one would leave the others as they are.
    if (like.length > 1)
      throw new Refusal(
        'refused',
        [
          `${like.length} tasks are called ${named}: give ${whatDistinguishes(like)[0]}\n${listed(like)[0]}`,
          `有 ${like.length} 个任务叫 ${named}：请给出${whatDistinguishes(like)[1]}\n${listed(like)[1]}`,
        ],
        `All with their state: relaykeeper tasks ${shellWord(named)}`,
      );
    const none: Sentences = [
      `no task ${named}: give its id, at least ${shortestPrefix} characters of it, or its exact title`,
      `没有任务 ${named}：请给出任务 ID（至少前 ${shortestPrefix} 个字符）或完整标题`,
    ];
    const near = foundAmong(keepers, has(named));
    if (near.length === 0) throw new Refusal('not-found', none);
    const [lines, chineseLines] = listed(near);
    throw new Refusal('not-found', [
      `${none[0]}. These contain it:\n${lines}`,
      `${none[1]}。包含它的有：\n${chineseLines}`,
    ]);
  };

  return { keeperOf, find };
}

/** All tasks are gone through. */
const foundAmong = (keepers: readonly Keeper[], isMeant: (record: TaskRecord) => boolean): readonly NamedTask[] =>
  keepers.flatMap((keeper) => [...keeper.ledger.tasks.values()].filter(isMeant).map((record) => ({ keeper, record })));

/** By the beginning of the id, or by the title. */
const isCalled =
  (named: string) =>
  ({ taskId, item, goneAt }: TaskRecord): boolean =>
    goneAt === undefined && (item.title === named || (named.length >= shortestPrefix && taskId.startsWith(named)));

/** What distinguishes tasks that are called alike. */
function whatDistinguishes(like: readonly NamedTask[]): Sentences {
  const ids = new Set(like.map(({ record }) => record.taskId)).size;
  if (ids === like.length) return ['the id', ' ID'];
  return ids === 1
    ? ['the account (--account NAME)', '账号']
    : ['the id and the account (--account NAME)', ' ID 和账号'];
}

const mostListed = 10;

/** One a line, by id and title. */
function listed(tasks: readonly NamedTask[]): Sentences {
  const first = tasks.toSorted((a, b) => inOrder(a.record.taskId, b.record.taskId)).slice(0, mostListed);
  const more = tasks.length - first.length;
  const linesWith = (account: string, others: string) =>
    [
      ...first.map(
        ({ keeper, record: { taskId, item } }) => `  ${taskId}  ${item.title} (${account} ${keeper.account})`,
      ),
      ...(more > 0 ? [`  ${others}`] : []),
    ].join('\n');
  return [linesWith('account', `and ${more} more`), linesWith('账号', `还有 ${more} 个`)];
}

/** As people compare: full-width letters and capitals are none of their own. */
const folded = (text: string): string => text.normalize('NFKC').toLowerCase();

/** Whether a listed task has a text in its title, id or cloud group. */
function has(search: string): (record: TaskRecord) => boolean {
  const part = folded(search);
  return ({ goneAt, taskId, item }) =>
    goneAt === undefined && [item.title, taskId, item.cloudGroup].some((text) => folded(text).includes(part));
}

/** Only the tasks of the page are looked at rule by rule: for 10,000 tasks that would be half a second. */
function taskPage(keepers: readonly Keeper[], query: TaskQuery): TaskPage {
  const { group, state, reason, search, after, limit } = query;
  const isFound = search === undefined ? () => true : has(search);
  const tasks: TaskView[] = [];
  for (const keeper of keepers.toSorted((a, b) => inOrder(a.account, b.account))) {
    if (after && inOrder(keeper.account, after.account) < 0) continue;
    const afterId = keeper.account === after?.account ? after.taskId : '';
    const situation = keeper.situation();
    const isAsked = (record: TaskRecord) =>
      record.goneAt === undefined &&
      (group === undefined || record.group === group) &&
      record.taskId > afterId &&
      (state === undefined || isIn(state, record, situation)) &&
      isFound(record) &&
      (reason === undefined || reasonOf(record, situation) === reason);
    const room = limit - tasks.length;
    const byId = (a: TaskRecord, b: TaskRecord) => inOrder(a.taskId, b.taskId);
    const records = firstOf(keeper.ledger.tasks.values(), room + 1, byId, isAsked);
    tasks.push(...records.slice(0, room).map((record) => taskView(record, situation)));
    if (records.length > room) return { tasks, more: true };
  }
  return { tasks, more: false };
}

const isIn = (state: NonNullable<TaskQuery['state']>, record: TaskRecord, situation: Situation): boolean =>
  state === 'down' ? isDown(record, situation) : stateOf(record, situation.cloudNow) === state;

function reasonOf(record: TaskRecord, situation: Situation): Reason | undefined {
  const verdict = verdictOf(record, situation);
  return verdict.kind === 'wait' ? verdict.reason : undefined;
}

const inOrder = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function viewOfTask(keeper: Keeper, taskId: string): TaskView {
  const record = keeper.ledger.tasks.get(taskId);
  if (!record) throw new Refusal('not-found', [`no task ${taskId} any more`, `任务 ${taskId} 已不在`]);
  return taskView(record, keeper.situation());
}

const shared = new WeakMap<Keeper, { readonly at: number; readonly inCommon: readonly InCommon[] }>();
/** It looks at all tasks, and changes with polls: whoever asks within so long gets the same. */
const sharedForMs = 1_000;

function sharedByDown(keeper: Keeper, clock: Clock): readonly InCommon[] {
  const known = shared.get(keeper);
  const at = clock.monotonic();
  if (known && at - known.at < sharedForMs) return known.inCommon;
  const fresh = { at, inCommon: inCommon(keeper.situation(), keeper.cloud.hostsOf) };
  shared.set(keeper, fresh);
  return fresh.inCommon;
}

function inStatus(running: Running): Pick<StatusView, 'accounts' | 'groups' | 'inCommon' | 'ending'> {
  const counted = running.fleet.keepers().map((keeper) => ({
    keeper,
    ...groupViews(keeper.situation(), keeper.cloud.destinationOf),
  }));
  return {
    accounts: counted.map(({ keeper, unmanaged }) => viewOf(keeper, running, unmanaged)),
    groups: counted.flatMap(({ groups }) => groups),
    inCommon: running.fleet.keepers().flatMap((keeper) => sharedByDown(keeper, running.clock)),
    ending: counted
      .flatMap(({ ending }) => ending)
      .sort((a, b) => a.endsAt - b.endsAt)
      .slice(0, mostEnding),
  };
}

function viewOf(keeper: Keeper, { current, following, store }: Running, unmanaged: number) {
  const owner = keeper.ledger.owned ? undefined : following?.ownerOf(keeper.account);
  const unread = !keeper.ledger.owned && store.ownership.remainingMs(keeper.account) > 0;
  return {
    ...accountView(keeper.situation(), unmanaged),
    ...(owner === undefined ? {} : { owner }),
    ...(unread ? { unread } : {}),
    provider: current.settings.accounts.find(({ name }) => name === keeper.account)?.provider ?? 'unknown',
    pollIntervalMs: keeper.pollGapMs(),
    region: keeper.cloud.region(),
    clockOffsetMs: keeper.cloud.clockOffsetMs(),
    calls: lanes.reduce((sum, lane) => sum + keeper.gate.admitted(lane), 0),
    gate: keeper.gate.snapshot(),
  };
}

function snapshotOf(keeper: Keeper, running: Running, maxTaskSeries: number): AccountSnapshot {
  const situation = keeper.situation();
  const { groups, down, managed, unmanaged, ending } = groupViews(situation, keeper.cloud.destinationOf);
  const few = managed > maxTaskSeries ? [] : [...keeper.ledger.tasks.values()];
  return {
    account: viewOf(keeper, running, unmanaged),
    groups,
    down: down.slice(0, maxTaskSeries).map((record) => taskView(record, situation)),
    managed: few
      .filter((record) => record.group !== undefined && isListed(record))
      .map((record) => taskView(record, situation)),
    inCommon: sharedByDown(keeper, running.clock),
    ending: ending.slice(0, Math.min(mostEnding, maxTaskSeries)),
  };
}
