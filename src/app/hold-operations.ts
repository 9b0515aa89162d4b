/**
 * Holds of all accounts: preview, add, extend, remove. Recurring ones belong to the configuration and change only
 * there.
 */
import { randomBytes } from 'node:crypto';
import { maxHolds, maxTitleHolds } from '../domain/decide/operator.ts';
import { maintenanceHolds } from '../domain/memory/holds.ts';
import type { TaskRecord } from '../domain/memory/ledger.ts';
import type { HoldRequest, Operations } from '../domain/ports/operations-port.ts';
import type { Clock } from '../domain/ports/time-port.ts';
import { coversNow, holdPreview, holdViews } from '../domain/views/covered.ts';
import type { Hold } from '../domain/words/events.ts';
import type { Sentences } from '../domain/words/reason.ts';
import { Refusal } from '../domain/words/refusal.ts';
import type { Keeper } from '../keeper/keeper.ts';
import type { Fleet } from './fleet.ts';
import type { Following } from './following.ts';
import { groupMustExist } from './known-names.ts';

const longestHoldMs = 366 * 24 * 3_600_000;
/** Ids named in a refusal at most. */
const mostNamed = 10;

export interface NamedTask {
  readonly keeper: Keeper;
  readonly record: TaskRecord;
}

export interface Directory {
  readonly keeperOf: (account: string | undefined) => Keeper;
  readonly find: (named: string, account: string | undefined) => NamedTask;
}

interface HoldsAmong {
  readonly fleet: Fleet;
  readonly clock: Clock;
  /** Of a process that shows the accounts of others. */
  readonly following: Pick<Following, 'refresh'> | undefined;
}

type HoldOperations = Pick<Operations, 'holds' | 'previewHold' | 'addHold' | 'extendHold' | 'removeHold'>;

export function holdOperations({ fleet, clock, following }: HoldsAmong, { keeperOf, find }: Directory): HoldOperations {
  /** Which account a target is in, with the id of its task in full. */
  const placed = ({ account, target }: Pick<HoldRequest, 'account' | 'target'>) => {
    const task = target.kind === 'task' ? find(target.taskId, account) : undefined;
    const keeper = task?.keeper ?? keeperOf(account);
    if (target.kind === 'group') groupMustExist(target.group, [keeper]);
    return { keeper, target: task && target.kind === 'task' ? { ...target, taskId: task.record.taskId } : target };
  };

  /** What it does is shown when it is answered, also where another replica owns the account. */
  const change = async (keeper: Keeper, event: Parameters<Keeper['operator']['changeHold']>[0]) => {
    await keeper.operator.changeHold(event);
    await following?.refresh();
  };
  /** It may have been set by way of another replica a moment ago. */
  const named = async (id: string) => {
    await following?.refresh();
    return holdNamed(fleet, id);
  };

  return {
    holds: () => fleet.keepers().flatMap((keeper) => holdViews(keeper.situation())),
    previewHold(request) {
      const { keeper, target } = placed(request);
      return holdPreview(keeper.situation(), target);
    },
    async addHold(request) {
      const { keeper, target } = placed(request);
      mustHaveRoom(keeper, target);
      const now = clock.now();
      const hold = holdOf(request, keeper.account, target, now);
      const covers = coversNow(keeper.situation(), target);
      await change(keeper, { type: 'hold-added', at: now, account: keeper.account, hold, covers });
      return hold;
    },
    async extendHold(id, later, by) {
      const { keeper, hold } = await named(id);
      const now = clock.now();
      const { endsAt: was } = hold;
      if (was === undefined)
        throw new Refusal('refused', [
          `hold ${hold.id} has no end: it lasts until it is removed`,
          `锁定 ${hold.id} 没有结束时间：直到解除为止`,
        ]);
      const endsAt = 'endsAt' in later ? later.endsAt : was + later.forMs;
      if (endsAt <= was)
        throw new Refusal(
          'bad-request',
          [
            `hold ${hold.id} already lasts until ${new Date(was).toISOString()}`,
            `锁定 ${hold.id} 已持续到 ${new Date(was).toISOString()}`,
          ],
          `To end it earlier: relaykeeper hold remove ${hold.id}`,
        );
      if (endsAt - now > longestHoldMs) throw new Refusal('bad-request', tooLong);
      const extended = { ...hold, endsAt };
      await change(keeper, { type: 'hold-extended', at: now, account: keeper.account, hold: extended, by, was });
      return extended;
    },
    async removeHold(id, by) {
      const { keeper, hold } = await named(id);
      await change(keeper, { type: 'hold-removed', at: clock.now(), account: keeper.account, hold, by });
      return hold;
    },
  };
}

