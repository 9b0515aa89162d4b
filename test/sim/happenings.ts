/** A history as data, and what can happen to the system in one: what each kind of it says, and what it does. */

import type { HoldTarget } from '../../src/domain/words/events.ts';
import { Refusal } from '../../src/domain/words/refusal.ts';
import type { Fault } from '../../src/simulator/faults.ts';
import type { TaskPlan } from '../../src/simulator/pretend-task.ts';
import { type Act, addFault, type ParameterChange, perform } from '../../src/simulator/world.ts';
import type { Configuration } from './account.ts';
import { type DiskWeather, fairDisk } from './disk.ts';
import type { History } from './history.ts';
import type { Call, Death, Process } from './process.ts';

export type Happenings = ReturnType<typeof happeningsOf>;
export type Happening = {
  [Kind in keyof Happenings]: Parameters<Happenings[Kind]>[0] & { kind: Kind };
}[keyof Happenings];

/** Undefined: the owner, whichever it is by then. */
interface AtReplica {
  readonly replica?: number;
}
interface ForAWhile {
  readonly lastsMs: number;
}
/** The machine has a process again after so long. */
interface Ends extends AtReplica {
  readonly downMs: number;
}
export interface Dies extends Ends {
  readonly death: Death | 'now';
}

interface Sets {
  readonly id: string;
  readonly target: HoldTarget;
  readonly forMs: number | undefined;
}

export interface Scheduled {
  /** Milliseconds since the story's begin. */
  readonly atMs: number;
  readonly what: Happening;
}

export interface Script {
  readonly seed: number;
  readonly configuration: Configuration;
  readonly tasks: readonly TaskPlan[];
  readonly cloudGroups: readonly string[];
  readonly parameters: ParameterChange;
  readonly replicas: 1 | 3;
  readonly weatherMs: number;
  readonly schedule: readonly Scheduled[];
  /** How much this seed has of each of the troubles; of many nothing. */
  readonly appetite: Readonly<Record<string, number>>;
  /** What troubles one task or one cloud group never ends; nothing is healed. */
  readonly endless: boolean;
}

/** A keeper whose disk failed tries again after so long; a lease is renewed every ten seconds. */
const afterDiskMs = 10_000;
const renewedAfterMs = 12_000;

