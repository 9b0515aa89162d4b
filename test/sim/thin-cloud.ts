/**
 * The Cloud port straight on the pretend cloud's state machine, for the swarm: the same arrivals, limits, faults,
 * task lives and error table as over HTTP, without signatures and JSON, which cost twenty times as much. The real
 * client plays in a share of the seeds (process.ts), so what is left out here is not left out altogether.
 *
 * As with the real client a call takes one permit, arrives after its uplink even if nobody waits any more (unless its
 * connection was closed long before), and reads are sent again four times.
 */

import { throttledLimit } from '../../src/cloud/call.ts';
import { type Action, classify } from '../../src/cloud/errors.ts';
import { createClockOffset } from '../../src/cloud/offset.ts';
import { createRestartActions } from '../../src/cloud/restart-call.ts';
import { answerGraceMs } from '../../src/cloud/transport.ts';
import type { Cloud } from '../../src/domain/ports/cloud-port.ts';
import type { Gate, Permit } from '../../src/domain/ports/gate-port.ts';
import type { Clock } from '../../src/domain/ports/time-port.ts';
import { cloudTime } from '../../src/domain/words/cloud-time.ts';
import type { CallFailure } from '../../src/domain/words/failure.ts';
import type { Observation, RestartAnswer, TaskItem, TaskStatus } from '../../src/domain/words/task.ts';
import { actions } from '../../src/simulator/actions.ts';
import { type Called, meet, wayMs } from '../../src/simulator/answer.ts';
import { type Outcome, statusOf } from '../../src/simulator/envelope.ts';
import { type End, type LiveFault, matchesItem } from '../../src/simulator/faults.ts';
import { lingersMs } from '../../src/simulator/in-process.ts';
import type { Task } from '../../src/simulator/pretend-task.ts';
import { advance, cloudNow, statusNow, type World } from '../../src/simulator/world.ts';
import { begin } from '../domain/story.ts';
import type { Enter } from './machine.ts';

export interface ThinCloudOptions {
  readonly world: World;
  /** The world's time: the network goes on when a process dies or its clock steps. */
  readonly clock: Clock;
  readonly process: {
    /** Its calls are told apart by it, as by a key of its own. */
    readonly name: string;
    readonly clock: Clock;
    readonly enter: Enter;
    /** False once it is dead: nothing is sent any more. */
    readonly alive: () => boolean;
  };
  readonly gate: Gate;
  readonly requestTimeoutMs: number;
  readonly pageSize: number;
  readonly retiredActions: () => readonly string[];
  readonly onRetired: (from: string, to: string) => void;
  /** The endpoint cannot be reached: calls provably never leave. */
  readonly unreachable: () => boolean;
  /** Another order of the items on a page; decisions must not depend on it. */
  readonly shuffle: ((items: readonly TaskItem[]) => readonly TaskItem[]) | undefined;
}

interface Page {
  readonly items: readonly TaskItem[];
  readonly malformed: number;
  readonly total: number;
}

type CallEnd<T> =
  | { readonly kind: 'ok'; readonly value: T; readonly sentAt: number }
  | { readonly kind: 'failed'; readonly failure: CallFailure; readonly reached: 'answered' | 'unknown' | 'never-left' };

const listAction = 'ListPullToPushTaskV2';
const resent: ReadonlySet<string> = new Set(['server', 'common', 'network', 'timeout']);
const longestResends = 4;
const statuses: Readonly<Record<string, TaskStatus>> = {
  停用: 'stopped',
  未开始: 'not-started',
  生效中: 'active',
  已结束: 'ended',
};

