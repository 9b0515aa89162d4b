/** How the program ends, for scripts and service managers; `--help` and the README have their tables from here. */

/** 78 is `EX_CONFIG` of sysexits.h. */
export const exitCodes = { done: 0, failed: 1, usage: 2, refused: 5, unreachable: 6, badConfiguration: 78 } as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export const exitMeanings: Readonly<Record<ExitCode, string>> = {
  0: 'done',
  1: 'failed (also: the cloud did not accept a restart)',
  2: 'wrong usage',
  5: "the daemon refused: nothing to restart, a hold, or the token's rights",
  6: 'daemon unreachable',
  78: 'bad configuration',
};
