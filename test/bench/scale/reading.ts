/** What the gauge (gauge.mjs) is asked and answers. */

export type ToGauge = 'start' | 'stop' | 'read';

export interface Reading {
  /** Of all threads since the process began, milliseconds. */
  readonly cpuMs: number;
  readonly rssMiB: number;
  readonly peakRssMiB: number;
  readonly heapMiB: number;
  readonly externalMiB: number;
  /** From `start` to `stop`, or until now. */
  readonly longestTurnMs: number;
  readonly longestTurnCpuMs: number;
  readonly p99TurnMs: number;
}