export function createThinCloud(options: ThinCloudOptions): Cloud {
  const { world, clock, gate, process } = options;
  const wall = () => process.clock.now();
  const offset = createClockOffset(() => {});
  const restartActions = createRestartActions('auto', options.retiredActions, options.onRetired);
  let sizes = new Map<string, number>();

  /** One call: its way there, its arrival, its way back; at most as long as the client waits. */
  function call<T>(
    action: Action,
    taskId: string | undefined,
    cloudGroups: readonly string[],
    permit: Permit,
    run: (twists: readonly LiveFault[], sentAt: number) => { outcome: Outcome; value: T },
    signal?: AbortSignal,
  ): Promise<CallEnd<T>> {
    if (!process.alive()) return new Promise(() => {});
    const sentAt = wall();
    if (options.unreachable()) {
      permit.done('never-left');
      return Promise.resolve({ kind: 'failed', failure: noAnswer('network', 'refused'), reached: 'never-left' });
    }
    const named = { action, taskId, cloudGroups, accessKeyId: process.name };
    const signedAt = sentAt + offset.offsetMs();
    return new Promise((resolve) => {
      let over = false;
      let closedAt = Number.POSITIVE_INFINITY;
      const finish = (outcome: 'answered' | 'lost', end: CallEnd<T>) => {
        if (over) return;
        over = true;
        takeBack();
        signal?.removeEventListener('abort', onAbort);
        if (outcome === 'lost') closedAt = clock.monotonic();
        if (!process.alive()) return;
        permit.done(outcome);
        resolve(end);
      };
      const giveUp = () =>
        finish('lost', { kind: 'failed', failure: noAnswer('timeout', 'no whole answer in time'), reached: 'unknown' });
      const takeBack = process.clock.after(options.requestTimeoutMs, giveUp);
      const onAbort = () => void process.clock.after(answerGraceMs, giveUp);
      signal?.addEventListener('abort', onAbort, { once: true });
      advance(world, worldNow());
      clock.after(wayMs(world, named, 'uplinkMs'), () => {
        if (clock.monotonic() > closedAt + lingersMs) return;
        advance(world, worldNow());
        const reply = arrival(world, named, signedAt, (twists) => run(twists, sentAt));
        if (reply === 'stall') return;
        const date = new Date(cloudNow(world)).toUTCString();
        clock.after(wayMs(world, named, 'downlinkMs'), () =>
          process.enter(() => {
            const { end } = reply;
            if (over) return;
            if (end.kind === 'failed' && end.reached === 'unknown') return finish('lost', end);
            if (end.kind === 'failed' && end.failure.class === 'throttled') {
              const limit = throttledLimit(action, end.failure);
              if (limit) gate.throttled(limit);
            }
            if (end.kind === 'failed' && end.failure.class === 'clock') offset.forget();
            offset.sample(date, sentAt, wall());
            finish('answered', end.kind === 'ok' ? { ...end, sentAt } : end);
          }, 'answer'),
        );
      });
    });
  }

  const worldNow = () => begin + clock.monotonic();

  async function readPage(
    cloudGroups: readonly string[],
    page: number,
    lane: 'poll' | 'verify',
    signal: AbortSignal,
  ): Promise<CallEnd<Page>> {
    let clockMended = false;
    for (let resends = 0; ; ) {
      const permit = await gate.acquire(lane, signal);
      const read = (twists: readonly LiveFault[], sentAt: number) => ({
        outcome: { kind: 'done', result: undefined } as const,
        value: pageOf(world, { cloudGroups, page, size: options.pageSize, sentAt }, twists),
      });
      const end = await call(listAction, undefined, cloudGroups, permit, read, signal);
      signal.throwIfAborted();
      if (end.kind === 'ok') return end;
      if (end.failure.class === 'clock' && !clockMended) {
        clockMended = true;
        continue;
      }
      if (!resent.has(end.failure.class) || resends >= longestResends) return end;
      await process.clock.sleep(250 * 2 ** resends++, signal);
      signal.throwIfAborted();
    }
  }

  async function readList(cloudGroups: readonly string[], lane: 'poll' | 'verify', signal: AbortSignal) {
    const first = await readPage(cloudGroups, 1, lane, signal);
    if (first.kind === 'failed') return first;
    const pages = Math.ceil(first.value.total / options.pageSize);
    const others = await Promise.all(
      Array.from({ length: Math.max(0, pages - 1) }, (_, index) => readPage(cloudGroups, index + 2, lane, signal)),
    );
    const items = new Map<string, TaskItem>();
    let malformed = 0;
    let drift = false;
    for (const page of [first, ...others]) {
      if (page.kind === 'failed') return page;
      malformed += page.value.malformed;
      drift ||= page.value.total !== first.value.total;
      for (const item of page.value.items) {
        const known = items.get(item.taskId);
        drift ||= known !== undefined;
        if (!known || item.requestedAt >= known.requestedAt) items.set(item.taskId, item);
      }
    }
    drift ||= items.size + malformed !== first.value.total;
    const listed = [...items.values()];
    return { kind: 'read', items: options.shuffle?.(listed) ?? listed, malformed, drift } as const;
  }

  return {
    async observe(signal): Promise<Observation> {
      const startedAt = wall();
      const list = await readList([], 'poll', signal);
      if (list.kind === 'failed') return { kind: 'failed', startedAt, finishedAt: wall(), failure: list.failure };
      sizes = new Map();
      for (const { cloudGroup } of list.items) sizes.set(cloudGroup, (sizes.get(cloudGroup) ?? 0) + 1);
      const { items, drift, malformed: malformedItems } = list;
      return { kind: 'complete', items, startedAt, finishedAt: wall(), drift, failedCloudGroups: [], malformedItems };
    },
    async look(cloudGroups, signal) {
      const list = await readList(cloudGroups, 'verify', signal);
      if (list.kind === 'failed') return { items: [], failure: list.failure };
      return { items: list.items, failure: undefined };
    },
    async restart({ taskId, cloudGroup }, permit, mayCall) {
      const mended = new Set<string>();
      for (let held = permit; ; held = await gate.acquire('restart')) {
        if (held !== permit && !mayCall()) {
          held.done('unused');
          return { kind: 'not-sent', failure: noAnswer('network', 'the account may be another’s') };
        }
        const action = restartActions.current();
        const end = await call(action, taskId, [cloudGroup], held, (twists) => ({
          outcome: carryOut(world, action, { taskId, cloudGroup }, twists),
          value: undefined,
        }));
        if (end.kind === 'ok') return { kind: 'accepted', requestId: undefined };
        const { failure } = end;
        const mend = failure.class === 'clock' || (failure.class === 'retired' && restartActions.retire(action));
        if (!mend || mended.has(failure.class)) return answerOf(end);
        mended.add(failure.class);
      }
    },
    lookCost(cloudGroups) {
      const tasks = cloudGroups.reduce((sum, name) => sum + (sizes.get(name) ?? 0), 0);
      return Math.max(1, Math.ceil(tasks / options.pageSize));
    },
    cloudGroups: async () => undefined,
    hostsOf: () => undefined,
    destinationOf: () => undefined,
    region: () => 'cn-north-1',
    clockOffsetMs: () => offset.offsetMs(),
    close: async () => {},
  };
}

