/**
 * A store that one process uses: a file on the disk, and a lock that the operating system frees when its process dies.
 */
import type { Owned } from '../../src/domain/ports/store-port.ts';
import type { Disk } from './disk.ts';
import type { Home, Process } from './process.ts';
import type { VirtualClock } from './virtual-clock.ts';

/** A standby tries the lock so often. */
const noticedAfterMs = 1_000;

export function createLockedFile(disk: Disk, clock: VirtualClock): Home {
  let waiting: { readonly process: Process; readonly grant: (owned: Owned) => void }[] = [];
  let epoch = 0;
  let holder: Process | undefined;
  const grantSoon = () =>
    void clock.after(noticedAfterMs, () => {
      const next = holder ? undefined : waiting.shift();
      if (!next) return;
      holder = next.process;
      epoch++;
      next.grant({ epoch, lost: new AbortController().signal });
    });
  const leftMs = (process: Process) => (holder === process ? Number.POSITIVE_INFINITY : 0);
  const left = (process: Process) => {
    waiting = waiting.filter((other) => other.process !== process);
    if (holder !== process) return;
    holder = undefined;
    grantSoon();
  };
  const open: Home['open'] = (process) => ({
    store: disk.mountedBy(process),
    ownership: {
      acquire: (_account, signal) =>
        new Promise((resolve, reject) => {
          waiting.push({ process, grant: resolve });
          signal.addEventListener('abort', () => reject(signal.reason));
          if (!holder) grantSoon();
        }),
      remainingMs: () => leftMs(process),
    },
    close: async () => left(process),
  });
  return { disk, open, leftMs, left };
}
