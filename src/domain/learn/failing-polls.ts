/** Polls that fail in a row are one period: a fact when it begins, for each new class of failure, and when it ends. */
import type { Ledger } from '../memory/ledger.ts';
import type { Fact } from '../words/events.ts';
import type { PollTrouble } from '../words/failure.ts';

/** Comes before the failed poll itself, which counts in the period. */
export function failingFacts(
  { accountRecord: { failing } }: Ledger,
  trouble: { readonly class: PollTrouble; readonly code?: string | undefined; readonly message: string },
  at: number,
): Fact[] {
  const open = failing && failing.endedAt === undefined ? failing : undefined;
  if (open?.classes.includes(trouble.class)) return [];
  const { class: named, code, message } = trouble;
  return [{ type: 'polls-failing', since: open?.since ?? at, class: named, code, message }];
}

export function recoveredFacts({ accountRecord: { failing } }: Ledger): Fact[] {
  if (!failing || failing.endedAt !== undefined) return [];
  const { since, polls, classes } = failing;
  return [{ type: 'polls-recovered', since, polls, classes }];
}
