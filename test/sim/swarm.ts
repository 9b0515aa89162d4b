/** One seed, one history. */

import { History, type HistoryOptions, type Outcome } from './history.ts';
import { scriptOf } from './script.ts';

export interface Verdict extends Outcome {
  readonly seed: number;
}

/** Plays one seed. What it throws is a mistake of the simulation's own, and counts as a failure of the seed. */
export async function playSeed(seed: number, options: HistoryOptions = {}): Promise<Verdict> {
  const history = new History(scriptOf(seed), options);
  try {
    return { seed, ...(await history.play()) };
  } catch (cause) {
    const text = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
    return { seed, ...history.outcome(), violation: `the simulation threw: ${text}` };
  }
}
