/**
 * A limiter that grants a permit only while the account is certainly ours for as long as a call may last. So a process
 * that was suspended, or that cannot reach its database, sends no list that the next owner's limiter does not know of.
 *
 * The keeper guards restarts itself: it saves their intent first.
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
