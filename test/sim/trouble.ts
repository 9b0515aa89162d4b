/** What a kind of lasting trouble of the law of non-interference is made of, and what several begin with. */

import type { Policy } from '../../src/domain/words/policy.ts';
import type { Effect } from '../../src/simulator/faults.ts';
import type { Task } from '../../src/simulator/pretend-task.ts';
import { second } from './dice.ts';
import type { Replicas } from './replicas.ts';
import type { Stage, StageOptions } from './stage.ts';
import type { VirtualClock } from './virtual-clock.ts';

export const pollEveryMs = 15 * second;

export interface Trouble {
  /** Begins, once. */
  readonly begins?: (stage: Stage, taskIds: readonly string[]) => void;
  /** Happens again and again. */
  readonly everyMs?: number;
  readonly again?: (stage: Stage, taskIds: readonly string[], turn: number) => void;
  /** Tasks that have it; absent: one. */
  readonly tasks?: readonly [least: number, most: number];
  /** They are all that is in their cloud group. */
  readonly ownCloudGroup?: boolean;
  /** The account's cloud groups are asked for by name. */
  readonly byGroups?: boolean;
  /** Why it looks like a common cause in its first minute: a turn of a storm's window is allowed then. */
  readonly atFirst?: string;
  /** The cloud says that the account calls too often, or an operator has every second permit. */
  readonly halvesRate?: boolean;
  /** The troubled is another account of the same process. */
  readonly beside?: (common: Omit<StageOptions, 'tasks'>) => Stage;
  /** Of the troubled, who are then of a group of their own. */
  readonly policy?: Partial<Policy>;
  /** Of a replica, or of what replicas share: there is none without them. Begins once, near a stop. */
  readonly befalls?: (replicas: Replicas, clock: VirtualClock) => void;
  /** What that may cost, beside what is nothing. */
  readonly costs?: {
    readonly ms: number;
    /** The next poll, and those that confirm the stop, are another's. */
    readonly polls?: boolean;
  };
}

export const stop = (stage: Stage, taskIds: readonly string[]): void => {
  for (const taskId of taskIds) stage.act({ kind: 'stop', taskId });
};

export const live = (stage: Stage, taskIds: readonly string[], life: Partial<Task['life']>): void => {
  for (const taskId of taskIds) stage.act({ kind: 'edit', taskId, change: { life } });
};

/** Restarts are accepted in vain. */
export const dead: Trouble = {
  begins: (stage, taskIds) => {
    live(stage, taskIds, { restartsInVain: Number.POSITIVE_INFINITY });
    stop(stage, taskIds);
  },
};

export const flapping = (survivesMs: readonly [number, number]): Trouble => ({
  begins: (stage, taskIds) => live(stage, taskIds, { survivesMs }),
});

/** They are stopped, and their restarts are answered so, for ever: each in its turn by another of the effects. */
export const struck = (...effects: readonly Effect[]): Trouble => ({
  begins: (stage, taskIds) => {
    for (const [index, taskId] of taskIds.entries()) {
      const effect = effects[index % effects.length];
      if (effect) stage.fault({ effect, match: { action: 'restart', taskId } });
    }
    stop(stage, taskIds);
  },
});
