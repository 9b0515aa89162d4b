/**
 * Loaded into a process that is measured (`--import`): tells over IPC what only the process itself can know. Between
 * `start` and `stop` it watches the event loop, which costs 2 % of a core.
 *
 * A turn of the event loop is told twice: how long it lasted, and how much of that this thread was computing. On a
 * machine with other work the first says when the process was not allowed to run, the second what it did itself.
 *
 * Plain JavaScript: a TypeScript module loaded here, before the daemon opens its cache of compiled sources, would have
 * Node load its compiler, and 30 MiB of that would be counted as the daemon's.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

const mib = 1024 * 1024;
const everyMs = 5;

/** @type {ReturnType<typeof monitorEventLoopDelay> | undefined} */
let delay;
let longestCpuMs = 0;
/** @type {NodeJS.Timeout | undefined} */
let rounds;

const threadCpuMs = () => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
};

/** Comes round every 5 ms: between two rounds, what is more than that was one turn (or a few that left no room). */
function watchTurns() {
  let before = threadCpuMs();
  return setInterval(() => {
    const now = threadCpuMs();
    longestCpuMs = Math.max(longestCpuMs, now - before);
    before = now;
  }, everyMs).unref();
}

// A thread loads this too, and what it measures is the process.
if (isMainThread)
  process.on('message', (message) => {
    if (message === 'start' || message === 'stop') {
      delay?.disable();
      clearInterval(rounds);
      if (message === 'stop') return;
      delay = monitorEventLoopDelay({ resolution: everyMs });
      delay.enable();
      longestCpuMs = 0;
      rounds = watchTurns();
      return;
    }
    const { user, system } = process.cpuUsage();
    const memory = process.memoryUsage();
    /** @type {import('./reading.ts').Reading} */
    const reading = {
      cpuMs: (user + system) / 1_000,
      rssMiB: memory.rss / mib,
      peakRssMiB: process.resourceUsage().maxRSS / 1_024,
      heapMiB: memory.heapUsed / mib,
      externalMiB: memory.external / mib,
      longestTurnMs: Math.max(0, (delay?.max ?? 0) / 1e6 - everyMs),
      longestTurnCpuMs: longestCpuMs,
      p99TurnMs: Math.max(0, (delay?.percentile(99) ?? 0) / 1e6 - everyMs),
    };
    process.send?.(reading);
  });
process.channel?.unref();
