/**
 * The pretend cloud of the scale bench, a process of its own behind its HTTP door. It stops tasks when it is asked to
 * and writes down when each of them was restarted.
 */
import { systemClock } from '../../../src/clock.ts';
import { openDoor } from '../../../src/simulator/door.ts';
import { steadyTime } from '../../../src/simulator/in-process.ts';
import { advance, createWorld, perform, statusNow, type World } from '../../../src/simulator/world.ts';

export type ToCloud =
  | { readonly kind: 'open'; readonly tasks: number; readonly groups: number; readonly roundTripMs: number }
  | { readonly kind: 'stop'; readonly count: number }
  | { readonly kind: 'collect' };

export type FromCloud =
  | { readonly kind: 'opened'; readonly url: string }
  | { readonly kind: 'stopped' }
  | {
      readonly kind: 'collected';
      /** In the order of the arrivals. */
      readonly restarted: readonly Restarted[];
      readonly stillStopped: number;
      readonly lists: number;
      readonly restarts: number;
      readonly throttled: number;
      readonly worstSecond: number;
      readonly cpuMsPerCall: number;
    };

export interface Restarted {
  /** From the stop of the task to the arrival of the restart that was accepted. */
  readonly afterMs: number;
  /** Calls of any kind that arrived before it, from the first restart since the stop on. */
  readonly callsBefore: number;
}

export const benchKey = { accessKeyId: 'AKLTscalebench01', secretAccessKey: 'c2NhbGUtYmVuY2gtc2VjcmV0' };
export const groupName = (index: number): string => `g${String(index).padStart(3, '0')}`;

const hourMs = 3_600_000;

function build({ tasks, groups, roundTripMs }: Extract<ToCloud, { kind: 'open' }>, book: Book): World {
  const now = systemClock.now();
  const wayMs = [roundTripMs / 2, roundTripMs / 2] as const;
  return createWorld({
    seed: 11,
    now,
    keys: [benchKey],
    parameters: { latency: { uplinkMs: wayMs, downlinkMs: wayMs } },
    tasks: Array.from({ length: tasks }, (_, index) => ({
      title: `task${index}`,
      cloudGroup: groupName(index % groups),
      startsAt: now - hourMs,
      endsAt: now + 100 * hourMs,
    })),
    watch: (arrival) => {
      book.calls++;
      book.allCalls++;
      if (arrival.action.startsWith('List')) book.lists++;
      if (arrival.taskId === undefined) return;
      book.restarts++;
      const stoppedAt = book.stoppedAt.get(arrival.taskId);
      book.callsAtFirst ??= book.allCalls;
      if (stoppedAt === undefined || !arrival.effect) return;
      book.stoppedAt.delete(arrival.taskId);
      book.restarted.push({ afterMs: arrival.at - stoppedAt, callsBefore: book.allCalls - book.callsAtFirst });
    },
  });
}

interface Book {
  /** Since the last collection. */
  calls: number;
  allCalls: number;
  lists: number;
  restarts: number;
  readonly stoppedAt: Map<string, number>;
  /** Of the tasks that were ever stopped: one that stops again soon rightly waits longer. */
  readonly used: Set<string>;
  callsAtFirst: number | undefined;
  restarted: Restarted[];
}

if (import.meta.main) {
  const book: Book = {
    calls: 0,
    allCalls: 0,
    lists: 0,
    restarts: 0,
    stoppedAt: new Map(),
    used: new Set(),
    callsAtFirst: undefined,
    restarted: [],
  };
  const time = steadyTime(systemClock);
  let world: World | undefined;
  let before = process.cpuUsage();
  const report = (message: FromCloud) => process.send?.(message);
  const stop = (count: number) => {
    if (!world) return;
    advance(world, time());
    // Other ones each time, spread over all groups.
    const running = [...world.tasks.values()].filter((task) => !book.used.has(task.taskId));
    book.callsAtFirst = undefined;
    for (let chosen = 0; chosen < count; chosen++) {
      const task = running[(chosen * 7_919) % running.length];
      if (!task || book.used.has(task.taskId) || statusNow(world, task) !== '生效中') continue;
      perform(world, { kind: 'stop', taskId: task.taskId });
      book.used.add(task.taskId);
      book.stoppedAt.set(task.taskId, world.now);
    }
  };
  process.on('message', async (message: ToCloud) => {
    if (message.kind === 'open') {
      world = build(message, book);
      const { url } = await openDoor({ world, clock: systemClock, port: 0 });
      before = process.cpuUsage();
      report({ kind: 'opened', url });
    } else if (message.kind === 'stop') {
      stop(message.count);
      report({ kind: 'stopped' });
    } else if (world) {
      const { user, system } = process.cpuUsage(before);
      const { worstSecond, throttled } = world.arrivals;
      report({
        kind: 'collected',
        restarted: book.restarted,
        stillStopped: book.stoppedAt.size,
        lists: book.lists,
        restarts: book.restarts,
        throttled,
        worstSecond,
        cpuMsPerCall: (user + system) / 1_000 / Math.max(1, book.calls),
      });
      book.restarted = [];
      book.calls = 0;
      before = process.cpuUsage();
    }
  });
  process.on('disconnect', () => process.exit(0));
}
