/** A new owner, or a fresh process: what becomes of calls that were out. */

import type { Fact } from '../words/events.ts';
import type { Ledger, WritableLedger } from './ledger.ts';

/**
 * What opened a circuit may have ended (a fresh process, a new owner, other keys): each open one is probed at once. If
 * the probe fails, they back off as before.
 */
export function probeSoon(ledger: WritableLedger): void {
  const { list, restart } = ledger.accountRecord.circuits;
  const circuits = {
    list: list.kind === 'open' ? { ...list, lastProbeAt: 0 } : list,
    restart: restart.kind === 'open' ? { ...restart, lastProbeAt: 0 } : restart,
  };
  ledger.accountRecord = { ...ledger.accountRecord, circuits };
}

/** What was in flight when the last owner ended is unanswered: the next poll shows. */
export function takeOverFacts(ledger: Ledger, epoch: number): readonly Fact[] {
  const facts: Fact[] = [{ type: 'owner-gained', epoch }];
  for (const { taskId, group, attempt } of ledger.tasks.values()) {
    if (attempt?.phase.kind !== 'in-flight') continue;
    const failure = { class: 'network', message: 'the process ended before the answer came' } as const;
    const answer = { kind: 'unanswered', failure } as const;
    const about = { taskId, group: group ?? '', attemptId: attempt.id, trigger: attempt.trigger };
    facts.push({ ...about, type: 'restart-answered', answer, durationMs: 0, towardsCircuit: false });
  }
  return facts;
}
