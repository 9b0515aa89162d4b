/**
 * A store that one process uses: a file on the disk, and a lock that the operating system frees when its process dies.
 */
import type { Disk } from './disk.ts';
import type { Home, Process } from './process.ts';
import type { VirtualClock } from './virtual-clock.ts';

/** A standby tries the lock so often. */
const noticedAfterMs = 1_000;

interface Waiting {
  readonly process: Process;
  readonly grant: () => void;
}

export class LockedFile implements Home {
  readonly disk: Disk;
  readonly #clock: VirtualClock;
  #waiting: Waiting[] = [];
  #epoch = 0;
  #holder: Process | undefined;

  constructor(disk: Disk, clock: VirtualClock) {
    this.disk = disk;
    this.#clock = clock;
  }

  leftMs(process: Process): number {
    return this.#holder === process ? Number.POSITIVE_INFINITY : 0;
  }

  open(process: Process) {
    return {
      store: this.disk.mountedBy(process),
      ownership: {
        acquire: (_account: string, signal: AbortSignal) =>
          new Promise<{ readonly epoch: number; readonly lost: AbortSignal }>((resolve, reject) => {
            const grant = () => resolve({ epoch: this.#epoch, lost: new AbortController().signal });
            this.#waiting.push({ process, grant });
            signal.addEventListener('abort', () => reject(signal.reason));
            if (!this.#holder) this.#grantSoon();
          }),
        remainingMs: () => this.leftMs(process),
      },
      close: async () => this.left(process),
    };
  }

  left(process: Process): void {
    this.#waiting = this.#waiting.filter((other) => other.process !== process);
    if (this.#holder !== process) return;
    this.#holder = undefined;
    this.#grantSoon();
  }

  #grantSoon(): void {
    this.#clock.after(noticedAfterMs, () => {
      const next = this.#waiting[0];
      if (this.#holder || !next) return;
      this.#waiting.shift();
      this.#holder = next.process;
      this.#epoch++;
      next.grant();
    });
  }
}