export function happeningsOf(history: History) {
  const { world, clock, judge, machines } = history;

  /** For so long, and a while longer, nobody may be able to act. Gives when it is over. */
  const excuse = (lastsMs: number, whileLongerMs: number): number => {
    const until = clock.monotonic() + lastsMs;
    judge.liveness.excuse(until + whileLongerMs);
    return until;
  };

  /** Whom an operator reaches. */
  const reached = (replica: number | undefined): Process | undefined => {
    const process = history.at(replica);
    if (!process || process.paused || (machines.length === 1 && !process.owns)) return undefined;
    return process;
  };

  /** An operator asks for something. */
  const ask = (process: Process | undefined, what: (process: Process, by: string) => Promise<unknown>): void => {
    if (!process) return;
    const by = judge.actors?.asks(process, clock.monotonic()) ?? 'eve';
    what(process, by).then(
      () => judge.actors?.answered(by),
      (cause: unknown) => {
        if (!(cause instanceof Refusal)) return judge.fail(`an operator was answered with ${String(cause)}`);
        history.note(() => `  ${by} is refused: ${String(cause)}`);
        judge.actors?.answered(by, cause);
      },
    );
  };

  return {
    world({ act }: { readonly act: Act }): void {
      if ('taskId' in act && act.taskId !== undefined && !world.tasks.has(act.taskId)) return;
      try {
        perform(world, act);
      } catch {
        // The console refuses what breaks the vendor's rules.
      }
    },
    fault({ fault, lastsMs }: ForAWhile & { readonly fault: Fault }): void {
      const ofOne = fault.match?.taskId !== undefined || fault.match?.cloudGroup !== undefined;
      const from = world.now;
      addFault(world, { ...fault, from, until: history.script.endless && ofOne ? Infinity : from + lastsMs });
    },
    unreachable({ lastsMs }: ForAWhile): void {
      history.unreachableUntil = clock.monotonic() + lastsMs;
    },
    key({ sees }: { readonly sees: 'all' | 'nothing' }): void {
      history.keysSee(sees);
    },
    /** At once, or while the next such call is out. */
    step({ ms, during }: { readonly ms: number; readonly during?: Call }): void {
      if (during) history.stepDuring.set(during, ms);
      else history.step(ms);
    },
    pace({ ppm }: { readonly ppm: number }): void {
      for (const machine of machines) machine.slew(ppm);
    },
    disk({ weather, lastsMs }: ForAWhile & { readonly weather: DiskWeather }): void {
      history.disk.weather = weather;
      history.diskBadUntil = excuse(lastsMs, afterDiskMs);
      clock.after(lastsMs, () => {
        if (clock.monotonic() >= history.diskBadUntil) history.disk.weather = fairDisk;
      });
    },
    die(how: Dies): void {
      history.kill(how);
    },
    terminate({ replica, downMs }: Ends): void {
      const process = history.at(replica);
      if (!process) return;
      history.blurIfUnsaved();
      history.note(() => `${process.name} is told to stop`);
      process.stop();
      process.ended.then(() => {
        if (process.alive) clock.after(downMs, () => history.start(process.machine));
      });
    },
    /** Stopped like with SIGSTOP. */
    pause({ replica, lastsMs }: ForAWhile & AtReplica): void {
      const process = history.at(replica);
      if (!process || process.paused) return;
      history.note(() => `${process.name} is paused`);
      process.pause();
      excuse(lastsMs, renewedAfterMs);
      clock.after(lastsMs, () => {
        history.note(() => `${process.name} goes on`);
        process.goOn();
      });
    },
    /** From the database, both ways. */
    'cut-off'({ replica, lastsMs }: ForAWhile & AtReplica): void {
      const { machine } = history.at(replica) ?? {};
      if (machine) machine.cutOffUntil = Math.max(machine.cutOffUntil, excuse(lastsMs, renewedAfterMs));
    },
    'database-restart'({ downMs }: { readonly downMs: number }): void {
      history.database?.restart(downMs);
      excuse(downMs, renewedAfterMs);
    },
    reload({ configuration }: { readonly configuration: Configuration }): void {
      history.reload(configuration);
    },
    hook(_: object): void {
      reached(undefined)?.keeper.pollSoon();
    },
    restart({ replica, taskId, force }: AtReplica & { readonly taskId: string; readonly force: boolean }): void {
      ask(reached(replica), ({ keeper }, by) => {
        judge.book.asked.restarts.set(taskId, force);
        return keeper.operator.restart(taskId, by, force);
      });
    },
    release({ replica, taskId }: AtReplica & { readonly taskId: string }): void {
      ask(reached(replica), ({ keeper }, by) => keeper.operator.release(taskId, by));
    },
    hold({ replica, id, target, forMs }: AtReplica & Sets): void {
      // The API refuses a hold on a group that the configuration does not have.
      const groups = history.configuration.policies.groups.map(({ name }) => name);
      if (target.kind === 'group' && !groups.includes(target.group)) return;
      ask(reached(replica), async ({ keeper, clock: { now } }) => {
        const askedAt = clock.monotonic();
        const [at, account] = [now(), 'main'];
        const endsAt = forMs === undefined ? undefined : at + forMs;
        const hold = { id, account, target, author: 'eve', reason: 'repair', createdAt: at, endsAt };
        await keeper.operator.changeHold({ at, account, type: 'hold-added', hold });
        const { reloadedAt, asked } = judge.book;
        const isKept = reloadedAt >= askedAt || asked.holdsOff.has(id) || history.disk.memory.holds.has(id);
        judge.must(isKept, () => `hold ${id} was confirmed, and is not on disk`);
      });
    },
    unhold({ replica, id }: AtReplica & { readonly id: string }): void {
      const process = reached(replica);
      const hold = history.disk.memory.holds.get(id);
      const at = process?.clock.now() ?? Infinity;
      if (!hold || (hold.endsAt ?? Infinity) <= at) return;
      ask(process, ({ keeper }, by) => {
        judge.book.asked.holdsOff.add(id);
        return keeper.operator.changeHold({ at, account: 'main', type: 'hold-removed', hold, by });
      });
    },
  };
}
