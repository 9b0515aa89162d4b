/**
 * Refuses a request that names something unknown, with the nearest name that exists. So an empty answer means that
 * there is nothing.
 */
import type { EventQuery } from '../domain/ports/store-port.ts';
import { isRecordedType } from '../domain/words/events.ts';
import type { Sentences } from '../domain/words/reason.ts';
import { Refusal } from '../domain/words/refusal.ts';
import type { Keeper } from '../keeper/keeper.ts';
import { nearest } from '../settings/nearest.ts';
import { eventTypes } from '../telemetry/sentences.ts';

const mostNamed = 20;

/** `no group vjp: did you mean vip?`, or the names that there are. */
function unknownName([what, chinese]: Sentences, name: string, known: readonly string[], most = mostNamed): Sentences {
  const meant = nearest(name, known);
  if (meant !== undefined)
    return [`no ${what} ${name}: did you mean ${meant}?`, `没有${chinese} ${name}：是不是 ${meant}？`];
  const named = known.slice(0, most).join(', ');
  const [more, chineseMore] = known.length > most ? [' and more', ' 等'] : ['', ''];
  return [`no ${what} ${name}: there are ${named}${more}`, `没有${chinese} ${name}：有 ${named}${chineseMore}`];
}

export const unknownAccount = (account: string, known: readonly string[]): Refusal =>
  new Refusal('not-found', unknownName(['account', '账号'], account, known));

export function groupMustExist(group: string, keepers: readonly Keeper[]): void {
  const known = [...new Set(keepers.flatMap((keeper) => keeper.situation().policies.groups.map(({ name }) => name)))];
  if (!known.includes(group)) throw new Refusal('not-found', unknownName(['group', '分组'], group, known));
}

const recordedTypes: readonly string[] = eventTypes.filter(isRecordedType);

export function typesMustExist(types: readonly string[] | undefined): void {
  for (const type of types ?? [])
    if (!recordedTypes.includes(type))
      throw new Refusal(
        'bad-request',
        unknownName(['event type', '事件类型'], type, recordedTypes, recordedTypes.length),
      );
}

/**
 * Of a question that found nothing: what it names must be there now. What was there once has events and is not asked:
 * they are kept longer than tasks, groups and accounts.
 */
export function subjectMustExist(
  { account, group, taskId }: Pick<EventQuery, 'account' | 'group' | 'taskId'>,
  keepers: readonly Keeper[],
): void {
  const accounts = keepers.map((keeper) => keeper.account);
  if (account !== undefined && !accounts.includes(account)) throw unknownAccount(account, accounts);
  const asked = keepers.filter((keeper) => account === undefined || keeper.account === account);
  if (group !== undefined) groupMustExist(group, asked);
  if (taskId !== undefined && !asked.some((keeper) => keeper.ledger.tasks.has(taskId)))
    throw new Refusal('not-found', [
      `no task ${taskId}, and no record of one: give its id, or its exact title`,
      `没有任务 ${taskId}，也没有它的记录：请给出任务 ID 或完整标题`,
    ]);
}
