/** A history as data: what can happen to the system, when it does, and to whom. */
import type { HoldTarget } from '../../src/domain/words/events.ts';
import type { Fault } from '../../src/simulator/faults.ts';
import type { TaskPlan } from '../../src/simulator/pretend-task.ts';
import type { Act, ParameterChange } from '../../src/simulator/world.ts';
import type { DiskWeather } from './disk.ts';
import type { Call, Configuration, Death } from './process.ts';

/** What each kind of it says. */
interface Happens {
  readonly world: { readonly act: Act };
  readonly fault: { readonly fault: Fault; readonly lastsMs: number };
  readonly unreachable: { readonly lastsMs: number };
  readonly key: { readonly sees: 'all' | 'nothing' };
  readonly hold: AtReplica & { readonly id: string; readonly target: HoldTarget; readonly forMs: number | undefined };
  readonly unhold: AtReplica & { readonly id: string };
  readonly restart: AtReplica & { readonly taskId: string; readonly force: boolean };
  readonly release: AtReplica & { readonly taskId: string };
  readonly hook: object;
  readonly reload: { readonly configuration: Configuration };
  /** At once, or while the next such call is out. */
  readonly step: { readonly ms: number; readonly during?: Call };
  readonly pace: { readonly ppm: number };
  readonly disk: { readonly weather: DiskWeather; readonly lastsMs: number };
  readonly die: AtReplica & { readonly death: Death | 'now'; readonly downMs: number };
  readonly terminate: AtReplica & { readonly downMs: number };
  /** Stopped like with SIGSTOP. */
  readonly pause: AtReplica & { readonly lastsMs: number };
  /** From the database, both ways. */
  readonly 'cut-off': AtReplica & { readonly lastsMs: number };
  readonly 'database-restart': { readonly downMs: number };
}
export type Happening<Kind extends keyof Happens = keyof Happens> = {
  [One in Kind]: Happens[One] & { readonly kind: One };
}[Kind];

/** Undefined: the owner, whichever it is by then. */
interface AtReplica {
  readonly replica?: number;
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
