/**
 * The Cloud port straight on the pretend cloud's state machine, for the swarm: the same arrivals, limits, faults,
 * task lives, lists and error table as over HTTP, without signatures and JSON, which make an hour take twice as long. The
 * real client plays in a share of the seeds (process.ts), so what is left out here is not left out altogether.
 *
 * As with the real client a call takes one permit, arrives after its uplink even if nobody waits any more (unless its
 * connection was closed long before), and reads are sent again four times.
 */

import { throttledLimit } from '../../src/cloud/call.ts';
import { type Action, type Answer, classify } from '../../src/cloud/errors.ts';
import { createClockOffset } from '../../src/cloud/offset.ts';
import type { createRestartActions } from '../../src/cloud/restart-call.ts';
import { createHostMemory } from '../../src/cloud/task-hosts.ts';
import { answerGraceMs } from '../../src/cloud/transport.ts';
import { type Page as ClientPage, createGroupNames, parsePage } from '../../src/cloud/wire.ts';
import type { Cloud } from '../../src/domain/ports/cloud-port.ts';
import type { Gate, Permit } from '../../src/domain/ports/gate-port.ts';
import { type CallFailure, classMeanings } from '../../src/domain/words/failure.ts';
import type { RestartAnswer, TaskItem } from '../../src/domain/words/task.ts';
import { actions } from '../../src/simulator/actions.ts';
import { meet, wayMs } from '../../src/simulator/answer.ts';
import { failed, type Outcome, statusOf } from '../../src/simulator/envelope.ts';
import type { LiveFault } from '../../src/simulator/faults.ts';
import { lingersMs } from '../../src/simulator/in-process.ts';
import { type Entry, shownEntries } from '../../src/simulator/shown-list.ts';
import { advance, cloudNow, type World } from '../../src/simulator/world.ts';
import { begin } from '../domain/story.ts';
import type { Configuration } from './account.ts';
import type { History } from './history.ts';
import type { Process } from './process.ts';

interface Failed {
  readonly kind: 'failed';
  readonly failure: CallFailure;
  readonly reached: 'answered' | 'unknown' | 'never-left';
}
type CallEnd = { readonly kind: 'ok' } | Failed;

interface Named {
  readonly action: Action;
  readonly taskId: string | undefined;
  readonly cloudGroups: readonly string[];
}

interface Page {
  readonly items: readonly TaskItem[];
  readonly malformed: number;
  readonly total: number;
}

