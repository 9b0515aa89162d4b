/** `Retry-After`: how long the server asks us to stay away. A lower bound of the wait, and never a reason to wait for ever. */
import type { HttpOutcome } from './transport.ts';

/** What a server says beyond this is not believed: a stopped task would wait for it. */
const longestMs = 60_000;
/** An HTTP date begins with the day's name; `Date.parse` alone would take `-5` for a year. */
const httpDate = /^[A-Z][a-z]+,? /;

/** Of a 429 or 503, in seconds or as a date (by the answer's own `Date`, else by `now`); undefined: it asks for nothing. */
export function retryAfterOf(outcome: HttpOutcome, now: number): number | undefined {
  if (outcome.kind !== 'response' || (outcome.status !== 429 && outcome.status !== 503)) return undefined;
  const text = outcome.retryAfter?.trim() ?? '';
  const saidAt = Date.parse(outcome.date ?? '');
  const until = httpDate.test(text) ? Date.parse(text) : Number.NaN;
  const ms = /^\d+$/.test(text) ? Number(text) * 1_000 : until - (Number.isNaN(saidAt) ? now : saidAt);
  return ms > 0 ? Math.min(ms, longestMs) : undefined;
}
