/** One account of one process as the daemon wires it: keeper, gate and client, on whatever clock, store and network. */
import { coveredGate } from '../../src/app/covered-gate.ts';
import { createCloud } from '../../src/cloud/client.ts';
import { createGate } from '../../src/cloud/limiter/gate.ts';
import type { Transport } from '../../src/cloud/transport.ts';
import type { Cloud } from '../../src/domain/ports/cloud-port.ts';
import type { RateLimit } from '../../src/domain/ports/gate-port.ts';
import type { LedgerStore, Ownership, Shared } from '../../src/domain/ports/store-port.ts';
import type { Clock, Schedule } from '../../src/domain/ports/time-port.ts';
import type { Event } from '../../src/domain/words/events.ts';
import type { Policies } from '../../src/domain/words/policy.ts';
import { Keeper, type KeeperSettings } from '../../src/keeper/keeper.ts';

export const accessKey = { accessKeyId: 'AKLTtest', secretAccessKey: 'test-secret-key' };

/** What of the configuration tests and histories set. */
export interface Configuration extends RateLimit {
  readonly policies: Policies;
  readonly provider: 'volcengine' | 'byteplus';
  readonly pollEveryMs: number;
  readonly verifyEveryMs: number;
  readonly requestTimeoutMs: number;
  readonly pageSize: number;
  /** Asked for by name; none: all are listed. */
  readonly cloudGroups: readonly string[];
  /** Every call names its cloud group. */
  readonly subAccount: boolean;
}

/** Where the account is kept. */
interface Place {
  readonly account: string;
  readonly clock: Clock;
  readonly network: Transport;
  readonly store: LedgerStore;
  readonly ownership: Ownership;
  /** Absent: no other process uses the store. */
  readonly shared?: Shared | undefined;
  readonly accessKeyId?: string;
  /** Everything that goes to the cloud or comes from it passes there. */
  readonly watched?: (cloud: Cloud) => Cloud;
  readonly publish: (event: Event) => void;
  readonly complain: (what: string, cause: unknown) => void;
}

export type Account = ReturnType<typeof createAccount>;

export function createAccount(place: Place, first: Configuration) {
  const { account, clock, network, store, ownership, shared, publish, complain } = place;
  const { accessKeyId = accessKey.accessKeyId, watched = (cloud) => cloud } = place;
  let inForce = first;
  const isCovered = () => ownership.remainingMs(account) > inForce.requestTimeoutMs;
  const gate = coveredGate(createGate({ ...first, clock }), isCovered, clock);
  const settings = (configuration: Configuration): KeeperSettings => {
    inForce = configuration;
    const cloud = createCloud({
      ...configuration,
      account,
      credentials: {
        kind: 'keys',
        accessKeyId: { kind: 'value', reveal: () => accessKeyId },
        secretAccessKey: { kind: 'value', reveal: () => accessKey.secretAccessKey },
      },
      env: {},
      restartAction: 'auto',
      retiredActions: () => keeper.ledger.accountRecord.retiredActions ?? [],
      fingerprintKey: 'k'.repeat(32),
      gate,
      clock,
      transport: network,
      onTrace: (trace) => {
        if (trace.kind !== 'action-retired') return;
        keeper.learned({ type: 'action-retired', from: trace.from, to: trace.to });
      },
    });
    return {
      ...configuration,
      schedule: every(configuration.pollEveryMs),
      pollShare: 0.5,
      cloud: watched(cloud),
      listScope: configuration.cloudGroups.join() || '*',
    };
  };
  const keeper: Keeper = new Keeper({
    ...settings(first),
    account,
    gate,
    store,
    ownership,
    elsewhere: shared && ((request) => shared.ask(account, request)),
    clock,
    publish,
    complain,
  });
  return { gate, keeper, settings };
}

/** Every 15 seconds, as the default schedule. */
export const every = (ms: number): Schedule => ({
  next: (at) => Math.floor(at / ms) * ms + ms,
  previous: (at) => Math.floor(at / ms) * ms,
});
