/**
 * Which event counts as what, and which series are there before anything has happened.
 *
 * Apart from metrics.ts, which is the door: a new counter is a line in the catalogue and a line or two here.
 */

import type { CloudTrace } from '../domain/ports/cloud-port.ts';
import { type Event, endings } from '../domain/words/events.ts';
import {
  type CallFailure,
  classMeanings,
  type ErrorClass,
  errorClasses,
  seenFailures,
} from '../domain/words/failure.ts';
import { anyMatches, type Policies } from '../domain/words/policy.ts';
import { lanes, logLevels, pollFailureClasses, storeOperations, triggers, waitReasons } from './catalogue.ts';
import { createCounter, createHistogram, type Keep } from './series.ts';

/**
 * By action, the pairs that its failures can come to as labels: the cloud's codes, and for failures without a known
 * code a class or `other`. `cloud/errors.ts` has them.
 */
export type KnownCodes = Readonly<Record<string, readonly { readonly code: string; readonly class: ErrorClass }[]>>;

/** The wall clock may step back between the two ends of a duration; a counter may not. */
export const secondsOf = (ms: number) => Math.max(0, ms) / 1000;

export const pairKey = (account: string, name: string) => `${account}\u0000${name}`;

export function createCounted() {
  const counted = {
    logMessages: createCounter('log_messages_total'),
    logDropped: createCounter('log_messages_dropped_total'),
    httpRequests: createCounter('http_requests_total'),
    storeErrors: createCounter('store_errors_total'),
    storeDuration: createHistogram('store_operation_duration_seconds'),
    transitions: createCounter('lease_transitions_total'),
    polls: createCounter('polls_total'),
    pollFailures: createCounter('poll_failures_total'),
    pollDuration: createHistogram('poll_duration_seconds'),
    malformed: createCounter('malformed_items_total'),
    requests: createCounter('api_requests_total'),
    apiErrors: createCounter('api_errors_total'),
    requestDuration: createHistogram('api_request_duration_seconds'),
    gateWait: createHistogram('api_rate_limit_wait_seconds'),
    restarts: createCounter('restarts_total'),
    shadows: createCounter('shadow_restarts_total'),
    restartFailures: createCounter('restart_failures_total'),
    withheld: createCounter('restarts_withheld_total'),
    outages: createCounter('outages_total'),
    endings: createCounter('outage_endings_total'),
    outageDuration: createHistogram('outage_duration_seconds'),
    expected: createCounter('task_expected_seconds_total'),
    downtime: createCounter('task_downtime_seconds_total'),
  };
  counted.logDropped.add([], 0);
  for (const level of logLevels) counted.logMessages.add([level], 0);
  for (const operation of storeOperations) {
    counted.storeErrors.add([operation], 0);
    counted.storeDuration.zero([operation]);
  }
  return counted;
}
export type Counters = ReturnType<typeof createCounted>;

/** A call went out for it. What never left is none. */
export const isCallSent = (event: Event): event is Extract<Event, { type: 'restart-answered' }> =>
  event.type === 'restart-answered' && event.answer.kind !== 'not-sent';

export function recordAccount(counted: Counters, event: Event): void {
  const { account } = event;
  switch (event.type) {
    case 'poll-completed':
      counted.malformed.add([account], event.malformedItems);
      break;
    case 'poll-failed':
      counted.pollFailures.add([account, event.failure.class]);
      break;
    case 'poll-suspect':
      counted.pollFailures.add([account, 'suspect']);
      break;
    case 'owner-gained':
    case 'owner-lost':
      counted.transitions.add([account]);
      return;
    default:
      return;
  }
  counted.polls.add([account]);
  counted.pollDuration.observe([account], secondsOf(event.durationMs));
}

/** Events without a counter here show in gauges, or in the log alone. */
export function recordGroup(counted: Counters, known: ReadonlySet<string>, event: Event, group: string): void {
  const { account } = event;
  switch (event.type) {
    case 'restart-answered':
      // Counted when answered, not when intended: an intent that was never sent is no call.
      if (isCallSent(event)) counted.restarts.add([account, group, event.trigger === 'manual' ? 'manual' : 'auto']);
      return;
    case 'restart-shadowed':
      counted.shadows.add([account, group]);
      return;
    case 'restart-failed':
      counted.restartFailures.add([account, group, causeLabel(known, event.cause)]);
      return;
    case 'restart-withheld':
      counted.withheld.add([account, group, event.reason]);
      return;
    case 'outage-opened':
      counted.outages.add([account, group]);
      return;
    case 'outage-ended':
      counted.endings.add([account, group, event.ending]);
      counted.outageDuration.observe([account, group], secondsOf(event.durationMs));
      return;
    case 'time-accounted':
      counted.expected.add([account, group], secondsOf(event.expectedMs));
      counted.downtime.add([account, group], secondsOf(event.downtimeMs));
      return;
    default:
      return;
  }
}

