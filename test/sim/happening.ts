/** A history as data: what can happen to the system, when it does, and to whom. */
import type { HoldTarget } from '../../src/domain/words/events.ts';
import type { Fault } from '../../src/simulator/faults.ts';
import type { TaskPlan } from '../../src/simulator/pretend-task.ts';
import type { Act, ParameterChange } from '../../src/simulator/world.ts';
import type { DiskWeather } from './disk.ts';
import type { Call, Configuration, Death } from './process.ts';

export type Happening =
  | { readonly kind: 'world'; readonly act: Act }
  | { readonly kind: 'fault'; readonly fault: Fault; readonly lastsMs: number }
  | { readonly kind: 'unreachable'; readonly lastsMs: number }
  | { readonly kind: 'key'; readonly sees: 'all' | 'nothing' }
  | (AtReplica & {
      readonly kind: 'hold';
      readonly id: string;
      readonly target: HoldTarget;
      readonly forMs: number | undefined;
    })
  | (AtReplica & { readonly kind: 'unhold'; readonly id: string })
  | (AtReplica & { readonly kind: 'restart'; readonly taskId: string; readonly force: boolean })
  | (AtReplica & { readonly kind: 'release'; readonly taskId: string })
  | { readonly kind: 'reload'; readonly configuration: Configuration }
  /** Refused before it touches anything. */
  | { readonly kind: 'bad-reload' }
  | { readonly kind: 'hook' }
  /** At once, or while the next such call is out. */
  | { readonly kind: 'step'; readonly ms: number; readonly during?: Call }
  | { readonly kind: 'pace'; readonly ppm: number }
  | { readonly kind: 'disk'; readonly weather: DiskWeather; readonly lastsMs: number }
  | (AtReplica & { readonly kind: 'die'; readonly death: Death | 'now'; readonly downMs: number })
  | (AtReplica & { readonly kind: 'terminate'; readonly downMs: number })
  /** Stopped like with SIGSTOP. */
  | (AtReplica & { readonly kind: 'pause'; readonly lastsMs: number })
  /** From the database, both ways. */
  | (AtReplica & { readonly kind: 'cut-off'; readonly lastsMs: number })
  | { readonly kind: 'database-restart'; readonly downMs: number };

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
  readonly parameters: ParameterChange;
  readonly replicas: 1 | 3;
  readonly weatherMs: number;
  readonly schedule: readonly Scheduled[];
  /** Faults that this seed has, and how much of each. */
  readonly appetite: Readonly<Record<Trouble, number>> | undefined;
  /** What troubles one task or one cloud group never ends; nothing is healed. */
  readonly endless: boolean;
}

/** In the order in which the weather is drawn: a new one comes last. */
export const troubles = [
  'stops',
  'errors',
  'resets',
  'stalls',
  'truncation',
  'html',
  'stale',
  'drift',
  'malformed',
  'unknown-status',
  'shrink',
  'key',
  'slow',
  'throttle',
  'unreachable',
  'cloud-clock',
  'step',
  'pace',
  'disk',
  'death',
  'terminate',
  'cut-off',
  'reload',
  'operator',
  'hold',
  'console',
  'edit',
  'move',
  'delete',
  'end',
  'retire',
  'in-vain',
] as const;
export type Trouble = (typeof troubles)[number];
