/**
 * When polls come: at ticks of the schedule, and no more of them than polling's share of the limit pays for. A poll of
 * 200 calls that may take five a second is paid for after 40 s, so of ticks every 5 s one in eight is used.
 */
import type { Clock, Schedule } from '../domain/ports/time-port.ts';

/** The two clocks are read one after the other: a tick that is paid for to the millisecond is not to be missed for that. */
const slackMs = 20;

export class PollPace {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #perSecond: () => number;
  /** Of the newest complete poll. */
  #calls = 1;
  /** By the monotonic clock. */
  #paidUntil = Number.NEGATIVE_INFINITY;

  /** `perSecond`: the calls that polling may take now. */
  constructor(clock: Pick<Clock, 'monotonic'>, perSecond: () => number) {
    this.#clock = clock;
    this.#perSecond = perSecond;
  }

  /** A poll was made for so many calls, and was due at `dueAt` (monotonic). */
  made(calls: number, dueAt: number, complete: boolean): void {
    if (complete) this.#calls = calls;
    this.#paidUntil = Math.max(this.#paidUntil, dueAt) + this.#spanMs(calls);
  }

  /** How long a poll that is asked for between two ticks has still to wait: one may be owed, a second may not. */
  waitMs(): number {
    return this.#paidUntil - this.#spanMs(this.#calls) - this.#clock.monotonic();
  }

  /** The first tick after `after` at which the next poll is paid for; both and `now` in Unix milliseconds. */
  next(schedule: Schedule, after: number, now: number): number {
    return schedule.next(Math.max(after, now + this.#paidUntil - this.#clock.monotonic() - slackMs));
  }

  /** Milliseconds between the polls around `now`. */
  gapMs(schedule: Schedule, now: number): number {
    const before = schedule.previous(now);
    return schedule.next(before + Math.max(0, this.#spanMs(this.#calls) - slackMs)) - before;
  }

  /** Calls a second that polls take, at the present gap. */
  callsPerSecond(schedule: Schedule, now: number): number {
    return (this.#calls * 1_000) / this.gapMs(schedule, now);
  }

  /** How long the share needs for so many calls. */
  #spanMs(calls: number): number {
    return (calls * 1_000) / this.#perSecond();
  }
}
