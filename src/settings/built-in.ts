/** The policy that a group has when nothing else is said, apart from the schema that checks what is said. */

/** As it would be written. */
export const builtInPolicy = {
  mode: 'heal',
  firstSight: 'restart',
  confirm: 1,
  backoff: { initial: '15s', factor: 2, max: '5m', jitter: 25, resetAfter: '10m' },
  attempts: 8,
  quarantine: { retryEvery: '10m', abandonAfter: '72h' },
  budget: { restarts: 20, perTask: 12, per: '1h' },
  storm: { percent: 40, atLeast: 5 },
  verifyWithin: '60s',
  startLead: '60s',
  endGuard: '60s',
  endWarning: { before: '6h', unlessSuccessor: true },
  hours: [],
} as const;

/** Lengths of time among these keys; in a resolved policy their names end in `Ms`. */
export const policyDurations = [
  'verifyWithin',
  'startLead',
  'endGuard',
] as const satisfies readonly (keyof typeof builtInPolicy)[];
