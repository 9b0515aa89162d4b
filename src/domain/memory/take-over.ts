/** A fresh process, or a new owner: the ledger from what was stored, and what becomes of calls that were out. */

import type { StoredLedger } from '../ports/store-port.ts';
import type { Event } from '../words/events.ts';
import { emptyAccountRecord, emptyLedger, type Ledger } from './ledger.ts';

/** Storms begin anew, and nothing is decided before a complete observation. */
export function ledgerFrom(account: string, stored: StoredLedger): Ledger {
  const ledger = emptyLedger(account);
  for (const record of stored.tasks) {
    ledger.tasks.set(record.taskId, record);
    const kind = record.attempt?.phase.kind;
    if (kind !== undefined && kind !== 'holding') ledger.unsettled.add(record.taskId);
    if (record.outage) ledger.outages.add(record.taskId);
  }
  for (const hold of stored.holds) ledger.holds.set(hold.id, hold);
  ledger.accountRecord = stored.accountRecord ?? emptyAccountRecord;
  probeSoon(ledger);
  ledger.budget = [...stored.budget];
  return ledger;
}

/**
 * What opened a circuit may have ended (a fresh process, a new owner, other keys): each open one is probed at once. If
 * the probe fails, they back off as before.
 */
export function probeSoon(ledger: Ledger): void {
  const { list, restart } = ledger.accountRecord.circuits;
  const circuits = {
    list: list.kind === 'open' ? { ...list, lastProbeAt: 0 } : list,
    restart: restart.kind === 'open' ? { ...restart, lastProbeAt: 0 } : restart,
  };
  ledger.accountRecord = { ...ledger.accountRecord, circuits };
}

/** What was in flight when the last owner ended is unanswered: the next look tells. */
export function takeOverEvents(ledger: Ledger, epoch: number, now: number): readonly Event[] {
  const { account } = ledger;
  const events: Event[] = [{ type: 'owner-gained', at: now, account, epoch }];
  for (const { taskId, group, attempt } of ledger.tasks.values()) {
    if (attempt?.phase.kind !== 'in-flight') continue;
    const message = 'the process ended before the answer came';
    const failure = {
      class: 'network',
      code: undefined,
      httpStatus: undefined,
      requestId: undefined,
      message,
    } as const;
    const answer = { kind: 'unanswered', failure } as const;
    const about = { at: now, account, taskId, group: group ?? '', attemptId: attempt.id, trigger: attempt.trigger };
    events.push({ ...about, type: 'restart-answered', answer, durationMs: 0, towardsCircuit: false });
  }
  return events;
}
