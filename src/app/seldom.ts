/** Keeps a log readable when the same thing happens with every poll: it is counted each time, and told now and then. */
import type { Clock } from '../domain/ports.ts';

const againAfterMs = 3_600_000;
/** Beyond this many different things all are forgotten, and told once more. */
const mostRemembered = 1_000;

/** True the first time for each `what`, and once an hour from then on. */
export function createSeldom(clock: Clock): (what: string) => boolean {
  const toldAt = new Map<string, number>();
  return (what) => {
    const now = clock.monotonic();
    const last = toldAt.get(what);
    if (last !== undefined && now - last < againAfterMs) return false;
    if (toldAt.size >= mostRemembered) toldAt.clear();
    toldAt.set(what, now);
    return true;
  };
}
