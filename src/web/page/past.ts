/** The last six hours, a sample a minute, in memory: what the charts of the page show. */
import type { Operations } from '../../domain/ports/operations-port.ts';
import type { Clock } from '../../domain/ports/time-port.ts';
import type { Sample } from '../answers.ts';

const everyMs = 60_000;
const mostSamples = 360;
const pageEvents = 1_000;
/** Of a minute: forty accounts restart at their limit, and every restart fails. */
const mostPages = 50;

export type Past = ReturnType<typeof followPast>;

export function followPast(
  { status, events, settledUpTo }: Pick<Operations, 'status' | 'events' | 'settledUpTo'>,
  clock: Clock,
) {
  const samples: Sample[] = [];
  const stop = new AbortController();
  let seen: number | undefined;
  let before: { readonly at: number; readonly calls: number } | undefined;

  async function countNew(): Promise<{ readonly restarts: number; readonly failures: number }> {
    const counts = { 'restart-answered': 0, 'restart-failed': 0 };
    const types = Object.keys(counts);
    const upTo = await settledUpTo();
    for (let page = 0, below = upTo + 1; seen !== undefined && page < mostPages; page++) {
      const fresh = await events({ types, limit: pageEvents, after: seen, before: below });
      for (const { event } of fresh) counts[event.type as keyof typeof counts]++;
      below = fresh.at(-1)?.seq ?? 0;
      if (fresh.length < pageEvents) break;
    }
    seen = upTo;
    return { restarts: counts['restart-answered'], failures: counts['restart-failed'] };
  }

  async function take(): Promise<void> {
    const counted = await countNew();
    const { now, accounts, groups } = status();
    const calls = accounts.reduce((sum, account) => sum + account.calls, 0);
    const polls = accounts.flatMap(({ polledAt }) => (polledAt === null ? [] : [polledAt]));
    const at = clock.monotonic();
    // An account that went with a reload takes its count along.
    const made = before ? Math.max(0, calls - before.calls) : 0;
    samples.push({
      at: now,
      down: groups.reduce((sum, group) => sum + group.down, 0),
      ...counted,
      callsPerSecond: before && at > before.at ? (made * 1_000) / (at - before.at) : 0,
      limitPerSecond: accounts.reduce((sum, { gate }) => sum + gate.perSecond, 0),
      pollAgeSeconds: polls.length > 0 ? Math.max(0, now - Math.min(...polls)) / 1_000 : null,
    });
    before = { at, calls };
    if (samples.length > mostSamples) samples.shift();
  }

  async function follow(): Promise<void> {
    while (!stop.signal.aborted) {
      // A failing store reports itself; the minute is missing then.
      await take().catch(() => {});
      await clock.sleep(everyMs, stop.signal);
    }
  }
  void follow();
  /** Oldest first. */
  const all = (): readonly Sample[] => samples;
  return { samples: all, close: () => stop.abort() };
}
