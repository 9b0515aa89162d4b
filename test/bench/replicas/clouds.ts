/** The pretend clouds of the replicas bench, one an account, all in a process of their own behind their HTTP doors. */
import { systemClock } from '../../../src/clock.ts';
import { openDoor } from '../../../src/simulator/door.ts';
import { steadyTime } from '../../../src/simulator/in-process.ts';
import { advance, createWorld, perform, statusNow, type World } from '../../../src/simulator/world.ts';
import { benchKey } from '../scale/cloud.ts';

export interface Open {
  readonly accounts: number;
  readonly tasks: number;
  readonly roundTripMs: number;
}

export type ToClouds =
  | ({ readonly kind: 'open' } & Open)
  /** Stops so many tasks of each account. */
  | { readonly kind: 'stop'; readonly each: number }
  | { readonly kind: 'look' };

export interface Seen {
  readonly kind: 'seen';
  /** Tasks that were stopped here and do not run yet. */
  readonly ill: number;
  /** Since the last look. */
  readonly calls: number;
  readonly cpuMs: number;
  /** Of any account, ever. */
  readonly worstSecond: number;
}

export type FromClouds =
  | { readonly kind: 'opened'; readonly urls: readonly string[] }
  | { readonly kind: 'stopped' }
  | Seen;

const hourMs = 3_600_000;

if (import.meta.main) {
  const time = steadyTime(systemClock);
  const worlds: World[] = [];
  const stopped = new Set<string>();
  let [calls, turn] = [0, 0];
  let before = process.cpuUsage();
  const report = (message: FromClouds) => process.send?.(message);

  const open = async ({ accounts, tasks, roundTripMs }: Open) => {
    const now = systemClock.now();
    const wayMs = [roundTripMs / 2, roundTripMs / 2] as const;
    const urls: string[] = [];
    for (let account = 0; account < accounts; account++) {
      const world = createWorld({
        seed: account + 1,
        now,
        keys: [benchKey],
        parameters: { latency: { uplinkMs: wayMs, downlinkMs: wayMs } },
        tasks: Array.from({ length: tasks }, (_, index) => ({
          taskId: `t${account}-${index}`,
          title: `task${index}`,
          cloudGroup: 'vip',
          startsAt: now - hourMs,
          endsAt: now + 100 * hourMs,
        })),
        watch: () => {
          calls++;
        },
      });
      worlds.push(world);
      urls.push((await openDoor({ world, clock: systemClock, port: 0 })).url);
    }
    return urls;
  };
  const eachTask = (does: (world: World, taskId: string, index: number) => void) => {
    for (const world of worlds) {
      advance(world, time());
      [...world.tasks.keys()].forEach((taskId, index) => {
        does(world, taskId, index);
      });
    }
  };
  const runs = (world: World, taskId: string) => {
    const task = world.tasks.get(taskId);
    return task !== undefined && statusNow(world, task) === '生效中';
  };

  process.on('message', async (message: ToClouds) => {
    if (message.kind === 'open') report({ kind: 'opened', urls: await open(message) });
    else if (message.kind === 'stop') {
      // Others each time: one that stops again soon rightly waits longer.
      const first = turn++ * message.each;
      eachTask((world, taskId, index) => {
        if (index < first || index >= first + message.each) return;
        perform(world, { kind: 'stop', taskId });
        stopped.add(taskId);
      });
      report({ kind: 'stopped' });
    } else {
      eachTask((world, taskId) => {
        if (stopped.has(taskId) && runs(world, taskId)) stopped.delete(taskId);
      });
      const { user, system } = process.cpuUsage(before);
      const worstSecond = Math.max(...worlds.map(({ arrivals }) => arrivals.worstSecond));
      report({ kind: 'seen', ill: stopped.size, calls, cpuMs: (user + system) / 1_000, worstSecond });
      calls = 0;
      before = process.cpuUsage();
    }
  });
  process.on('disconnect', () => process.exit(0));
}
