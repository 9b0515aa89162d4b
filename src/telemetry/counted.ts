/**
 * Which event counts as what, and which series exist before anything has happened.
 *
 * Separate from metrics.ts, where events come in: a new counter takes a line in the catalogue and a line or two here.
 */

import type { CloudTrace } from '../domain/ports/cloud-port.ts';
import type { Event, EventOf } from '../domain/words/events.ts';
import {
  type CallFailure,
  classMeanings,
  type ErrorClass,
  errorClasses,
  seenFailures,
} from '../domain/words/failure.ts';
import { anyMatches, type Policies } from '../domain/words/policy.ts';
import { type CounterName, type HistogramName, type MetricName, metricNames, specOf } from './catalogue.ts';
import { type Counter, createCounter, createHistogram, type Histogram, type Keep } from './series.ts';

/**
 * The actions that are called, and the pairs that a failed call can come to as labels: the cloud's codes, and for failures
 * without a known code a class or `other`. `cloud/errors.ts` has them.
 */
export interface KnownCodes {
  readonly actions: readonly string[];
  readonly pairs: readonly { readonly code: string; readonly class: ErrorClass }[];
}

/** The wall clock may step back between the two ends of a duration; a counter may not. */
export const secondsOf = (ms: number) => Math.max(0, ms) / 1000;

export const pairKey = (account: string, name: string) => `${account}\u0000${name}`;

/** Calls sent for one task are counted beside them, since tasks come and go by the thousand. */
type Counted = Exclude<CounterName, 'task_restarts_total'>;
type Counters = { readonly [Name in Counted]: Counter<Name> } & {
  readonly [Name in HistogramName]: Histogram<Name>;
};

/** Every counter and histogram of the catalogue. */
export function createCounted(): Counters {
  const counted = Object.fromEntries(
    metricNames.flatMap((name) => {
      const { type } = specOf(name);
      if (type === 'gauge' || name === 'task_restarts_total') return [];
      return [[name, type === 'counter' ? createCounter(name as CounterName) : createHistogram(name as HistogramName)]];
    }),
  ) as unknown as Counters;
  zero(counted, {});
  return counted;
}

/** Makes the series that can be foreseen: each label has a name that is given here, or its values are a closed set. */
function zero(counted: Counters, given: Readonly<Record<string, string>>): void {
  for (const [name, series] of Object.entries(counted)) {
    const { labels, values = {} } = specOf(name as MetricName);
    let rows: readonly (readonly string[])[] = [[]];
    for (const label of labels) {
      const known = values[label] ?? (given[label] === undefined ? [] : [given[label]]);
      rows = rows.flatMap((row) => known.map((value) => [...row, value]));
    }
    for (const row of rows) series.zero(row as never);
  }
}

/** A call went out for it. What never left is none. */
export const isCallSent = (event: Event): event is EventOf<'restart-answered'> =>
  event.type === 'restart-answered' && event.answer.kind !== 'not-sent';

export function recordAccount(counted: Counters, event: Event): void {
  const { account } = event;
  switch (event.type) {
    case 'poll-completed':
      counted.malformed_items_total.add([account], event.malformedItems);
      break;
    case 'poll-failed':
      counted.poll_failures_total.add([account, event.failure.class]);
      break;
    case 'poll-suspect':
      counted.poll_failures_total.add([account, 'suspect']);
      break;
    case 'owner-gained':
    case 'owner-lost':
      counted.lease_transitions_total.add([account]);
      return;
    default:
      return;
  }
  counted.polls_total.add([account]);
  counted.poll_duration_seconds.observe([account], secondsOf(event.durationMs));
}

/** Events without a counter here show in gauges, or in the log alone. */
export function recordGroup(counted: Counters, known: ReadonlySet<string>, event: Event, group: string): void {
  const { account } = event;
  switch (event.type) {
    case 'restart-answered':
      // Counted when answered, not when intended: an intent that was never sent is no call.
      if (isCallSent(event))
        counted.restarts_total.add([account, group, event.trigger === 'manual' ? 'manual' : 'auto']);
      return;
    case 'restart-shadowed':
      counted.shadow_restarts_total.add([account, group]);
      return;
    case 'restart-failed':
      counted.restart_failures_total.add([account, group, causeLabel(known, event.cause)]);
      return;
    case 'restart-withheld':
      counted.restarts_withheld_total.add([account, group, event.reason]);
      return;
    case 'outage-opened':
      counted.outages_total.add([account, group]);
      return;
    case 'outage-ended':
      counted.outage_endings_total.add([account, group, event.ending]);
      counted.outage_duration_seconds.observe([account, group], secondsOf(event.durationMs));
      return;
    case 'time-accounted':
      counted.task_expected_seconds_total.add([account, group], secondsOf(event.expectedMs));
      counted.task_downtime_seconds_total.add([account, group], secondsOf(event.downtimeMs));
      return;
    default:
      return;
  }
}

export function recordRequest(counted: Counters, known: ReadonlySet<string>, trace: CloudTrace): void {
  if (trace.kind !== 'request') return;
  const { account, action, failure } = trace;
  counted.api_requests_total.add([account, action]);
  counted.api_request_duration_seconds.observe([account, action], secondsOf(trace.durationMs));
  if (failure) counted.api_errors_total.add([account, action, codeLabel(known, failure), failure.class]);
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

/** Makes the series that can be foreseen, at 0, and drops those of accounts and groups that are gone. */
export function configureSeries(counted: Counters, knownCodes: KnownCodes, accounts: readonly Policies[]) {
  /** `pairKey`s of those that match allows. */
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

function zeroAccount(counted: Counters, { actions, pairs }: KnownCodes, account: string): void {
  zero(counted, { account });
  for (const action of actions) {
    counted.api_requests_total.zero([account, action]);
    counted.api_request_duration_seconds.zero([account, action]);
    for (const pair of pairs) counted.api_errors_total.zero([account, action, pair.code, pair.class]);
  }
}

/** The cloud's answer can make the attempt a failed one. */
const canFail = ({ class: name }: { readonly class: ErrorClass }) =>
  ['failed', 'doubted'].includes(classMeanings[name].attempt);

function zeroGroup(counted: Counters, { pairs }: KnownCodes, account: string, group: string): void {
  zero(counted, { account, group });
  for (const code of [...seenFailures, ...pairs.filter(canFail).map(({ code }) => code)])
    counted.restart_failures_total.zero([account, group, code]);
}