export function recordRequest(counted: Counters, known: ReadonlySet<string>, trace: CloudTrace): void {
  if (trace.kind !== 'request') return;
  const { account, action, failure } = trace;
  counted.requests.add([account, action]);
  counted.requestDuration.observe([account, action], secondsOf(trace.durationMs));
  if (failure) counted.apiErrors.add([account, action, codeLabel(known, failure), failure.class]);
}

/** Codes as labels: a known code stays, another becomes `other`, none becomes the class. */
const codeLabel = (known: ReadonlySet<string>, failure: Pick<CallFailure, 'code' | 'class'>) => {
  if (failure.code === undefined) return failure.class;
  return known.has(failure.code) ? failure.code : 'other';
};

/** A cause is a cloud code, a class where there was no code, or what was seen. */
function causeLabel(known: ReadonlySet<string>, cause: string): string {
  const words: readonly string[] = [...seenFailures, ...errorClasses];
  return known.has(cause) || words.includes(cause) ? cause : 'other';
}

/** What the configuration in force has. */
export interface Configured {
  readonly accounts: ReadonlySet<string>;
  /** `pairKey`s of the account × group pairs that match allows. */
  readonly pairs: ReadonlySet<string>;
}

/** Makes the series that can be foreseen, at 0, and drops those of accounts and groups that are gone. */
export function configureSeries(counted: Counters, knownCodes: KnownCodes, accounts: readonly Policies[]): Configured {
  const pairs = new Set<string>();
  for (const { account, groups } of accounts) {
    zeroAccount(counted, knownCodes, account);
    for (const { name, match } of groups) {
      if (!anyMatches(match.account, account)) continue;
      pairs.add(pairKey(account, name));
      zeroGroup(counted, knownCodes, account, name);
    }
  }
  const names = new Set(accounts.map(({ account }) => account));
  const keep: Keep = (label) => {
    const account = label('account');
    const group = label('group');
    if (account === undefined) return true;
    return group === undefined ? names.has(account) : pairs.has(pairKey(account, group));
  };
  for (const series of Object.values(counted)) series.retain(keep);
  return { accounts: names, pairs };
}

function zeroAccount(counted: Counters, knownCodes: KnownCodes, account: string): void {
  counted.transitions.add([account], 0);
  counted.polls.add([account], 0);
  counted.malformed.add([account], 0);
  counted.pollDuration.zero([account]);
  for (const name of pollFailureClasses) counted.pollFailures.add([account, name], 0);
  for (const lane of lanes) counted.gateWait.zero([account, lane]);
  for (const [action, pairs] of Object.entries(knownCodes)) {
    counted.requests.add([account, action], 0);
    counted.requestDuration.zero([account, action]);
    for (const pair of pairs) counted.apiErrors.add([account, action, pair.code, pair.class], 0);
  }
}

/** The cloud's answer can make the attempt a failed one. */
const canFail = ({ class: name }: { readonly class: ErrorClass }) =>
  ['failed', 'doubted'].includes(classMeanings[name].attempt);

function zeroGroup(counted: Counters, knownCodes: KnownCodes, account: string, group: string): void {
  for (const trigger of triggers) counted.restarts.add([account, group, trigger], 0);
  counted.shadows.add([account, group], 0);
  for (const code of seenFailures) counted.restartFailures.add([account, group, code], 0);
  for (const pair of Object.values(knownCodes).flat()) {
    if (canFail(pair)) counted.restartFailures.add([account, group, pair.code], 0);
  }
  for (const reason of waitReasons) counted.withheld.add([account, group, reason], 0);
  counted.outages.add([account, group], 0);
  for (const ending of endings) counted.endings.add([account, group, ending], 0);
  counted.outageDuration.zero([account, group]);
  counted.expected.add([account, group], 0);
  counted.downtime.add([account, group], 0);
}
