/** What a kind of lasting trouble of the law of non-interference is made of, and what several begin with. */
import { second } from './dice.ts';
import type { Policy } from './seam.ts';
import type { Stage, StageOptions } from './stage.ts';

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
  readonly beside?: (common: Pick<StageOptions, 'clock' | 'policies' | 'pollEveryMs'>) => Stage;
  /** Of the troubled, who are then of a group of their own. */
  readonly policy?: Partial<Policy>;
}

export const stop = (stage: Stage, taskIds: readonly string[]) => {
  for (const taskId of taskIds) stage.act({ kind: 'stop', taskId });
};
