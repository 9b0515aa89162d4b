/**
 * Loaded into a process that is measured (`--import`): tells over IPC what only the process itself can know.
 *
 * A turn of the event loop is told twice: how long it lasted, and how much of that this thread was computing. On a
 * machine with other work the first says when the process was not allowed to run, the second what it did itself.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';

export type ToGauge = 'start' | 'read';

export interface Reading {
  /** Of all threads since the process began, milliseconds. */
  readonly cpuMs: number;
  readonly rssMiB: number;
  readonly peakRssMiB: number;
  readonly heapMiB: number;
  readonly externalMiB: number;
  /** Since `start`. */
  readonly longestTurnMs: number;
  readonly longestTurnCpuMs: number;
  readonly p99TurnMs: number;
}

const mib = 1024 * 1024;
const everyMs = 5;

let delay = monitorEventLoopDelay({ resolution: everyMs });
let longestCpuMs = 0;
let watching = false;

const threadCpuMs = (): number => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
};

/** Comes round every 5 ms: between two rounds, what is more than that was one turn (or a few that left no room). */
function watchTurns(): void {
  let before = threadCpuMs();
  setInterval(() => {
    const now = threadCpuMs();
    longestCpuMs = Math.max(longestCpuMs, now - before);
    before = now;
  }, everyMs).unref();
}

process.on('message', (message: ToGauge) => {
  if (message === 'start') {
    delay.disable();
    delay = monitorEventLoopDelay({ resolution: everyMs });
    delay.enable();
    longestCpuMs = 0;
    if (!watching) watchTurns();
    watching = true;
    return;
  }
  const { user, system } = process.cpuUsage();
  const memory = process.memoryUsage();
  const reading: Reading = {
    cpuMs: (user + system) / 1_000,
    rssMiB: memory.rss / mib,
    peakRssMiB: process.resourceUsage().maxRSS / 1_024,
    heapMiB: memory.heapUsed / mib,
    externalMiB: memory.external / mib,
    longestTurnMs: Math.max(0, delay.max / 1e6 - everyMs),
    longestTurnCpuMs: longestCpuMs,
    p99TurnMs: Math.max(0, delay.percentile(99) / 1e6 - everyMs),
  };
  process.send?.(reading);
});
process.channel?.unref();
