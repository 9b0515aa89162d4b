/** The clocks of one machine. Both drift with it; the wall clock is also set and slewed. */

import { begin } from '../domain/story.ts';
import type { VirtualClock } from './virtual-clock.ts';

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

  after(ms: number, run: () => void): () => void {
    return this.#world.after(ms / this.#rate, run);
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
}
