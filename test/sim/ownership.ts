/**
 * Whose the account is: a lock that the operating system frees when a process dies, or a lease of 30 s that is
 * renewed every 10 s and can be lost (design section 7).
 */

import type { Process } from './process.ts';
import type { Ownership } from './seam.ts';
import type { VirtualClock } from './virtual-clock.ts';

const leaseMs = 30_000;
const renewEveryMs = 10_000;
/** A standby asks for the lock so often. */
const noticedAfterMs = 1_000;

interface Waiting {
  readonly process: Process;
  readonly grant: () => void;
}

export class Owners {
  readonly #clock: VirtualClock;
  readonly #kind: 'lock' | 'lease';
  #waiting: Waiting[] = [];
  #epoch = 0;
  #expiresAt = Number.POSITIVE_INFINITY;
  #lost = new AbortController();
  holder: Process | undefined;
  /** While true the holder cannot renew its lease. */
  cutOff = false;

  constructor(clock: VirtualClock, kind: 'lock' | 'lease') {
    this.#clock = clock;
    this.#kind = kind;
  }

  for(process: Process): Ownership {
    return {
      acquire: (_account, signal) =>
        new Promise((resolve, reject) => {
          const waiting = {
            process,
            grant: () => resolve({ epoch: this.#epoch, lost: this.#lost.signal }),
          };
          signal.addEventListener('abort', () => {
            this.#waiting = this.#waiting.filter((other) => other !== waiting);
            reject(signal.reason);
          });
          this.#waiting.push(waiting);
          if (!this.holder) this.#grantSoon();
        }),
      remainingMs: () => this.leftMs(process),
    };
  }

  leftMs(process: Process): number {
    return this.holder === process ? this.#expiresAt - this.#clock.monotonic() : 0;
  }

  isHeldBy(process: Process): boolean {
    return this.holder === process && this.#clock.monotonic() < this.#expiresAt;
  }

  /** A process is gone: its lock is free at once, its lease when it has run out. */
  left(process: Process, gracefully: boolean): void {
    this.#waiting = this.#waiting.filter((other) => other.process !== process);
    if (this.holder === process && (this.#kind === 'lock' || gracefully)) this.#free();
  }

  #free(): void {
    this.holder = undefined;
    this.#expiresAt = Number.POSITIVE_INFINITY;
    this.#grantSoon();
  }

  #grantSoon(): void {
    this.#clock.after(noticedAfterMs, () => {
      const next = this.#waiting[0];
      if (this.holder || !next) return;
      this.#waiting.shift();
      this.holder = next.process;
      this.#epoch++;
      this.#lost = new AbortController();
      if (this.#kind === 'lease') {
        this.#expiresAt = this.#clock.monotonic() + leaseMs;
        this.#mind(next.process, this.#epoch);
      }
      next.grant();
    });
  }

  #mind(process: Process, epoch: number): void {
    const current = () => this.holder === process && this.#epoch === epoch;
    const renew = () => {
      if (!current() || !process.alive) return;
      if (!this.cutOff) this.#expiresAt = this.#clock.monotonic() + leaseMs;
      this.#clock.after(renewEveryMs, renew);
    };
    const expire = () => {
      if (!current()) return;
      const leftMs = this.#expiresAt - this.#clock.monotonic();
      if (leftMs > 0) {
        this.#clock.after(leftMs, expire);
        return;
      }
      this.#lost.abort(new Error('the lease has run out'));
      this.#free();
    };
    this.#clock.after(renewEveryMs, renew);
    this.#clock.after(leaseMs, expire);
  }
}