export function createThinCloud(
  process: Process,
  history: History,
  { requestTimeoutMs, pageSize }: Configuration,
  restartActions: ReturnType<typeof createRestartActions>,
  gate: Gate,
): Cloud {
  // The network goes on by the world's time when a process dies or its clock steps.
  const { world, clock } = history;
  const wall = () => process.clock.now();
  const offset = createClockOffset(() => {});
  let sizes = new Map<string, number>();

  /** One call: its way there, its arrival, its way back; at most as long as the client waits. */
  function call(
    named: Named,
    permit: Permit,
    run: (twists: readonly LiveFault[], sentAt: number) => Outcome,
    signal?: AbortSignal,
  ): Promise<CallEnd> {
    if (!process.alive) return new Promise(() => {});
    const sentAt = wall();
    if (clock.monotonic() < history.unreachableUntil) {
      permit.done('never-left');
      return Promise.resolve(noAnswer('network', 'never-left'));
    }
    // Its calls are told apart by its name, as by a key of its own.
    const called = { ...named, accessKeyId: process.name };
    const signedAt = sentAt + offset.offsetMs();
    return new Promise((resolve) => {
      let over = false;
      let closedAt = Number.POSITIVE_INFINITY;
      const finish = (outcome: 'answered' | 'lost', end: CallEnd) => {
        if (over) return;
        over = true;
        takeBack();
        signal?.removeEventListener('abort', onAbort);
        if (outcome === 'lost') closedAt = clock.monotonic();
        if (!process.alive) return;
        permit.done(outcome);
        resolve(end);
      };
      const giveUp = () => finish('lost', noAnswer('timeout', 'unknown'));
      const takeBack = process.clock.after(requestTimeoutMs, giveUp);
      const onAbort = () => void process.clock.after(answerGraceMs, giveUp);
      signal?.addEventListener('abort', onAbort, { once: true });
      advance(world, begin + clock.monotonic());
      clock.after(wayMs(world, called, 'uplinkMs'), () => {
        if (clock.monotonic() > closedAt + lingersMs) return;
        advance(world, begin + clock.monotonic());
        const isLate = Math.abs(cloudNow(world) - signedAt) > world.parameters.signature.skewMs;
        const met = meet(world, called, (twists) => (isLate ? failed('InvalidTimestamp') : run(twists, sentAt)));
        if (met.end?.kind === 'stall') return;
        const end = endOf(named.action, met);
        const date = new Date(cloudNow(world)).toUTCString();
        const back = () => {
          if (over) return;
          if (end.kind === 'failed' && end.reached === 'unknown') return finish('lost', end);
          const failure = end.kind === 'failed' ? end.failure : undefined;
          const limit = failure?.class === 'throttled' && throttledLimit(named.action, failure);
          if (limit) gate.throttled(limit);
          if (failure?.class === 'clock') offset.forget();
          offset.sample(date, sentAt, wall());
          finish('answered', end);
        };
        clock.after(wayMs(world, called, 'downlinkMs'), () => process.enter(back, 'answer'));
      });
    });
  }

  async function readPage(
    cloudGroups: readonly string[],
    number: number,
    lane: 'poll' | 'verify',
    signal: AbortSignal,
  ): Promise<Page | Failed> {
    const named = { action: 'ListPullToPushTaskV2', taskId: undefined, cloudGroups } as const;
    let clockMended = false;
    for (let resends = 0; ; ) {
      const permit = await gate.acquire(lane, signal);
      let page: Page | undefined;
      const read = (twists: readonly LiveFault[], sentAt: number): Outcome => {
        page = pageOf(world, cloudGroups, number, pageSize, twists, sentAt);
        return { kind: 'done', result: undefined };
      };
      const end = await call(named, permit, read, signal);
      signal.throwIfAborted();
      if (end.kind === 'ok') return page ?? noAnswer('server', 'answered');
      if (end.failure.class === 'clock' && !clockMended) {
        clockMended = true;
        continue;
      }
      if (resends >= classMeanings[end.failure.class].resends) return end;
      await process.clock.sleep(250 * 2 ** resends++, signal);
      signal.throwIfAborted();
    }
  }

  async function readList(cloudGroups: readonly string[], lane: 'poll' | 'verify', signal: AbortSignal) {
    const first = await readPage(cloudGroups, 1, lane, signal);
    if ('failure' in first) return first;
    const others = Array.from({ length: Math.max(0, Math.ceil(first.total / pageSize) - 1) }, (_, index) =>
      readPage(cloudGroups, index + 2, lane, signal),
    );
    const items = new Map<string, TaskItem>();
    let malformedItems = 0;
    let drift = false;
    for (const page of [first, ...(await Promise.all(others))]) {
      if ('failure' in page) return page;
      malformedItems += page.malformed;
      drift ||= page.total !== first.total;
      for (const item of page.items) {
        const known = items.get(item.taskId);
        drift ||= known !== undefined;
        if (!known || item.requestedAt >= known.requestedAt) items.set(item.taskId, item);
      }
    }
    drift ||= items.size + malformedItems !== first.total;
    const listed = [...items.values()];
    return { items: listed, malformedItems, drift };
  }

  return {
    async observe(signal) {
      const startedAt = wall();
      const list = await readList([], 'poll', signal);
      if ('failure' in list) return { kind: 'failed', startedAt, finishedAt: wall(), failure: list.failure };
      sizes = new Map();
      for (const { cloudGroup } of list.items) sizes.set(cloudGroup, (sizes.get(cloudGroup) ?? 0) + 1);
      return { ...list, kind: 'complete', startedAt, finishedAt: wall(), failedCloudGroups: [] };
    },
    async look(cloudGroups, signal) {
      const list = await readList(cloudGroups, 'verify', signal);
      return 'failure' in list ? { items: [], failure: list.failure } : { items: list.items, failure: undefined };
    },
    async restart({ taskId, cloudGroup }, permit, mayCall) {
      const mended = new Set<string>();
      for (let own = permit; ; own = await gate.acquire('restart')) {
        if (own !== permit && !mayCall()) {
          own.done('unused');
          return { ...noAnswer('network', 'never-left'), kind: 'not-sent' };
        }
        const action = restartActions.current();
        const end = await call({ action, taskId, cloudGroups: [cloudGroup] }, own, (twists) => {
          const [key] = world.keys;
          const run = actions[action];
          if (!key || !run) throw new Error(`the pretend cloud has no key or no action ${action}`);
          if (world.parameters.retired.includes(action)) return failed('InvalidActionOrVersion');
          return run({ world, key, input: { TaskId: taskId, GroupName: cloudGroup }, twists });
        });
        if (end.kind === 'ok') return { kind: 'accepted', requestId: undefined };
        const { failure } = end;
        const mend = failure.class === 'clock' || (failure.class === 'retired' && restartActions.retire(action));
        if (!mend || mended.has(failure.class)) return answerOf(end);
        mended.add(failure.class);
      }
    },
    lookCost(cloudGroups) {
      const tasks = cloudGroups.reduce((sum, name) => sum + (sizes.get(name) ?? 0), 0);
      return Math.max(1, Math.ceil(tasks / pageSize));
    },
    cloudGroups: async () => undefined,
    hostsOf: () => undefined,
    destinationOf: () => undefined,
    sharingDestination: () => [],
    region: () => 'cn-north-1',
    clockOffsetMs: () => offset.offsetMs(),
    close: async () => {},
  };
}

