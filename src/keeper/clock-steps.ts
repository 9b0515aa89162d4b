/** Notices when this machine's wall clock steps: its difference from the monotonic clock jumps. */
import type { Clock } from '../domain/ports/time-port.ts';

/** A smaller change of the difference is the pace of two clocks, not a step. */
const stepMs = 2_000;

type Clocks = Pick<Clock, 'now' | 'monotonic'>;

export class ClockSteps {
  #difference: number;
  /** Steps noticed so far. */
  count = 0;

  constructor(clock: Clocks) {
    this.#difference = clock.now() - clock.monotonic();
  }

  /** Forgets what it was before: a step until now is nobody's. */
  startFrom(clock: Clocks): void {
    this.#difference = clock.now() - clock.monotonic();
  }

  /** Whole milliseconds that the clock stepped by since it was asked last; undefined if it did not. */
  since(clock: Clocks): number | undefined {
    const difference = clock.now() - clock.monotonic();
    const deltaMs = difference - this.#difference;
    this.#difference = difference;
    if (Math.abs(deltaMs) < stepMs) return undefined;
    this.count++;
    return Math.round(deltaMs);
  }
}