const tooLong: Sentences = [
  'a hold lasts at most 366 days; leave the end out for an open-ended one',
  '锁定最长 366 天；留空则直到解除为止',
];

function holdOf(
  { author, reason, startsAt, forMs }: HoldRequest,
  account: string,
  target: Hold['target'],
  now: number,
): Hold {
  const planned = startsAt !== undefined && startsAt > now;
  const from = planned ? startsAt : now;
  if (from - now > longestHoldMs)
    throw new Refusal('bad-request', ['a hold begins within 366 days', '锁定须在 366 天内开始']);
  if (forMs !== undefined && forMs > longestHoldMs) throw new Refusal('bad-request', tooLong);
  return {
    id: randomBytes(4).toString('hex'),
    account,
    target,
    author,
    reason,
    createdAt: now,
    ...(planned ? { startsAt } : {}),
    endsAt: forMs === undefined ? undefined : from + forMs,
  };
}

function mustHaveRoom({ ledger: { holds } }: Keeper, { kind }: Hold['target']): void {
  const titles = [...holds.values()].filter(({ target }) => target.kind === 'title').length;
  if (kind === 'title' && titles >= maxTitleHolds)
    throw new Refusal('refused', [
      `there are ${maxTitleHolds} holds of titles already: remove some`,
      `按标题的锁定已有 ${maxTitleHolds} 个：请先解除一些`,
    ]);
  if (holds.size >= maxHolds)
    throw new Refusal('refused', [
      `there are ${maxHolds} holds already: remove some`,
      `锁定已有 ${maxHolds} 个：请先解除一些`,
    ]);
}

/** By its id, or by a beginning that no other has. */
function holdNamed(fleet: Fleet, id: string): { readonly keeper: Keeper; readonly hold: Hold } {
  const all = fleet
    .keepers()
    .flatMap((keeper) => [...keeper.ledger.holds.values()].map((hold) => ({ keeper, hold })))
    .filter(({ hold }) => hold.id.startsWith(id));
  const [first] = all;
  const meant = all.find(({ hold }) => hold.id === id) ?? (all.length === 1 ? first : undefined);
  if (meant) return meant;
  if (first) {
    const ids = all.map(({ hold }) => hold.id).sort();
    throw new Refusal(
      'bad-request',
      [
        `${all.length} holds begin with ${id}: ${ids.slice(0, mostNamed).join(', ')}`,
        `有 ${all.length} 个锁定以 ${id} 开头：${ids.slice(0, mostNamed).join('、')}`,
      ],
      'Give more of the id.',
    );
  }
  const isTheFiles = fleet.keepers().some((keeper) => {
    const situation = keeper.situation();
    return maintenanceHolds(situation.policies, situation).some((hold) => hold.id === id);
  });
  if (isTheFiles)
    throw new Refusal(
      'refused',
      [`${id} is of the configuration`, `${id} 由配置规定`],
      'Change or remove its entry of `maintenance:` in the file. One task can be restarted all the same: relaykeeper restart TASK --force',
    );
  throw new Refusal('not-found', [`no hold ${id}`, `没有锁定 ${id}`], 'See which there are: relaykeeper hold list');
}
