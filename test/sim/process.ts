/** One process of the daemon, as far as one account goes: keeper, gate and client on a clock of the machine, and its death. */
import { coveredGate } from '../../src/app/covered-gate.ts';
import { follow } from '../../src/app/following.ts';
import { pretendTransport } from '../../src/app/pretend.ts';
import { createCloud } from '../../src/cloud/client.ts';
import { knownCodes } from '../../src/cloud/errors.ts';
import { createGate } from '../../src/cloud/limiter/gate.ts';
import { createRestartActions } from '../../src/cloud/restart-call.ts';
import type { Cloud } from '../../src/domain/ports/cloud-port.ts';
import type { Gate } from '../../src/domain/ports/gate-port.ts';
import type { LedgerStore, Ownership, Shared } from '../../src/domain/ports/store-port.ts';
import { type Event, isRecorded } from '../../src/domain/words/events.ts';
import type { Policies } from '../../src/domain/words/policy.ts';
import { Keeper, type KeeperSettings } from '../../src/keeper/keeper.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import type { DeathAtSave, Disk } from './disk.ts';
import type { History } from './history.ts';
import { Life } from './life.ts';
import type { Machine } from './machine.ts';
import { keepIdly } from './replicas.ts';
import { every, keysOf, ofTheTests } from './stage.ts';
import { createThinCloud } from './thin-cloud.ts';

const account = 'main';
/** Kept by nobody: what a replica owns of them counts when accounts are shared out. */
const otherAccounts = ['another', 'besides'];

/** What of the configuration a history changes. */
export interface Configuration {
  readonly policies: Policies;
  readonly pollEveryMs: number;
  readonly verifyEveryMs: number;
  readonly requestTimeoutMs: number;
  readonly perSecond: number;
  readonly spacing: 'even' | 'none';
  readonly pageSize: number;
  readonly client: 'thin' | 'real';
  /** Of the real client: every call names its cloud group. */
  readonly subAccount: boolean;
}

/** Where the ledger is, and whose the account is by what stands there. */
export interface Home {
  readonly disk: Disk;
  open(process: Process): {
    readonly store: LedgerStore;
    readonly ownership: Ownership;
    /** Absent: no other process uses it. */
    readonly shared?: Shared;
    close(): Promise<void>;
  };
  /** Milliseconds for which the account is surely the process's; 0: it is not. */
  leftMs(process: Process): number;
  /** It is dead. */
  left(process: Process): void;
}

export type Call = 'list' | 'look' | 'restart';

/** Where a process dies next. */
export type Death = { readonly at: 'save'; readonly write: DeathAtSave } | { readonly at: 'send' | 'answer' | 'event' };

export class Process extends Life {
  readonly keeper: Keeper;
  readonly gate: Gate;
  configuration: Configuration;
  stopping = false;
  /** It has told that the account is its own. */
  owns = false;
  /** What it told since it got the account and must keep. */
  told: Event[] = [];
  /** How often it got the account. */
  gains = 0;
  reloaded = false;
  readonly metrics = createMetrics({
    version: '0',
    revision: 'sim',
    maxTaskSeries: () => 0,
    knownCodes,
    processMetrics: false,
  });
  dies: Death | undefined;
  readonly #stop = new AbortController();
  readonly #history: History;
  readonly #close: () => Promise<void>;
  #beside: () => Promise<void> = async () => {};
  ended: Promise<void> = Promise.resolve();

  constructor(name: string, machine: Machine, history: History) {
    super(name, machine, history.clock);
    const { configuration, home } = history;
    this.#history = history;
    this.configuration = configuration;
    this.metrics.configure([configuration.policies]);
    const { store, ownership, shared, close } = home.open(this);
    this.#close = close;
    const { perSecond, spacing } = configuration;
    const covered = () => ownership.remainingMs(account) > this.configuration.requestTimeoutMs;
    this.gate = coveredGate(createGate({ perSecond, spacing, clock: this.clock }), covered, this.clock);
    this.keeper = new Keeper({
      ...this.settings(configuration),
      account,
      gate: this.gate,
      store,
      ownership,
      elsewhere: shared && ((request) => shared.ask(account, request)),
      clock: this.clock,
      tell: (event) => {
        if (!this.alive) return;
        if (event.type === 'owner-lost') this.owns = false;
        if (event.type === 'owner-gained') {
          this.owns = true;
          this.gains++;
          this.told = [];
        }
        if (isRecorded(event)) this.told.push(event);
        history.told(this, event);
        this.metrics.record(event);
        if (this.dies?.at === 'event') this.die();
      },
      complain: () => {},
    });
    if (shared) this.#beside = () => this.#shareStore(shared, ownership);
  }

