/** What an operator may do, and what forbids it. */

import type { TaskRecord } from '../memory/ledger.ts';
import type { Situation } from '../memory/situation.ts';
import type { EventOf } from '../words/events.ts';
import { failureName } from '../words/failure.ts';
import { objectionSentences, reasonMeanings, type Sentences } from '../words/reason.ts';
import { isUnseen, objections } from './rules.ts';

type OperatorRestart =
  | { readonly kind: 'intend'; readonly intent: EventOf<'restart-intended'> }
  | { readonly kind: 'refused'; readonly why: Sentences };

/** It counts for nothing, and what failed before is forgotten when the cloud has answered it. */
export function operatorRestart(record: TaskRecord, situation: Situation, by: string, force: boolean): OperatorRestart {
  const { ledger, now } = situation;
  const { taskId, group = '' } = record;
  const refused = (...why: Sentences): OperatorRestart => ({ kind: 'refused', why });
  if (record.goneAt !== undefined) return refused('the task is gone from the list', '任务已从列表中消失');
  const { list, restart } = ledger.accountRecord.circuits;
  if (list.kind === 'open') {
    const failure = failureName(list.failure);
    return refused(`circuit: the list is refused with ${failure}`, `熔断：列表被拒绝（${failure}）`);
  }
  if (record.item.status === 'active' && !isUnseen(record, situation))
    return refused(
      'it runs, according to the newest list: there is nothing to restart',
      '最新的列表显示它在运行：无需重启',
    );
  for (const { reason, objection } of objections(record, situation)) {
    const { operator } = reasonMeanings[reason];
    if (operator !== 'refused' && operator !== 'with-force') continue;
    // Whether it still does, this restart's own save will show.
    if (objection.kind === 'store-fails') continue;
    const [english, chinese] = objectionSentences(objection);
    if (operator === 'refused') return refused(`${reason}: ${english}`, chinese);
    if (operator === 'with-force' && !force)
      return refused(
        `${reason}: ${english}; add --force to restart it all the same`,
        `${chinese}；勾选“即使有维护锁定”可照样重启`,
      );
  }
  const about = { at: now, account: ledger.account, taskId, group, attemptId: `${taskId}#${now}` };
  const probe = restart.kind === 'open';
  return {
    kind: 'intend',
    intent: { ...about, type: 'restart-intended', trigger: 'manual', n: 0, probe, free: false, by },
  };
}

/** Holds kept at most for one account; more is a mistake of a script. */
export const maxHolds = 1_000;

/** Each is compared with every title at every look. */
export const maxTitleHolds = 50;
