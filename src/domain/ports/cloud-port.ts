/** One account's API as the keeper needs it, and what the client reports besides its results. */

import type { CallFailure } from '../words/failure.ts';
import type { Observation, RestartAnswer, TaskItem } from '../words/task.ts';
import type { Secret } from './app-port.ts';
import type { Permit } from './gate-port.ts';

/** One account's API, ready to use. Never throws for anything the cloud can answer; aborts reject with the signal's reason. */
export interface Cloud {
  /**
   * One poll: every page of every cloud group asked for. A task that is shown as before, or just as `known` has it, is
   * reported with that very item: most of 100,000 tasks are, and need no copy. What cannot be read of a task is as `known`
   * has it. Another `known` is another ledger's.
   */
  observe(signal: AbortSignal, known?: KnownItem): Promise<Observation>;
  /** Lists only these cloud groups, in the verify lane. Items of groups that could be read; failures are not reported. */
  look(cloudGroups: readonly string[], signal: AbortSignal, known?: KnownItem): Promise<LookResult>;
  /**
   * Sends one restart with a permit of the restart lane, and calls `permit.done`. `mayCall` was asked before the first
   * sending, and is asked again before any that comes later. Never rejects.
   */
  restart(
    task: { readonly taskId: string; readonly cloudGroup: string },
    permit: Permit,
    mayCall: () => boolean,
  ): Promise<RestartAnswer>;
  /** Calls that one `look` at these cloud groups costs if none of them fails, by the sizes last seen. */
  lookCost(cloudGroups: readonly string[]): number;
  /** Names of the account's cloud groups; undefined: they could not be listed. */
  cloudGroups(): Promise<readonly string[] | undefined>;
  /** Where a task pulls from and pushes to, as last listed by this process; undefined: not known. */
  hostsOf(taskId: string): TaskHosts | undefined;
  /** The same number for the same destination, and no way back to it; undefined: not known. */
  destinationOf(taskId: string): number | undefined;
  /** Every task known to push to where this one does, itself included; none: that is not known. */
  sharingDestination(taskId: string): readonly string[];
  /** What calls are signed for. */
  region(): string;
  /** Cloud's clock minus ours, milliseconds; 0 while below 2 s. */
  clockOffsetMs(): number;
  close(): Promise<void>;
}

/** Where an account's keys come from. */
export type Credentials =
  | {
      readonly kind: 'keys';
      readonly accessKeyId: Secret;
      readonly secretAccessKey: Secret;
      readonly sessionToken?: Secret | undefined;
    }
  /** `chain`: the first of env, oidc, ecsRole that is set up. */
  | { readonly kind: 'env' | 'oidc' | 'ecsRole' | 'chain' };

/** Host names alone, never paths or keys. In memory only: neither stored nor logged. */
export interface TaskHosts {
  readonly sources: readonly string[];
  readonly destination: string | undefined;
}

/** What a task showed last. */
export type KnownItem = (taskId: string) => TaskItem | undefined;

export interface LookResult {
  readonly items: readonly TaskItem[];
  readonly failure: CallFailure | undefined;
}

/** What the client reports besides its results: fed to the metrics. */
export type CloudTrace =
  | {
      readonly kind: 'request';
      readonly account: string;
      readonly action: string;
      readonly durationMs: number;
      readonly failure: CallFailure | undefined;
    }
  | { readonly kind: 'action-retired'; readonly account: string; readonly from: string; readonly to: string }
  | { readonly kind: 'region-found'; readonly account: string; readonly region: string }
  | { readonly kind: 'clock-offset'; readonly account: string; readonly offsetMs: number }
  | { readonly kind: 'malformed-item' | 'unread-field'; readonly account: string; readonly where: string }
  | { readonly kind: 'page-halved'; readonly account: string; readonly pageSize: number };
