/**
 * Every reason why a stopped task is not restarted now, and all that the word means beside its rule: rules, lane,
 * operators, log, command line, API and README read it here. The rows stand in the order of authority: of several
 * reasons the first is shown.
 */

interface ReasonMeaning {
  /** For a person, without a full stop. */
  readonly means: string;
  /** What a person does about it, without a full stop. */
  readonly advice: string;
  /** A restart that nothing else withholds stays queued, and goes when a window frees or as a probe. */
  readonly staysQueued: boolean;
  /** Whether an operator's restart passes it. `as-probe`: only an open restart circuit, whose probe it becomes. */
  readonly operator: 'passes' | 'with-force' | 'as-probe' | 'refused';
  /** Another line of the log tells its cause at the same moment. */
  readonly loggedElsewhere: boolean;
  /** In place of a time, when this reason is shown and no time is known at which a restart may go. */
  readonly forever: string;
}

/** It passes with time, but EndTime comes first. */
const endsFirst = 'its EndTime comes first';
/** Another rule knows no time. */
const noTime = 'until something changes';

/** Waits and passes with time; nothing else is special about it. */
const plain = {
  staysQueued: false,
  operator: 'passes',
  loggedElsewhere: false,
  forever: noTime,
} as const satisfies Partial<ReasonMeaning>;

const rows = {
  unmanaged: {
    ...plain,
    means: 'No entry of `groups:` matches it, or the one that would excludes it',
    advice: 'Add or widen a group if relaykeeper should keep it running',
    operator: 'refused',
    forever: 'until a group matches it',
  },
  ended: {
    ...plain,
    means: 'The cloud says 已结束, or its EndTime has passed',
    advice: 'Nothing: it needs a new task',
    operator: 'refused',
    forever: 'it has ended',
  },
  'unknown-status': {
    ...plain,
    means: 'The cloud reports a status that relaykeeper does not know',
    advice: 'Look at the task in the console; report the status',
    forever: 'until the cloud reports a known status',
  },
  standby: {
    ...plain,
    means: 'Another process owns the account',
    advice: 'Ask that process; nothing, if that is intended',
    operator: 'refused',
    loggedElsewhere: true,
  },
  blind: {
    ...plain,
    means: 'The newest complete poll is too old to decide from',
    advice: 'Look at `poll_failures_total` by class: network, key or cloud',
    loggedElsewhere: true,
  },
  circuit: {
    ...plain,
    means: 'The list or restart API fails for the whole account',
    advice: '`status` names the code; the table of error classes says what to do',
    staysQueued: true,
    operator: 'as-probe',
    loggedElsewhere: true,
  },
  held: {
    ...plain,
    means: 'A hold covers it',
    advice: '`hold list` says who set it and why; `hold remove ID` ends it',
    operator: 'with-force',
    forever: 'until the hold is removed',
  },
  'outside-hours': { ...plain, means: 'It is outside the `hours` of its group', advice: 'Nothing' },
  'before-start': { ...plain, means: 'Its StartTime is ahead', advice: 'Nothing' },
  'near-end': {
    ...plain,
    means: 'Its EndTime is too close for a restart to be worth it (`endGuard`)',
    advice: 'Nothing',
    forever: 'it ends soon',
  },
  confirming: {
    ...plain,
    means: 'More polls must show it stopped first (`confirm`)',
    advice: 'Wait a poll or two',
    loggedElsewhere: true,
  },
  observing: {
    ...plain,
    means: 'Its group has `mode: observe`, or it was stopped when first seen and `firstSight` is `observe`',
    advice: 'Set `mode: heal`, or `restart TASK` once',
    loggedElsewhere: true,
    forever: 'while it is only observed',
  },
  'in-flight': {
    ...plain,
    means: 'A restart is on its way',
    advice: 'Wait a few seconds',
    operator: 'refused',
    loggedElsewhere: true,
    forever: endsFirst,
  },
  verifying: {
    ...plain,
    means: 'A restart was sent, and the list has yet to show its effect',
    advice: 'Wait up to `verifyWithin`',
    loggedElsewhere: true,
    forever: endsFirst,
  },
  backoff: {
    ...plain,
    means: 'The last attempt was too recent, or the cloud throttles the account',
    advice: 'Wait, or `restart TASK`',
    forever: endsFirst,
  },
  quarantined: {
    ...plain,
    means: 'Too many attempts failed in a row; one is made every `quarantine.retryEvery`',
    advice: 'Repair its source or target, then `release TASK`',
    forever: endsFirst,
  },
  abandoned: {
    ...plain,
    means: 'An attempt still failed `quarantine.abandonAfter` after quarantine began: relaykeeper has given up on it',
    advice: 'Repair its source or target, then `release TASK`',
    forever: 'until it is released',
  },
  storm: {
    ...plain,
    means: 'Many tasks are stopped at once, or the failure budget is spent: only a few restarts at a time',
    advice: 'Look for the common cause; the restarts speed up as tasks come back',
    staysQueued: true,
    loggedElsewhere: true,
    forever: endsFirst,
  },
} as const satisfies Readonly<Record<string, ReasonMeaning>>;

export type Reason = keyof typeof rows;

/** In the order of authority. */
export const reasons = Object.keys(rows) as readonly Reason[];

export const reasonMeanings: Readonly<Record<Reason, ReasonMeaning>> = rows;
