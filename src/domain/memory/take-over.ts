/** A new owner, or a fresh process: what becomes of calls that were out. */

import type { Fact } from '../words/events.ts';
import { aboutAttempt } from './condition.ts';
import type { Ledger } from './ledger.ts';

/** What was in flight when the last owner ended is unanswered: the next poll shows. */
export function takeOverFacts(ledger: Ledger, epoch: number): readonly Fact[] {
  const facts: Fact[] = [{ type: 'owner-gained', epoch }];
  for (const record of ledger.tasks.values()) {
    const { attempt } = record;
    if (attempt?.phase.kind !== 'in-flight') continue;
    const failure = { class: 'network', message: 'the process ended before the answer came' } as const;
    const answer = { kind: 'unanswered', failure } as const;
    facts.push({
      ...aboutAttempt(record, attempt),
      type: 'restart-answered',
      answer,
      durationMs: 0,
      towardsCircuit: false,
    });
  }
  return facts;
}