function answerOf({ failure, reached }: Extract<CallEnd<unknown>, { kind: 'failed' }>): RestartAnswer {
  if (reached === 'never-left') return { kind: 'not-sent', failure };
  if (reached === 'unknown' || failure.class === 'server') return { kind: 'unanswered', failure };
  return { kind: failure.class === 'throttled' ? 'throttled' : 'refused', failure };
}

// ---- at the cloud ------------------------------------------------------------------------------------------------

/** The call arrives now. `stall`: nobody will ever answer. */
function arrival<T>(
  world: World,
  named: Called,
  signedAt: number,
  run: (twists: readonly LiveFault[]) => { outcome: Outcome; value: T },
): 'stall' | { readonly end: CallEnd<T> } {
  let value: T | undefined;
  const late = Math.abs(cloudNow(world) - signedAt) > world.parameters.signature.skewMs;
  const { outcome, end } = meet(world, named, (twists) => {
    if (late) return { kind: 'failed', code: 'InvalidTimestamp' };
    const done = run(twists);
    value = done.value;
    return done.outcome;
  });
  return end?.kind === 'stall' ? 'stall' : { end: replyOf(named.action, outcome, end, value) };
}

/** What the client makes of it, by the production table of errors. */
function replyOf<T>(
  action: string,
  outcome: Outcome | undefined,
  end: End | undefined,
  value: T | undefined,
): CallEnd<T> {
  const answered = (httpStatus: number, code: string | undefined): CallEnd<T> => ({
    kind: 'failed',
    reached: 'answered',
    failure: classify(
      {
        httpStatus,
        envelope:
          code === undefined ? { kind: 'unparsable' } : { kind: 'parsed', requestId: undefined, error: { code } },
      },
      action,
    ),
  });
  if (end?.kind === 'reset' || end?.kind === 'truncate')
    return { kind: 'failed', failure: noAnswer('network', 'the connection broke'), reached: 'unknown' };
  if (end?.kind === 'answer') return answered(end.status, undefined);
  if (end?.kind === 'error') {
    const { code } = end;
    return answered(statusOf({ kind: 'failed', code, ...(end.status ? { status: end.status } : {}) }), code);
  }
  if (outcome?.kind === 'failed') return answered(statusOf(outcome), outcome.code);
  return { kind: 'ok', value: value as T, sentAt: 0 };
}