  run(): void {
    const beside = this.#beside();
    this.ended = this.keeper.run(this.#stop.signal).then(async () => {
      await beside;
      await this.#close();
    });
  }

  /** What a standby shows and asks, and accounts beside this one, so that the replicas share them out. */
  async #shareStore(shared: Shared, ownership: Ownership): Promise<void> {
    const { signal } = this.#stop;
    const crew = { keeper: () => this.keeper, keepers: () => [this.keeper] };
    await Promise.all([
      follow(shared, crew, this.clock).run(signal),
      ...otherAccounts.map((other) => keepIdly(ownership, other, signal)),
    ]);
  }

  /** SIGTERM. */
  stop(): void {
    this.stopping = true;
    this.enter(() => this.#stop.abort(new Error('stop')), 'answer');
  }

  /** After the history: what still waits is let go. Node keeps every joined signal that somebody listens to. */
  release(): void {
    this.alive = false;
    this.ended.catch(() => {});
    this.#stop.abort(new Error('the history is over'));
  }

  override onSave(): DeathAtSave | undefined {
    return this.dies?.at === 'save' ? this.dies.write : undefined;
  }

  settings(configuration: Configuration): KeeperSettings {
    this.configuration = configuration;
    const { policies, pollEveryMs, verifyEveryMs, requestTimeoutMs } = configuration;
    return {
      policies,
      schedule: every(pollEveryMs),
      verifyEveryMs,
      pollShare: 0.5,
      requestTimeoutMs,
      cloud: this.#watched(this.#cloud(configuration)),
      listScope: '*',
    };
  }

  #cloud(configuration: Configuration): Cloud {
    const { requestTimeoutMs, pageSize } = configuration;
    const retiredActions = () => this.keeper.ledger.accountRecord.retiredActions ?? [];
    const onRetired = (from: string, to: string) => this.keeper.learned({ type: 'action-retired', from, to });
    if (configuration.client === 'thin')
      return createThinCloud(
        this,
        this.#history,
        configuration,
        createRestartActions('auto', retiredActions, onRetired),
      );
    const { world, clock } = this.#history;
    const network = this.reaches(pretendTransport(world, clock));
    return createCloud({
      ...ofTheTests,
      gate: this.gate,
      requestTimeoutMs,
      pageSize,
      retiredActions,
      credentials: keysOf(this.name),
      subAccount: configuration.subAccount,
      clock: this.clock,
      transport: {
        ...network,
        send: async (request, signal) =>
          this.#history.isUnreachable && this.alive
            ? { kind: 'never-left', why: 'refused' }
            : network.send(request, signal),
      },
      onTrace: (trace) => {
        if (trace.kind === 'action-retired') onRetired(trace.from, trace.to);
      },
    });
  }

  /** Everything that goes to the cloud or comes from it passes here. */
  #watched(cloud: Cloud): Cloud {
    const { judge, clock } = this.#history;
    const calls = (call: Call) => this.#history.calls(this, call);
    return {
      ...cloud,
      observe: async (signal, known) => {
        const startedAt = clock.monotonic();
        calls('list');
        const observation = await cloud.observe(signal, known);
        if (this.alive && !signal.aborted) judge.observed(this, observation, startedAt);
        return observation;
      },
      look: async (cloudGroups, signal) => {
        const startedAt = clock.monotonic();
        calls('look');
        const look = await cloud.look(cloudGroups, signal);
        if (this.alive && !signal.aborted) judge.looked(this, look, startedAt);
        return look;
      },
      restart: async (task, permit, mayCall) => {
        if (!this.alive) return new Promise(() => {});
        calls('restart');
        this.#history.sent(this, task.taskId);
        const pending = cloud.restart(task, permit, mayCall);
        if (this.dies?.at === 'send') this.die();
        const answer = await pending;
        if (!this.alive) return new Promise(() => {});
        judge.answered(this, task.taskId, answer);
        if (this.dies?.at === 'answer') this.die();
        return answer;
      },
    };
  }
}