function answerOf({ failure, reached }: Failed): RestartAnswer {
  if (reached === 'never-left') return { kind: 'not-sent', failure };
  if (reached === 'unknown' || failure.class === 'server') return { kind: 'unanswered', failure };
  return { kind: failure.class === 'throttled' ? 'throttled' : 'refused', failure };
}

/** What the client makes of it, by the production table of errors. */
function endOf(action: string, { outcome, end }: ReturnType<typeof meet>): CallEnd {
  if (end?.kind === 'reset' || end?.kind === 'truncate') return noAnswer('network', 'unknown');
  const refused = (answer: Answer): Failed => ({
    kind: 'failed',
    reached: 'answered',
    failure: classify(answer, action),
  });
  if (end?.kind === 'answer') return refused({ httpStatus: end.status, envelope: { kind: 'unparsable' } });
  const told = end?.kind === 'error' ? ({ ...end, kind: 'failed' } as const) : outcome;
  if (told?.kind !== 'failed') return { kind: 'ok' };
  const error = { code: told.code };
  return refused({ httpStatus: statusOf(told), envelope: { kind: 'parsed', requestId: undefined, error } });
}

const noAnswer = (errorClass: CallFailure['class'], reached: Failed['reached']): Failed => ({
  kind: 'failed',
  failure: { class: errorClass, message: 'no answer' },
  reached,
});

function pageOf(
  world: World,
  cloudGroups: readonly string[],
  page: number,
  size: number,
  twists: readonly LiveFault[],
  requestedAt: number,
): Page {
  const all = cloudGroups.length === 0 ? undefined : cloudGroups;
  const asked = world.keys[0]?.sees === 'nothing' ? [] : all;
  const query = { cloudGroups: asked, page, size };
  const { entries, totalCount: total } = shownEntries(world, query, twists);
  const items = entries.flatMap((entry) => entryOf(entry, requestedAt));
  return { items, malformed: entries.length - items.length, total };
}

const readsAs = {
  onlyGroup: undefined,
  fingerprintKey: '',
  intern: (text: string) => text,
  secrets: [],
  groupNames: createGroupNames(''),
  hosts: createHostMemory(),
  known: () => undefined,
};
/** Few tasks change from one list to the next. */
const known = new WeakMap<Entry['item'], ClientPage['entries'][number]>();

/** As the client reads it. */
function entryOf({ item }: Entry, requestedAt: number) {
  const page = () => parsePage({ List: [item] }, { ...readsAs, requestedAt });
  const read = known.get(item) ?? page()?.entries[0] ?? { malformed: 'item' };
  known.set(item, read);
  return 'malformed' in read ? [] : [{ ...read, requestedAt }];
}