function carryOut(
  world: World,
  action: string,
  { taskId, cloudGroup }: { readonly taskId: string; readonly cloudGroup: string },
  twists: readonly LiveFault[],
): Outcome {
  if (world.parameters.retired.includes(action)) return { kind: 'failed', code: 'InvalidActionOrVersion' };
  const key = world.keys[0];
  const run = actions[action]?.run;
  if (!key || !run) throw new Error(`the pretend cloud has no key or no action ${action}`);
  return run({ world, key, input: { TaskId: taskId, GroupName: cloudGroup }, twists });
}

/** The same twists as simulator/list.ts, on items instead of JSON. */
function pageOf(
  world: World,
  query: {
    readonly cloudGroups: readonly string[];
    readonly page: number;
    readonly size: number;
    readonly sentAt: number;
  },
  twists: readonly LiveFault[],
): Page {
  const { cloudGroups, page, size, sentAt } = query;
  const asked = (cloudGroup: string) => cloudGroups.length === 0 || cloudGroups.includes(cloudGroup);
  const tasks = [...world.tasks.values()].filter((task) => asked(task.cloudGroup)).reverse();
  let shown: readonly (Task | TaskItem)[] = tasks;
  let shift = 0;
  let totalOff = 0;
  for (const live of twists) {
    const { effect } = live.fault;
    if (effect.kind === 'blind') shown = [];
    else if (effect.kind === 'shrink') shown = shown.slice(0, effect.keep);
    else if (effect.kind === 'stale')
      shown = oldItems(world, live, effect.refreshMs).filter((item) => asked(item.cloudGroup));
    else if (effect.kind === 'drift' && page > 1) {
      shift = effect.shift;
      totalOff = effect.totalOff ?? 0;
    }
  }
  if (world.keys[0]?.sees === 'nothing') shown = [];
  const total = Math.max(0, shown.length + totalOff);
  const first = Math.max(0, (page - 1) * size + shift);
  let malformed = 0;
  const items: TaskItem[] = [];
  for (const entry of shown.slice(first, first + size)) {
    let item = 'source' in entry ? { ...entry, requestedAt: sentAt } : itemOf(world, entry, sentAt);
    let broken = false;
    for (const { fault } of twists) {
      if (!matchesItem(fault, item)) continue;
      if (fault.effect.kind === 'malformed') broken = true;
      if (fault.effect.kind === 'status') {
        const { text } = fault.effect;
        item = { ...item, status: statuses[text] ?? 'unknown', statusText: text };
      }
    }
    if (broken) malformed++;
    else items.push(item);
  }
  return { items, malformed, total };
}

function oldItems(world: World, live: LiveFault, refreshMs = Number.POSITIVE_INFINITY): readonly TaskItem[] {
  if (live.picture === undefined || world.now - live.picture.takenAt > refreshMs) {
    const rows = [...world.tasks.values()].reverse().map((task) => itemOf(world, task, 0));
    live.picture = { takenAt: world.now, rows };
  }
  return live.picture.rows as readonly TaskItem[];
}

export function itemOf(world: World, task: Task, requestedAt: number): TaskItem {
  const statusText = statusNow(world, task);
  const { taskId, title, cloudGroup, type, sources } = task;
  const [startsAt, endsAt] = [cloudTime(task.startsAt), cloudTime(task.endsAt)];
  const source = sources.join();
  const status = statuses[statusText] ?? 'unknown';
  return { taskId, title, cloudGroup, type, status, statusText, startsAt, endsAt, source, requestedAt };
}

const noAnswer = (errorClass: CallFailure['class'], message: string): CallFailure => ({
  class: errorClass,
  code: undefined,
  httpStatus: undefined,
  requestId: undefined,
  message,
});
