/**
 * Runs the limiter: callers wait on promises, one timer wakes them. limiter.ts decides everything; this file only has
 * the waiting callers, the clock, and the return of permits.
 */
import type { Gate, Lane, Permit, RateLimit } from '../../domain/ports/gate-port.ts';
import type { Clock } from '../../domain/ports/time-port.ts';
import { countedInMs, type LimiterEvent, limiterSnapshot, startLimiter, stepLimiter } from './limiter.ts';

interface GateOptions extends RateLimit {
  readonly clock: Pick<Clock, 'monotonic' | 'after'>;
  /** Called for every call as it is admitted, with the milliseconds that it has waited. */
  readonly onWait?: ((lane: Lane, waitedMs: number) => void) | undefined;
  /** False only where nobody can have called the account within the last second. */
  readonly startsSilent?: boolean;
}

interface Waiting {
  readonly lane: Lane;
  readonly askedAt: number;
  readonly go: (permit: Permit) => void;
}

/** The one way to an account's API. */
export function createGate({ clock, onWait, startsSilent = true, ...limit }: GateOptions): Gate {
  let state = startLimiter(limit, clock.monotonic(), startsSilent);
  let nextId = 1;
  const admitted: Record<Lane, number> = { restart: 0, verify: 0, poll: 0, other: 0 };
  const callers = new Map<number, Waiting>();
  let timer: { readonly wakeAt: number; readonly cancel: () => void } | undefined;

  function happen(event: LimiterEvent): void {
    const step = stepLimiter(state, clock.monotonic(), event);
    state = step.state;
    wakeMeAt(step.wakeAt);
    for (const { id } of step.admitted) {
      const caller = callers.get(id);
      if (caller === undefined) throw new Error(`call ${id} was admitted and nobody waits for it`);
      callers.delete(id);
      admitted[caller.lane]++;
      caller.go({ done: (outcome) => happen({ kind: 'done', id, outcome }) });
      onWait?.(caller.lane, state.at - caller.askedAt);
    }
  }

  function wakeMeAt(wakeAt: number | undefined): void {
    if (wakeAt === timer?.wakeAt) return;
    timer?.cancel();
    timer = undefined;
    if (wakeAt === undefined) return;
    // Rounded up, since timers count whole milliseconds. One that fires early all the same admits nobody and is set anew.
    const cancel = clock.after(Math.max(1, Math.ceil(wakeAt - clock.monotonic())), () => {
      timer = undefined;
      happen({ kind: 'woken' });
    });
    timer = { wakeAt, cancel };
  }

  return {
    acquire(lane, signal) {
      if (signal?.aborted) return Promise.reject(signal.reason);
      return new Promise((resolve, reject) => {
        const id = nextId++;
        const withdraw = () => {
          callers.delete(id);
          happen({ kind: 'withdrawn', id });
          reject(signal?.reason);
        };
        const go = (permit: Permit) => {
          signal?.removeEventListener('abort', withdraw);
          resolve(permit);
        };
        callers.set(id, { lane, askedAt: clock.monotonic(), go });
        signal?.addEventListener('abort', withdraw, { once: true });
        happen({ kind: 'asked', id, lane });
      });
    },
    throttled: (limit) => happen({ kind: 'throttled', limit }),
    configure: (limit) => happen({ kind: 'configured', limit }),
    takenOver: () => happen({ kind: 'taken-over' }),
    countedInMs: () => countedInMs(state, clock.monotonic()),
    snapshot: () => limiterSnapshot(state, clock.monotonic()),
    admitted: (lane) => admitted[lane],
  };
}
