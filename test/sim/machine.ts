/**
 * The clocks of one machine. Both drift with it; the wall clock is also set and slewed. What runs on it can be stopped:
 * then answers and timers wait for it, in the order in which they came.
 */

import type { Clock } from '../../src/domain/ports/time-port.ts';
import { begin } from '../domain/story.ts';
import { sleepBy, type VirtualClock } from './virtual-clock.ts';

export class Machine {
  readonly #world: VirtualClock;
  /** Its milliseconds to one of the world's. */
  readonly #rate: number;
  /** Nothing gets through between it and the database until then, milliseconds of the world. */
  cutOffUntil = 0;
  #wallOffset = 0;
  #ppm = 0;
  #pacedFrom = 0;

  constructor(world: VirtualClock, driftPpm: number) {
    this.#world = world;
    this.#rate = 1 + driftPpm / 1e6;
  }

  monotonic(): number {
    return this.#world.monotonic() * this.#rate;
  }

  wall(): number {
    const monotonic = this.monotonic();
    return begin + monotonic + this.#wallOffset + ((monotonic - this.#pacedFrom) * this.#ppm) / 1e6;
  }

  step(ms: number): void {
    this.#wallOffset += ms;
  }

  slew(ppm: number): void {
    const monotonic = this.monotonic();
    this.#wallOffset += ((monotonic - this.#pacedFrom) * this.#ppm) / 1e6;
    this.#ppm = ppm;
    this.#pacedFrom = monotonic;
  }

  /** The clock as a process has it; `enter` lets in what comes from outside. */
  clockFor(enter: Enter, alive: () => boolean): Clock {
    const after = (ms: number, run: () => void) => {
      let takenBack = false;
      const cancel = this.#world.after(ms / this.#rate, () => {
        enter(() => {
          if (!takenBack) run();
        }, 'timer');
      });
      return () => {
        takenBack = true;
        cancel();
      };
    };
    return {
      now: () => Math.floor(this.wall()),
      monotonic: () => this.monotonic(),
      after,
      sleep: async (ms, signal) => {
        await sleepBy(after, ms, signal);
        if (!alive()) await new Promise(() => {});
      },
      yield: () => (alive() ? Promise.resolve() : new Promise(() => {})),
    };
  }
}

export type Enter = (run: () => void, what: 'answer' | 'timer') => void;
