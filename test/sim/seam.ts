/**
 * Everything that the simulation takes from `domain`, `keeper` and `telemetry`. A renamed event, field or folder is
 * mended here, and nowhere else in test/sim.
 *
 * The judge learns from a process only what anybody outside could: `Told` is what its log says.
 */

import { knownCodes } from '../../src/cloud/errors.ts';
import { groupViews } from '../../src/domain/views/views.ts';
import { type Event, isRecorded, type Trigger } from '../../src/domain/words/events.ts';
import type { ErrorClass } from '../../src/domain/words/failure.ts';
import type { Policies } from '../../src/domain/words/policy.ts';
import type { Keeper } from '../../src/keeper/keeper.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';

export type { AccountRecord, BudgetEntry, StoredLedger, TaskRecord } from '../../src/domain/memory/ledger.ts';
export { mapTimes, notAfter } from '../../src/domain/memory/times.ts';
export type { Cloud, CloudTrace, LookResult } from '../../src/domain/ports/cloud-port.ts';
export type { Gate, Permit, RateLimit } from '../../src/domain/ports/gate-port.ts';
export type {
  LedgerChanges,
  LedgerStore,
  OperatorOutcome,
  Ownership,
  Shared,
} from '../../src/domain/ports/store-port.ts';
export type { Clock, Schedule } from '../../src/domain/ports/time-port.ts';
export type { Event, Hold } from '../../src/domain/words/events.ts';
export type { CallFailure, ErrorClass } from '../../src/domain/words/failure.ts';
export type { Hours, Policies, Policy } from '../../src/domain/words/policy.ts';
export { Refusal } from '../../src/domain/words/refusal.ts';
export type {
  CompleteObservation,
  Observation,
  RestartAnswer,
  TaskItem,
  TaskStatus,
} from '../../src/domain/words/task.ts';
export { Keeper, type KeeperSettings } from '../../src/keeper/keeper.ts';

interface OfTask {
  readonly taskId: string;
}
export interface OfAttempt extends OfTask {
  readonly attemptId: string;
  readonly group: string;
  readonly trigger: Trigger;
}

/** What a process says, as far as the judge listens. */
export type Told =
  | { readonly kind: 'owned' | 'lost' }
  | (OfAttempt & { readonly kind: 'intended'; readonly by: string | undefined; readonly probe: boolean })
  | (OfAttempt & { readonly kind: 'failed' })
  | (OfAttempt & { readonly kind: 'given-back' })
  /** `released`: its attempts or its abandonment are forgotten. */
  | (OfTask & { readonly kind: 'found' | 'moved' | 'shadowed' | 'abandoned' | 'released' | 'forgotten' })
  | (OfTask & { readonly kind: 'opened' | 'ended'; readonly outageId: string })
  | { readonly kind: 'storm-on' | 'storm-off'; readonly group: string | undefined }
  | { readonly kind: 'circuit-failed'; readonly circuit: string; readonly class: ErrorClass }
  | { readonly kind: 'circuit-closed'; readonly circuit: string }
  | { readonly kind: 'hold-ended'; readonly id: string; readonly endsAt: number | undefined };

const ofTasks = {
  'restart-shadowed': 'shadowed',
  'task-found': 'found',
  'task-moved': 'moved',
  'attempts-forgotten': 'forgotten',
  'task-abandoned': 'abandoned',
  'task-released': 'released',
} as const;

export function toldBy(event: Event): Told | undefined {
  switch (event.type) {
    case 'owner-gained':
      return { kind: 'owned' };
    case 'owner-lost':
      return { kind: 'lost' };
    case 'restart-intended':
      return { ...event, kind: 'intended' };
    case 'restart-failed':
      return { ...event, kind: 'failed' };
    case 'restart-given-back':
      return { ...event, kind: 'given-back' };
    case 'restart-shadowed':
    case 'task-found':
    case 'task-moved':
    case 'attempts-forgotten':
    case 'task-abandoned':
    case 'task-released':
      return { kind: ofTasks[event.type], taskId: event.taskId };
    case 'outage-opened':
      return { ...event, kind: 'opened' };
    case 'outage-ended':
      return { ...event, kind: 'ended' };
    case 'storm-started':
    case 'storm-changed':
      return { kind: 'storm-on', group: event.scope.group };
    case 'storm-ended':
      return { kind: 'storm-off', group: event.scope.group };
    case 'circuit-opened':
    case 'circuit-probed':
      return { kind: 'circuit-failed', circuit: event.circuit, class: event.failure.class };
    case 'circuit-closed':
      return { kind: 'circuit-closed', circuit: event.circuit };
    case 'hold-expired':
      return { kind: 'hold-ended', id: event.hold.id, endsAt: event.hold.endsAt };
    default:
      return undefined;
  }
}

