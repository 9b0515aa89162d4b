/**
 * A limiter that gives leave only while the account is surely ours for as long as a call may last: a process that was
 * stopped for a while, or whose database is away, lists nothing that the next owner's limit does not know of.
 *
 * Restarts are minded by the keeper itself, which saves their intent first.
 */
import type { Gate } from '../domain/ports/gate-port.ts';
import type { Clock } from '../domain/ports/time-port.ts';

const lookAgainMs = 250;

export function coveredGate(gate: Gate, isCovered: () => boolean, clock: Pick<Clock, 'sleep'>): Gate {
  return {
    ...gate,
    acquire: async (lane, signal) => {
      for (;;) {
        const permit = await gate.acquire(lane, signal);
        if (lane === 'restart' || isCovered()) return permit;
        permit.done('unused');
        await clock.sleep(lookAgainMs, signal);
        signal?.throwIfAborted();
      }
    },
  };
}