/** It must reach the disk. */
export const isKept = (event: Event): boolean => isRecorded(event);

export const retiredActionsOf = (keeper: Keeper | undefined): readonly string[] =>
  keeper?.ledger.accountRecord.retiredActions ?? [];

/** The gap between scheduled polls that the metrics tell: ticks are left out where a poll costs much. */
export const toldGapMs = (keeper: Keeper): number => keeper.pollGapMs();

/** The numbers that a scrape is given, which are kept up with every fact: once as they are, once counted anew. */
export function shownNumbers(keeper: Keeper): { readonly keptUp: string; readonly counted: string } {
  const situation = keeper.situation();
  const { ledger } = situation;
  const stopped = [...ledger.tasks.values()]
    .filter(({ outage, item, group }) => outage || (item.status === 'stopped' && group !== undefined))
    .map(({ taskId }) => taskId);
  const anew = { ...situation, ledger: { ...ledger, tallies: undefined, stopped: new Set(stopped) } };
  const sorted = (_key: string, value: unknown) =>
    value && typeof value === 'object' && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort())
      : value;
  const shown = (of: typeof situation) => {
    const { down, ...numbers } = groupViews(of);
    return JSON.stringify([numbers, down.map(({ taskId }) => taskId).sort(), [...of.ledger.stopped].sort()], sorted);
  };
  return { keptUp: shown(situation), counted: shown(anew) };
}

export interface Counters {
  readonly record: (event: Event) => void;
  /** What a scrape shows of one counter, added up over its labels. */
  readonly total: (name: string) => Promise<number>;
}

/** The production metrics of one process. */
export function countersFor(policies: Policies): Counters {
  const settings = { version: '0', revision: 'sim', maxTaskSeries: () => 0, knownCodes, processMetrics: false };
  const metrics = createMetrics(settings);
  metrics.configure([policies]);
  return {
    record: (event) => metrics.record(event),
    total: async (name) => {
      let sum = 0;
      for (const line of (await metrics.render([])).split('\n'))
        if (line.startsWith(`relaykeeper_${name}{`) || line.startsWith(`relaykeeper_${name} `))
          sum += Number(line.slice(line.lastIndexOf(' ') + 1));
      return sum;
    },
  };
}

/** How often each of these counters must have counted, by what was told; of groups that the policies have. */
export function expectedTotals(told: readonly Event[], policies: Policies): Readonly<Record<string, number>> {
  const groups = new Set(policies.groups.map(({ name }) => name));
  const count = (wanted: (event: Event) => boolean) =>
    told.filter((event) => 'group' in event && groups.has(event.group ?? '') && wanted(event)).length;
  return {
    restarts_total: count((event) => event.type === 'restart-answered' && event.answer.kind !== 'not-sent'),
    restart_failures_total: count(({ type }) => type === 'restart-failed'),
    shadow_restarts_total: count(({ type }) => type === 'restart-shadowed'),
    outages_total: count(({ type }) => type === 'outage-opened'),
    outage_endings_total: count(({ type }) => type === 'outage-ended'),
    restarts_withheld_total: count(({ type }) => type === 'restart-withheld'),
  };
}

/** One line of the trace. */
export function lineOf(event: Event): string {
  const { at: _at, account: _account, ...rest } = event;
  const shown = 'item' in rest ? { ...rest, item: rest.item.status } : rest;
  return JSON.stringify(shown, (_key, value: unknown) => (value === Number.POSITIVE_INFINITY ? 'never' : value));
}
